use crate::event::{Event, Kind};
use crate::host::Host;
use crate::pipeline::Pipeline;
use crate::pipeline::tests::{HighHead, card, frame, person, run};
use crate::queue::lock;
use crate::settings::{Settings, Span};
use aimclr_skeleton::Frame;
use std::sync::{Arc, Mutex};

/// Windows and bodies of each call of the engine.
type Calls = Arc<Mutex<Vec<(usize, usize)>>>;

/// A pipeline with windows of such lengths, in seconds, every 0.2 s, and what its engine is asked.
fn pipeline(windows: &[f64], batch: usize) -> (Pipeline, Calls) {
    let span = |window: &f64| Span {
        window: *window,
        hop: 0.2,
    };
    let settings = Settings {
        spans: windows.iter().map(span).collect(),
        smoothing: 0.0,
        ..Settings::of(&card())
    };
    let engine = HighHead {
        batch,
        ..HighHead::default()
    };
    let calls = engine.calls.clone();
    let host = Host::Windowed(Box::new(engine));
    (Pipeline::new(card(), host, settings), calls)
}

/// Frame `j` at 30 a second with so many people, 3 m apart.
fn crowd(j: i32, people: i32) -> Frame {
    let person = |i: i32| person(Some(i as u64), i as f32 * 3.0, 0.8);
    frame(f64::from(j) / 30.0, (0..people).map(person).collect())
}

/// Windows of each frame, from frame `from` on, of so many people.
fn windows(pipeline: &mut Pipeline, calls: &Calls, frames: std::ops::Range<i32>) -> Vec<usize> {
    let windows = |j: i32| {
        lock(calls).clear();
        run(pipeline, [crowd(j, 12)]);
        lock(calls).iter().map(|(n, _)| n).sum()
    };
    frames.map(windows).collect()
}

#[test]
fn people_who_came_together_have_their_turns_one_after_the_other() {
    let (mut pipeline, calls) = pipeline(&[1.0], 1);
    // Twelve people every sixth frame are two a frame, and each call is one window.
    let found = windows(&mut pipeline, &calls, 0..65);
    assert_eq!(found[..29], [0; 29]);
    assert_eq!(found[29..], [2; 36]);
    assert!(lock(&calls).iter().all(|call| *call == (1, 1)));
    assert_eq!(pipeline.counts().skipped, 0);
}

#[test]
fn where_a_batch_is_faster_all_go_at_once() {
    let (mut pipeline, calls) = pipeline(&[1.0], 32);
    let found = windows(&mut pipeline, &calls, 0..42);
    for (j, found) in found.into_iter().enumerate() {
        let expected = if [29, 35, 41].contains(&j) { 12 } else { 0 };
        assert_eq!(found, expected, "frame {j}");
    }
    assert_eq!(*lock(&calls), [(12, 1)]);
}

#[test]
fn while_frames_wait_each_has_one_call_and_everybody_a_turn() {
    let (mut pipeline, calls) = pipeline(&[1.0], 1);
    pipeline.hurry_when(|| true);
    let mut events = Vec::new();
    for j in 0..149 {
        events.extend(run(&mut pipeline, [crowd(j, 12)]));
    }
    assert_eq!(lock(&calls).len(), 120);
    // Every twelfth frame instead of every sixth.
    for id in 0..12 {
        let own: Vec<&Event> = events.iter().filter(|event| event.person == id).collect();
        assert_eq!(own.len(), 10, "person {id}");
        let apart = own.windows(2).map(|pair| (pair[1].t - pair[0].t) * 30.0);
        assert!(apart.map(f64::round).all(|frames| frames == 12.0));
    }
    assert!(pipeline.counts().skipped > 60, "{:?}", pipeline.counts());
}

#[test]
fn windows_of_two_lengths_are_one_opinion() {
    let (mut pipeline, calls) = pipeline(&[0.5, 2.0], 1);
    // Up after two seconds.
    let head = |j: i32| if j < 60 { 0.8 } else { 1.5 };
    let people = |j: i32| vec![person(Some(1), 0.0, head(j))];
    let events = run(
        &mut pipeline,
        (0..90).map(|j| frame(f64::from(j) / 30.0, people(j))),
    );
    assert_eq!(pipeline.counts().windows as usize, lock(&calls).len());
    let at = |frame: f64| {
        let event = events
            .iter()
            .rev()
            .find(|event| event.t * 30.0 < frame + 0.5);
        let top = event.map(|event| event.top.clone()).expect("an event");
        let (_, p) = *top.iter().find(|(name, _)| name == "stand").expect("both");
        p
    };
    // The short window speaks first, alone, at frame 14.
    assert_eq!(
        (events[0].event, (events[0].t * 30.0).round()),
        (Kind::Start, 14.0)
    );
    // At frame 74 the short one is all up, the long one, taken at 59, 65, 71, for a fifth.
    assert!((at(74.0) - (1.0 + 0.2) / 2.0).abs() < 0.03, "{}", at(74.0));
    // Both at one frame are one event.
    let mut times: Vec<f64> = events
        .iter()
        .filter(|e| e.event != Kind::End)
        .map(|e| e.t)
        .collect();
    let all = times.len();
    times.dedup();
    assert_eq!(times.len(), all);
}

#[test]
fn the_nearest_one_is_the_second_body() {
    let (mut pipeline, calls) = pipeline(&[1.0], 1);
    // The second, who stands, comes within reach of the first, who sits; the third is far.
    let people = |j: i32| {
        vec![
            person(Some(1), 0.0, 0.8),
            person(Some(2), if j < 60 { 3.0 } else { 1.0 }, 1.5),
            person(Some(3), 9.0, 0.8),
        ]
    };
    let events = run(
        &mut pipeline,
        (0..120).map(|j| frame(f64::from(j) / 30.0, people(j))),
    );
    let said = |id: u64, from: f64| {
        let event = events
            .iter()
            .find(|event| event.person == id && event.t >= from)
            .expect("an event");
        let (_, p) = *(event.top.iter())
            .find(|(name, _)| name == "stand")
            .expect("both");
        p
    };
    for (id, alone, together) in [(1, 0.0, 0.5), (2, 1.0, 0.5), (3, 0.0, 0.0)] {
        assert_eq!((said(id, 1.0), said(id, 3.5)), (alone, together), "{id}");
    }
    let pairs = lock(&calls).iter().filter(|(_, m)| *m == 2).count();
    // A leap is somebody new, whose window is whole with frame 89: two people for a second.
    assert!((10..=12).contains(&pairs), "{pairs}");
}
