//! Where a moving body is in the room: its feet decide.

use super::body::{Body, JOINTS, Joints, ankle};
use super::pose::{LEFT, Pose, RIGHT};
use super::space::{Rotation, Vector, add, scale, sub};

/// How sharply the lower foot carries the weight, metres.
const CONTACT: f64 = 0.008;

/// Share of the distance from home that is walked off unnoticed each second.
const HOMING: f64 = 0.05;

/// Joint positions for a track of poses, in the room: the floor is y = 0, and home, above which
/// the pelvis starts, is the origin.
///
/// The lower foot stands on the floor, or hovers at the pose's `lift`. Whichever foot carries
/// weight stays where it is, so that it is the body which moves: down in a squat, back onto a
/// chair, ahead in a walk.
pub(super) fn place(body: &Body, poses: &[Pose], fps: f64) -> Vec<Joints> {
    let mut pelvis = [0.0; 3];
    let mut before: Option<([Vector; 2], [f64; 2])> = None;
    poses
        .iter()
        .map(|pose| {
            let turned = Rotation::about_y(pose.heading);
            let mut at = body.joints(pose).map(|joint| turned.apply(joint));
            let soles = [RIGHT, LEFT].map(|side| body.sole(&at, side));
            let ankles = [RIGHT, LEFT].map(|side| at[ankle(side)]);
            let carried = weights(soles);
            if let Some((then, weight)) = before {
                let mut slip = [0.0; 3];
                for side in [RIGHT, LEFT] {
                    let share = 0.5 * (weight[side] + carried[side]);
                    slip = add(slip, scale(sub(ankles[side], then[side]), share));
                }
                // In the air nothing holds the feet back.
                let held = if pose.lift > 1e-3 { 0.0 } else { 1.0 };
                pelvis = sub(pelvis, scale(slip, held));
                pelvis = scale(pelvis, 1.0 - HOMING / fps);
            }
            before = Some((ankles, carried));
            pelvis[1] = pose.lift * body.stature - soles[RIGHT].min(soles[LEFT]);
            for joint in &mut at {
                *joint = add(*joint, pelvis);
            }
            debug_assert_eq!(at.len(), JOINTS);
            at
        })
        .collect()
}

/// How much of the weight each foot carries.
fn weights(soles: [f64; 2]) -> [f64; 2] {
    let right = 1.0
        / (1.0
            + ((soles[RIGHT] - soles[LEFT]) / CONTACT)
                .clamp(-50.0, 50.0)
                .exp());
    [right, 1.0 - right]
}
