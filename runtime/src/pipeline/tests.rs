use super::*;
use crate::event::Events;
use crate::settings::Span;
use crate::source::Reader;
use aimclr_engine::{Continual, Engine, Output, State, Windows};
use aimclr_model::card::{Calibration, Form, Provenance, VERSION};
use aimclr_model::continual::STEP;
use aimclr_skeleton::frame::Joint;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Person, Stream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Class 1 by the share of frames in which a head is above 1 m, else class 0.
#[derive(Default)]
pub(crate) struct HighHead {
    /// All that went in.
    pub seen: Vec<f32>,
    /// Windows and bodies of each call.
    pub calls: Arc<Mutex<Vec<(usize, usize)>>>,
    /// What one call takes best; 0 for the usual.
    pub batch: usize,
}

const HEAD: usize = 3;

impl Engine for HighHead {
    fn run(&mut self, windows: Windows<'_>) -> Result<Output, EngineError> {
        self.seen.extend_from_slice(windows.data);
        crate::queue::lock(&self.calls).push((windows.n, windows.m));
        let size = windows.data.len() / windows.n;
        let (mut probabilities, mut embedding) = (Vec::new(), Vec::new());
        for window in windows.data.chunks_exact(size) {
            let heads = window.chunks_exact(25 * 3).map(|frame| frame[HEAD * 3 + 1]);
            let high = heads.clone().filter(|y| *y > 1.0).count() as f32 / heads.count() as f32;
            probabilities.extend([1.0 - high, high]);
            embedding.extend([1.0 - high, high, 0.0]);
        }
        Ok(Output {
            n: windows.n,
            probabilities,
            embedding,
            ..Output::default()
        })
    }

    fn batch(&self) -> usize {
        self.batch.max(1)
    }

    fn provider(&self) -> &str {
        "test"
    }

    fn describe(&self) -> String {
        "test".into()
    }
}

pub(crate) fn card() -> Card {
    Card {
        version: VERSION,
        layout: Layout::ntu25(),
        frames: 50,
        bodies: 2,
        window: 1.0,
        streams: vec![Stream::Joint],
        fusion: vec![1.0],
        classes: vec!["sit".into(), "stand".into()],
        embedding: 256,
        preprocessing: Preprocessing::Released,
        form: Default::default(),
        precision: Default::default(),
        merged: Vec::new(),
        measured: None,
        provenance: Provenance::default(),
        calibration: Calibration {
            temperature: 1.0,
            unknown_below: 0.7,
            fitted: None,
        },
    }
}

fn pipeline(smoothing: f64) -> Pipeline {
    let span = Span {
        window: 1.0,
        hop: 0.2,
    };
    let settings = Settings {
        smoothing,
        spans: vec![span],
        ..Settings::of(&card())
    };
    Pipeline::new(
        card(),
        Host::Windowed(Box::new(HighHead::default())),
        settings,
    )
}

pub(crate) fn person(id: Option<u64>, x: f32, head: f32) -> Person {
    let mut joints = vec![Joint::at([x, 0.5, 3.0]); 25];
    joints[HEAD] = Joint::at([x, head, 3.0]);
    Person { id, joints }
}

pub(crate) fn frame(t: f64, people: Vec<Person>) -> Frame {
    Frame {
        t,
        source: "cam0".into(),
        layout: None,
        people,
    }
}

pub(crate) fn run(pipeline: &mut Pipeline, frames: impl IntoIterator<Item = Frame>) -> Vec<Event> {
    let mut events = Vec::new();
    for frame in frames {
        let fault = pipeline
            .take(Ok(frame), Some(Instant::now()), &mut events)
            .expect("the engine runs");
        assert!(fault.is_none(), "{fault:?}");
    }
    events
}

#[test]
fn a_person_who_stands_up_is_two_segments() {
    let mut pipeline = pipeline(0.0);
    let head = |j: i32| if j < 60 { 0.8 } else { 1.5 };
    let frames = (0..120).map(|j| frame(f64::from(j) / 30.0, vec![person(None, 0.0, head(j))]));
    let mut events = run(&mut pipeline, frames);
    pipeline.finish(&mut events);
    let changes: Vec<(Kind, &str)> = events
        .iter()
        .filter(|event| event.event != Kind::Update)
        .map(|event| (event.event, &*event.action))
        .collect();
    let expected = [
        (Kind::Start, "sit"),
        (Kind::End, "sit"),
        (Kind::Start, UNKNOWN),
        (Kind::End, UNKNOWN),
        (Kind::Start, "stand"),
        (Kind::End, "stand"),
    ];
    assert_eq!(changes, expected);
    let first = &events[0];
    // 30 frames are a window; the first is whole with frame 29.
    assert_eq!((first.t, first.since), (29.0 / 30.0, 29.0 / 30.0));
    assert_eq!((first.person, &*first.source), (1, "cam0"));
    assert_eq!(first.top[0], ("sit".to_string(), 1.0));
    let last = events.last().expect("events");
    assert_eq!(last.t, 119.0 / 30.0);
    let counts = pipeline.counts();
    assert_eq!(counts.windows, 16);
    assert_eq!(counts.tracks.begun, 1);
    let Events { start, update, end } = counts.events.clone();
    assert_eq!(
        (start, end, start + update + end),
        (3, 3, events.len() as u64)
    );
    assert!(events.windows(2).all(|pair| pair[0].t <= pair[1].t));
}

#[test]
fn someone_who_leaves_ends_when_last_seen() {
    let mut pipeline = pipeline(0.0);
    let alone = |j: i32| frame(f64::from(j) / 30.0, vec![person(Some(7), 0.0, 0.8)]);
    let empty = |j: i32| frame(f64::from(j) / 30.0, Vec::new());
    let mut events = run(&mut pipeline, (0..60).map(alone));
    events.clear();
    events.extend(run(&mut pipeline, (60..90).map(empty)));
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].event, events[0].person), (Kind::End, 7));
    assert_eq!(events[0].t, 59.0 / 30.0);
    // Coming back begins anew, with a window of its own.
    let events = run(&mut pipeline, (90..125).map(alone));
    assert_eq!(events[0].event, Kind::Start);
    assert_eq!(events[0].t, 119.0 / 30.0);
}

#[test]
fn whoever_is_there_ends_with_a_source_that_falls_silent() {
    let mut pipeline = pipeline(0.0);
    let of = |j: i32| frame(f64::from(j) / 30.0, vec![person(Some(7), 0.0, 0.8)]);
    run(&mut pipeline, (0..60).map(of));
    let mut events = Vec::new();
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    assert!(pipeline.end_silent(after(4), &mut events).is_empty());
    assert!(events.is_empty());
    assert_eq!(pipeline.end_silent(after(6), &mut events), ["cam0"]);
    let ends: Vec<_> = events.iter().map(|e| (e.event, e.person, e.t)).collect();
    assert_eq!(ends, [(Kind::End, 7, 59.0 / 30.0)]);
    assert_eq!((pipeline.counts().events.end, pipeline.people()), (1, 0));
    // Once, and it goes on with somebody new, though hardly any time has passed there.
    assert!(pipeline.end_silent(after(9), &mut events).is_empty());
    let events = run(&mut pipeline, (60..95).map(of));
    assert_eq!((events[0].event, events[0].t), (Kind::Start, 89.0 / 30.0));
}

#[test]
fn a_source_that_is_slow_is_not_silent() {
    let settings = Settings {
        spans: vec![Span::of(20.0)],
        ..Settings::of(&card())
    };
    let mut pipeline = Pipeline::new(
        card(),
        Host::Windowed(Box::new(HighHead::default())),
        settings,
    );
    run(
        &mut pipeline,
        (0..5).map(|j| frame(3.0 * f64::from(j), vec![person(None, 0.0, 0.8)])),
    );
    let mut events = Vec::new();
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    // Three and a half intervals of 3 s.
    assert!(pipeline.end_silent(after(10), &mut events).is_empty());
    assert_eq!(pipeline.end_silent(after(11), &mut events), ["cam0"]);
    assert_eq!(pipeline.counts().tracks.too_short, 1);
}

#[test]
fn a_short_absence_and_a_lost_joint_change_nothing() {
    let mut pipeline = pipeline(0.0);
    let frames = (0..90).filter(|j| !(40..50).contains(j)).map(|j| {
        let mut person = person(Some(1), 0.0, 0.8);
        if j % 3 == 0 {
            person.joints[HEAD] = Joint(None);
        }
        frame(f64::from(j) / 30.0, vec![person])
    });
    let events = run(&mut pipeline, frames);
    assert!(events[1..].iter().all(|event| event.event == Kind::Update));
    assert_eq!(pipeline.counts().tracks.begun, 1);
    assert_eq!(pipeline.counts().joints.missing, 27);
    assert!(
        pipeline.counts().windows >= 9,
        "{}",
        pipeline.counts().windows
    );
}

#[test]
fn a_crowd_is_told_apart() {
    let mut pipeline = pipeline(0.0);
    let people = || -> Vec<Person> {
        (0..40)
            .map(|i| person(None, i as f32 * 2.0, if i % 2 == 0 { 0.8 } else { 1.5 }))
            .collect()
    };
    let events = run(
        &mut pipeline,
        (0..35).map(|j| frame(f64::from(j) / 30.0, people())),
    );
    assert_eq!(events.len(), 40);
    for event in &events {
        let expected = if event.person % 2 == 1 {
            "sit"
        } else {
            "stand"
        };
        assert_eq!(event.action, expected, "person {}", event.person);
    }
}

#[test]
fn sources_have_their_own_clocks_and_people() {
    let mut pipeline = pipeline(0.0);
    let frames = (0..40).flat_map(|j| {
        let t = f64::from(j) / 30.0;
        let here = frame(1000.0 + t, vec![person(Some(1), 0.0, 0.8)]);
        let there = Frame {
            source: "cam1".into(),
            ..frame(t, vec![person(Some(1), 0.0, 1.5)])
        };
        [here, there]
    });
    let events = run(&mut pipeline, frames);
    assert_eq!(pipeline.counts().tracks.begun, 2);
    for event in events {
        let expected = if event.source == "cam0" {
            "sit"
        } else {
            "stand"
        };
        assert_eq!(event.action, expected);
    }
}

/// Every kind of bad line in turn; each is dropped for its reason and the stream goes on.
#[test]
fn bad_lines_are_counted_by_reason_and_harm_nothing() {
    let good = |j: i32| frame(f64::from(j) / 30.0, vec![person(Some(1), 0.0, 0.8)]).to_line();
    let mut short = person(Some(1), 0.0, 0.8);
    short.joints.pop();
    let other = Frame {
        layout: Some("coco17".into()),
        ..frame(2.0, Vec::new())
    };
    let crowd = vec![person(None, 0.0, 0.8); 500];
    let twins = vec![person(Some(3), 0.0, 0.8), person(Some(3), 2.0, 0.8)];
    let elsewhere = Frame {
        source: "x".repeat(1000),
        ..frame(2.0, Vec::new())
    };
    let bad = [
        ("not_a_frame", "{\"t\":".to_string()),
        ("not_finite", r#"{"t":NaN,"people":[]}"#.to_string()),
        ("joints", frame(2.0, vec![short]).to_line()),
        ("layout", other.to_line()),
        ("time", frame(0.1, Vec::new()).to_line()),
        ("too_many_people", frame(2.0, crowd).to_line()),
        ("same_id", frame(2.0, twins).to_line()),
        ("source", elsewhere.to_line()),
        ("too_long", "y".repeat(10_000_000)),
    ];
    let mut text = String::new();
    for j in 0..60 {
        text += &good(j);
        text.push('\n');
        if let Some((_, line)) = usize::try_from(j - 20).ok().and_then(|at| bad.get(at)) {
            text += line;
            text.push('\n');
        }
    }
    let mut pipeline = pipeline(0.0);
    let (mut events, mut faults) = (Vec::new(), Vec::new());
    for item in Reader::new(text.as_bytes()) {
        let item = item.expect("read");
        let fault = pipeline.take(item.frame, Some(item.arrived), &mut events);
        faults.extend(fault.expect("the engine runs"));
    }
    let frames = &pipeline.counts().frames;
    assert_eq!((frames.seen, frames.used), (69, 60));
    assert_eq!(frames.seen, frames.used + frames.dropped_in_all());
    let reasons: Vec<&str> = faults.iter().map(Fault::reason).collect();
    assert_eq!(reasons, bad.each_ref().map(|(reason, _)| *reason));
    assert!(frames.dropped.values().all(|count| *count == 1));
    let message = faults[2].to_string();
    assert!(
        message.contains("expected 25 joints (ntu25), found 24"),
        "{message}"
    );
    // 60 good frames: windows at frames 29, 35, …, 59.
    assert_eq!(pipeline.counts().windows, 6);
    assert!(events[1..].iter().all(|event| event.event == Kind::Update));
}

#[test]
fn a_stream_that_jumps_about_in_time_never_hangs() {
    let mut pipeline = pipeline(0.0);
    let times = [
        0.0,
        1e-300,
        1.0,
        1e9,
        1e300,
        f64::MAX,
        -f64::MAX,
        -1e300,
        0.0,
        5.0,
    ];
    let mut events = Vec::new();
    for _ in 0..5 {
        for t in times {
            let frame = frame(t, vec![person(Some(1), 0.0, 0.8)]);
            let _ = pipeline
                .take(Ok(frame), Some(Instant::now()), &mut events)
                .expect("the engine runs");
        }
    }
    let frames = &pipeline.counts().frames;
    assert_eq!(frames.seen, frames.used + frames.dropped_in_all());
}

#[test]
fn enrolled_actions_are_said_beside_the_models() {
    let decisions = |text| Decisions::parse("d.toml", text).expect("a good file");
    let mut pipeline = pipeline(0.0);
    let message = pipeline.decide_by(&decisions("unknown.distance = 1.0"));
    assert!(
        message
            .expect_err("no gallery")
            .to_string()
            .contains("--gallery")
    );
    let bow = decisions("[actions.bow]\nstart = 0.9");
    assert!(pipeline.decide_by(&bow).is_err(), "before it is known");
    pipeline.teach(Matcher::new(&crate::gallery::tests::two()));
    pipeline.decide_by(&bow).expect("known");
    let sitting = |j: i32| frame(f64::from(j) / 30.0, vec![person(None, 0.0, 0.8)]);
    let events = run(&mut pipeline, (0..31).map(sitting));
    assert_eq!((events.len(), &*events[0].action), (1, "bow"));
    // Half way between the two enrolled ones is too far from either.
    let half = decisions("threshold.start = 0.4\nunknown.distance = 0.1");
    pipeline.decide_by(&half).expect("known");
    let head = |j: i32| if j < 46 { 0.8 } else { 1.5 };
    let rising = |j: i32| frame(f64::from(j) / 30.0, vec![person(None, 0.0, head(j))]);
    let events = run(&mut pipeline, (31..61).map(rising));
    assert_eq!(events.last().expect("events").action, UNKNOWN);
}

#[test]
fn an_id_that_jumps_ends_and_begins_anew() {
    let mut pipeline = pipeline(0.0);
    let x = |j: i32| if j < 45 { 0.0 } else { 6.0 };
    let frames = (0..90).map(|j| frame(f64::from(j) / 30.0, vec![person(Some(7), x(j), 0.8)]));
    let mut events = run(&mut pipeline, frames);
    pipeline.finish(&mut events);
    let changes: Vec<(Kind, f64)> = (events.iter())
        .filter(|event| event.event != Kind::Update)
        .map(|event| (event.event, (event.t * 30.0).round()))
        .collect();
    // A window of its own begins with frame 45.
    let expected = [
        (Kind::Start, 29.0),
        (Kind::End, 44.0),
        (Kind::Start, 74.0),
        (Kind::End, 89.0),
    ];
    assert_eq!(changes, expected);
    let tracks = &pipeline.counts().tracks;
    assert_eq!((tracks.begun, tracks.jumped), (2, 1));
}

/// As [`HighHead`], four frames at a time.
#[derive(Default)]
struct HighSteps {
    windows: HighHead,
}

impl Continual for HighSteps {
    fn start(&self) -> State {
        State::default()
    }

    fn step(&mut self, people: &mut [aimclr_engine::Person<'_>]) -> Result<Output, EngineError> {
        let frames = people.iter().flat_map(|person| person.frames);
        let data: Vec<f32> = frames.copied().collect();
        assert_eq!(data.len(), people.len() * STEP * 25 * 3);
        let (n, data) = (people.len(), &data);
        self.windows.run(Windows { n, m: 1, data })
    }

    fn provider(&self) -> &str {
        "test"
    }

    fn describe(&self) -> String {
        "test".into()
    }
}

#[test]
fn a_continual_model_answers_for_each_once_it_has_seen_enough() {
    let card = Card {
        form: Form::Continual,
        window: 2.0,
        bodies: 1,
        ..card()
    };
    let settings = Settings {
        smoothing: 0.0,
        ..Settings::of(&card)
    };
    // Four of 25 frames a second.
    assert!((settings.spans[0].hop - 0.16).abs() < 1e-12);
    let host = Host::Continual(Box::new(HighSteps::default()));
    let mut pipeline = Pipeline::new(card, host, settings);
    // The second one comes four seconds later; at 30 frames a second, every tenth is missed.
    let people = |t: f64| {
        let first = person(Some(1), 0.0, 0.8);
        let second = person(Some(2), 2.0, 1.5);
        match t < 4.0 {
            true => vec![first],
            false => vec![first, second],
        }
    };
    let times = (0..300)
        .filter(|j| j % 10 != 7)
        .map(|j| f64::from(j) / 30.0);
    let mut events = run(&mut pipeline, times.map(|t| frame(t, people(t))));
    pipeline.finish(&mut events);
    for (who, action, came) in [(1, "sit", 0.0), (2, "stand", 4.0)] {
        let own: Vec<&Event> = events.iter().filter(|event| event.person == who).collect();
        let (first, last) = (own[0], own[own.len() - 1]);
        assert_eq!((first.event, &*first.action), (Kind::Start, action));
        assert_eq!((last.event, &*last.action), (Kind::End, action));
        // 31 steps are about a time before; the 32nd has its last frame 5.08 s after the first.
        let waited = first.t - came;
        assert!((5.05..5.25).contains(&waited), "{who}: {waited}");
        let updates = own.len() - 2;
        let expected = ((9.97 - first.t) / 0.16) as usize;
        assert!(
            updates.abs_diff(expected) <= 1,
            "{who}: {updates} {expected}"
        );
    }
    assert!(pipeline.sources.is_empty());
}

#[test]
fn somebody_who_left_is_forgotten_by_a_continual_model() {
    let card = Card {
        form: Form::Continual,
        bodies: 1,
        ..card()
    };
    let host = Host::Continual(Box::new(HighSteps::default()));
    let mut pipeline = Pipeline::new(card.clone(), host, Settings::of(&card));
    let there = (0..30).map(|j| frame(f64::from(j) / 30.0, vec![person(Some(1), 0.0, 0.8)]));
    run(&mut pipeline, there);
    assert_eq!(pipeline.sources["cam0"].walks.len(), 1);
    run(
        &mut pipeline,
        (60..90).map(|j| frame(f64::from(j) / 30.0, Vec::new())),
    );
    assert!(pipeline.sources["cam0"].walks.is_empty());
}
