//! The model and the engine, as every subcommand asks for them.

use crate::host::Host;
use aimclr_engine::{Backend, Device, Engine, Options};
use aimclr_model::card::Form;
use aimclr_model::onnx::ModelFile;
use anyhow::bail;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// The model, as `aimclr-export onnx` writes it
    #[arg(long, value_name = "FILE.onnx")]
    pub model: PathBuf,
    /// What runs it: tract, which is built in, or onnxruntime, a library that is faster and knows
    /// GPUs
    #[arg(long, value_name = "BACKEND", default_value_t, value_parser = backend())]
    pub backend: Backend,
    /// Where it runs
    #[arg(long, value_name = "cpu|cuda[:N]", default_value_t)]
    pub device: Device,
    /// Threads of one inference (onnxruntime)
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
}

/// By name, so that shells can offer the names.
fn backend() -> impl TypedValueParser<Value = Backend> {
    let names = Backend::ALL.map(Backend::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Backend>())
}

impl ModelArgs {
    /// Reads the model and makes it ready to run.
    pub(super) fn open(&self) -> anyhow::Result<(ModelFile, Box<dyn Engine>)> {
        let model = ModelFile::read(&self.model)?;
        let engine = aimclr_engine::open(&model, self.options())?;
        Ok((model, engine))
    }

    /// The same for what takes either form, and class probabilities where no gallery stands in for
    /// them.
    pub(super) fn host(&self, gallery: bool) -> anyhow::Result<(ModelFile, Host)> {
        let model = ModelFile::read(&self.model)?;
        if !gallery {
            self.has_classes(&model)?;
        } else if model.card.form == Form::Continual {
            bail!(
                "{}: --gallery compares windows, and this model is of the continual form; expected a \
                 windowed one",
                self.model.display()
            );
        }
        let host = Host::open(&model, self.options())?;
        Ok((model, host))
    }

    fn options(&self) -> Options {
        Options {
            backend: self.backend,
            device: self.device,
            threads: usize::from(self.threads),
        }
    }

    /// The same for what needs class probabilities.
    pub(super) fn open_classifier(&self) -> anyhow::Result<(ModelFile, Box<dyn Engine>)> {
        let (model, engine) = self.open()?;
        self.has_classes(&model)?;
        Ok((model, engine))
    }

    fn has_classes(&self, model: &ModelFile) -> anyhow::Result<()> {
        if model.card.classes.is_empty() {
            bail!(
                "{}: the model has no classifier, it gives embeddings only; expected one exported \
                 from the weights of `aimclr-train evaluate linear`",
                self.model.display()
            );
        }
        Ok(())
    }
}
