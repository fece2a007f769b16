//! MediaPipe Pose, for which there is no official file: JSON objects, CSV rows and NumPy arrays.

use super::folder::{Form, numbered};
use super::json::{self, AtMost, Json};
use super::lines::BoundedFile;
use super::people::{Crowd, LIMIT, MOST_PEOPLE, Seen};
use super::{About, ImportError, Poses, Reader};
use crate::convert::{ConvertError, Way};
use crate::element::Element;
use crate::frame::Joint;
use crate::import::room::Room;
use crate::layout::{Layout, Point, Raw, definition};
use crate::mapped::Mapped;
use crate::normalise::TORSO;
use crate::npy;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

pub(super) const LAYOUT: &str = "mediapipe33";

/// Landmarks of the holistic model in all, pose first: 33·4 + 468·3 + 21·3 + 21·3 numbers.
const HOLISTIC: usize = 1662;

/// Rows of an array whose part of the file is held in memory together.
const BLOCK: usize = 1024;

/// How landmarks are taken.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Take {
    /// Width and height of the picture, for landmarks that are shares of it; they have no metres,
    /// so that each clip is scaled to a torso of usual length.
    pub picture: Option<[f32; 2]>,
    /// Brought onto ntu25.
    #[serde(skip)] // The layout says it.
    pub onto_ntu25: bool,
}

/// Clips in the folder `root`, as [`super::folder`] has it: a file for the whole clip, or a folder
/// of JSON or NumPy files, one a frame.
///
/// # Errors
/// There are none, or the folder can't be listed.
pub fn open(root: &Path, about: About, take: Take) -> Result<Poses, ImportError> {
    let form = Form {
        files: &["json", "ndjson", "jsonl", "csv", "npy"],
        frames: &["json", "npy"],
    };
    let fail = |reason: String| ImportError::Source {
        path: root.into(),
        reason,
    };
    let known = definition(LAYOUT).map_err(|e| fail(e.to_string()))?;
    let onto = match take.onto_ntu25 {
        true => Layout::ntu25(),
        false => known.layout.clone(),
    };
    let reader = reader(&onto, take.picture).map_err(fail)?;
    Poses::new(root, form, &about, &onto, json!(take), Box::new(reader))
}

/// Reads bodies and brings them onto this layout; `picture` as in [`Take`].
pub(super) fn reader(
    onto: &Layout,
    picture: Option<[f32; 2]>,
) -> Result<impl Reader + use<>, String> {
    let known = definition(LAYOUT).map_err(|e| e.to_string())?;
    Ok(MediaPipe {
        picture,
        way: Way::find(LAYOUT, onto).map_err(|e| e.to_string())?,
        raw: known.raw.clone().ok_or("no axes are known")?,
        layout: known.layout.clone(),
    })
}

struct MediaPipe {
    picture: Option<[f32; 2]>,
    way: Way,
    raw: Raw,
    layout: Layout,
}

/// V landmarks of one person, as they stand in the file.
type Body = Vec<Joint>;

/// All people of a clip, frame by frame, as they stand in the file.
struct Frames<'r> {
    all: Vec<Vec<Body>>,
    people: usize,
    most: usize,
    room: &'r Room<'r>,
}

impl<'r> Frames<'r> {
    fn new(crowd: &Crowd<'r>) -> Self {
        Self {
            all: Vec::new(),
            people: 0,
            most: crowd.most_frames(),
            room: crowd.room(),
        }
    }

    fn push(&mut self, item: &str, people: Vec<Body>) -> Result<(), ImportError> {
        self.people += people.len();
        let most = self.most;
        if self.all.len() == most || self.people > LIMIT {
            let place = format!("frame {}", self.all.len());
            let reason = format!("at most {most} frames and {LIMIT} people in all are taken");
            return Err(ImportError::at(item, place, reason));
        }
        let bytes = people
            .iter()
            .map(|body| size_of_val(&body[..]) + size_of::<Body>());
        self.room
            .take(bytes.sum::<usize>() + size_of::<Vec<Body>>());
        self.all.push(people);
        Ok(())
    }
}

/// One frame as JSON; the names are those of the Python and the JavaScript interface.
#[derive(Deserialize)]
struct Frame {
    #[serde(
        default,
        deserialize_with = "there",
        alias = "pose_world_landmarks",
        alias = "poseWorldLandmarks",
        alias = "worldLandmarks"
    )]
    world_landmarks: Option<People>,
    #[serde(
        default,
        deserialize_with = "there",
        alias = "pose_landmarks",
        alias = "poseLandmarks"
    )]
    landmarks: Option<People>,
}

/// A field that is there, if only as null: then nobody was found.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<People>, D::Error> {
    let people = Option::<People>::deserialize(deserializer)?;
    Ok(Some(people.unwrap_or_default()))
}

/// The landmarks of one person, or of several.
#[derive(Default)]
struct People(Vec<Vec<Landmark>>);

/// More landmarks than a person has; the holistic model has 543.
type Landmarks = AtMost<Landmark, 1024>;

#[derive(Deserialize)]
struct Landmark {
    x: Option<f32>,
    y: Option<f32>,
    z: Option<f32>,
    #[serde(default)]
    visibility: Option<f32>,
}

impl Landmark {
    fn joint(&self) -> Joint {
        let place = || Some([self.x?, self.y?, self.z?, self.visibility.unwrap_or(1.0)]);
        Joint(place().map(|[x, y, z, c]| [x, y, z, c.clamp(0.0, 1.0)]))
    }
}

/// An element of a list of landmarks.
enum Entry {
    Landmark(Landmark),
    Person(Landmarks),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a landmark {x, y, z, visibility}, or an array of them for a person")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                Landmark::deserialize(MapAccessDeserializer::new(map)).map(Entry::Landmark)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Entry, A::Error> {
                AtMost::of(seq).map(Entry::Person)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut people: Vec<Vec<Landmark>> = Vec::new();
        let mut alone = Vec::new();
        for entry in AtMost::<Entry, MOST_PEOPLE>::deserialize(deserializer)?.0 {
            match entry {
                Entry::Landmark(landmark) => alone.push(landmark),
                Entry::Person(person) => people.push(person.0),
            }
        }
        if !alone.is_empty() {
            people.push(alone);
        }
        people.retain(|person| !person.is_empty());
        Ok(Self(people))
    }
}

impl Reader for MediaPipe {
    fn read(&self, clip: &Path, crowd: &mut Crowd<'_>) -> Result<Option<f64>, ImportError> {
        let files: Vec<PathBuf> = match clip.is_dir() {
            true => numbered(clip, &["json", "npy"], "")?
                .into_iter()
                .map(|(_, path)| path)
                .collect(),
            false => vec![clip.to_path_buf()],
        };
        let mut frames = Frames::new(crowd);
        for path in &files {
            match path
                .extension()
                .and_then(|e| e.to_str())
                .map(str::to_lowercase)
                .as_deref()
            {
                Some("npy") => self.array(path, &mut frames)?,
                Some("csv") => self.rows(path, &mut frames)?,
                _ => self.json(Json::open(path)?, &mut frames)?,
            }
        }
        self.all_seen(&clip.display().to_string(), frames, crowd)?;
        Ok(None)
    }

    fn read_json(&self, json: Json<'_>, crowd: &mut Crowd<'_>) -> Result<(), ImportError> {
        let item = json.item.clone();
        let mut frames = Frames::new(crowd);
        self.json(json, &mut frames)?;
        self.all_seen(&item, frames, crowd)
    }
}

impl MediaPipe {
    fn all_seen(
        &self,
        item: &str,
        frames: Frames<'_>,
        crowd: &mut Crowd<'_>,
    ) -> Result<(), ImportError> {
        let mut frames = frames.all;
        self.to_metres(item, &mut frames)?;
        for (t, people) in frames.into_iter().enumerate() {
            let seen: Result<Vec<Seen>, _> = people.iter().map(|body| self.seen(body)).collect();
            let fail = |error: ConvertError| {
                ImportError::at(item, format!("frame {t}"), error.to_string())
            };
            crowd.push(seen.map_err(fail)?)?;
        }
        Ok(())
    }

    fn json(&self, mut json: Json<'_>, frames: &mut Frames<'_>) -> Result<(), ImportError> {
        let item = json.item.clone();
        let first_frame = frames.all.len();
        let mut take = |frame: Frame| {
            let place = format!("frame {}", frames.all.len() - first_frame);
            let wanted = match self.picture {
                None => frame.world_landmarks.or(frame.landmarks),
                Some(_) => frame.landmarks,
            };
            let people = wanted.ok_or_else(|| {
                let expected = match self.picture {
                    None => "expected pose_world_landmarks or landmarks",
                    Some(_) => "expected landmarks or pose_landmarks, in shares of the picture",
                };
                ImportError::at(&item, place.clone(), expected)
            })?;
            let mut bodies = Vec::new();
            for (i, person) in people.0.into_iter().enumerate() {
                if person.len() != self.layout.len() {
                    let (expected, found) = (self.layout.len(), person.len());
                    let place = format!("{place}, person {i}");
                    let reason = format!("landmarks: expected {expected}, found {found}");
                    return Err(ImportError::at(&item, place, reason));
                }
                bodies.push(person.iter().map(Landmark::joint).collect());
            }
            frames.push(&item, bodies)
        };
        if json.first[0] == Some(b'[') {
            json.elements(take)?;
            return json.end();
        }
        while json.more() {
            take(json.next()?)?;
        }
        Ok(())
    }

    fn rows(&self, path: &Path, frames: &mut Frames<'_>) -> Result<(), ImportError> {
        let item = path.display().to_string();
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(BoundedFile::open(path, json::LARGEST)?);
        for row in rows.records() {
            let row = row.map_err(|error| ImportError::item(&item, error.to_string()))?;
            let line = row.position().map_or(0, csv::Position::line);
            let place = || format!("line {line}");
            let numbers: Vec<Result<f32, String>> = row
                .iter()
                .map(|cell| match cell.trim() {
                    "" => Ok(f32::NAN),
                    cell => cell.parse().map_err(|_| cell.to_string()),
                })
                .collect();
            // A head has a name for every column.
            if line == 1 && numbers.iter().all(Result::is_err) {
                continue;
            }
            if let Some((column, Err(cell))) = numbers.iter().enumerate().find(|n| n.1.is_err()) {
                let reason = format!("column {}: expected a number, found \"{cell}\"", column + 1);
                return Err(ImportError::at(&item, place(), reason));
            }
            let numbers: Vec<f32> = numbers.into_iter().flatten().collect();
            let body = self
                .row(&numbers)
                .map_err(|reason| ImportError::at(&item, place(), format!("columns: {reason}")))?;
            frames.push(&item, body.into_iter().collect())?;
        }
        Ok(())
    }

    fn array(&self, path: &Path, frames: &mut Frames<'_>) -> Result<(), ImportError> {
        let item = path.display().to_string();
        let fail = |reason: String| ImportError::item(&item, reason);
        let file = File::open(path).and_then(|file| Mapped::new(&file, None));
        let array = npy::Array::read(file.map_err(|error| ImportError::io(path, error))?);
        let array = array.map_err(&fail)?;
        let kind = array.element;
        if !matches!(kind, Element::F32 | Element::F64) {
            return Err(fail(format!(
                "dtype: expected '<f4' or '<f8', found {kind:?}"
            )));
        }
        let joints = self.layout.len();
        let width = match array.shape[..] {
            [v, each @ (3 | 4)] if v == joints => joints * each,
            [width] | [_, width] => width,
            [_, v, each] => v.saturating_mul(each),
            _ => 0,
        };
        if width == 0 || width > HOLISTIC {
            let shape = &array.shape;
            let reason = format!("shape: expected (frames, numbers), found {shape:?}");
            return Err(fail(reason));
        }
        let size = kind.size();
        let mut t = 0;
        for block in array.numbers().chunks(BLOCK * width * size) {
            for row in block.chunks_exact(width * size) {
                let numbers: Vec<f32> = row.chunks_exact(size).map(|n| kind.float(n)).collect();
                let body = self.row(&numbers).map_err(|reason| {
                    ImportError::at(&item, format!("frame {t}"), format!("numbers: {reason}"))
                })?;
                frames.push(&item, body.into_iter().collect())?;
                t += 1;
            }
            array.release(block);
        }
        Ok(())
    }

    /// A row of numbers: x, y, z or x, y, z, visibility of every landmark. All zeros are nobody.
    fn row(&self, numbers: &[f32]) -> Result<Option<Body>, String> {
        let joints = self.layout.len();
        let each = match numbers.len() {
            HOLISTIC => 4,
            n if n == 3 * joints => 3,
            n if n == 4 * joints => 4,
            found => {
                let (three, four) = (3 * joints, 4 * joints);
                return Err(format!(
                    "expected {three}, {four} or {HOLISTIC}, found {found}"
                ));
            }
        };
        let pose = numbers.chunks_exact(each).take(joints);
        if pose.clone().flatten().all(|x| *x == 0.0) {
            return Ok(None);
        }
        let joint = |n: &[f32]| {
            let certain = n.get(3).map_or(1.0, |c| c.clamp(0.0, 1.0));
            let seen = n.iter().all(|x| x.is_finite());
            Joint(seen.then_some([n[0], n[1], n[2], certain]))
        };
        Ok(Some(pose.map(joint).collect()))
    }

    /// From the file's numbers to the house's metres and axes.
    fn to_metres(&self, item: &str, frames: &mut [Vec<Body>]) -> Result<(), ImportError> {
        let (lower, upper) = self.layout.torso;
        let middle = |body: &Body, point: Point| {
            let [a, b] = point.joints().map(|v| body.get(v).and_then(Joint::seen));
            let (a, b) = a.zip(b)?;
            Some([0, 1, 2].map(|c| f64::from(a[c] + b[c]) / 2.0))
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let scale = match self.picture {
            None => {
                let hips = frames
                    .iter()
                    .flatten()
                    .filter_map(|body| middle(body, lower));
                let [x, y] = [0, 1].map(|c| mean(hips.clone().map(|p| p[c]).collect()));
                // The origin of world landmarks lies between the hips.
                if x.hypot(y) > 0.2 {
                    let reason = format!(
                        "these are no world landmarks: the hips lie at ({x:.2}, {y:.2}), not at the \
                         origin; --picture is for landmarks in shares of it"
                    );
                    return Err(ImportError::item(item, reason));
                }
                [1.0; 3]
            }
            Some([width, height]) => {
                // The depth of image landmarks is in shares of the width, too.
                let by = [width, height, width].map(f64::from);
                let bodies = frames.iter().flatten();
                let lengths = bodies.filter_map(|body| {
                    let (a, b) = middle(body, lower).zip(middle(body, upper))?;
                    let along = |c: usize| (by[c] * (b[c] - a[c])).powi(2);
                    Some((0..3).map(along).sum::<f64>().sqrt())
                });
                let torso = mean(lengths.collect());
                if torso <= 0.0 {
                    let reason = "hips and shoulders are never seen together, so that nothing \
                                  says how large the body is";
                    return Err(ImportError::item(item, reason));
                }
                by.map(|by| by * TORSO / torso)
            }
        };
        for joint in frames.iter_mut().flatten().flatten() {
            if let Some([x, y, z, _]) = &mut joint.0 {
                let scaled =
                    [(*x, 0), (*y, 1), (*z, 2)].map(|(n, c)| (f64::from(n) * scale[c]) as f32);
                [*x, *y, *z] = self.raw.to_house(scaled);
            }
        }
        Ok(())
    }

    fn seen(&self, body: &Body) -> Result<Seen, ConvertError> {
        Ok(Seen::new(None, body, self.way.places(body)?))
    }
}
