//! The files that a run goes by, and reading them again when a signal says so.

use super::model::ModelArgs;
use super::settings::SettingsArgs;
use super::stop::{Hangup, Stop};
use crate::decisions::Decisions;
use crate::event::Event;
use crate::gallery::{Gallery, Matcher};
use crate::pipeline::Pipeline;
use aimclr_model::card::Form;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// The files that a run goes by.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Actions that were enrolled (`aimclr-run enroll`), beside the model's
    #[arg(long, value_name = "FILE.json")]
    gallery: Option<PathBuf>,
    /// When an action is trusted, by docs/decisions.md
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["smoothing", "threshold"])]
    decisions: Option<PathBuf>,
}

impl Files {
    /// A pipeline by what they say now.
    pub(super) fn pipeline(&self) -> anyhow::Result<Pipeline> {
        let (model, host) = self.model.host(self.gallery.is_some())?;
        let gallery = self.gallery.as_deref();
        let gallery = gallery
            .map(|path| Gallery::open(path, &model))
            .transpose()?;
        if model.card.form == Form::Continual && self.settings.asks_for_windows() {
            bail!("--window, --hop: a model of the continual form has its own; leave them out");
        }
        let settings = self.settings.settings(&model.card);
        let mut pipeline = Pipeline::new(model.card, host, settings);
        if let Some(gallery) = &gallery {
            pipeline.teach(Matcher::new(gallery));
        }
        self.decide(&mut pipeline)?;
        Ok(pipeline)
    }

    fn decide(&self, pipeline: &mut Pipeline) -> anyhow::Result<()> {
        if let Some(path) = &self.decisions {
            pipeline.decide_by(&Decisions::read(path)?)?;
        }
        Ok(())
    }

    /// What tells whether the model or the gallery is another one than before.
    fn print(&self) -> anyhow::Result<Vec<u8>> {
        let mut hash = Sha256::new();
        for path in [Some(self.model.model.as_path()), self.gallery.as_deref()] {
            let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
            hash.update(Sha256::digest(path.map_or(Ok(Vec::new()), read)?));
        }
        Ok(hash.finalize().to_vec())
    }
}

/// Reads the files again on SIGHUP.
pub(super) struct Reload<'a> {
    files: &'a Files,
    hangup: Hangup,
    print: Vec<u8>,
}

impl<'a> Reload<'a> {
    /// Waits for the signal from now on, `None` where it ends the run: at a terminal that may be
    /// closed, unless there are decisions to be read again.
    pub(super) fn begin(files: &'a Files, stop: &Stop) -> anyhow::Result<Option<Self>> {
        if files.decisions.is_none() && io::stderr().is_terminal() {
            stop.on_hangup()?;
            return Ok(None);
        }
        Ok(Some(Self {
            files,
            hangup: Hangup::catch()?,
            print: files.print()?,
        }))
    }

    /// Reads the files again if that was asked for. Gives what to tell; after an error everything
    /// goes on as before. With another model or gallery all open segments end.
    pub(super) fn look(
        &mut self,
        pipeline: &mut Pipeline,
        events: &mut Vec<Event>,
    ) -> Option<String> {
        if !self.hangup.came() {
            return None;
        }
        let read = self.read(pipeline, events);
        pipeline.reloaded(read.is_ok());
        Some(match read {
            Ok(what) => format!("note: SIGHUP: {what}"),
            Err(error) => format!("warning: SIGHUP: {error:#}; what held before goes on"),
        })
    }

    fn read(
        &mut self,
        pipeline: &mut Pipeline,
        events: &mut Vec<Event>,
    ) -> anyhow::Result<&'static str> {
        let print = self.files.print()?;
        if print == self.print {
            self.files.decide(pipeline)?;
            return Ok(match self.files.decisions {
                Some(_) => "decisions read again; model and gallery are the same",
                None => "model and gallery are the same",
            });
        }
        let next = self.files.pipeline()?;
        pipeline.give_way_to(next, events);
        self.print = print;
        Ok("model, gallery and decisions read again; everybody begins anew")
    }
}
