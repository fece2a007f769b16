//! Runs a `model.onnx` (`docs/model.md`) behind one trait, [`Engine`], or of the continual form
//! behind another one, [`Continual`]: in [`tract`], which
//! is pure Rust and needs nothing installed, or in [`onnxruntime`], which is faster, uses a GPU
//! where there is one, and is loaded when it is first asked for.
//!
//! ```no_run
//! use aimclr_engine::{Options, Windows, open};
//! use aimclr_model::onnx::ModelFile;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = ModelFile::read("model.onnx")?;
//! let mut engine = open(&model, Options::default())?;
//! let nobody = vec![0.0; model.card.frames * model.card.layout.len() * 3];
//! let output = engine.run(Windows { n: 1, m: 1, data: &nobody })?;
//! println!("{}: {:?}", engine.describe(), output.probabilities_of(0));
//! # Ok(())
//! # }
//! ```

pub mod continual;
pub mod onnxruntime;
mod quiet;
mod shape;
pub mod tract;

use aimclr_model::card::Form;
use aimclr_model::onnx::ModelFile;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

pub use continual::{Continual, Person, State};
pub use shape::{Output, Windows};

/// What can go wrong when a model is opened or run.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The backend can't use this graph.
    #[error("{}: {backend} can't use the graph: {reason}", path.display())]
    Graph {
        /// Which file.
        path: PathBuf,
        /// Which backend.
        backend: Backend,
        /// What it said.
        reason: String,
    },
    /// The graph gave something else than its model card promises.
    #[error("{}: output \"{output}\": expected shape {expected:?}, found {found}", path.display())]
    Output {
        /// Which file.
        path: PathBuf,
        /// Which output.
        output: &'static str,
        /// The shape that the card promises.
        expected: [usize; 2],
        /// What came out.
        found: String,
    },
    /// The model is of the other form.
    #[error(
        "{}: a model of the {found} form, where one of the {expected} form is needed; \
         `aimclr-export onnx --form {expected}` writes one",
        path.display()
    )]
    Form {
        /// Which file.
        path: PathBuf,
        /// The form that is needed.
        expected: Form,
        /// The form that it has.
        found: Form,
    },
    /// The windows don't fit the model.
    #[error("windows: expected {expected}, found {found}")]
    Windows {
        /// What would be right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// ONNX Runtime's library was not found, or none that was found can be used.
    #[error(
        "ONNX Runtime: no library that can be used; looked at{}\n`cargo xtask setup` fetches one, \
         ORT_DYLIB_PATH names one, and --backend tract needs none",
        .tried.iter().map(|line| format!("\n  {line}")).collect::<String>()
    )]
    NoLibrary {
        /// Where it was looked for, and what was wrong there.
        tried: Vec<String>,
    },
    /// This build has no loader of libraries in it.
    #[error(
        "ONNX Runtime: this is a static build, which can't load a library; use --backend tract, or a \
         build that is not static"
    )]
    Static,
    /// The device was asked for and can't be had.
    #[error("device {device}: {reason}")]
    Device {
        /// Which device.
        device: Device,
        /// Why not.
        reason: String,
    },
    /// ONNX Runtime failed outside of loading a graph.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
}

/// What runs the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// tract: pure Rust, in the binary, one thread.
    #[default]
    Tract,
    /// ONNX Runtime: a shared library, CPU or CUDA.
    OnnxRuntime,
}

impl Backend {
    /// Every backend.
    pub const ALL: [Backend; 2] = [Backend::Tract, Backend::OnnxRuntime];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Tract => "tract",
            Backend::OnnxRuntime => "onnxruntime",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.to_string() == name)
            .ok_or_else(|| format!("unknown backend \"{name}\"; known: tract, onnxruntime"))
    }
}

/// Where the graph runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its number; ONNX Runtime only.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    /// `cpu`, `cuda` (the first GPU) or `cuda:N`.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "cpu" => return Ok(Device::Cpu),
            "cuda" => return Ok(Device::Cuda(0)),
            _ => {}
        }
        let number = name.strip_prefix("cuda:").and_then(|n| n.parse().ok());
        // ONNX Runtime takes the number as an i32.
        number
            .filter(|n| i32::try_from(*n).is_ok())
            .map(Device::Cuda)
            .ok_or_else(|| format!("unknown device \"{name}\"; known: cpu, cuda, cuda:N"))
    }
}

/// How a model is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// By what.
    pub backend: Backend,
    /// Where.
    pub device: Device,
    /// Threads within one run; tract always uses one. Two are seldom faster for so small a graph,
    /// and on a shared processor slower: people in parallel use a machine better.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            device: Device::default(),
            threads: 1,
        }
    }
}

/// A model that is ready to run.
pub trait Engine: Send {
    /// Runs windows of raw joints through the graph.
    ///
    /// Fails where the windows don't fit the model (see [`Windows`]) or the backend gives up; the
    /// engine can be used further afterwards.
    fn run(&mut self, windows: Windows<'_>) -> Result<Output, EngineError>;

    /// How many windows one call takes best: 1 where a call with several takes as long as several
    /// calls, as it does on a processor, more where it is faster.
    fn batch(&self) -> usize {
        1
    }

    /// What really computes: `tract`, `CPUExecutionProvider` or `CUDAExecutionProvider`.
    fn provider(&self) -> &str;

    /// Backend, version, provider and threads in one line, for people and logs.
    fn describe(&self) -> String;
}

/// Makes a model ready to run.
///
/// Fails where the backend or the device isn't there, the backend can't use the graph, or the graph
/// is of the continual form: [`continual::open`] is for that.
pub fn open(model: &ModelFile, options: Options) -> Result<Box<dyn Engine>, EngineError> {
    expect(model, Form::Windowed)?;
    match options.backend {
        Backend::Tract => Ok(Box::new(tract::Tract::open(model, options.device)?)),
        Backend::OnnxRuntime => Ok(Box::new(onnxruntime::OnnxRuntime::open(
            model,
            options.device,
            options.threads,
        )?)),
    }
}

fn expect(model: &ModelFile, expected: Form) -> Result<(), EngineError> {
    match model.card.form == expected {
        true => Ok(()),
        false => Err(EngineError::Form {
            path: model.path.clone(),
            expected,
            found: model.card.form,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_and_devices_are_named_as_on_the_command_line() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "cuda:4294967296", ""] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
