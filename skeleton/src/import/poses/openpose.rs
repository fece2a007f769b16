//! OpenPose's `--write_json`: a clip is a folder with one file a frame.

use super::folder::{Form, numbered};
use super::json::{AtMost, Json};
use super::people::{Crowd, LIMIT, MOST_PEOPLE, Seen};
use super::{About, ImportError, Poses, Reader};
use crate::convert::{ConvertError, Way};
use crate::frame::Joint;
use crate::layout::Layout;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

pub(super) const LAYOUT: &str = "body25";

/// What is taken from the files.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// `pose_keypoints_2d` as body25; with width and height of the picture where x and y are shares
    /// of it, otherwise they are pixels.
    Picture(Option<[f32; 2]>),
    /// `pose_keypoints_3d` as ntu25, multiplied by this: metres in one unit of the calibration.
    ThreeD(f32),
}

#[derive(Deserialize)]
struct Frame {
    people: AtMost<Person, MOST_PEOPLE>,
}

/// More numbers than those of any part of a body.
type Numbers = AtMost<Option<f32>, 1024>;

#[derive(Deserialize)]
struct Person {
    #[serde(default)]
    person_id: AtMost<i64, 16>,
    #[serde(default)]
    pose_keypoints_2d: Numbers,
    #[serde(default)]
    pose_keypoints_3d: Numbers,
}

/// Clips in the folder `root`, as [`super::folder`] has it.
///
/// # Errors
/// There are none, or the folder can't be listed.
pub fn open(root: &Path, about: About, take: Take) -> Result<Poses, ImportError> {
    let form = Form {
        files: &[],
        frames: &["json"],
    };
    let fail = |reason: String| ImportError::Source {
        path: root.into(),
        reason,
    };
    let layout = match take {
        Take::Picture(_) => Layout::by_name(LAYOUT).map_err(|e| fail(e.to_string()))?,
        Take::ThreeD(_) => Layout::ntu25(),
    };
    let reader = reader(&layout, take).map_err(|e| fail(e.to_string()))?;
    Poses::new(root, form, &about, &layout, json!(take), Box::new(reader))
}

/// Reads bodies of this layout, as [`open`] has it.
pub(super) fn reader(layout: &Layout, take: Take) -> Result<impl Reader + use<>, ConvertError> {
    let way = Way::of_places(LAYOUT, layout)?;
    Ok(OpenPose { take, way })
}

struct OpenPose {
    take: Take,
    /// From body25 onto the data set's layout.
    way: Way,
}

impl Reader for OpenPose {
    fn read(&self, clip: &Path, crowd: &mut Crowd<'_>) -> Result<Option<f64>, ImportError> {
        let files = numbered(clip, &["json"], "_keypoints")?;
        let mut next = files.first().map_or(0, |(number, _)| *number);
        for (number, path) in files {
            // A frame that was not written is one in which nobody is known.
            let skipped = number.saturating_sub(next);
            if skipped > LIMIT as u64 {
                let reason = format!("follows frame {next}; at most {LIMIT} frames are taken");
                return Err(ImportError::item(path.display().to_string(), reason));
            }
            for _ in 0..skipped {
                crowd.push(Vec::new())?;
            }
            next = number + 1;
            self.read_json(Json::open(&path)?, crowd)?;
        }
        Ok(None)
    }

    fn read_json(&self, json: Json<'_>, crowd: &mut Crowd<'_>) -> Result<(), ImportError> {
        let item = json.item.clone();
        let frame: Frame = json.only()?;
        let mut people = Vec::new();
        for (i, person) in frame.people.0.into_iter().enumerate() {
            people.extend(self.person(&item, i, person)?);
        }
        crowd.push(people)
    }
}

impl OpenPose {
    fn person(&self, item: &str, i: usize, person: Person) -> Result<Option<Seen>, ImportError> {
        let (field, numbers, each) = match self.take {
            Take::Picture(_) => ("pose_keypoints_2d", person.pose_keypoints_2d.0, 3),
            Take::ThreeD(_) => ("pose_keypoints_3d", person.pose_keypoints_3d.0, 4),
        };
        if numbers.is_empty() {
            return Ok(None);
        }
        let place = format!("people[{i}].{field}");
        let joints = self.way.from().len();
        if numbers.len() != joints * each {
            let expected = joints * each;
            let found = numbers.len();
            let reason =
                format!("expected {expected} numbers (--model_pose BODY_25), found {found}");
            return Err(ImportError::at(item, place, reason));
        }
        // 0 as well as null is the confidence of a joint that was not found.
        let confidences = || {
            numbers
                .chunks_exact(each)
                .map(|n| n[each - 1].unwrap_or(0.0))
        };
        let confidence = confidences().sum::<f32>() / joints as f32;
        let joints = numbers.chunks_exact(each).zip(confidences());
        let joints: Vec<[f32; 3]> = match self.take {
            Take::Picture(size) => joints
                .map(|(n, c)| flat([n[0], n[1]], size.unwrap_or([1.0, 1.0]), c))
                .collect(),
            Take::ThreeD(scale) => {
                let joints = joints.map(|(n, c)| {
                    let [x, y, z] = [n[0]?, n[1]?, n[2]?];
                    // The calibrated camera's x runs right and its y down.
                    Some([-scale * x, -scale * y, scale * z, c.clamp(0.0, 1.0)])
                });
                let joints: Vec<Joint> = joints.map(Joint).collect();
                let places = self.way.places(&joints);
                places.map_err(|error| ImportError::at(item, &place, error.to_string()))?
            }
        };
        let id = person.person_id.0.first().copied();
        Ok(Some(Seen {
            id: id.and_then(|id| u64::try_from(id).ok()),
            confidence,
            joints,
        }))
    }
}

/// A joint of a 2D layout; (0, 0, 0) where it was not found.
pub(super) fn flat(
    [x, y]: [Option<f32>; 2],
    [width, height]: [f32; 2],
    confidence: f32,
) -> [f32; 3] {
    match x.zip(y) {
        Some((x, y)) if confidence > 0.0 && x.is_finite() && y.is_finite() => {
            [x * width, y * height, confidence.min(1.0)]
        }
        _ => [0.0; 3],
    }
}
