use super::body::Joints;
use super::recording::clean;
use super::*;
use crate::normalise;
use crate::resize;
use crate::sequence::Sequence;
use crate::{Layout, window};

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    super::space::length(super::space::sub(a, b))
}

fn soles(joints: &Joints) -> [f64; 2] {
    // Kinect's ankle lies at 4.5 %, its foot at 1.2 % of the stature.
    [(18, 19), (14, 15)].map(|(ankle, foot)| joints[ankle][1].min(joints[foot][1]))
}

#[test]
fn bones_keep_their_lengths() {
    let edges = Layout::ntu25().edges;
    for action in ACTIONS {
        let track = clean(&Subject::new(3, 5), action, 1, 6.0, 30.0);
        for &(a, b) in &edges {
            // Kinect joins the hand's tip to the thumb; between these is no bone.
            if [21, 23].contains(&a) || [21, 23].contains(&b) {
                continue;
            }
            let first = distance(track[0][a], track[0][b]);
            for joints in &track {
                let now = distance(joints[a], joints[b]);
                assert!((now - first).abs() < 1e-9, "{action:?}: bone {a}–{b}");
            }
        }
    }
}

#[test]
fn feet_stand_on_the_floor() {
    for action in ACTIONS {
        for id in 1..4 {
            let subject = Subject::new(0, id);
            let track = clean(&subject, action, 1, 8.0, 30.0);
            let toes = 0.012 * subject.stature();
            let mut in_flight = 0;
            for joints in &track {
                let lowest = soles(joints).into_iter().fold(f64::INFINITY, f64::min);
                assert!(lowest > toes - 1e-9, "{action:?}: a foot {lowest} m");
                in_flight += usize::from(lowest > toes + 0.04);
            }
            assert_eq!(in_flight > 0, action == Action::Jump, "{action:?}");
        }
    }
}

#[test]
fn planted_feet_do_not_slide() {
    for action in [Action::Squat, Action::SitDown, Action::Bow, Action::PickUp] {
        let track = clean(&Subject::new(0, 2), action, 1, 6.0, 30.0);
        for joint in [14, 18] {
            for pair in track.windows(2) {
                let step = distance(pair[0][joint], pair[1][joint]);
                assert!(
                    step * 30.0 < 0.25,
                    "{action:?}: a foot at {} m/s",
                    step * 30.0
                );
            }
        }
    }
}

#[test]
fn nothing_jumps() {
    let subject = Subject::new(1, 9);
    let order = shuffled(&subject, &ACTIONS, 1);
    for action in ACTIONS {
        for pair in clean(&subject, action, 2, 6.0, 30.0).windows(2) {
            for (v, (a, b)) in pair[0].iter().zip(&pair[1]).enumerate() {
                let speed = 30.0 * distance(*a, *b);
                assert!(speed < 14.0, "{action:?}: joint {v} at {speed} m/s");
            }
        }
    }
    let (sequence, segments) = session(&subject, &order, 1, 30.0);
    for t in 1..sequence.frames {
        let [a, b] = [t - 1, t].map(|t| sequence.joint(t, 0, 0).map(f64::from));
        assert!(distance(a, b) * 30.0 < 4.0, "pelvis at frame {t}");
    }
    let mut seen: Vec<&str> = segments.iter().map(|s| s.action.as_str()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), ACTIONS.len(), "every action has a segment");
    let length = sequence.frames as f64 / 30.0;
    assert!(segments.last().is_some_and(|s| s.end < length));
    for pair in segments.windows(2) {
        assert!(pair[0].start < pair[0].end && pair[0].end <= pair[1].start);
    }
}

#[test]
fn each_action_of_a_session_lasts_four_to_eight_seconds() {
    for id in 1..12 {
        let subject = Subject::new(0, id);
        let (_, segments) = session(&subject, &shuffled(&subject, &ACTIONS, 1), 1, 10.0);
        for action in ACTIONS {
            let lasted: f64 = segments
                .iter()
                .filter(|s| s.action == action.name())
                .map(|s| s.end - s.start)
                .sum();
            assert!((3.5..11.5).contains(&lasted), "{action:?}: {lasted} s");
        }
    }
}

#[test]
fn standing_up_is_sitting_down_backwards() {
    let subject = Subject::new(0, 1);
    let down = clean(&subject, Action::SitDown, 3, 0.0, 30.0);
    let mut up = clean(&subject, Action::StandUp, 3, 0.0, 30.0);
    up.reverse();
    assert_eq!(down, up);
    let pelvis = |t: usize| down[t][0][1];
    assert!(pelvis(0) - pelvis(down.len() - 1) > 0.3, "it does go down");
    assert!((60..150).contains(&down.len()), "{} frames", down.len());
}

#[test]
fn a_seed_is_all_there_is() {
    let make = |seed, id, take| recording(&Subject::new(seed, id), Action::Wave, take, 4.0, 30.0);
    let first = make(7, 2, 1);
    assert_eq!(first, make(7, 2, 1));
    assert_eq!((first.frames, first.bodies, first.joints), (120, 1, 25));
    assert!(first.data.iter().all(|x| x.is_finite()));
    for other in [make(8, 2, 1), make(7, 3, 1), make(7, 2, 2)] {
        assert_ne!(first, other);
    }
}

#[test]
fn a_larger_data_set_holds_the_smaller() {
    let make = |subjects, takes| {
        let folder = tempfile::tempdir().expect("folder");
        let settings = Settings {
            subjects,
            takes,
            seconds: 3.0,
            ..Settings::default()
        };
        let mut told = 0;
        dataset(folder.path(), &settings, |done| told = done).expect("written");
        assert_eq!(told, settings.samples());
        let dataset = crate::Dataset::open(folder.path()).expect("opened");
        (folder, dataset)
    };
    let ((_a, small), (_b, large)) = (make(4, 1), make(5, 2));
    let test = small
        .part("xsub", crate::dataset::Part::Test)
        .expect("split");
    assert_eq!(test.len() * 4, small.samples().len());
    for (i, sample) in small.samples().iter().enumerate() {
        let j = large
            .samples()
            .iter()
            .position(|s| s == sample)
            .expect("the same sample");
        let of = |set: &crate::Dataset, i| set.sequence(i).expect("finite").to_owned();
        assert_eq!(of(&small, i), of(&large, j));
    }
}

/// Two-second windows as the encoder would see them, coarsely: centred, turned, 10 frames.
fn windows(subjects: std::ops::Range<u32>) -> Vec<(usize, Vec<f32>)> {
    let layout = Layout::ntu25();
    let mut all = Vec::new();
    for id in subjects {
        let subject = Subject::new(0, id);
        for action in ACTIONS {
            let takes = if action.is_one_way() { 2 } else { 1 };
            for take in 1..=takes {
                let sequence = recording(&subject, action, take, 6.0, 30.0);
                for range in window::cut(sequence.frames, 30.0, 2.0, 1.0) {
                    let mut cut: Sequence = resize::linear(sequence.view().slice(range), 10);
                    normalise::centre_and_turn(&mut cut, &layout);
                    all.push((action.label(), cut.data));
                }
            }
        }
    }
    all
}

/// Nearest neighbour across people: far above chance, and yet not solved.
#[test]
fn classes_are_separable_but_not_trivially() {
    let (known, unseen) = (windows(1..9), windows(9..13));
    let mut right = 0;
    for (label, data) in &unseen {
        let far =
            |other: &[f32]| -> f32 { data.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum() };
        let nearest = known
            .iter()
            .min_by(|a, b| far(&a.1).total_cmp(&far(&b.1)))
            .expect("some");
        right += usize::from(nearest.0 == *label);
    }
    let share = right as f64 / unseen.len() as f64;
    println!(
        "nearest neighbour: {:.1} % of {}",
        100.0 * share,
        unseen.len()
    );
    assert!((0.4..0.97).contains(&share), "{share}");
}
