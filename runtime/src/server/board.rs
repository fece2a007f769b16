//! How the run goes, for those who ask from another thread.

use crate::event::Counts;
use crate::latency::Histogram;
use crate::pipeline::Pipeline;
use crate::queue::lock;
use crate::sink::tally::Tally;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

/// What does not change over a run.
#[derive(Debug, Clone)]
pub struct About {
    /// The model's file.
    pub model: String,
    /// Which engine runs it.
    pub backend: String,
}

/// How the run goes.
#[derive(Debug)]
pub struct Board {
    pub(super) about: About,
    /// Which execution provider runs the model, once it has been loaded.
    provider: OnceLock<String>,
    sinks: Mutex<Vec<Arc<Tally>>>,
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
    /// How many frames of each input wait.
    pub waiting: BTreeMap<String, usize>,
}

/// Body of `/health`.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    model: String,
    backend: String,
    provider: Option<String>,
    ready: bool,
    uptime_seconds: f64,
    last_frame_seconds: Option<f64>,
}

impl Board {
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            provider: OnceLock::new(),
            sinks: Mutex::default(),
            started: Instant::now(),
            now: Mutex::default(),
        }
    }

    /// The model has been loaded, and this execution provider runs it.
    pub fn loaded(&self, provider: &str) {
        // It happens once.
        let _ = self.provider.set(provider.into());
    }

    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.get().map(String::as_str)
    }

    /// Whose counts are to be shown.
    pub(crate) fn show_sinks(&self, sinks: Vec<Arc<Tally>>) {
        *lock(&self.sinks) = sinks;
    }

    pub(super) fn sinks(&self) -> Vec<Arc<Tally>> {
        lock(&self.sinks).clone()
    }

    /// Takes over where the pipeline stands, and how many frames of each input wait for it.
    pub fn show(&self, pipeline: &Pipeline, waiting: BTreeMap<String, usize>) {
        let mut now = lock(&self.now);
        if pipeline.counts().frames.used > now.counts.frames.used {
            now.frame = Some(Instant::now());
        }
        now.counts.clone_from(pipeline.counts());
        now.inference = *pipeline.inference().histogram();
        now.latency = *pipeline.latency().histogram();
        now.people = pipeline.people();
        now.waiting = waiting;
    }

    pub(super) fn now(&self) -> Now {
        lock(&self.now).clone()
    }

    pub(super) fn uptime(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// What is not there yet for events to come; `None` once a frame was used.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        match (self.provider(), lock(&self.now).frame) {
            (None, _) => Some("the model is being loaded\n"),
            (_, None) => Some("no frame has come\n"),
            _ => None,
        }
    }

    pub(super) fn health(&self) -> Health {
        let now = self.now();
        Health {
            model: self.about.model.clone(),
            backend: self.about.backend.clone(),
            provider: self.provider().map(String::from),
            ready: now.frame.is_some(),
            uptime_seconds: self.uptime(),
            last_frame_seconds: now.frame.map(|frame| frame.elapsed().as_secs_f64()),
        }
    }
}
