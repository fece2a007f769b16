//! The actions, and the key poses of each.

use super::body::Body;
use super::keyframes::Key;
use super::pose::{LEFT, Limb, Pose, RIGHT};
use super::random::Random;

/// An everyday action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// A raised hand swings from side to side.
    Wave,
    /// Both hands meet in front of the chest, again and again.
    Clap,
    /// A hand goes to the mouth, tilts, and comes down.
    Drink,
    /// A hand goes to the ear and stays there.
    AnswerPhone,
    /// A straight arm points at something.
    Point,
    /// An overarm throw with a turn of the trunk.
    Throw,
    /// Both fists in turn, from a guard.
    Punch,
    /// A leg is raised bent, straightened, and put down.
    Kick,
    /// A jump off both feet, arms swinging.
    Jump,
    /// Down on both knees' bend and up again.
    Squat,
    /// From standing to sitting.
    SitDown,
    /// From sitting to standing: [`SitDown`](Self::SitDown) backwards in time.
    StandUp,
    /// Steps to and fro, with turns.
    Walk,
    /// The trunk bends forward and comes up.
    Bow,
    /// A hand fetches something from the floor.
    PickUp,
    /// Both arms go up over the head and come down.
    RaiseArms,
}

/// All actions, in the order of their labels.
pub const ACTIONS: [Action; 16] = [
    Action::Wave,
    Action::Clap,
    Action::Drink,
    Action::AnswerPhone,
    Action::Point,
    Action::Throw,
    Action::Punch,
    Action::Kick,
    Action::Jump,
    Action::Squat,
    Action::SitDown,
    Action::StandUp,
    Action::Walk,
    Action::Bow,
    Action::PickUp,
    Action::RaiseArms,
];

impl Action {
    /// Name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wave => "wave",
            Self::Clap => "clap",
            Self::Drink => "drink",
            Self::AnswerPhone => "answer phone",
            Self::Point => "point",
            Self::Throw => "throw",
            Self::Punch => "punch",
            Self::Kick => "kick",
            Self::Jump => "jump",
            Self::Squat => "squat",
            Self::SitDown => "sit down",
            Self::StandUp => "stand up",
            Self::Walk => "walk",
            Self::Bow => "bow",
            Self::PickUp => "pick up",
            Self::RaiseArms => "raise arms",
        }
    }

    /// Index in [`ACTIONS`].
    pub fn label(self) -> usize {
        self as usize
    }

    /// True where the action ends in another pose than it began with, so that it can't simply be
    /// done again.
    pub fn is_one_way(self) -> bool {
        matches!(self, Self::SitDown | Self::StandUp)
    }

    /// How far a person's own amplitude may stretch the action: little where a hand must arrive
    /// somewhere, and not at all where legs carry the body.
    pub(super) fn freedom(self) -> f64 {
        match self {
            Self::Clap | Self::Drink | Self::AnswerPhone | Self::SitDown | Self::StandUp => 0.15,
            Self::Point | Self::Punch | Self::RaiseArms => 0.3,
            Self::Jump | Self::PickUp | Self::Walk => 0.6,
            Self::Wave | Self::Throw | Self::Kick | Self::Squat | Self::Bow => 1.0,
        }
    }
}

/// Key poses of one repetition by a right-handed `body` from `rest`, in seconds from 0 at a
/// moderate tempo. The first key leaves from `rest` and the last comes back to it, but for the
/// one-way actions. What one does differently each time, such as where to point, is drawn from
/// `random`.
pub(super) fn keys(action: Action, body: &Body, rest: &Pose, random: &mut Random) -> Vec<Key> {
    let mut script = Script {
        body,
        rest,
        keys: vec![Key {
            at: 0.0,
            pose: *rest,
        }],
    };
    match action {
        Action::Wave => wave(&mut script, random),
        Action::Clap => clap(&mut script, random),
        Action::Drink => drink(&mut script, random),
        Action::AnswerPhone => answer_phone(&mut script, random),
        Action::Point => point(&mut script, random),
        Action::Throw => throw(&mut script),
        Action::Punch => punch(&mut script, random),
        Action::Kick => kick(&mut script, random),
        Action::Jump => jump(&mut script, random),
        Action::Squat => squat(&mut script, random),
        Action::SitDown | Action::StandUp => sit_down(&mut script, random),
        Action::Walk => walk(&mut script),
        Action::Bow => bow(&mut script, random),
        Action::PickUp => pick_up(&mut script, random),
        Action::RaiseArms => raise_arms(&mut script, random),
    }
    script.keys
}

/// Collects key poses.
struct Script<'a> {
    body: &'a Body,
    rest: &'a Pose,
    keys: Vec<Key>,
}

impl Script<'_> {
    /// The next key comes `after` seconds later; `change` makes its pose from the resting one.
    fn key(&mut self, after: f64, change: impl FnOnce(&mut Pose)) {
        let mut pose = *self.rest;
        change(&mut pose);
        self.push(after, pose);
    }

    /// The last pose is kept for `seconds`.
    fn hold(&mut self, seconds: f64) {
        if let Some(last) = self.keys.last() {
            let pose = last.pose;
            self.push(seconds, pose);
        }
    }

    /// Back to the resting pose.
    fn rest(&mut self, after: f64) {
        self.push(after, *self.rest);
    }

    fn push(&mut self, after: f64, pose: Pose) {
        let at = self.keys.last().map_or(0.0, |key| key.at) + after;
        self.keys.push(Key { at, pose });
    }

    /// The arm whose hand is at (out, up, forward), in arm's lengths from the shoulder, the elbow
    /// `swivel` degrees outward.
    fn hand(&self, out: f64, up: f64, forward: f64, swivel: f64) -> Limb {
        self.body.reach([out, up, forward], swivel.to_radians())
    }
}

/// A leg raised `forward` degrees and bent `bend` degrees at the knee, turned out as at rest.
fn leg(rest: &Limb, forward: f64, bend: f64) -> Limb {
    Limb {
        forward: forward.to_radians(),
        bend: bend.to_radians(),
        ..*rest
    }
}

/// Both legs alike.
fn crouch(pose: &mut Pose, forward: f64, bend: f64) {
    pose.legs = pose.legs.map(|rest| leg(&rest, forward, bend));
}

/// Out where the middle of the body is, in arm's lengths from a shoulder.
const MIDDLE: f64 = -0.285;

fn wave(script: &mut Script, random: &mut Random) {
    let height = random.within(0.42, 0.62);
    let inward = script.hand(0.08, height, 0.28, 55.0);
    let outward = script.hand(0.62, height - 0.12, 0.18, 35.0);
    let swings = random.whole(2, 4);
    script.key(0.55, |p| p.arms[RIGHT] = outward);
    for _ in 0..swings {
        script.key(0.27, |p| p.arms[RIGHT] = inward);
        script.key(0.27, |p| p.arms[RIGHT] = outward);
    }
    script.rest(0.55);
}

fn clap(script: &mut Script, random: &mut Random) {
    let up = random.within(-0.2, 0.05);
    let together = script.hand(MIDDLE + 0.02, up, 0.55, 22.0);
    let apart = script.hand(0.12, up, 0.52, 38.0);
    script.key(0.45, |p| p.arms = [apart; 2]);
    for _ in 0..random.whole(3, 6) {
        script.key(0.17, |p| p.arms = [together; 2]);
        script.key(0.21, |p| p.arms = [apart; 2]);
    }
    script.rest(0.5);
}

fn drink(script: &mut Script, random: &mut Random) {
    let before = script.hand(-0.08, -0.05, 0.5, 15.0);
    let mouth = script.hand(MIDDLE + 0.05, 0.24, 0.4, 25.0);
    let tilted = script.hand(MIDDLE + 0.05, 0.29, 0.37, 60.0);
    script.key(0.5, |p| p.arms[RIGHT] = before);
    script.key(0.4, |p| p.arms[RIGHT] = mouth);
    script.key(0.35, |p| {
        p.arms[RIGHT] = tilted;
        p.nod = -16f64.to_radians();
    });
    script.hold(random.within(0.4, 0.8));
    script.key(0.35, |p| p.arms[RIGHT] = mouth);
    script.key(0.4, |p| p.arms[RIGHT] = before);
    script.rest(0.5);
}

fn answer_phone(script: &mut Script, random: &mut Random) {
    let glance = script.hand(-0.1, -0.12, 0.42, 10.0);
    let ear = script.hand(-0.1, 0.3, 0.1, 35.0);
    script.key(0.5, |p| {
        p.arms[RIGHT] = glance;
        p.nod = 14f64.to_radians();
    });
    let at_ear = |p: &mut Pose| {
        p.arms[RIGHT] = ear;
        p.side = 3f64.to_radians();
        p.nod = 4f64.to_radians();
    };
    script.key(0.5, at_ear);
    let turn = random.normal(8f64.to_radians());
    script.key(random.within(0.8, 1.3), |p| {
        at_ear(p);
        p.look = turn;
    });
    script.key(random.within(0.5, 0.9), at_ear);
    script.rest(0.6);
}

fn point(script: &mut Script, random: &mut Random) {
    let aside = random.within(-25.0, 55.0f64).to_radians();
    let up = random.within(-0.1, 0.25);
    let target = script.hand(0.97 * aside.sin(), up, 0.97 * aside.cos(), 10.0);
    let halfway = script.hand(0.3 * aside.sin(), -0.1, 0.5 * aside.cos(), 15.0);
    let towards = move |p: &mut Pose| {
        p.look = -0.5 * aside;
        p.turn = -0.15 * aside;
    };
    script.key(0.35, |p| {
        p.arms[RIGHT] = halfway;
        towards(p);
    });
    script.key(0.3, |p| {
        p.arms[RIGHT] = target;
        towards(p);
    });
    script.hold(random.within(0.7, 1.2));
    script.rest(0.6);
}

fn throw(script: &mut Script) {
    let ready = script.hand(0.1, 0.1, 0.4, 20.0);
    let cocked = script.hand(0.38, 0.42, -0.22, 60.0);
    let release = script.hand(0.12, 0.5, 0.75, 45.0);
    let through = script.hand(-0.42, -0.45, 0.5, 30.0);
    let aim = script.hand(0.05, 0.1, 0.8, 20.0);
    script.key(0.4, |p| {
        p.arms[RIGHT] = ready;
        p.turn = -12f64.to_radians();
    });
    script.key(0.35, |p| {
        p.arms = [cocked, aim];
        p.turn = -38f64.to_radians();
        p.lean = -8f64.to_radians();
        p.legs[LEFT] = leg(&p.legs[LEFT], 14.0, 10.0);
    });
    script.key(0.2, |p| {
        p.arms[RIGHT] = release;
        p.turn = 14f64.to_radians();
        p.lean = 12f64.to_radians();
        p.legs[LEFT] = leg(&p.legs[LEFT], 18.0, 18.0);
    });
    script.key(0.18, |p| {
        p.arms[RIGHT] = through;
        p.turn = 34f64.to_radians();
        p.lean = 24f64.to_radians();
        p.legs[LEFT] = leg(&p.legs[LEFT], 18.0, 22.0);
    });
    script.rest(0.7);
}

fn punch(script: &mut Script, random: &mut Random) {
    let guard = script.hand(-0.08, 0.02, 0.34, 12.0);
    let out = script.hand(-0.2, random.within(0.0, 0.15), 0.94, 15.0);
    let stance = |p: &mut Pose| {
        p.arms = [guard; 2];
        p.lean = 6f64.to_radians();
        p.legs[LEFT] = leg(&p.legs[LEFT], 16.0, 18.0);
        p.legs[RIGHT] = leg(&p.legs[RIGHT], 0.0, 16.0);
    };
    script.key(0.4, stance);
    for fist in 0..random.whole(3, 5) {
        let (side, turn) = match fist % 2 {
            0 => (RIGHT, 30f64),
            _ => (LEFT, -26.0),
        };
        script.key(0.17, |p| {
            stance(p);
            p.arms[side] = out;
            p.turn = turn.to_radians();
        });
        script.key(0.2, stance);
        script.hold(0.08);
    }
    script.rest(0.45);
}

fn kick(script: &mut Script, random: &mut Random) {
    let height = random.within(62.0, 85.0);
    let balance = |p: &mut Pose| {
        p.arms = p.arms.map(|rest| Limb {
            out: 26f64.to_radians(),
            bend: 40f64.to_radians(),
            ..rest
        });
        p.legs[LEFT] = leg(&p.legs[LEFT], 4.0, 8.0);
    };
    script.key(0.35, |p| {
        balance(p);
        p.legs[RIGHT] = leg(&p.legs[RIGHT], -14.0, 42.0);
    });
    script.key(0.22, |p| {
        balance(p);
        p.lean = -6f64.to_radians();
        p.legs[RIGHT] = leg(&p.legs[RIGHT], height, 80.0);
        p.legs[RIGHT].end = 20f64.to_radians();
    });
    script.key(0.18, |p| {
        balance(p);
        p.lean = -14f64.to_radians();
        p.legs[RIGHT] = leg(&p.legs[RIGHT], height + 4.0, 8.0);
        p.legs[RIGHT].end = 55f64.to_radians();
    });
    script.key(0.24, |p| {
        balance(p);
        p.lean = -6f64.to_radians();
        p.legs[RIGHT] = leg(&p.legs[RIGHT], 0.7 * height, 75.0);
    });
    script.rest(0.45);
}

fn jump(script: &mut Script, random: &mut Random) {
    let height = random.within(0.1, 0.19);
    // Flight lasts as long as gravity has it.
    let up = (2.0 * height * script.body.stature / 9.81).sqrt();
    let crouched = |p: &mut Pose, share: f64| {
        crouch(p, 55.0 * share, 88.0 * share);
        p.lean = share * 34f64.to_radians();
    };
    let back = |rest: Limb| Limb {
        forward: -42f64.to_radians(),
        ..rest
    };
    let high = script.hand(0.2, 0.65, 0.6, 25.0);
    script.key(0.42, |p| {
        crouched(p, 1.0);
        p.arms = p.arms.map(back);
    });
    script.key(0.24, |p| {
        p.arms = [swung(script.body, -0.35); 2];
        p.legs.iter_mut().for_each(|l| l.end = -32f64.to_radians());
    });
    script.key(up, |p| {
        p.lift = height;
        p.arms = [high; 2];
        crouch(p, 14.0, 26.0);
        p.legs.iter_mut().for_each(|l| l.end = -28f64.to_radians());
    });
    script.key(up, |p| {
        p.arms = [swung(script.body, 0.2); 2];
        crouch(p, 12.0, 16.0);
        p.legs.iter_mut().for_each(|l| l.end = -12f64.to_radians());
    });
    script.key(0.16, |p| {
        crouched(p, 0.75);
        p.arms = [swung(script.body, -0.4); 2];
    });
    script.rest(0.5);
}

/// An arm swung to the front, its hand `up` arm's lengths above the shoulder.
fn swung(body: &Body, up: f64) -> Limb {
    body.reach([0.12, up, 0.75], 25f64.to_radians())
}

fn squat(script: &mut Script, random: &mut Random) {
    let depth = random.within(0.85, 1.1);
    let front = script.hand(-0.05, -0.02, 0.93, 15.0);
    script.key(0.9, |p| {
        crouch(p, 92.0 * depth, 112.0 * depth);
        p.lean = 32f64.to_radians();
        p.nod = -20f64.to_radians();
        p.arms = [front; 2];
        // The arms stay level while the trunk leans.
        p.arms.iter_mut().for_each(|a| a.forward += 0.45);
    });
    script.hold(random.within(0.1, 0.3));
    script.rest(0.85);
}

/// A sitting body: thighs level, hands on them.
pub(super) fn seated(body: &Body, rest: &Pose) -> Pose {
    let mut pose = *rest;
    crouch(&mut pose, 88.0, 90.0);
    pose.lean += 4f64.to_radians();
    pose.arms = [body.reach([-0.08, -0.62, 0.55], 30f64.to_radians()); 2];
    pose
}

fn sit_down(script: &mut Script, random: &mut Random) {
    let seated = seated(script.body, script.rest);
    script.hold(random.within(0.3, 0.6));
    let halfway = random.within(0.55, 0.75);
    script.key(0.75, |p| {
        crouch(p, 70.0, 78.0);
        p.lean = 44f64.to_radians();
        p.nod = -24f64.to_radians();
        p.arms = [script.body.reach([0.0, -0.72, 0.5], 0.4); 2];
    });
    script.push(halfway, seated);
    script.hold(random.within(0.8, 1.2));
}

/// One leg over a stride: share of the stride since its heel struck, hip, knee, toes in degrees.
const STRIDE: [(f64, f64, f64, f64); 8] = [
    (0.0, 25.0, 6.0, 16.0),
    (0.12, 18.0, 15.0, 0.0),
    (0.3, 2.0, 7.0, 0.0),
    (0.5, -17.0, 10.0, -14.0),
    (0.62, -8.0, 42.0, -34.0),
    (0.73, 15.0, 64.0, -8.0),
    (0.86, 29.0, 36.0, 8.0),
    (1.0, 25.0, 6.0, 16.0),
];

/// A leg at a share of its stride, between the rows of [`STRIDE`] linearly.
fn striding(rest: &Limb, share: f64) -> Limb {
    let share = share.rem_euclid(1.0);
    let row = STRIDE[1..].iter().position(|row| share < row.0);
    let (a, b) = row.map_or((STRIDE[0], STRIDE[0]), |i| (STRIDE[i], STRIDE[i + 1]));
    let u = (share - a.0) / (b.0 - a.0).max(1e-9);
    let blend = |a: f64, b: f64| (a + (b - a) * u).to_radians();
    Limb {
        forward: blend(a.1, b.1),
        bend: blend(a.2, b.2),
        end: blend(a.3, b.3),
        ..*rest
    }
}

fn walk(script: &mut Script) {
    const STEPS_A_STRIDE: usize = 12;
    const SECONDS: f64 = 1.08;
    // There and back: two strides on, one and a half while turning about, and the same again.
    let legs: [(usize, f64); 4] = [(24, 0.0), (16, 180.0), (24, 0.0), (16, -180.0)];
    let mut heading = 0.0;
    let mut step = 0;
    for (steps, turn) in legs {
        for _ in 0..steps {
            heading += f64::to_radians(turn) / steps as f64;
            let share = step as f64 / STEPS_A_STRIDE as f64;
            step += 1;
            let turning = if turn == 0.0 { 1.0 } else { 0.62 };
            let swing = (std::f64::consts::TAU * share).cos();
            let after = match step {
                1 => 0.45,
                _ => SECONDS / STEPS_A_STRIDE as f64,
            };
            script.key(after, |p| {
                p.heading += heading;
                let straight = p.legs;
                for (side, late) in [(RIGHT, 0.0), (LEFT, 0.5)] {
                    let full = striding(&straight[side], share + late);
                    p.legs[side] = Limb {
                        forward: turning * full.forward,
                        end: turning * full.end,
                        ..full
                    };
                }
                p.lean += 3f64.to_radians();
                p.turn += 7f64.to_radians() * swing * turning;
                p.tilt += 3f64.to_radians() * (std::f64::consts::TAU * (share - 0.12)).sin();
                for (side, sign) in [(RIGHT, -1.0), (LEFT, 1.0)] {
                    p.arms[side].forward += (22.0 * sign * swing * turning).to_radians();
                    p.arms[side].bend += (8.0 * (1.0 + sign * swing)).to_radians();
                }
            });
        }
    }
    script.rest(0.4);
}

fn bow(script: &mut Script, random: &mut Random) {
    let depth = random.within(48.0, 66.0f64).to_radians();
    script.key(0.85, |p| {
        p.lean = depth;
        p.nod = 12f64.to_radians();
        // Hands slide down the thighs.
        p.arms.iter_mut().for_each(|a| a.forward += 0.8 * depth);
        crouch(p, 7.0, 0.0);
    });
    script.hold(random.within(0.3, 0.7));
    script.rest(0.85);
}

fn pick_up(script: &mut Script, random: &mut Random) {
    let aside = random.within(-0.15, 0.25);
    let down = |p: &mut Pose| {
        crouch(p, 80.0, 104.0);
        p.lean = 70f64.to_radians();
        p.nod = -8f64.to_radians();
        p.arms[LEFT].forward += 0.7;
    };
    let reaching = script.hand(aside, -0.28, 0.93, 5.0);
    let carrying = script.hand(-0.05, -0.3, 0.48, 10.0);
    script.key(0.85, |p| {
        down(p);
        p.arms[RIGHT] = reaching;
    });
    script.hold(random.within(0.15, 0.35));
    script.key(0.8, |p| p.arms[RIGHT] = carrying);
    script.hold(random.within(0.1, 0.4));
    script.rest(0.5);
}

fn raise_arms(script: &mut Script, random: &mut Random) {
    let aside = script.hand(random.within(0.5, 0.95), 0.1, 0.3, 20.0);
    let up = script.hand(0.12, 0.97, 0.08, 30.0);
    script.key(0.55, |p| p.arms = [aside; 2]);
    script.key(0.5, |p| {
        p.arms = [up; 2];
        p.nod = -10f64.to_radians();
    });
    script.hold(random.within(0.3, 0.8));
    script.key(0.5, |p| p.arms = [aside; 2]);
    script.rest(0.5);
}
