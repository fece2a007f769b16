//! Frames in, events out: source → tracks → windows → engine → decisions.

mod silence;

use crate::blend::Blend;
use crate::clock::{Clock, Tick};
use crate::decide::{Decider, Rules, Step};
use crate::decisions::{Decisions, DecisionsError};
use crate::event::{Counts, Event, Events, Kind, UNKNOWN, rounded};
use crate::fault::Fault;
use crate::gallery::Matcher;
use crate::gate::{Body, Gate};
use crate::host::Host;
use crate::latency::Latency;
use crate::look::{Answer, LARGEST_BATCH, Look};
use crate::settings::Settings;
use crate::track::{Track, Tracker, gap};
use crate::walk::Walk;
use aimclr_engine::{EngineError, Output};
use aimclr_model::Card;
use aimclr_skeleton::Frame;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Most sources in one stream.
const MOST_SOURCES: usize = 256;

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
    /// Whether newer frames wait.
    hurry: Box<dyn Fn() -> bool + Send>,
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
    minds: BTreeMap<u64, Mind>,
    /// The same, for a model of the continual form.
    walks: BTreeMap<u64, Walk>,
    /// When a frame was taken last.
    heard: Instant,
}

/// What is thought of one person.
#[derive(Default)]
struct Mind {
    blend: Blend,
    decider: Decider,
}

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
            hurry: Box::new(|| false),
        }
    }

    /// Has it ask, between one call of the engine and the next, whether newer frames wait. If so, the
    /// people whose windows are due, but whose turn has not come, wait for the next frame: under
    /// overload everybody is looked at less often, but nothing that is said is old. Each frame
    /// has at least one call. Without this all windows of a frame are computed before the next one.
    pub fn hurry_when(&mut self, waiting: impl Fn() -> bool + Send + 'static) {
        self.hurry = Box::new(waiting);
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

    /// Has another one, with another model or gallery, go on in its place: everybody's segment ends,
    /// and the counts go on.
    pub fn give_way_to(&mut self, next: Pipeline, events: &mut Vec<Event>) {
        self.finish(events);
        let before = std::mem::replace(self, next);
        self.counts = before.counts;
        self.inference = before.inference;
        self.latency = before.latency;
        self.hurry = before.hurry;
    }

    /// Counts that the files behind it were to be read again, and whether that went well.
    pub fn reloaded(&mut self, well: bool) {
        match well {
            true => self.counts.reloads.done += 1,
            false => self.counts.reloads.failed += 1,
        }
    }

    /// The rules without a file.
    fn plain(&self) -> Rules {
        let &Settings {
            smoothing,
            threshold,
            ..
        } = &self.settings;
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

    /// Takes one line of a stream, a frame or why there is none, that arrived at `arrived`, or was
    /// read from a recording (`None`), and adds the events that follow from it to `events`. Gives
    /// the reason where the line was dropped, by the reader or here; it is counted either way.
    ///
    /// # Errors
    /// The engine gave up. The frame's windows are lost, the pipeline can go on.
    pub fn take(
        &mut self,
        frame: Result<Frame, Fault>,
        arrived: Option<Instant>,
        events: &mut Vec<Event>,
    ) -> Result<Option<Fault>, EngineError> {
        // A line of a file does not arrive when it is read ahead, but when it is its turn.
        let began = arrived.unwrap_or_else(Instant::now);
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
        let waited = began.elapsed();
        if events.len() > before {
            self.latency.add(waited);
        }
        result.map(|()| None)
    }

    /// Counts frames for which there was no room ahead of the pipeline.
    pub fn overloaded(&mut self, frames: u64) {
        self.counts.frames.overloaded(frames);
    }

    /// Ends all that goes on, since nothing more will come.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        for (name, mut source) in std::mem::take(&mut self.sources) {
            self.end_all(&name, &mut source, events);
        }
    }

    /// Ends all that goes on in a source, which no frame led to.
    fn end_all(&mut self, name: &str, source: &mut Source, events: &mut Vec<Event>) {
        for track in source.tracker.end_all() {
            self.end(name, source, track, None, events);
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
                tracker: Tracker::new(&self.card.layout, self.settings.longest()),
                minds: BTreeMap::new(),
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
        arrived: Option<Instant>,
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
                .end_before(frame.t - gap(interval, self.settings.longest())),
        };
        let observed = source.tracker.observe(frame.t, &self.bodies);
        ended.extend(observed.ended);
        self.counts.people += frame.people.len() as u64;
        self.counts.joints.seen += observed.joints;
        self.counts.joints.missing += observed.missing;
        self.counts.tracks.begun += observed.begun;
        self.counts.tracks.jumped += observed.jumped;
        for track in ended {
            self.end(&frame.source, &mut source, track, arrived, events);
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
        arrived: Option<Instant>,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let mut look = Look {
            card: &self.card,
            settings: &self.settings,
            tracker: &mut source.tracker,
            t: frame.t,
            interval: interval.unwrap_or(0.0),
            inference: &mut self.inference,
            windows: &mut self.counts.windows,
        };
        let judge = Judge {
            rules: &self.rules,
            gallery: self.gallery.as_ref(),
            names: &self.names,
            spans: self.settings.spans.len(),
        };
        let mut voice = Voice {
            names: &self.names,
            source: &frame.source,
            arrived,
            counts: &mut self.counts.events,
            events,
        };
        match &mut self.host {
            Host::Windowed(engine) => {
                let batch = engine.batch();
                let due = look.due(batch > 1);
                for (n, due) in due.chunks(batch.clamp(1, LARGEST_BATCH)).enumerate() {
                    if n > 0 && (self.hurry)() {
                        break;
                    }
                    let (answers, skipped) = look.at_windows(&mut **engine, due)?;
                    self.counts.skipped += skipped;
                    judge.decide(&answers, frame.t, &mut source.minds, &mut voice);
                }
            }
            Host::Continual(steps) => {
                for answer in look.at_steps(&mut **steps, &mut source.walks)? {
                    judge.decide(&[answer], frame.t, &mut source.minds, &mut voice);
                }
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        name: &str,
        source: &mut Source,
        track: Track,
        arrived: Option<Instant>,
        events: &mut Vec<Event>,
    ) {
        source.walks.remove(&track.person);
        match source.minds.remove(&track.person) {
            None => self.counts.tracks.too_short += 1,
            Some(mut mind) => {
                if let Some(step) = mind.decider.end() {
                    let mut voice = Voice {
                        names: &self.names,
                        source: name,
                        arrived,
                        counts: &mut self.counts.events,
                        events,
                    };
                    voice.say(track.person, track.last, step);
                }
            }
        }
    }
}

/// Makes decisions of what the model says.
struct Judge<'a> {
    rules: &'a Rules,
    gallery: Option<&'a Taught>,
    names: &'a [String],
    /// How many lengths of window there are.
    spans: usize,
}

impl Judge<'_> {
    fn decide(
        &self,
        answers: &[Answer],
        t: f64,
        minds: &mut BTreeMap<u64, Mind>,
        voice: &mut Voice<'_>,
    ) {
        let mut heard = BTreeSet::new();
        for (rows, output) in answers {
            for row in rows {
                let probabilities = probabilities(self.gallery, output, row.row, self.names);
                let mind = minds.entry(row.person).or_default();
                mind.blend.hear(row.span, self.spans, &probabilities);
                heard.insert(row.person);
            }
        }
        for person in heard {
            if let Some(Mind { blend, decider }) = minds.get_mut(&person) {
                for step in decider.decide(self.rules, t, &blend.opinion()) {
                    voice.say(person, t, step);
                }
            }
        }
    }
}

/// Makes events of decisions about the people of one source.
struct Voice<'a> {
    names: &'a [String],
    source: &'a str,
    /// When the frame came, if one led to it.
    arrived: Option<Instant>,
    counts: &'a mut Events,
    events: &'a mut Vec<Event>,
}

impl Voice<'_> {
    fn say(&mut self, person: u64, t: f64, step: Step) {
        match step.kind {
            Kind::Start => self.counts.start += 1,
            Kind::Update => self.counts.update += 1,
            Kind::End => self.counts.end += 1,
        }
        let action = step.action.map(|class| self.names[class].clone());
        let named = |(class, p): &(usize, f64)| (self.names[*class].clone(), rounded(*p));
        let waited = |arrived: Instant| rounded(arrived.elapsed().as_secs_f64() * 1e3);
        self.events.push(Event {
            t,
            source: self.source.into(),
            person,
            event: step.kind,
            action: action.unwrap_or_else(|| UNKNOWN.into()),
            confidence: rounded(step.confidence),
            since: step.since,
            top: step.top.iter().map(named).collect(),
            latency_ms: self.arrived.map(waited),
        });
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
