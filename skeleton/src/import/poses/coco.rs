//! 17 joints of COCO: Ultralytics' `to_json`, AlphaPose's and COCO's own results and annotations.

use super::folder::{Form, numbered, trailing_number};
use super::json::{AtMost, Json};
use super::openpose::flat;
use super::people::{Crowd, LIMIT, MOST_PEOPLE, Seen};
use super::{About, ImportError, Poses, Reader};
use crate::import::room::Room;
use crate::layout::Layout;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

pub(super) const LAYOUT: &str = "coco17";

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
    let take = json!({"picture": picture});
    let reader = Box::new(reader(&layout, picture));
    Poses::new(root, form, &about, &layout, take, reader)
}

/// Reads bodies of this layout, as [`open`] has it.
pub(super) fn reader(layout: &Layout, picture: Option<[f32; 2]>) -> impl Reader + use<> {
    Coco {
        scale: picture.unwrap_or([1.0, 1.0]),
        joints: layout.len(),
    }
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

/// A number, or a name that ends in one.
enum Image {
    Number(u64),
    Name(String),
}

/// A number, or the first of a list; nothing where it is something else.
struct Track(Option<f64>);

/// More numbers than those of any body.
type Numbers = AtMost<Option<f32>, 1024>;

/// x, y and confidence joint by joint, or three arrays.
enum Keypoints {
    Triples(Numbers),
    Arrays(Arrays),
}

#[derive(Deserialize)]
struct Arrays {
    x: Numbers,
    y: Numbers,
    visible: Option<Numbers>,
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
                AtMost::of(seq).map(Keypoints::Triples)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keypoints, A::Error> {
                Arrays::deserialize(MapAccessDeserializer::new(map)).map(Keypoints::Arrays)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Image;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0, or a name that ends in one")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Image, E> {
                Ok(Image::Number(number))
            }

            fn visit_str<E>(self, name: &str) -> Result<Image, E> {
                Ok(Image::Name(name.into()))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Track;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a track's number")
            }

            fn visit_u64<E>(self, id: u64) -> Result<Track, E> {
                Ok(Track(Some(id as f64)))
            }

            fn visit_i64<E>(self, id: i64) -> Result<Track, E> {
                Ok(Track(Some(id as f64)))
            }

            fn visit_f64<E>(self, id: f64) -> Result<Track, E> {
                Ok(Track(Some(id)))
            }

            fn visit_str<E>(self, _: &str) -> Result<Track, E> {
                Ok(Track(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Track, E> {
                Ok(Track(None))
            }

            fn visit_unit<E>(self) -> Result<Track, E> {
                Ok(Track(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<Track, A::Error> {
                let first = ids.next_element::<Option<f64>>()?;
                while ids.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Track(first.flatten()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Track, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Track(None))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Reader for Coco {
    fn read(&self, clip: &Path, crowd: &mut Crowd<'_>) -> Result<Option<f64>, ImportError> {
        let files = match clip.is_dir() {
            true => numbered(clip, &["json"], "")?,
            false => vec![(0, clip.to_path_buf())],
        };
        let mut next = files.first().map_or(0, |(number, _)| *number);
        for (number, path) in files {
            let item = path.display().to_string();
            skip(crowd, &item, next, number)?;
            next = number.saturating_add(1);
            self.read_json(Json::open(&path)?, crowd)?;
        }
        Ok(None)
    }

    /// The first two brackets tell the forms apart, so that errors name the field of the right one.
    fn read_json(&self, mut json: Json<'_>, crowd: &mut Crowd<'_>) -> Result<(), ImportError> {
        let item = json.item.clone();
        match json.first {
            [Some(b'{'), _] => {
                let mut all = Images::new(self, &item, "annotations", crowd.room());
                json.elements_of("annotations", |person| all.add(person))?;
                all.into_frames(crowd)?;
                json.end()
            }
            [Some(b'['), Some(b'[')] => {
                let mut t = 0;
                json.elements(|people: AtMost<Detection, MOST_PEOPLE>| {
                    let mut seen = Vec::new();
                    for (i, person) in people.0.into_iter().enumerate() {
                        seen.extend(self.person(&item, &format!("[{t}][{i}]"), person)?);
                    }
                    t += 1;
                    crowd.push(seen)
                })?;
                json.end()
            }
            _ => {
                while json.more() {
                    let mut all = Images::new(self, &item, "", crowd.room());
                    json.elements(|person| all.add(person))?;
                    all.into_frames(crowd)?;
                }
                Ok(())
            }
        }
    }
}

/// Frames that have no file or no entry are such in which nobody is known.
fn skip(crowd: &mut Crowd<'_>, item: &str, next: u64, number: u64) -> Result<(), ImportError> {
    let skipped = number.saturating_sub(next);
    if skipped > LIMIT as u64 {
        let reason = format!("frame {number} follows frame {next}; at most {LIMIT} are taken");
        return Err(ImportError::item(item, reason));
    }
    (0..skipped).try_for_each(|_| crowd.push(Vec::new()))
}

impl Coco {
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
            Keypoints::Triples(AtMost(numbers)) => {
                check("", 3 * joints, numbers.len())?;
                let triples = numbers.chunks_exact(3);
                triples.map(|n| [n[0], n[1], n[2]]).collect()
            }
            Keypoints::Arrays(Arrays { x, y, visible }) => {
                let (x, y) = (&x.0, &y.0);
                let visible = visible.as_ref().map(|visible| &visible.0);
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
        let idx = person.idx.and_then(|track| track.0);
        let track = person.track_id.or(idx).filter(|id| *id >= 0.0);
        Ok(Some(Seen {
            id: track.map(|id| id as u64),
            confidence: person.confidence.or(person.score).unwrap_or(mean),
            joints: found,
        }))
    }
}

/// The people of one list, told apart by their images; of a list without any they are one frame.
struct Images<'a> {
    coco: &'a Coco,
    item: &'a str,
    list: &'static str,
    room: &'a Room<'a>,
    count: usize,
    frames: BTreeMap<u64, Vec<Seen>>,
    /// The people without an image, and the place of the first.
    alone: Vec<Seen>,
    first_alone: Option<usize>,
}

impl<'a> Images<'a> {
    fn new(coco: &'a Coco, item: &'a str, list: &'static str, room: &'a Room<'a>) -> Self {
        Self {
            coco,
            item,
            list,
            room,
            count: 0,
            frames: BTreeMap::new(),
            alone: Vec::new(),
            first_alone: None,
        }
    }

    fn add(&mut self, person: Detection) -> Result<(), ImportError> {
        let i = self.count;
        self.count += 1;
        let place = format!("{}[{i}]", self.list);
        let number = match &person.image_id {
            None => None,
            Some(Image::Number(number)) => Some(*number),
            Some(Image::Name(name)) => {
                let stem = name
                    .rsplit_once('.')
                    .map_or(name.as_str(), |(stem, _)| stem);
                Some(trailing_number(stem).ok_or_else(|| self.no_image(i))?)
            }
        };
        let seen = self.coco.person(self.item, &place, person)?;
        let frame = match number {
            Some(number) => self.frames.entry(number).or_default(),
            None => {
                self.first_alone.get_or_insert(i);
                &mut self.alone
            }
        };
        if i == LIMIT || frame.len() == MOST_PEOPLE {
            let reason =
                format!("at most {LIMIT} people, {MOST_PEOPLE} of them in a frame, are taken");
            return Err(ImportError::at(self.item, place, reason));
        }
        self.room.take(seen.as_ref().map_or(0, Seen::bytes));
        frame.extend(seen);
        Ok(())
    }

    fn no_image(&self, i: usize) -> ImportError {
        let expected = "expected a number, or a name that ends in one, as in \"12.jpg\"";
        let place = format!("{}[{i}].image_id", self.list);
        ImportError::at(self.item, place, expected)
    }

    fn into_frames(self, crowd: &mut Crowd<'_>) -> Result<(), ImportError> {
        match self.first_alone {
            Some(i) if !self.frames.is_empty() || !self.list.is_empty() => {
                return Err(self.no_image(i));
            }
            _ if self.frames.is_empty() && self.list.is_empty() => return crowd.push(self.alone),
            _ => {}
        }
        let mut next = self.frames.keys().next().copied().unwrap_or(0);
        for (number, people) in self.frames {
            skip(crowd, self.item, next, number)?;
            next = number.saturating_add(1);
            crowd.push(people)?;
        }
        Ok(())
    }
}
