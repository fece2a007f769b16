//! Frames in, events out: source → tracks → windows → engine → decisions.

mod silence;

use crate::clock::{Clock, Tick};
use crate::decide::{Decider, Rules, Step};
use crate::decisions::{Decisions, DecisionsError};
use crate::event::{Counts, Event, Kind, UNKNOWN, rounded};
use crate::fault::Fault;
use crate::gallery::Matcher;
use crate::gate::{Body, Gate};
use crate::host::Host;
use crate::latency::Latency;
use crate::track::{Track, Tracker, gap};
use crate::walk::Walk;
use aimclr_engine::{Continual, Engine, EngineError, Output, Person, Windows};
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::continual::STEP;
use aimclr_skeleton::{Frame, window};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

/// Most sources in one stream.
const MOST_SOURCES: usize = 256;

/// Most windows in one call of the engine, so that a crowd does not take memory without end.
pub(crate) const LARGEST_BATCH: usize = 32;

/// Under which frames are counted for which there was no room; `docs/event.md` lists all reasons.
const OVERLOAD: &str = "overload";

/// How the stream is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Length of a window, seconds, above 0.
    pub window: f64,
    /// From one window to the next, seconds, above 0.
    pub hop: f64,
    /// Time constant of the smoothing, seconds; 0 for none.
    pub smoothing: f64,
    /// A best class below this smoothed probability is `unknown`.
    pub threshold: f64,
}

impl Settings {
    /// What a model card asks for. The hop is an eighth of the window, but at least 0.1 s, since
    /// windows that share nearly everything say nearly the same, and at most 0.5 s, for somebody
    /// waits for the answer. The smoothing is two hops: it takes away what a single window says
    /// and costs about as much delay.
    /// A model of the continual form answers once a step, whatever is asked.
    pub fn of(card: &Card) -> Self {
        let hop = match card.form {
            Form::Windowed => default_hop(card.window),
            Form::Continual => STEP as f64 * card.window / card.frames as f64,
        };
        Self {
            window: card.window,
            hop,
            smoothing: 2.0 * hop,
            // Without a classifier the gallery has the word, and its border is at a half.
            threshold: match card.classes.is_empty() {
                true => 0.5,
                false => card.calibration.unknown_below,
            },
        }
    }
}

/// The hop for windows of `window` seconds where none is asked for; see [`Settings::of`].
pub fn default_hop(window: f64) -> f64 {
    (window / 8.0).clamp(0.1, 0.5)
}

/// The recogniser: takes what a source gives, line by line, and says what people are doing.
pub struct Pipeline {
    card: Card,
    host: Host,
    settings: Settings,
    /// What may be recognised.
    names: Vec<String>,
    rules: Rules,
    gallery: Option<Taught>,
    gate: Gate,
    /// Everybody of the frame that was used last.
    bodies: Vec<Body>,
    sources: BTreeMap<String, Source>,
    counts: Counts,
    inference: Latency,
    latency: Latency,
}

/// A gallery and how far it reaches.
struct Taught {
    matcher: Matcher,
    /// Where the enrolled actions stand among all names.
    places: Vec<usize>,
    /// A window that is farther from each action is nothing that is known.
    farthest: f64,
}

struct Source {
    clock: Clock,
    tracker: Tracker,
    /// By the person's number.
    deciders: BTreeMap<u64, Decider>,
    /// The same, for a model of the continual form.
    walks: BTreeMap<u64, Walk>,
    /// When a frame was taken last.
    heard: Instant,
}

/// What the model said, and of whom each row is that can be decided on.
type Answers = Vec<(Vec<(usize, u64)>, Output)>;

impl Pipeline {
    /// A pipeline that has seen nothing yet. A model without a classifier needs a gallery
    /// ([`teach`](Self::teach)) to recognise anything.
    pub fn new(card: Card, host: impl Into<Host>, settings: Settings) -> Self {
        let names: Vec<String> = (0..card.classes.len()).map(|c| card.class(c)).collect();
        let rules = Rules::plain(settings.smoothing, settings.threshold, names.len());
        Self {
            gate: Gate::new(&card.layout),
            bodies: Vec::new(),
            names,
            rules,
            gallery: None,
            card,
            host: host.into(),
            settings,
            sources: BTreeMap::new(),
            counts: Counts::default(),
            inference: Latency::default(),
            latency: Latency::default(),
        }
    }

    /// Has it recognise enrolled actions, too; to be called before
    /// [`decide_by`](Self::decide_by), whose file may name them.
    pub fn teach(&mut self, matcher: Matcher) {
        let places = matcher.join(&mut self.names);
        self.gallery = Some(Taught {
            matcher,
            places,
            farthest: f64::INFINITY,
        });
        self.rules = self.plain();
    }

    /// Decides by a file from now on; open segments go on by the new rules.
    ///
    /// # Errors
    /// The file doesn't fit the actions that may be recognised, or limits the distance where there
    /// is no gallery. The old rules stay.
    pub fn decide_by(&mut self, decisions: &Decisions) -> Result<(), DecisionsError> {
        let rules = decisions.rules(&self.names, &self.plain())?;
        let distance = decisions.distance(self.gallery.is_some())?;
        if let Some(taught) = &mut self.gallery {
            taught.farthest = distance;
        }
        self.rules = rules;
        Ok(())
    }

    /// The rules without a file.
    fn plain(&self) -> Rules {
        let Settings {
            smoothing,
            threshold,
            ..
        } = self.settings;
        Rules::plain(smoothing, threshold, self.names.len())
    }

    /// What was counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How long the calls of the engine took.
    pub fn inference(&self) -> &Latency {
        &self.inference
    }

    /// How long it took from the arrival of frames to their events.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// The model, as it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How it looks at the stream.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Everybody of the frame that was used last, in the model's layout.
    pub fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// How many people are there, over all sources.
    pub fn people(&self) -> usize {
        let tracks = |source: &Source| source.tracker.tracks().len();
        self.sources.values().map(tracks).sum()
    }

    /// What to tell of layouts that came for the first time since this was asked last.
    pub fn news(&mut self) -> Vec<String> {
        self.gate.news()
    }

    /// Takes one line of a stream, a frame or why there is none, that arrived at `arrived`, and
    /// adds the events that follow from it to `events`. Gives the reason where the line was
    /// dropped, by the reader or here; it is counted either way.
    ///
    /// # Errors
    /// The engine gave up. The frame's windows are lost, the pipeline can go on.
    pub fn take(
        &mut self,
        frame: Result<Frame, Fault>,
        arrived: Instant,
        events: &mut Vec<Event>,
    ) -> Result<Option<Fault>, EngineError> {
        self.counts.frames.seen += 1;
        let admitted = frame.and_then(|frame| {
            let tick = self.admit(&frame)?;
            Ok((frame, tick))
        });
        let (frame, tick) = match admitted {
            Ok(admitted) => admitted,
            Err(fault) => {
                self.counts.frames.drop_for(fault.reason(), 1);
                return Ok(Some(fault));
            }
        };
        self.counts.frames.used += 1;
        let before = events.len();
        let result = self.follow(&frame, tick, arrived, events);
        let waited = arrived.elapsed();
        if events.len() > before {
            self.latency.add(waited);
        }
        result.map(|()| None)
    }

    /// Counts frames for which there was no room ahead of the pipeline.
    pub fn overloaded(&mut self, frames: u64) {
        if frames > 0 {
            self.counts.frames.seen += frames;
            self.counts.frames.drop_for(OVERLOAD, frames);
        }
    }

    /// Ends all that goes on, since nothing more will come.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        let now = Instant::now();
        for (name, mut source) in std::mem::take(&mut self.sources) {
            for track in source.tracker.end_all() {
                self.end(&name, &mut source.deciders, track, now, events);
            }
        }
    }

    /// Checks a frame against the model and its source's past, and keeps its people.
    fn admit(&mut self, frame: &Frame) -> Result<Tick, Fault> {
        let bodies = self.gate.admit(frame)?;
        if !self.sources.contains_key(&frame.source) {
            if self.sources.len() == MOST_SOURCES {
                let reason = format!("\"{}\" is one too many after {MOST_SOURCES}", frame.source);
                return Err(Fault::Source { reason });
            }
            let source = Source {
                clock: Clock::default(),
                tracker: Tracker::new(&self.card.layout, self.settings.window),
                deciders: BTreeMap::new(),
                walks: BTreeMap::new(),
                heard: Instant::now(),
            };
            self.sources.insert(frame.source.clone(), source);
        }
        let tick = match self.sources.get_mut(&frame.source) {
            Some(source) => source.clock.tick(frame.t)?,
            None => Tick::Forward,
        };
        self.bodies = bodies;
        Ok(tick)
    }

    /// Follows the people of an admitted frame.
    fn follow(
        &mut self,
        frame: &Frame,
        tick: Tick,
        arrived: Instant,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        // Taken out while it is worked on, so that counting needs no second look-up.
        let Some(mut source) = self.sources.remove(&frame.source) else {
            return Ok(());
        };
        let interval = source.clock.interval();
        let mut ended = match tick {
            Tick::Anew => source.tracker.end_all(),
            Tick::Forward => source
                .tracker
                .end_before(frame.t - gap(interval, self.settings.window)),
        };
        let observed = source.tracker.observe(frame.t, &self.bodies);
        ended.extend(observed.ended);
        self.counts.people += frame.people.len() as u64;
        self.counts.joints.seen += observed.joints;
        self.counts.joints.missing += observed.missing;
        self.counts.tracks.begun += observed.begun;
        self.counts.tracks.jumped += observed.jumped;
        for track in ended {
            source.walks.remove(&track.person);
            self.end(&frame.source, &mut source.deciders, track, arrived, events);
        }
        let result = self.decide(frame, &mut source, interval, arrived, events);
        source.heard = Instant::now();
        self.sources.insert(frame.source.clone(), source);
        result
    }

    /// Asks the model about those who are due, and decides on what it says.
    fn decide(
        &mut self,
        frame: &Frame,
        source: &mut Source,
        interval: Option<f64>,
        arrived: Instant,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let mut look = Look {
            card: &self.card,
            source,
            t: frame.t,
            inference: &mut self.inference,
            windows: &mut self.counts.windows,
        };
        let answers = match &mut self.host {
            Host::Windowed(engine) => {
                let interval = interval.unwrap_or(0.0);
                look.at_windows(&mut **engine, self.settings.hop, interval)?
            }
            Host::Continual(steps) => look.at_steps(&mut **steps)?,
        };
        for (people, output) in answers {
            for (n, person) in people {
                let decider = source.deciders.entry(person).or_default();
                let probabilities = probabilities(self.gallery.as_ref(), &output, n, &self.names);
                for step in decider.decide(&self.rules, frame.t, &probabilities) {
                    self.say(&frame.source, person, frame.t, step, arrived, events);
                }
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        source: &str,
        deciders: &mut BTreeMap<u64, Decider>,
        track: Track,
        arrived: Instant,
        events: &mut Vec<Event>,
    ) {
        match deciders.remove(&track.person) {
            None => self.counts.tracks.too_short += 1,
            Some(mut decider) => {
                if let Some(step) = decider.end() {
                    self.say(source, track.person, track.last, step, arrived, events);
                }
            }
        }
    }

    fn say(
        &mut self,
        source: &str,
        person: u64,
        t: f64,
        step: Step,
        arrived: Instant,
        events: &mut Vec<Event>,
    ) {
        match step.kind {
            Kind::Start => self.counts.events.start += 1,
            Kind::Update => self.counts.events.update += 1,
            Kind::End => self.counts.events.end += 1,
        }
        let action = step.action.map(|class| self.names[class].clone());
        let named = |(class, p): &(usize, f64)| (self.names[*class].clone(), rounded(*p));
        events.push(Event {
            t,
            source: source.into(),
            person,
            event: step.kind,
            action: action.unwrap_or_else(|| UNKNOWN.into()),
            confidence: rounded(step.confidence),
            since: step.since,
            top: step.top.iter().map(named).collect(),
            latency_ms: rounded(arrived.elapsed().as_secs_f64() * 1e3),
        });
    }
}

/// One look at the people of a source.
struct Look<'a> {
    card: &'a Card,
    source: &'a mut Source,
    /// Time of the frame: those who were seen then are looked at.
    t: f64,
    inference: &'a mut Latency,
    windows: &'a mut u64,
}

impl Look<'_> {
    /// The windows that are due.
    fn at_windows(
        &mut self,
        engine: &mut dyn Engine,
        hop: f64,
        interval: f64,
    ) -> Result<Answers, EngineError> {
        let (frames, layout) = (self.card.frames, &self.card.layout);
        let (mut people, mut data) = (Vec::new(), Vec::new());
        let tracks = self.source.tracker.tracks_mut().iter_mut();
        for track in tracks.filter(|track| track.last == self.t) {
            let person = track.person;
            let Some(cut) = track.due_window(hop, interval) else {
                continue;
            };
            let window = window::resample(cut.samples, cut.start, cut.length, frames, layout);
            if let Some(window) = window {
                people.push(person);
                data.extend_from_slice(&window.data);
            }
        }
        let body = data.len().checked_div(people.len()).unwrap_or(1);
        let mut answers = Vec::new();
        for (people, data) in people
            .chunks(LARGEST_BATCH)
            .zip(data.chunks(LARGEST_BATCH * body))
        {
            let n = people.len();
            let asked = Instant::now();
            // One body a window: the graph adds the constant share of an absent second one.
            let output = engine.run(Windows { n, m: 1, data })?;
            self.inference.add(asked.elapsed());
            *self.windows += n as u64;
            answers.push((people.iter().copied().enumerate().collect(), output));
        }
        Ok(answers)
    }

    /// The steps that are due: several of each after a gap, one after the other.
    fn at_steps(&mut self, steps: &mut dyn Continual) -> Result<Answers, EngineError> {
        let Source { tracker, walks, .. } = &mut *self.source;
        for track in tracker.tracks().iter().filter(|track| track.last == self.t) {
            let start = || Walk::new(self.card, steps.start());
            let walk = walks.entry(track.person).or_insert_with(start);
            if let Some(sample) = track.buffer.last() {
                walk.push(sample, &self.card.layout);
            }
        }
        let mut answers = Vec::new();
        loop {
            let due = |(person, walk): (&u64, &mut Walk)| Some((*person, walk.step()?));
            let due: Vec<(u64, Vec<f32>)> = walks.iter_mut().filter_map(due).collect();
            if due.is_empty() {
                return Ok(answers);
            }
            for due in due.chunks(LARGEST_BATCH) {
                // Both are in order of the person.
                let chosen = walks.iter_mut().filter_map(|(person, walk)| {
                    let at = due
                        .binary_search_by_key(person, |(person, _)| *person)
                        .ok()?;
                    Some((walk, &due[at].1))
                });
                let mut people: Vec<Person<'_>> = chosen
                    .map(|(walk, frames)| Person {
                        state: &mut walk.state,
                        frames,
                    })
                    .collect();
                let asked = Instant::now();
                let output = steps.step(&mut people)?;
                self.inference.add(asked.elapsed());
                *self.windows += due.len() as u64;
                // The first answers are about a time before somebody came.
                let people = due.iter().map(|(person, _)| *person).enumerate();
                let settled = |(_, person): &(usize, u64)| walks[person].is_settled();
                answers.push((people.filter(settled).collect(), output));
            }
        }
    }
}

/// What classifier and gallery together say about window `n`, one number for each name.
fn probabilities<'o>(
    gallery: Option<&Taught>,
    output: &'o Output,
    n: usize,
    names: &[String],
) -> Cow<'o, [f32]> {
    let Some(taught) = gallery else {
        return Cow::Borrowed(output.probabilities_of(n));
    };
    let scored = taught.matcher.score(output.embedding_of(n));
    Cow::Owned(match scored.distance > taught.farthest {
        true => vec![0.0; names.len()],
        false => scored.mixed(output.probabilities_of(n), &taught.places, names.len()),
    })
}

#[cfg(test)]
pub(crate) mod tests;
