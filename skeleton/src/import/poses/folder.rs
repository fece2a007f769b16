//! A folder of clips whose classes are folders: `SOURCE/CLASS/CLIP`, or `SOURCE/train/CLASS/CLIP`
//! and `SOURCE/test/CLASS/CLIP`.

use super::ImportError;
use crate::dataset::Split;
use crate::import::LeftOut;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a clip looks like.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Endings of files each of which is a clip.
    pub files: &'static [&'static str],
    /// Endings of files of which those in one folder are a clip.
    pub frames: &'static [&'static str],
}

/// One clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// File or folder.
    pub path: PathBuf,
    /// Its name in the data set: the path below the source, without an ending.
    pub name: String,
    /// Class.
    pub label: usize,
    /// `part` is "train" or "test" where the source is divided.
    pub columns: BTreeMap<String, String>,
}

/// What lies in the source.
#[derive(Debug)]
pub struct Folder {
    /// Clips, by part, class and name.
    pub items: Vec<Item>,
    /// Names of the classes, sorted.
    pub classes: Vec<String>,
    /// What is no clip.
    pub left_out: Vec<LeftOut>,
}

const PARTS: [&str; 2] = ["test", "train"];

/// Most entries of one folder.
const MOST: usize = 2_000_000;

impl Folder {
    /// Looks through `root` without opening a file.
    ///
    /// # Errors
    /// A folder can't be listed, there is no clip, or two clips have one name.
    pub fn find(root: &Path, form: Form) -> Result<Self, ImportError> {
        let top = entries(root)?;
        let named = |name: &str| {
            top.iter()
                .any(|entry| entry.is_folder && entry.name == name)
        };
        let divided = PARTS.iter().all(|part| named(part));
        let mut found = Self {
            items: Vec::new(),
            classes: Vec::new(),
            left_out: Vec::new(),
        };
        let mut clips = Vec::new();
        for entry in top {
            match (
                divided && PARTS.contains(&entry.name.as_str()),
                entry.is_folder,
            ) {
                (true, true) => {
                    for class in entries(&entry.path)? {
                        found.class(&class, form, Some(&entry.name), &mut clips)?;
                    }
                }
                _ => found.class(&entry, form, None, &mut clips)?,
            }
        }
        let classes: BTreeSet<&String> = clips.iter().map(|(class, _)| class).collect();
        found.classes = classes.into_iter().cloned().collect();
        for (class, mut item) in clips {
            item.label = found.classes.binary_search(&class).unwrap_or_default();
            found.items.push(item);
        }
        found.check(root, form)?;
        Ok(found)
    }

    /// `given` where the source says what is for training and what for testing.
    pub(super) fn splits(&self) -> BTreeMap<String, Split> {
        let divided = self.items.iter().any(|item| !item.columns.is_empty());
        let given = Split {
            column: "part".into(),
            test: Some(vec![toml::Value::String("test".into())]),
            train: None,
        };
        divided
            .then(|| ("given".into(), given))
            .into_iter()
            .collect()
    }

    fn class(
        &mut self,
        class: &Entry,
        form: Form,
        part: Option<&str>,
        clips: &mut Vec<(String, Item)>,
    ) -> Result<(), ImportError> {
        if !class.is_folder {
            self.leave_out(&class.path, "a file beside the folders of the classes");
            return Ok(());
        }
        for entry in entries(&class.path)? {
            let ending = entry.path.extension().unwrap_or_default().to_string_lossy();
            let ending = ending.to_lowercase();
            let stem = match entry.is_folder {
                true if !form.frames.is_empty() => Some(entry.path.file_name()),
                false if form.files.contains(&ending.as_str()) => Some(entry.path.file_stem()),
                _ => None,
            };
            let Some(stem) = stem.map(|s| s.unwrap_or_default().to_string_lossy()) else {
                let expected = form.expected();
                self.leave_out(&entry.path, &format!("not a clip; expected {expected}"));
                continue;
            };
            let above = part.map_or(String::new(), |part| format!("{part}/"));
            let item = Item {
                name: format!("{above}{}/{stem}", class.name),
                path: entry.path,
                label: 0,
                columns: part
                    .map(|part| ("part".to_string(), part.to_string()))
                    .into_iter()
                    .collect(),
            };
            clips.push((class.name.clone(), item));
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, reason: &str) {
        self.left_out.push(LeftOut {
            item: path.display().to_string(),
            reason: reason.into(),
        });
    }

    fn check(&self, root: &Path, form: Form) -> Result<(), ImportError> {
        let fail = |reason: String| {
            Err(ImportError::Source {
                path: root.into(),
                reason,
            })
        };
        if self.items.is_empty() {
            return fail(format!(
                "expected a folder for each class with clips in it, each {}; found none",
                form.expected()
            ));
        }
        let mut names = BTreeMap::new();
        for item in &self.items {
            if let Some(other) = names.insert(&item.name, &item.path) {
                let (a, b) = (other.display(), item.path.display());
                return fail(format!("{a} and {b} are both clip \"{}\"", item.name));
            }
        }
        Ok(())
    }
}

impl Form {
    fn expected(self) -> String {
        let list = |endings: &[&str]| {
            let dotted: Vec<String> = endings.iter().map(|e| format!(".{e}")).collect();
            dotted.join(" or ")
        };
        match (self.files.is_empty(), self.frames.is_empty()) {
            (false, true) => format!("a {} file", list(self.files)),
            (true, _) => format!("a folder of {} files", list(self.frames)),
            (false, false) => format!(
                "a {} file or a folder of {} files",
                list(self.files),
                list(self.frames)
            ),
        }
    }
}

/// Something in a folder.
struct Entry {
    name: String,
    path: PathBuf,
    is_folder: bool,
}

/// By name; hidden ones are not seen.
fn entries(folder: &Path) -> Result<Vec<Entry>, ImportError> {
    let list = std::fs::read_dir(folder).map_err(|e| ImportError::io(folder, e))?;
    let mut found = Vec::new();
    for entry in list.take(MOST) {
        let path = entry.map_err(|e| ImportError::io(folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') {
            found.push(Entry {
                name: name.into_owned(),
                is_folder: path.is_dir(),
                path,
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The files in `folder` with one of the endings, each with the number at the end of its name;
/// by number. `ignored` is what may stand between the number and the ending.
///
/// # Errors
/// The folder can't be listed, has none, or a file has no number or another's.
pub(super) fn numbered(
    folder: &Path,
    endings: &[&str],
    ignored: &str,
) -> Result<Vec<(u64, PathBuf)>, ImportError> {
    let item = folder.display().to_string();
    let mut files = Vec::new();
    for entry in entries(folder)? {
        let ending = entry.path.extension().unwrap_or_default().to_string_lossy();
        if entry.is_folder || !endings.contains(&ending.to_lowercase().as_str()) {
            continue;
        }
        let stem = entry.path.file_stem().unwrap_or_default().to_string_lossy();
        let number = trailing_number(stem.strip_suffix(ignored).unwrap_or(&stem));
        let number = number.ok_or_else(|| {
            let expected = format!("expected a name that ends in its frame's number{ignored}");
            ImportError::at(&item, entry.name.clone(), expected)
        })?;
        files.push((number, entry.path));
    }
    files.sort();
    if files.is_empty() {
        let expected: Vec<String> = endings.iter().map(|e| format!(".{e}")).collect();
        let reason = format!("expected {} files, found none", expected.join(" or "));
        return Err(ImportError::item(item, reason));
    }
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let (a, b) = (pair[0].1.display(), pair[1].1.display());
        let reason = format!("{a} and {b} are both frame {}", pair[0].0);
        return Err(ImportError::item(item, reason));
    }
    Ok(files)
}

/// The whole number at the end of a text.
pub fn trailing_number(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    text.get(digits..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FORM: Form = Form {
        files: &["json", "csv"],
        frames: &["json"],
    };

    fn touch(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "").expect("written");
        }
    }

    #[test]
    fn classes_are_folders_and_clips_are_files_or_folders() {
        let root = tempfile::tempdir().expect("folder");
        let files = [
            "wave/b.JSON",
            "wave/a/1.json",
            "bow/c.csv",
            "bow/d.txt",
            "notes.md",
            ".x/y",
        ];
        touch(root.path(), &files);
        let found = Folder::find(root.path(), FORM).expect("found");
        assert_eq!(found.classes, ["bow", "wave"]);
        let items: Vec<_> = found
            .items
            .iter()
            .map(|i| (i.name.as_str(), i.label))
            .collect();
        assert_eq!(items, [("bow/c", 0), ("wave/a", 1), ("wave/b", 1)]);
        assert!(found.splits().is_empty());
        let left: Vec<&str> = found.left_out.iter().map(|l| l.reason.as_str()).collect();
        let expected = [
            "not a clip; expected a .json or .csv file or a folder of .json files",
            "a file beside the folders of the classes",
        ];
        assert_eq!(left, expected);
    }

    #[test]
    fn train_and_test_are_a_split() {
        let root = tempfile::tempdir().expect("folder");
        touch(
            root.path(),
            &["train/wave/a.csv", "train/bow/a.csv", "test/wave/a.csv"],
        );
        let found = Folder::find(root.path(), FORM).expect("found");
        assert_eq!(found.classes, ["bow", "wave"]);
        let items = found.items.iter();
        let items: Vec<_> = items
            .map(|i| (i.name.as_str(), i.columns["part"].as_str()))
            .collect();
        let expected = [
            ("test/wave/a", "test"),
            ("train/bow/a", "train"),
            ("train/wave/a", "train"),
        ];
        assert_eq!(items, expected);
        assert_eq!(found.splits()["given"].column, "part");
    }

    #[test]
    fn no_clips_and_two_of_one_name_are_refused() {
        let root = tempfile::tempdir().expect("folder");
        let refused = || {
            Folder::find(root.path(), FORM)
                .expect_err("refused")
                .to_string()
        };
        assert!(refused().contains("expected a folder for each class"));
        touch(root.path(), &["wave/a.csv", "wave/a.json"]);
        let message = refused();
        for part in ["a.csv", "a.json", "both clip \"wave/a\""] {
            assert!(message.contains(part), "{message}");
        }
        let missing = root.path().join("missing");
        let message = Folder::find(&missing, FORM)
            .expect_err("missing")
            .to_string();
        assert!(message.contains("missing"), "{message}");
    }

    #[test]
    fn frames_are_numbered_by_their_names() {
        let root = tempfile::tempdir().expect("folder");
        touch(
            root.path(),
            &["v_0010_keypoints.json", "v_0002_keypoints.json", "x.txt"],
        );
        let find = || numbered(root.path(), &["json"], "_keypoints");
        let numbers: Vec<u64> = find().expect("found").iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, [2, 10]);
        touch(root.path(), &["w_2_keypoints.json"]);
        let message = find().expect_err("two").to_string();
        assert!(message.contains("are both frame 2"), "{message}");
        touch(root.path(), &["v.json"]);
        let message = find().expect_err("no number").to_string();
        assert!(
            message.contains("v.json: expected a name that ends in"),
            "{message}"
        );
    }
}
