//! How the run goes, for those who ask from another thread.

use crate::event::Counts;
use crate::latency::Histogram;
use crate::pipeline::Pipeline;
use crate::queue::lock;
use crate::sink::tally::Tally;
use serde::Serialize;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What does not change over a run.
#[derive(Debug, Clone)]
pub struct About {
    /// The model's file.
    pub model: String,
    /// Which engine runs it.
    pub backend: String,
    /// Which execution provider of it really does.
    pub provider: String,
}

/// How the run goes.
#[derive(Debug)]
pub struct Board {
    pub(super) about: About,
    pub(super) sinks: Vec<Arc<Tally>>,
    started: Instant,
    now: Mutex<Now>,
}

/// What changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    /// When a frame was used last.
    pub frame: Option<Instant>,
    pub counts: Counts,
    pub inference: Histogram,
    pub latency: Histogram,
    pub people: usize,
}

/// Body of `/health`.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    model: String,
    backend: String,
    provider: String,
    ready: bool,
    uptime_seconds: f64,
    last_frame_seconds: Option<f64>,
}

impl Board {
    pub(super) fn new(about: About, sinks: Vec<Arc<Tally>>) -> Self {
        Self {
            about,
            sinks,
            started: Instant::now(),
            now: Mutex::default(),
        }
    }

    /// Takes over where the pipeline stands.
    pub fn show(&self, pipeline: &Pipeline) {
        let mut now = lock(&self.now);
        if pipeline.counts().frames.used > now.counts.frames.used {
            now.frame = Some(Instant::now());
        }
        now.counts.clone_from(pipeline.counts());
        now.inference = *pipeline.inference().histogram();
        now.latency = *pipeline.latency().histogram();
        now.people = pipeline.people();
    }

    pub(super) fn now(&self) -> Now {
        lock(&self.now).clone()
    }

    pub(super) fn uptime(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// True once a frame was used; the model was there before anybody could ask.
    pub(super) fn ready(&self) -> bool {
        lock(&self.now).frame.is_some()
    }

    pub(super) fn health(&self) -> Health {
        let now = self.now();
        Health {
            model: self.about.model.clone(),
            backend: self.about.backend.clone(),
            provider: self.about.provider.clone(),
            ready: now.frame.is_some(),
            uptime_seconds: self.uptime(),
            last_frame_seconds: now.frame.map(|frame| frame.elapsed().as_secs_f64()),
        }
    }
}
