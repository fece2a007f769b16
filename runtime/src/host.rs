//! A model of either form, ready to run.

use aimclr_engine::{Continual, Engine, EngineError, Options, continual, open};
use aimclr_model::card::Form;
use aimclr_model::onnx::ModelFile;

/// A model of either form, ready to run.
pub enum Host {
    /// Takes windows.
    Windowed(Box<dyn Engine>),
    /// Takes the next few frames, and remembers.
    Continual(Box<dyn Continual>),
}

impl From<Box<dyn Engine>> for Host {
    fn from(engine: Box<dyn Engine>) -> Self {
        Self::Windowed(engine)
    }
}

impl Host {
    /// Makes a model ready, whichever form it has.
    ///
    /// # Errors
    /// As [`aimclr_engine::open`].
    pub fn open(model: &ModelFile, options: Options) -> Result<Self, EngineError> {
        match model.card.form {
            Form::Windowed => open(model, options).map(Self::Windowed),
            Form::Continual => continual::open(model, options).map(Self::Continual),
        }
    }

    /// As [`Engine::provider`].
    pub fn provider(&self) -> &str {
        match self {
            Self::Windowed(engine) => engine.provider(),
            Self::Continual(steps) => steps.provider(),
        }
    }

    /// As [`Engine::describe`].
    pub fn describe(&self) -> String {
        match self {
            Self::Windowed(engine) => engine.describe(),
            Self::Continual(steps) => steps.describe(),
        }
    }
}
