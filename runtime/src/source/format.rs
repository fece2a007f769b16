//! In which form people come.

use aimclr_skeleton::import::poses::recording::Form;
use std::path::Path;

/// In which form people come; `docs/sources.md` describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Told by the file's ending, or by the first line that tells
    #[default]
    Auto,
    /// A frame a line, as docs/frame.md has it
    Native,
    /// OpenPose's JSON, 2D: a folder of frames, or a frame a line
    #[value(name = "openpose")]
    OpenPose,
    /// MediaPipe's world landmarks as JSON, a file or a frame a line
    #[value(name = "mediapipe-json")]
    MediaPipeJson,
    /// MediaPipe's world landmarks as CSV, a file
    #[value(name = "mediapipe-csv")]
    MediaPipeCsv,
    /// Ultralytics' to_json, a file or a frame a line
    Ultralytics,
    /// AlphaPose's or COCO's results, a file
    #[value(name = "alphapose")]
    AlphaPose,
    /// A .skeleton file of NTU RGB+D
    Skeleton,
    /// A file of PKU-MMD
    PkuMmd,
    /// Motion capture in centimetres, y up, a file
    Bvh,
}

/// Numbers in a line of PKU-MMD.
const PKU_MMD: usize = 150;

/// Fewest cells in a row of 33 landmarks.
const LANDMARKS: usize = 33 * 3;

impl Format {
    /// The name on the command line.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().into())
    }

    /// All that are known, for messages.
    pub fn known() -> String {
        let all = <Self as clap::ValueEnum>::value_variants().iter();
        let names: Vec<String> = all
            .filter(|f| **f != Self::Auto)
            .map(|f| f.name())
            .collect();
        names.join(", ")
    }

    /// Who reads it; `None` for the native one, and for one that is yet to be told.
    pub(super) fn form(self) -> Option<Form> {
        Some(match self {
            Self::Auto | Self::Native => return None,
            Self::OpenPose => Form::OpenPose,
            Self::MediaPipeJson | Self::MediaPipeCsv => Form::MediaPipe,
            Self::Ultralytics | Self::AlphaPose => Form::Coco,
            Self::Skeleton => Form::Ntu,
            Self::PkuMmd => Form::PkuMmd,
            Self::Bvh => Form::Bvh,
        })
    }

    /// True where a frame may come by itself, as a line does.
    pub(super) fn is_by_frame(self) -> bool {
        use Format::{Auto, MediaPipeJson, Native, OpenPose, Ultralytics};
        matches!(self, Auto | Native | OpenPose | MediaPipeJson | Ultralytics)
    }

    /// What a file's ending tells.
    pub(super) fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_lowercase();
        match ending.as_str() {
            "bvh" => Some(Self::Bvh),
            "skeleton" => Some(Self::Skeleton),
            "csv" => Some(Self::MediaPipeCsv),
            _ => None,
        }
    }

    /// What the beginning of a file, or a line, tells.
    pub(super) fn of_text(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = String::from_utf8_lossy(text.trim_ascii());
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let landmarks = || any(&["andmarks\""]);
        match text.as_bytes().first()? {
            b'{' if any(&["\"pose_keypoints_2d\"", "\"pose_keypoints_3d\""]) => {
                Some(Self::OpenPose)
            }
            b'{' if any(&["\"people\""]) && any(&["\"t\":", "\"t\" :"]) => Some(Self::Native),
            b'{' if any(&["\"version\""]) && any(&["\"people\""]) => Some(Self::OpenPose),
            b'{' if any(&["\"people\"", "\"joints\""]) => Some(Self::Native),
            b'{' if landmarks() => Some(Self::MediaPipeJson),
            b'{' if any(&["\"annotations\""]) => Some(Self::AlphaPose),
            b'[' if any(&["\"image_id\""]) => Some(Self::AlphaPose),
            b'[' if landmarks() => Some(Self::MediaPipeJson),
            b'[' if any(&["\"keypoints\""]) => Some(Self::Ultralytics),
            // A frame in which nobody was found.
            b'[' if text.trim_matches(['[', ']', ' ']).is_empty() => Some(Self::Ultralytics),
            b'{' | b'[' => None,
            _ => Self::of_numbers(text.lines().next()?.trim()),
        }
    }

    fn of_numbers(line: &str) -> Option<Self> {
        if line == "HIERARCHY" {
            return Some(Self::Bvh);
        }
        if line.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Skeleton);
        }
        let numbers = line.split_whitespace();
        let numbers = numbers.map_while(|n| n.parse::<f64>().ok()).count();
        match (numbers, line.split(',').count()) {
            (PKU_MMD, _) => Some(Self::PkuMmd),
            (_, LANDMARKS..) => Some(Self::MediaPipeCsv),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_what_only_they_have() {
        let numbers = vec!["0.5"; 150].join(" ");
        let cells = vec!["0.5"; 132].join(",");
        for (text, format) in [
            (r#"{"t":1,"people":[]}"#, Some(Format::Native)),
            (r#"{"version":2,"t":1,"people":[]}"#, Some(Format::Native)),
            ("\u{feff}{\"people\":[],\"t\":1}", Some(Format::Native)),
            (r#"{"version":1.3,"people":[]}"#, Some(Format::OpenPose)),
            (
                r#"{"people":[{"pose_keypoints_2d":[1"#,
                Some(Format::OpenPose),
            ),
            (
                r#"{"pose_world_landmarks":null}"#,
                Some(Format::MediaPipeJson),
            ),
            (r#"[{"landmarks":[]}]"#, Some(Format::MediaPipeJson)),
            (r#"[[{"keypoints":{"x":[]}}]]"#, Some(Format::Ultralytics)),
            ("[ ]", Some(Format::Ultralytics)),
            (
                r#"[{"image_id":1,"keypoints":[]}]"#,
                Some(Format::AlphaPose),
            ),
            ("HIERARCHY\nROOT Hips", Some(Format::Bvh)),
            ("103\n1\n", Some(Format::Skeleton)),
            (&numbers, Some(Format::PkuMmd)),
            (&cells, Some(Format::MediaPipeCsv)),
            (r#"{"x":1}"#, None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(Format::of_text(text.as_bytes()), format, "{text}");
        }
        let bvh = Format::of_ending(Path::new("a.BVH"));
        assert_eq!(
            (bvh, Format::of_ending(Path::new("a"))),
            (Some(Format::Bvh), None)
        );
        assert!(Format::known().starts_with("native, openpose, mediapipe-json, mediapipe-csv"));
    }
}
