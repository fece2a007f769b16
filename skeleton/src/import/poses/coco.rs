//! 17 joints of COCO: Ultralytics' `to_json`, AlphaPose's and COCO's own results and annotations.

use super::folder::{Form, numbered, trailing_number};
use super::openpose::flat;
use super::people::{Crowd, LIMIT, Seen};
use super::{About, ImportError, Poses, Reader, json};
use crate::layout::Layout;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

const LAYOUT: &str = "coco17";

/// Clips in the folder `root`, as [`super::folder`] has it: a file for the whole clip, or a folder
/// of files, one a frame. `picture` is width and height of the picture where x and y are shares of it;
/// otherwise they are pixels.
///
/// # Errors
/// There are none, or the folder can't be listed.
pub fn open(root: &Path, about: About, picture: Option<[f32; 2]>) -> Result<Poses, ImportError> {
    let form = Form {
        files: &["json", "ndjson", "jsonl"],
        frames: &["json"],
    };
    let layout = Layout::by_name(LAYOUT).map_err(|error| ImportError::Source {
        path: root.into(),
        reason: error.to_string(),
    })?;
    let reader = Coco {
        scale: picture.unwrap_or([1.0, 1.0]),
        joints: layout.len(),
    };
    let take = json!({"picture": picture});
    Poses::new(root, form, &about, &layout, take, Box::new(reader))
}

struct Coco {
    scale: [f32; 2],
    joints: usize,
}

/// One person as any of the tools writes it.
#[derive(Deserialize)]
struct Detection {
    image_id: Option<Image>,
    keypoints: Option<Keypoints>,
    /// Ultralytics.
    confidence: Option<f32>,
    /// AlphaPose and COCO.
    score: Option<f32>,
    track_id: Option<f64>,
    /// AlphaPose's track: a number, or a list of them.
    idx: Option<Track>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Image {
    Number(u64),
    Name(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Track {
    One(f64),
    Many(Vec<f64>),
    Other(serde::de::IgnoredAny),
}

/// x, y and confidence joint by joint, or three arrays.
enum Keypoints {
    Triples(Vec<Option<f32>>),
    Arrays(Arrays),
}

#[derive(Deserialize)]
struct Arrays {
    x: Vec<Option<f32>>,
    y: Vec<Option<f32>>,
    visible: Option<Vec<Option<f32>>>,
}

/// What a file is.
enum Part {
    /// Everybody in one frame, or of all frames with their images' names.
    People(Vec<Detection>),
    /// Frame by frame.
    Frames(Vec<Vec<Detection>>),
    /// COCO's annotations.
    Annotations(Annotations),
}

#[derive(Deserialize)]
struct Annotations {
    annotations: Vec<Detection>,
}

impl<'de> Deserialize<'de> for Keypoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Keypoints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of x, y, confidence, or an object of arrays x, y, visible")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Keypoints, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Keypoints::Triples)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keypoints, A::Error> {
                Arrays::deserialize(MapAccessDeserializer::new(map)).map(Keypoints::Arrays)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Part {
    /// The first two brackets tell the forms apart, so that errors name the field of the right one.
    fn read(
        item: &str,
        text: &[u8],
        take: impl FnMut(Self) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut brackets = text.iter().filter(|b| !b.is_ascii_whitespace());
        let mut take = take;
        match (brackets.next(), brackets.next()) {
            (Some(b'{'), _) => take(Self::Annotations(json::value(item, text)?)),
            (Some(b'['), Some(b'[')) => take(Self::Frames(json::value(item, text)?)),
            _ => json::values(item, text, |people| take(Self::People(people))),
        }
    }
}

impl Reader for Coco {
    fn read(&self, clip: &Path, crowd: &mut Crowd) -> Result<Option<f64>, ImportError> {
        let files = match clip.is_dir() {
            true => numbered(clip, &["json"], "")?,
            false => vec![(0, clip.to_path_buf())],
        };
        let mut next = files.first().map_or(0, |(number, _)| *number);
        for (number, path) in files {
            let item = path.display().to_string();
            skip(crowd, &item, next, number)?;
            next = number.saturating_add(1);
            let text = json::read(&path)?;
            Part::read(&item, &text, |part| self.part(&item, part, crowd))?;
        }
        Ok(None)
    }
}

/// Frames that have no file or no entry are such in which nobody is known.
fn skip(crowd: &mut Crowd, item: &str, next: u64, number: u64) -> Result<(), ImportError> {
    let skipped = number.saturating_sub(next);
    if skipped > LIMIT as u64 {
        let reason = format!("frame {number} follows frame {next}; at most {LIMIT} are taken");
        return Err(ImportError::item(item, reason));
    }
    (0..skipped).try_for_each(|_| crowd.push(Vec::new()))
}

impl Coco {
    fn part(&self, item: &str, part: Part, crowd: &mut Crowd) -> Result<(), ImportError> {
        match part {
            Part::Frames(frames) => {
                for (t, people) in frames.into_iter().enumerate() {
                    let place = |i: usize| format!("[{t}][{i}]");
                    crowd.push(self.people(item, place, people)?)?;
                }
                Ok(())
            }
            Part::People(people) if people.iter().all(|p| p.image_id.is_none()) => {
                crowd.push(self.people(item, |i| format!("[{i}]"), people)?)
            }
            Part::People(people) => self.images(item, "", people, crowd),
            Part::Annotations(all) => self.images(item, "annotations", all.annotations, crowd),
        }
    }

    /// All people of all frames in one list, told apart by their images.
    fn images(
        &self,
        item: &str,
        list: &str,
        people: Vec<Detection>,
        crowd: &mut Crowd,
    ) -> Result<(), ImportError> {
        let mut frames: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
        for (i, person) in people.into_iter().enumerate() {
            let place = format!("{list}[{i}]");
            let number = match &person.image_id {
                Some(Image::Number(number)) => Some(*number),
                Some(Image::Name(name)) => trailing_number(
                    name.rsplit_once('.')
                        .map_or(name.as_str(), |(stem, _)| stem),
                ),
                None => None,
            };
            let number = number.ok_or_else(|| {
                let expected = "expected a number, or a name that ends in one, as in \"12.jpg\"";
                ImportError::at(item, format!("{place}.image_id"), expected)
            })?;
            let seen = self.person(item, &place, person)?;
            frames.entry(number).or_default().extend(seen);
        }
        let mut next = frames.keys().next().copied().unwrap_or(0);
        for (number, people) in frames {
            skip(crowd, item, next, number)?;
            next = number.saturating_add(1);
            crowd.push(people)?;
        }
        Ok(())
    }

    fn people(
        &self,
        item: &str,
        place: impl Fn(usize) -> String,
        people: Vec<Detection>,
    ) -> Result<Vec<Seen>, ImportError> {
        let mut seen = Vec::new();
        for (i, person) in people.into_iter().enumerate() {
            seen.extend(self.person(item, &place(i), person)?);
        }
        Ok(seen)
    }

    /// `None` for a detection that has no keypoints, such as a box.
    fn person(
        &self,
        item: &str,
        place: &str,
        person: Detection,
    ) -> Result<Option<Seen>, ImportError> {
        let Some(keypoints) = person.keypoints else {
            return Ok(None);
        };
        let joints = self.joints;
        let check = |field: &str, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => {
                let place = format!("{place}.keypoints{field}");
                let reason = format!("expected {expected} numbers, found {found}");
                Err(ImportError::at(item, place, reason))
            }
        };
        let triples: Vec<[Option<f32>; 3]> = match &keypoints {
            Keypoints::Triples(numbers) => {
                check("", 3 * joints, numbers.len())?;
                let triples = numbers.chunks_exact(3);
                triples.map(|n| [n[0], n[1], n[2]]).collect()
            }
            Keypoints::Arrays(Arrays { x, y, visible }) => {
                check(".x", joints, x.len())?;
                check(".y", joints, y.len())?;
                if let Some(visible) = visible {
                    check(".visible", joints, visible.len())?;
                }
                let certain = |v: usize| match visible {
                    Some(visible) => visible[v],
                    // Without confidences a joint that was not found is (0, 0).
                    None => (x[v] != Some(0.0) || y[v] != Some(0.0)).then_some(1.0),
                };
                (0..joints).map(|v| [x[v], y[v], certain(v)]).collect()
            }
        };
        let found: Vec<[f32; 3]> = triples
            .iter()
            .map(|[x, y, c]| flat([*x, *y], self.scale, c.unwrap_or(0.0)))
            .collect();
        let mean = found.iter().map(|joint| joint[2]).sum::<f32>() / joints as f32;
        let idx = match person.idx {
            Some(Track::One(id)) => Some(id),
            Some(Track::Many(ids)) => ids.first().copied(),
            Some(Track::Other(_)) | None => None,
        };
        let track = person.track_id.or(idx).filter(|id| *id >= 0.0);
        Ok(Some(Seen {
            id: track.map(|id| id as u64),
            confidence: person.confidence.or(person.score).unwrap_or(mean),
            joints: found,
        }))
    }
}
