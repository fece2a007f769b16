//! Synthetic motions: people of different bodies and tempers do everyday [`ACTIONS`] before a
//! depth camera.
//!
//! Nothing is recorded and nothing is learnt: each action is a list of key poses in joint angles
//! (`action`), bent to a person's habits (`subject`), joined by smooth curves (`keyframes`), turned
//! into the 25 joints of ntu25 by forward kinematics (`body`), put on the floor by its feet
//! (`stance`), and seen by a camera with its noise (`sensor`). Demo and tests run on it without
//! any download, and unseen people in it are a real split: bodies, tempo, amplitude, handedness,
//! posture, habits, camera and noise all are somebody's own.
//!
//! Everything follows from one seed, part by part: the same seed gives the same recordings, and a
//! data set with more people, takes or seconds has the smaller one's people in it.

mod action;
mod body;
mod folder;
mod keyframes;
mod pose;
mod random;
mod recording;
mod sensor;
mod session;
mod space;
mod stance;
mod subject;

pub use action::{ACTIONS, Action};
pub use folder::{Settings, classes, dataset};
pub use recording::recording;
pub use session::{session, shuffled};
pub use subject::Subject;

#[cfg(test)]
mod tests;
