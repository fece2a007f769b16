use super::*;

const TRUNK: usize = 20;

fn person(id: Option<u64>, x: f32) -> Body {
    let mut joints = vec![None; 25];
    joints[TRUNK] = Some([x, 1.0, 3.0]);
    Body { id, joints }
}

fn tracker(window: f64) -> Tracker {
    Tracker::new(&Layout::ntu25(), window)
}

fn numbers(tracker: &mut Tracker) -> Vec<u64> {
    tracker
        .tracks_mut()
        .iter()
        .map(|track| track.person)
        .collect()
}

#[test]
fn people_who_pass_each_other_keep_their_numbers() {
    let mut tracker = tracker(2.0);
    for j in 0..60 {
        let t = f64::from(j) / 30.0;
        // Towards each other at 1.5 m/s, a metre apart in depth only when they meet.
        let x = t as f32 * 1.5;
        let mut left = person(None, x);
        left.joints[TRUNK] = Some([x, 1.0, 2.4]);
        let right = person(None, 3.0 - x);
        // In changing order, which must not matter.
        let people = if j % 2 == 0 {
            [left, right]
        } else {
            [right, left]
        };
        tracker.observe(t, &people);
    }
    assert_eq!(numbers(&mut tracker), [1, 2]);
    let places: Vec<f32> = tracker
        .tracks_mut()
        .iter()
        .map(|t| t.spot.place[0])
        .collect();
    assert!(places[0] > 2.9 && places[1] < 0.1, "{places:?}");
}

#[test]
fn a_short_gap_is_bridged_and_a_long_one_ends_the_track() {
    let mut tracker = tracker(2.0);
    let may_be_gone = gap(Some(1.0 / 30.0), 2.0);
    assert_eq!(may_be_gone, 0.5);
    tracker.observe(0.0, &[person(None, 0.0)]);
    assert!(tracker.end_before(0.4 - may_be_gone).is_empty());
    assert_eq!(tracker.observe(0.4, &[person(None, 0.1)]).begun, 0);
    assert_eq!(tracker.end_before(1.0 - may_be_gone).len(), 1);
    assert_eq!(tracker.observe(1.0, &[person(None, 0.1)]).begun, 1);
    assert_eq!(numbers(&mut tracker), [2]);
}

#[test]
fn a_slow_source_may_have_longer_gaps_but_none_above_a_window() {
    assert_eq!(gap(Some(0.4), 3.0), 1.4000000000000001);
    assert_eq!(gap(Some(10.0), 3.0), 3.0);
    assert_eq!(gap(None, 3.0), 0.5);
}

#[test]
fn ids_of_the_source_count_more_than_places() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[person(Some(7), 0.0), person(Some(1), 1.0)]);
    tracker.observe(
        0.1,
        &[
            person(Some(1), 0.0),
            person(Some(7), 1.0),
            person(None, 5.0),
        ],
    );
    // Number 1 is taken by the source, so the third gets 2.
    assert_eq!(numbers(&mut tracker), [7, 1, 2]);
    assert_eq!(tracker.tracks_mut()[0].spot.place[0], 1.0);
}

#[test]
fn somebody_far_away_is_somebody_else() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[person(None, 0.0)]);
    assert_eq!(tracker.observe(0.1, &[person(None, 2.0)]).begun, 1);
}

#[test]
fn without_shoulders_the_mean_of_what_is_seen_counts_and_nothing_seen_is_nobody() {
    let mut tracker = tracker(2.0);
    let mut legs = person(None, 0.0);
    legs.joints[TRUNK] = None;
    legs.joints[12] = Some([0.0, 1.0, 2.0]);
    legs.joints[16] = Some([1.0, 1.0, 4.0]);
    let observed = tracker.observe(0.0, &[legs]);
    assert_eq!((observed.joints, observed.missing), (25, 23));
    assert_eq!(tracker.tracks_mut()[0].spot.place, [0.5, 1.0, 3.0]);
    let blind = Body {
        id: Some(3),
        joints: vec![None; 25],
    };
    assert_eq!(tracker.observe(0.1, &[blind]).begun, 0);
}

/// Two people who walk through a picture, one half as large as the other, and the nearer one
/// out of sight below the hips in between.
#[test]
fn people_in_a_picture_are_followed_by_their_own_size() {
    let layout = Layout::by_name("coco17").expect("known");
    let body = |x: f32, size: f32, whole: bool| {
        let joint = |(v, name): (usize, &String)| {
            let down = match name.rsplit(' ').next() {
                Some("nose" | "eye" | "ear") => 0.0,
                Some("shoulder") => 0.3,
                Some("elbow" | "hip" | "wrist") => 0.8,
                _ if !whole => return None,
                Some("knee") => 1.2,
                _ => 1.6,
            };
            // Confidence is no place, whatever it does.
            Some([x, 100.0 + size * down, 0.1 + 0.05 * v as f32])
        };
        Body {
            id: None,
            joints: layout.joints.iter().enumerate().map(joint).collect(),
        }
    };
    for pixels in [1.0, 4.0] {
        let mut tracker = Tracker::new(&layout, 2.0);
        for j in 0..60 {
            let t = j as f32 / 30.0;
            let near = body(
                pixels * (100.0 + 150.0 * t),
                pixels * 200.0,
                j / 10 % 2 == 0,
            );
            let far = body(pixels * (900.0 - 80.0 * t), pixels * 100.0, true);
            let people = match j % 2 {
                0 => [near, far],
                _ => [far, near],
            };
            tracker.observe(f64::from(t), &people);
        }
        assert_eq!(numbers(&mut tracker), [1, 2], "{pixels}");
        let stranger = body(pixels * 600.0, pixels * 200.0, true);
        assert_eq!(tracker.observe(2.0, &[stranger]).begun, 1, "{pixels}");
    }
}

#[test]
fn ever_new_ids_do_not_pile_up() {
    let mut tracker = tracker(2.0);
    let mut ended = 0;
    for j in 0..1000 {
        let observed = tracker.observe(f64::from(j) * 1e-6, &[person(Some(j as u64), 0.0)]);
        ended += observed.ended.len();
    }
    assert_eq!((numbers(&mut tracker).len(), ended), (MOST, 1000 - MOST));
    assert_eq!(numbers(&mut tracker).last(), Some(&999));
}

#[test]
fn windows_are_due_every_hop_without_drift() {
    let mut tracker = tracker(0.5);
    let (window, hop) = (0.5, 0.2);
    let (mut due, mut skipped) = (Vec::new(), 0);
    for j in (0..45).chain(57..70) {
        tracker.observe(f64::from(j) / 30.0, &[person(Some(1), 0.0)]);
        let track = &mut tracker.tracks_mut()[0];
        if track.late(0, window, 1.0 / 30.0).is_some() {
            skipped += track.looked(0, hop, 1.0 / 30.0);
            due.push(j);
        }
    }
    // 15 frames are a window. In the gap one fell out, and what follows keeps time.
    assert_eq!(due, [14, 20, 26, 32, 38, 44, 57, 62, 68]);
    assert_eq!(skipped, 1);
}

/// Somebody whose torso is `torso` metres long.
fn body(x: f32, z: f32, torso: f32) -> Body {
    let mut body = person(None, x);
    body.joints[TRUNK] = Some([x, 1.0, z]);
    body.joints[0] = Some([x, 1.0 - torso, z]);
    body
}

/// The track of each person of a frame, in the frame's order.
fn joined(tracker: &mut Tracker, t: f64, people: &[Body]) -> Vec<u64> {
    let mut joined = tracker.observe(t, people).people;
    joined.sort_unstable();
    joined.into_iter().map(|(_, number)| number).collect()
}

#[test]
fn people_who_cross_keep_their_numbers_though_one_hides_the_other() {
    let mut tracker = tracker(2.0);
    for j in 0..60 {
        let t = f64::from(j) / 30.0;
        let x = 1.5 * t as f32;
        let (left, right) = (body(x, 2.9, 0.5), body(3.0 - x, 3.1, 0.5));
        // The one behind is out of sight for 0.4 s.
        let found = match (24..36).contains(&j) {
            true => joined(&mut tracker, t, &[left]),
            false => joined(&mut tracker, t, &[left, right]),
        };
        assert_eq!(found, [1, 2][..found.len()], "frame {j}");
    }
}

#[test]
fn all_together_count_and_not_the_nearest_pair() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[body(0.0, 3.0, 0.5), body(0.4, 3.0, 0.5)]);
    // 0.25 is nearer to the second, for whom nobody else would be left within reach then.
    let found = joined(
        &mut tracker,
        0.1,
        &[body(0.25, 3.0, 0.5), body(0.65, 3.0, 0.5)],
    );
    assert_eq!(found, [1, 2]);
}

#[test]
fn of_two_who_are_as_near_the_one_of_the_same_size_is_meant() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[body(0.0, 3.0, 0.3), body(0.2, 3.0, 0.6)]);
    let people = [body(0.1, 3.0, 0.6), body(0.1, 3.1, 0.3)];
    assert_eq!(joined(&mut tracker, 0.1, &people), [2, 1]);
}

#[test]
fn a_crowd_keeps_its_numbers_while_some_come_and_go() {
    let mut tracker = tracker(2.0);
    let mut of: std::collections::BTreeMap<usize, u64> = std::collections::BTreeMap::new();
    for j in 0..90_usize {
        let t = j as f32 / 30.0;
        // Rows that walk against each other, 0.8 m apart; everybody misses a frame now and then,
        // some leave after a second, some come after two.
        let here = (0..100).filter(|i| {
            let out = (i % 10 == 3 && t > 1.0) || (i % 10 == 6 && t < 2.0);
            !out && (i * 7 + j) % 23 != 0
        });
        let here: Vec<usize> = here.collect();
        let people: Vec<Body> = (here.iter())
            .map(|i| {
                let way = if i / 10 % 2 == 0 { 1.0 } else { -1.0 };
                let x = 0.8 * (i % 10) as f32 + way * 1.2 * t;
                body(x, 2.0 + 0.8 * (i / 10) as f32, 0.5)
            })
            .collect();
        let found = joined(&mut tracker, f64::from(t), &people);
        for (i, number) in here.iter().zip(found) {
            assert_eq!(*of.entry(*i).or_insert(number), number, "{i} in frame {j}");
        }
        tracker.end_before(f64::from(t) - 0.5);
    }
    assert_eq!(of.len(), 100);
    assert_eq!(tracker.tracks_mut().len(), 90);
}

#[test]
fn a_newcomer_pushes_nobody_on() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[body(0.0, 3.0, 0.5), body(0.5, 3.0, 0.5)]);
    // The second is hidden, and somebody comes in from the left.
    let found = joined(
        &mut tracker,
        0.1,
        &[body(0.0, 3.0, 0.5), body(-0.4, 3.0, 0.5)],
    );
    assert_eq!(found, [1, 3]);
}

#[test]
fn an_id_that_is_somewhere_else_at_once_begins_anew() {
    let mut tracker = tracker(2.0);
    tracker.observe(0.0, &[person(Some(7), 0.0)]);
    // Ten metres a second might be a run, 40 are none.
    assert_eq!(tracker.observe(0.1, &[person(Some(7), 1.0)]).jumped, 0);
    let observed = tracker.observe(0.2, &[person(Some(7), 5.0)]);
    assert_eq!((observed.jumped, observed.begun), (1, 1));
    assert_eq!((observed.ended.len(), observed.ended[0].last), (1, 0.1));
    assert_eq!(numbers(&mut tracker), [7]);
    assert_eq!(tracker.tracks_mut()[0].spot.place[0], 5.0);
    // Time enough to walk there.
    assert_eq!(tracker.observe(1.2, &[person(Some(7), 0.0)]).jumped, 0);
}
