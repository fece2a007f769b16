//! Configuration files: everything that decides a published number, in TOML files that inherit
//! from one another, with single keys changed on the command line.
//!
//! A file's `base` names another file beside it, whose keys it overrides. Keys are checked against
//! the defaults, so that a slip of the finger is an error that names the nearest known key.

use crate::TrainError;
use crate::evaluate::settings::{Fuse, Knn, Linear, Supervised};
use crate::settings::Settings;
use aimclr_skeleton::cli::hint::meant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Key of a file that names the file it inherits from.
const BASE: &str = "base";

/// Files that may inherit from one another in a row; a circle is longer.
const DEPTH: usize = 8;

/// Table whose keys are free: names of results.
const PUBLISHED: &str = "published";

/// Settings of pre-training and of every protocol. The defaults are the published values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What it is about, for people.
    pub title: String,
    /// Split of the data set; empty if the file leaves that open.
    pub split: String,
    /// Pre-training.
    pub pretrain: Settings,
    /// k nearest neighbours.
    pub knn: Knn,
    /// A linear classifier on the frozen encoder.
    pub linear: Linear,
    /// Encoder and classifier on a share of the labels.
    pub semi: Semi,
    /// Encoder and classifier on all labels.
    pub finetune: Supervised,
    /// Weights of the streams' class scores.
    pub fuse: Fuse,
    /// Published top-1 in percent by protocol and, after a dot, stream: `linear.joint`, `linear.fused`.
    pub published: BTreeMap<String, f64>,
}

/// `[semi]`: [`Supervised`] with other defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Semi(pub Supervised);

impl Default for Semi {
    fn default() -> Self {
        Self(Supervised::semi())
    }
}

impl Config {
    /// Puts a file and what it inherits from over `base`, then `changes`, each `key=value` with the
    /// key's tables before it, as in `linear.lr=24`.
    pub fn load(
        base: &Config,
        path: Option<&Path>,
        changes: &[String],
    ) -> Result<Self, TrainError> {
        let mut table = match path {
            Some(path) => read(path, DEPTH)?,
            None => Table::new(),
        };
        let origin = path.map_or("--set".into(), |path| path.display().to_string());
        refuse_unknown(&table, &origin)?;
        refuse_other_types(&table, &origin)?;
        for change in changes {
            let change = assignment(change)?;
            refuse_unknown(&change, "--set")?;
            refuse_other_types(&change, "--set")?;
            merge(&mut table, change);
        }
        let mut all = base.table();
        merge(&mut all, table);
        serde_path_to_error::deserialize(Value::Table(all)).map_err(|error| {
            let reason = error.inner().to_string();
            TrainError::Mismatch(format!("{origin}: {}: {}", error.path(), reason.trim_end()))
        })
    }

    /// Names each key in which `self` and `other` differ.
    pub fn differences(&self, other: &Config) -> Vec<String> {
        let (ours, theirs) = (self.table(), other.table());
        let mut keys = Vec::new();
        names(&ours, "", &mut keys);
        let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
        keys.iter()
            .map(|key| (key, value(&ours, key), value(&theirs, key)))
            .filter(|(_, ours, theirs)| ours != theirs)
            .map(|(key, ours, theirs)| format!("{key} is {}, was {}", text(ours), text(theirs)))
            .collect()
    }

    /// Every key and its value.
    fn table(&self) -> Table {
        match Value::try_from(self) {
            Ok(Value::Table(table)) => table,
            other => unreachable!("settings are a table: {other:?}"),
        }
    }
}

fn read(path: &Path, depth: usize) -> Result<Table, TrainError> {
    let fail = |reason: String| TrainError::Mismatch(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|source| TrainError::Io {
        path: path.into(),
        source,
    })?;
    let mut table: Table =
        toml::from_str(&text).map_err(|error| fail(error.to_string().trim_end().into()))?;
    let base = match table.remove(BASE) {
        None => return Ok(table),
        Some(Value::String(base)) => base,
        Some(_) => return Err(fail("base: expected the name of a file".into())),
    };
    if depth == 0 {
        return Err(fail(
            "base: the files inherit from one another in a circle".into(),
        ));
    }
    let mut all = read(&path.with_file_name(base), depth - 1)?;
    merge(&mut all, table);
    Ok(all)
}

/// Puts `changes` over `table`, table by table.
fn merge(table: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(changes)) => merge(inner, changes),
            (_, value) => _ = table.insert(key, value),
        }
    }
}

/// `key=value` as a table; a value that is not TOML is a text.
fn assignment(change: &str) -> Result<Table, TrainError> {
    let Some((key, value)) = change.split_once('=') else {
        return Err(TrainError::Setting {
            key: format!("--set {change}"),
            reason: "expected KEY=VALUE, as in linear.lr=24".into(),
        });
    };
    let value = match toml::from_str::<Table>(&format!("value = {}", value.trim())) {
        Ok(mut table) => table.remove("value"),
        Err(_) => None,
    }
    .unwrap_or_else(|| Value::String(value.trim().into()));
    let key = key.trim().replace('-', "_");
    let value = key.rsplit('.').fold(value, |value, part| {
        Value::Table(Table::from_iter([(part.to_string(), value)]))
    });
    match value {
        Value::Table(table) => Ok(table),
        _ => unreachable!("a key has at least one part"),
    }
}

fn refuse_unknown(table: &Table, origin: &str) -> Result<(), TrainError> {
    let (mut known, mut found) = (Vec::new(), Vec::new());
    names(&Config::default().table(), "", &mut known);
    names(table, "", &mut found);
    for key in found {
        let free = key.starts_with(&format!("{PUBLISHED}."));
        if free || known.contains(&key) {
            continue;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = meant(&key, &known);
        let hint = hint.unwrap_or_else(|| format!("known are {}", known.join(", ")));
        return Err(TrainError::Mismatch(format!(
            "{origin}: unknown key \"{key}\"; {hint}"
        )));
    }
    Ok(())
}

/// Refuses values of another type than the defaults have; a whole number will do for any.
fn refuse_other_types(table: &Table, origin: &str) -> Result<(), TrainError> {
    let defaults = Config::default().table();
    let mut found = Vec::new();
    names(table, "", &mut found);
    for key in found {
        let (Some(given), Some(default)) = (value(table, &key), value(&defaults, &key)) else {
            continue;
        };
        let whole = given.is_integer() && default.is_float();
        if !given.same_type(default) && !whole {
            return Err(TrainError::Mismatch(format!(
                "{origin}: {key}: expected {}, found {given}",
                default.type_str()
            )));
        }
    }
    Ok(())
}

/// The value of a key with its tables before it.
fn value<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| table.get(part));
    parts.fold(first, |value, part| value.and_then(|value| value.get(part)))
}

/// Every key that holds a value, with its tables before it; a table without values by its own name.
fn names(table: &Table, prefix: &str, out: &mut Vec<String>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            Value::Table(inner) if !inner.is_empty() => names(inner, &format!("{name}."), out),
            _ => out.push(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aimclr::AimClr;
    use aimclr_model::Plan;
    use aimclr_skeleton::{Layout, Stream, graph};
    use tch::Device;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    fn message(files: &[(&str, &str)], changes: &[&str]) -> String {
        let folder = folder(files);
        let changes: Vec<String> = changes.iter().map(|c| c.to_string()).collect();
        let path = files.first().map(|(name, _)| folder.path().join(name));
        Config::load(&Config::default(), path.as_deref(), &changes)
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn a_file_inherits_and_the_command_line_wins() {
        let folder = folder(&[
            ("a.toml", "base = \"b.toml\"\n[pretrain]\nepochs = 7"),
            (
                "b.toml",
                "split = \"xsub\"\n[pretrain]\nepochs = 5\nlr = 0.2\n[published]\n\"linear.joint\" = 74.34",
            ),
        ]);
        let changes = [
            "linear.lr=24".to_string(),
            "pretrain.lr-steps=[3, 5]".into(),
        ];
        let config = Config::load(
            &Config::default(),
            Some(&folder.path().join("a.toml")),
            &changes,
        )
        .expect("read");
        assert_eq!((config.pretrain.epochs, config.pretrain.lr), (7, 0.2));
        assert_eq!(
            (config.linear.schedule.lr, &config.pretrain.lr_steps[..]),
            (24.0, &[3, 5][..])
        );
        assert_eq!(
            (&config.split[..], config.published["linear.joint"]),
            ("xsub", 74.34)
        );
        assert_eq!(config.finetune, Supervised::finetune());
    }

    #[test]
    fn defaults_of_a_table_hold_where_a_file_sets_only_some_keys() {
        let changes = ["semi.lr=0.05".to_string()];
        let config = Config::load(&Config::default(), None, &changes).expect("set");
        let mut expected = Supervised::semi();
        expected.schedule.lr = 0.05;
        assert_eq!(config.semi.0, expected);
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        let told = message(&[("a.toml", "[pretrain]\nqeue_size = 3")], &[]);
        assert!(
            told.contains("a.toml") && told.contains("\"pretrain.queue_size\"?"),
            "{told}"
        );
        let told = message(&[], &["batch_size=3"]);
        assert!(told.contains("\"pretrain.batch_size\""), "{told}");
        let told = message(&[], &["weather=rain"]);
        assert!(told.contains("known are"), "{told}");
        let told = message(&[], &["linear.lr"]);
        assert!(told.contains("KEY=VALUE"), "{told}");
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_its_key() {
        let told = message(&[("a.toml", "[linear]\nlr = \"fast\"")], &[]);
        assert!(told.contains("a.toml: linear.lr: expected float"), "{told}");
        let told = message(&[], &["pretrain.stream=bones"]);
        assert!(
            told.contains("pretrain.stream") && told.contains("bone"),
            "{told}"
        );
    }

    #[test]
    fn every_preset_is_read_and_builds_its_model() {
        tch::set_num_threads(1);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let mut names = Vec::new();
        for file in std::fs::read_dir(&folder).expect("configs") {
            let path = file.expect("a file").path();
            let config = Config::load(&Config::default(), Some(&path), &[]);
            let config = config.unwrap_or_else(|error| panic!("{error}"));
            config.pretrain.check().expect("settings that fit");
            for schedule in [
                &config.linear.schedule,
                &config.semi.0.schedule,
                &config.finetune.schedule,
            ] {
                schedule.check().expect("settings that fit");
            }
            let layout = Layout::ntu25();
            let model = AimClr::new(
                Plan::paper(layout.len()),
                &graph::adjacency(&layout),
                config.pretrain.method(),
                config.pretrain.init,
                config.pretrain.seed,
                Device::Cpu,
            );
            let queue = config.pretrain.queue_size as i64;
            assert_eq!(model.queue.size(), [128, queue], "{}", path.display());
            let name = path.file_stem().expect("a name").to_string_lossy();
            let stream = config.pretrain.stream.to_string();
            for named in Stream::ALL.map(|s| s.to_string()) {
                assert!(
                    !name.ends_with(&named) || stream == named,
                    "{name}: {stream}"
                );
            }
            names.push(name.into_owned());
        }
        for set in [
            "ntu60-xsub",
            "ntu60-xview",
            "ntu120-xsub",
            "ntu120-xset",
            "pku1-xsub",
            "pku2-xsub",
        ] {
            for stream in Stream::ALL {
                let name = format!("{set}-{stream}");
                assert!(names.contains(&name), "no preset {name}");
            }
        }
    }

    #[test]
    fn the_base_preset_has_every_key_with_its_published_value() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/base.toml");
        let config = Config::load(&Config::default(), Some(&path), &[]).expect("read");
        assert_eq!(config.differences(&Config::default()), Vec::<String>::new());
        let (mut there, mut known) = (Vec::new(), Vec::new());
        names(&read(&path, 0).expect("read"), "", &mut there);
        names(&Config::default().table(), "", &mut known);
        let left_out = ["title", "split", "published", "pretrain.stream"];
        for key in known {
            let left_out = left_out.contains(&&key[..]);
            assert!(
                there.contains(&key) || left_out,
                "{key} is not in base.toml"
            );
        }
    }

    #[test]
    fn files_that_inherit_in_a_circle_are_refused() {
        let told = message(
            &[
                ("a.toml", "base = \"b.toml\""),
                ("b.toml", "base = \"a.toml\""),
            ],
            &[],
        );
        assert!(told.contains("circle"), "{told}");
    }
}
