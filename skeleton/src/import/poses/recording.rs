//! Recordings as they are, without a data set around them: everybody, frame by frame.

use super::bvh::Bvh;
use super::json::Json;
use super::people::{Crowd, Seen};
use super::{ImportError, bvh, coco, mediapipe, openpose};
use crate::frame::{Joint, Person};
use crate::import::ntu::{self, skeleton};
use crate::import::room::Room;
use crate::import::text::read_file;
use crate::import::{ntu::skeleton::Recording as Skeletons, pku_mmd};
use crate::layout::Layout;
use std::path::Path;

/// A form of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenPose's `pose_keypoints_2d`, a frame a file or line, as body25.
    OpenPose,
    /// MediaPipe's world landmarks: JSON, CSV or NumPy, as mediapipe33.
    MediaPipe,
    /// Ultralytics' or AlphaPose's JSON, as coco17.
    Coco,
    /// Motion capture in centimetres, y up, as ntu25.
    Bvh,
    /// The `.skeleton` files of NTU RGB+D.
    Ntu,
    /// The files of PKU-MMD.
    PkuMmd,
}

/// Everybody of a recording, in no units but those of its layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Frames a second, where the form says it.
    pub fps: Option<f64>,
    /// Frame by frame.
    pub frames: Vec<Vec<Person>>,
}

/// Metres in a unit of usual BVH files.
const CENTIMETRE: f64 = 0.01;

/// Reads one form.
pub struct Reader {
    form: Form,
    layout: Layout,
    reader: Option<Box<dyn super::Reader>>,
}

impl Reader {
    /// A reader that takes files as their tools write them by default.
    ///
    /// # Errors
    /// The form's layout is not known.
    pub fn new(form: Form) -> Result<Self, ImportError> {
        let name = match form {
            Form::OpenPose => openpose::LAYOUT,
            Form::MediaPipe => mediapipe::LAYOUT,
            Form::Coco => coco::LAYOUT,
            Form::Bvh | Form::Ntu | Form::PkuMmd => "ntu25",
        };
        let fail = |reason: String| ImportError::item(name, reason);
        let layout = Layout::by_name(name).map_err(|e| fail(e.to_string()))?;
        let reader: Option<Box<dyn super::Reader>> = match form {
            Form::OpenPose => {
                let reader = openpose::reader(&layout, openpose::Take::Picture(None));
                Some(Box::new(reader.map_err(|e| fail(e.to_string()))?))
            }
            Form::MediaPipe => {
                let reader = mediapipe::reader(&layout, None);
                Some(Box::new(reader.map_err(fail)?))
            }
            Form::Coco => Some(Box::new(coco::reader(&layout, None))),
            Form::Bvh => {
                let take = bvh::Take {
                    scale: CENTIMETRE,
                    ..bvh::Take::default()
                };
                Some(Box::new(Bvh::new(&layout, &take)?))
            }
            Form::Ntu | Form::PkuMmd => None,
        };
        Ok(Self {
            form,
            layout,
            reader,
        })
    }

    /// The layout of its people.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads a file as a whole. Memory is bounded as in an import.
    ///
    /// # Errors
    /// The file is damaged, or holds more than is taken; place and field are named.
    pub fn read(&self, path: &Path) -> Result<Recording, ImportError> {
        let item = path.display().to_string();
        let room = Room::default();
        match (&self.reader, self.form) {
            (Some(reader), form) => {
                let mut crowd = Crowd::new(&item, 1, self.layout.len(), &room);
                let fps = match form {
                    Form::OpenPose => {
                        reader.read_json(Json::open(path)?, &mut crowd)?;
                        None
                    }
                    _ => reader.read(path, &mut crowd)?,
                };
                Ok(Recording {
                    fps,
                    frames: self.everybody(crowd),
                })
            }
            (None, Form::PkuMmd) => {
                let clip = pku_mmd::video::parse(&item, &read_file(path, &room)?)?;
                let person = |t: usize, m: usize| {
                    let joints = (0..clip.joints).map(|v| clip.joint(t, m, v)).collect();
                    self.person(None, joints)
                };
                let people = |t| (0..clip.bodies).filter_map(|m| person(t, m)).collect();
                Ok(Recording {
                    fps: Some(pku_mmd::FPS),
                    frames: (0..clip.frames).map(people).collect(),
                })
            }
            (None, _) => {
                let recording = Skeletons::read(path)?;
                let person = |body: &skeleton::Body| self.person(Some(body.id), body.joints.into());
                let people = |t| recording.bodies(t).iter().filter_map(person).collect();
                Ok(Recording {
                    fps: Some(ntu::FPS),
                    frames: (0..recording.frames()).map(people).collect(),
                })
            }
        }
    }

    /// Reads one frame that comes by itself, such as a line of a live stream; `item` is its name
    /// for messages.
    ///
    /// # Errors
    /// It is no JSON of this form, or not one frame.
    pub fn frame(&self, item: &str, json: &[u8]) -> Result<Vec<Person>, ImportError> {
        let room = Room::default();
        let mut crowd = Crowd::new(item, 1, self.layout.len(), &room);
        let json = Json::of(item.into(), Box::new(json));
        let json = json.map_err(|error| ImportError::item(item, error.to_string()))?;
        match &self.reader {
            Some(reader) => reader.read_json(json, &mut crowd)?,
            None => return Err(ImportError::item(item, "this form is no JSON")),
        }
        let mut frames = self.everybody(crowd);
        match (frames.pop(), frames.len()) {
            (Some(people), 0) => Ok(people),
            (last, others) => {
                let found = others + usize::from(last.is_some());
                let reason = format!("expected one frame, found {found}");
                Err(ImportError::item(item, reason))
            }
        }
    }

    fn everybody(&self, crowd: Crowd<'_>) -> Vec<Vec<Person>> {
        let person = |seen: Seen| self.person(seen.id, seen.joints);
        let frames = crowd.everybody().into_iter();
        frames
            .map(|people| people.into_iter().filter_map(person).collect())
            .collect()
    }

    /// A person of joints as a data set has them; `None` for one without any.
    fn person(&self, id: Option<u64>, joints: Vec<[f32; 3]>) -> Option<Person> {
        let joint = |joint: [f32; 3]| match joint {
            [0.0, 0.0, 0.0] => Joint(None),
            joint => Joint::of_data(joint, &self.layout),
        };
        let joints: Vec<Joint> = joints.into_iter().map(joint).collect();
        let somebody = joints.iter().any(|joint| joint.0.is_some());
        somebody.then_some(Person { id, joints })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landmarks() -> String {
        let landmark = r#"{"x":0.1,"y":-0.2,"z":0.3,"visibility":0.9}"#;
        vec![landmark; 33].join(",")
    }

    #[test]
    fn a_frame_comes_by_itself() {
        let numbers = vec!["3,4,0.5"; 25].join(",");
        let line = format!(
            r#"{{"version":1.3,"people":[{{"person_id":[-1],"pose_keypoints_2d":[{numbers}]}}]}}"#
        );
        let reader = Reader::new(Form::OpenPose).expect("known");
        let people = reader.frame("line 1", line.as_bytes()).expect("a frame");
        let joint = Joint(Some([3.0, 4.0, 0.0, 0.5]));
        assert_eq!(
            (people[0].id, &people[0].joints[..]),
            (None, &[joint; 25][..])
        );
        let nobody = reader.frame("line 2", br#"{"people":[]}"#);
        assert!(nobody.expect("a frame").is_empty());

        let line = format!(r#"{{"landmarks":[{}]}}"#, landmarks());
        let reader = Reader::new(Form::MediaPipe).expect("known");
        let people = reader.frame("line 1", line.as_bytes());
        let message = people.expect_err("hips elsewhere").to_string();
        assert!(message.contains("no world landmarks"), "{message}");
        let line = line.replace("-0.2", "0").replace("0.1", "0");
        let people = reader.frame("line 1", line.as_bytes()).expect("a frame");
        assert_eq!(people[0].joints[0].position(), Some([0.0, 0.0, 0.3]));
        assert_eq!(reader.layout().name, "mediapipe33");

        let numbers = vec!["7"; 17].join(",");
        let line = format!(
            r#"[{{"name":"person","track_id":5,"keypoints":{{"x":[{numbers}],"y":[{numbers}]}}}}]"#
        );
        let reader = Reader::new(Form::Coco).expect("known");
        let people = reader.frame("line 1", line.as_bytes()).expect("a frame");
        assert_eq!(people[0].id, Some(5));
        assert_eq!(people[0].joints[16], Joint(Some([7.0, 7.0, 0.0, 1.0])));
        assert!(reader.frame("line 2", b"[]").expect("a frame").is_empty());
        let two = format!("[{line},[]]");
        let message = reader.frame("line 3", two.as_bytes()).expect_err("two");
        assert_eq!(message.to_string(), "line 3: expected one frame, found 2");
    }

    #[test]
    fn a_file_is_read_as_a_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let body = vec!["1 2 3"; 25].join(" ");
        let nobody = vec!["0"; 75].join(" ");
        let path = file("a.txt", &format!("{nobody} {body}\n{body} {body}\n"));
        let reader = Reader::new(Form::PkuMmd).expect("known");
        let recording = reader.read(&path).expect("a recording");
        let people: Vec<usize> = recording.frames.iter().map(Vec::len).collect();
        assert_eq!((recording.fps, people), (Some(30.0), vec![1, 2]));
        assert_eq!(
            recording.frames[0][0].joints[24],
            Joint::at([1.0, 2.0, 3.0])
        );

        let joint = "1 2 3 0 0 0 0 0 0 0 0 2\n".repeat(25);
        let text = format!("2\n0\n1\n72057594037931101 0 0 0 0 0 0 0 0 2\n25\n{joint}");
        let reader = Reader::new(Form::Ntu).expect("known");
        let recording = reader
            .read(&file("a.skeleton", &text))
            .expect("a recording");
        assert!(recording.frames[0].is_empty());
        assert_eq!(recording.frames[1][0].id, Some(72057594037931101));
        let message = reader.frame("line 1", b"{}").expect_err("no JSON");
        assert_eq!(message.to_string(), "line 1: this form is no JSON");

        let row = vec!["0,0,0.5,1"; 33].join(",");
        let reader = Reader::new(Form::MediaPipe).expect("known");
        let recording = reader.read(&file("a.csv", &format!("{row}\n{row}\n")));
        assert_eq!(recording.expect("a recording").frames.len(), 2);

        let person = format!(
            r#"{{"image_id":"2.jpg","keypoints":[{}]}}"#,
            ["1"; 51].join(",")
        );
        let reader = Reader::new(Form::Coco).expect("known");
        let recording = reader.read(&file("a.json", &format!("[{person}]")));
        assert_eq!(recording.expect("a recording").frames.len(), 1);
    }
}
