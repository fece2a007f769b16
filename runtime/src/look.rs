//! One look at the people of a source: whose windows or steps are due, and what the model says.

use crate::latency::Latency;
use crate::settings::{Settings, Span};
use crate::track::{Track, Tracker};
use crate::walk::Walk;
use aimclr_engine::{Continual, Engine, EngineError, Output, Person, Windows};
use aimclr_model::Card;
use aimclr_skeleton::window;
use std::collections::BTreeMap;
use std::time::Instant;

/// Most windows in one call of the engine, so that a crowd does not take memory without end.
pub(crate) const LARGEST_BATCH: usize = 32;

/// Somebody who is to be looked at.
#[derive(Debug)]
pub struct Due {
    /// Place among the tracks.
    at: usize,
    /// Places of the lengths among the [`Settings::spans`].
    spans: Vec<usize>,
    /// Seconds since the most urgent of them was due.
    late: f64,
}

/// A row of what the model said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub row: usize,
    /// Whom it is about.
    pub person: u64,
    /// Place of the window's length among the [`Settings::spans`].
    pub span: usize,
}

/// What one call of the model said, and of whom.
pub type Answer = (Vec<Row>, Output);

/// One look at the people of a source.
pub struct Look<'a> {
    /// The model's card.
    pub card: &'a Card,
    /// How the stream is looked at.
    pub settings: &'a Settings,
    /// The source's people; those who were seen at `t` are looked at.
    pub tracker: &'a mut Tracker,
    /// Time of the frame.
    pub t: f64,
    /// Time from frame to frame, seconds; 0 where it isn't known yet.
    pub interval: f64,
    /// How long calls took.
    pub inference: &'a mut Latency,
    /// Windows and steps that went through the model.
    pub windows: &'a mut u64,
}

impl Look<'_> {
    /// Whose windows are due, the most urgent first.
    ///
    /// Where one call of the engine with several windows is no faster than several calls
    /// (`together` is false), everybody has a turn in time, but not all at the same frame: no
    /// frame takes more windows than there are to be from this one to the next. People who came
    /// together are so looked at one after the other, each as often as alone, and no frame's
    /// events wait for a crowd.
    pub fn due(&mut self, together: bool) -> Vec<Due> {
        let spans = &self.settings.spans;
        let mut due = Vec::new();
        let mut rate = 0.0;
        for (at, track) in self.tracker.tracks_mut().iter_mut().enumerate() {
            if track.last != self.t {
                continue;
            }
            rate += spans.iter().map(|s| self.interval / s.hop).sum::<f64>();
            let late = |n: usize| Some((n, track.late(n, spans[n].window, self.interval)?));
            let ready: Vec<(usize, f64)> = (0..spans.len()).filter_map(late).collect();
            if !ready.is_empty() {
                due.push(Due {
                    at,
                    late: ready.iter().fold(0.0, |most, (_, late)| late.max(most)),
                    spans: ready.into_iter().map(|(n, _)| n).collect(),
                });
            }
        }
        due.sort_by(|a, b| b.late.total_cmp(&a.late));
        if !together && self.interval > 0.0 {
            // An interval that is measured is not exact.
            let mut room = (0.999 * rate).ceil() as usize;
            due.retain(|due| {
                let taken = room > 0;
                room = room.saturating_sub(due.spans.len());
                taken
            });
        }
        due
    }

    /// Shows the model the windows of some who are [`due`](Self::due), and gives how many windows of
    /// theirs had fallen out because there was no frame, or no time, for them.
    ///
    /// # Errors
    /// The engine gave up.
    pub fn at_windows(
        &mut self,
        engine: &mut dyn Engine,
        due: &[Due],
    ) -> Result<(Vec<Answer>, u64), EngineError> {
        let mut skipped = 0;
        // By the number of bodies: one alone is half the work of two.
        let mut batches = [Batch::default(), Batch::default()];
        for Due { at, spans, .. } in due {
            for &span in spans {
                let Span { window, hop } = self.settings.spans[span];
                skipped += self.tracker.tracks_mut()[*at].looked(span, hop, self.interval);
                let track = &self.tracker.tracks()[*at];
                let person = track.person;
                let Some(bodies) = self.window(*at, window) else {
                    continue;
                };
                let batch = &mut batches[usize::from(bodies.len() > 1)];
                batch.m = bodies.len();
                let row = batch.rows.len();
                batch.rows.push(Row { row, person, span });
                bodies.iter().for_each(|body| batch.data.extend(body));
            }
        }
        let mut answers = Vec::new();
        for Batch { m, rows, data } in batches.into_iter().filter(|batch| batch.m > 0) {
            let n = rows.len();
            let asked = Instant::now();
            let data = &data;
            // The graph adds the constant share of an absent body.
            let output = engine.run(Windows { n, m, data })?;
            self.inference.add(asked.elapsed());
            *self.windows += n as u64;
            answers.push((rows, output));
        }
        Ok((answers, skipped))
    }

    /// The last `window` seconds of somebody, shape (T, V, 3), and after that of the partner's, if
    /// there is one. `None` where nothing was seen.
    fn window(&self, at: usize, window: f64) -> Option<Vec<Vec<f32>>> {
        let (frames, layout) = (self.card.frames, &self.card.layout);
        let track = &self.tracker.tracks()[at];
        let cut = track.buffer.latest(window)?;
        let (start, length) = (cut.start, cut.length);
        let resample =
            |samples| Some(window::resample(samples, start, length, frames, layout)?.data);
        let mut bodies = vec![resample(cut.samples)?];
        if self.card.bodies > 1
            && let Some(partner) = self.partner(track)
            && let Some(samples) = partner.buffer.within(start, length)
        {
            bodies.extend(resample(samples));
        }
        Some(bodies)
    }

    /// Who is nearest to somebody, and near enough.
    fn partner(&self, track: &Track) -> Option<&Track> {
        let others = self.tracker.tracks().iter();
        let here = others.filter(|other| other.last == self.t && other.person != track.person);
        let apart = here.map(|other| (track.apart(other), other));
        apart
            .filter(|(apart, _)| f64::from(*apart) <= self.settings.partner)
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, other)| other)
    }

    /// Shows the model the steps that are due: several of each after a gap, one after the other.
    ///
    /// # Errors
    /// The engine gave up.
    pub fn at_steps(
        &mut self,
        steps: &mut dyn Continual,
        walks: &mut BTreeMap<u64, Walk>,
    ) -> Result<Vec<Answer>, EngineError> {
        for track in self
            .tracker
            .tracks()
            .iter()
            .filter(|track| track.last == self.t)
        {
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
                let row = |(row, (person, _)): (usize, &(u64, _))| Row {
                    row,
                    person: *person,
                    span: 0,
                };
                // The first answers are about a time before somebody came.
                let settled = |row: &Row| walks[&row.person].is_settled();
                let rows = due.iter().enumerate().map(row).filter(settled);
                answers.push((rows.collect(), output));
            }
        }
    }
}

/// Windows for one call.
#[derive(Debug, Default)]
struct Batch {
    /// Bodies in each; 0 while there are none.
    m: usize,
    rows: Vec<Row>,
    data: Vec<f32>,
}

#[cfg(test)]
mod tests;
