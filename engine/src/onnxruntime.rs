//! The graph in ONNX Runtime, on the processor or on an NVIDIA GPU.

mod library;

use crate::continual::{self, Continual, Person, State};
use crate::shape::{Given, Sizes};
use crate::{Backend, Device, Engine, EngineError, Output, Windows, quiet};
use aimclr_model::onnx::ModelFile;
use ort::ep;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorRef};
use std::path::{Path, PathBuf};

pub use library::Library;

/// A model in ONNX Runtime: one session with its own threads.
pub struct OnnxRuntime {
    sizes: Sizes,
    opened: Opened,
}

impl OnnxRuntime {
    /// Loads ONNX Runtime, if that hasn't been done, and the graph.
    pub fn open(model: &ModelFile, device: Device, threads: usize) -> Result<Self, EngineError> {
        Ok(Self {
            sizes: Sizes::of(model),
            opened: Opened::new(model, device, threads)?,
        })
    }
}

/// A GPU computes so many windows in little more time than one.
const GPU_BATCH: usize = 32;

/// A session and what it is.
struct Opened {
    path: PathBuf,
    session: Session,
    device: Device,
    provider: &'static str,
    description: String,
}

impl Opened {
    fn new(model: &ModelFile, device: Device, threads: usize) -> Result<Self, EngineError> {
        let library = Library::get()?;
        let load = |exclusive| {
            let mut builder = builder(library, device, threads, exclusive)?;
            // A graph that isn't ours may bring out what its authors did not expect.
            quiet::catch(|| builder.commit_from_memory(&model.bytes))
                .and_then(|session| session.map_err(|error| error.to_string()))
                .map_err(|reason| EngineError::Graph {
                    path: model.path.clone(),
                    backend: Backend::OnnxRuntime,
                    reason,
                })
        };
        let (session, provider) = match device {
            Device::Cpu => (load(false)?, "CPUExecutionProvider"),
            // First with the processor barred as a stand-in for what the GPU can't do: only then
            // is it certain that the GPU does everything.
            Device::Cuda(_) => match load(true) {
                Ok(session) => (session, "CUDAExecutionProvider"),
                Err(EngineError::Graph { .. }) => (
                    load(false)?,
                    "CUDAExecutionProvider and CPUExecutionProvider",
                ),
                Err(error) => return Err(error),
            },
        };
        let s = if threads == 1 { "" } else { "s" };
        let description = format!(
            "ONNX Runtime {} ({}), {provider}, {device}, {threads} thread{s}",
            library.version(),
            library.path().display()
        );
        Ok(Self {
            path: model.path.clone(),
            session,
            device,
            provider,
            description,
        })
    }

    /// Runs the graph; gives shape and values of these outputs, as far as it has them.
    fn run<'o>(
        &mut self,
        inputs: Vec<(String, SessionInputValue<'_>)>,
        outputs: impl Iterator<Item = &'o str>,
    ) -> Result<Vec<Given>, EngineError> {
        let path = &self.path;
        let fail = |error: ort::Error| failed(path, &error);
        let found = self.session.run(inputs).map_err(fail)?;
        let mut values = Vec::new();
        for name in outputs {
            let Some(value) = found.get(name) else {
                break;
            };
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(fail)?;
            let shape = shape.iter().map(|size| *size as usize).collect();
            values.push((shape, data.to_vec()));
        }
        Ok(values)
    }
}

fn failed(path: &Path, error: &ort::Error) -> EngineError {
    EngineError::Graph {
        path: path.into(),
        backend: Backend::OnnxRuntime,
        reason: error.to_string(),
    }
}

/// A session's settings. `exclusive` makes a session fail where another provider than the
/// device's would have to compute part of the graph.
fn builder(
    library: &Library,
    device: Device,
    threads: usize,
    exclusive: bool,
) -> Result<SessionBuilder, EngineError> {
    let settings = || -> ort::Result<SessionBuilder> {
        let builder = Session::builder(library.environment())?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads.max(1))?
            // Waiting threads would keep a core busy between two windows.
            .with_intra_op_spinning(false)?;
        match exclusive {
            true => Ok(builder.with_disable_cpu_fallback()?),
            false => Ok(builder),
        }
    };
    let builder = settings().map_err(|error| EngineError::Runtime(error.to_string()))?;
    match device {
        Device::Cpu => Ok(builder),
        Device::Cuda(number) => on_gpu(builder, library, number),
    }
}

/// Adds CUDA, which fails if it isn't there: without that, ONNX Runtime falls back to the
/// processor in silence.
fn on_gpu(
    builder: SessionBuilder,
    library: &Library,
    number: usize,
) -> Result<SessionBuilder, EngineError> {
    let fail = |reason: String| EngineError::Device {
        device: Device::Cuda(number),
        reason: format!(
            "{reason}\nONNX Runtime from {} can't use an NVIDIA GPU here; `cargo xtask setup \
             --cuda` fetches the build that can, which needs NVIDIA's driver; --device cpu works \
             without",
            library.path().display()
        ),
    };
    library.preload_cuda();
    let id = i32::try_from(number).map_err(|_| fail("there is no such number".into()))?;
    let cuda = ep::CUDA::default().with_device_id(id).build();
    builder
        .with_execution_providers([cuda.error_on_failure()])
        .map_err(|error| fail(error.to_string()))
}

impl Engine for OnnxRuntime {
    fn run(&mut self, windows: Windows<'_>) -> Result<Output, EngineError> {
        self.sizes.check(&windows)?;
        let Windows { n, m, data } = windows;
        if n == 0 {
            return Ok(Output::default());
        }
        let shape = [n, m, self.sizes.frames, self.sizes.joints, 3];
        let input = TensorRef::from_array_view((shape, data));
        let input = input.map_err(|error| failed(&self.sizes.path, &error))?;
        let outputs = self.sizes.outputs();
        let names = outputs.iter().map(|(name, _)| *name);
        let values = self
            .opened
            .run(vec![("joints".into(), input.into())], names)?;
        self.sizes.collect(n, values)
    }

    fn batch(&self) -> usize {
        match self.opened.device {
            Device::Cpu => 1,
            Device::Cuda(_) => GPU_BATCH,
        }
    }

    fn provider(&self) -> &str {
        self.opened.provider
    }

    fn describe(&self) -> String {
        self.opened.description.clone()
    }
}

/// A model of the continual form in ONNX Runtime, all people at once.
pub(crate) struct Steps {
    steps: continual::Steps,
    opened: Opened,
    /// Names of what comes out, in the graph's order.
    outputs: Vec<String>,
}

impl Steps {
    pub fn open(model: &ModelFile, device: Device, threads: usize) -> Result<Self, EngineError> {
        let steps = continual::Steps::of(model);
        let standard = steps.sizes.outputs();
        let standard = standard.iter().map(|(name, _)| name.to_string());
        let next = steps
            .states
            .iter()
            .map(|state| format!("next.{}", state.name));
        Ok(Self {
            outputs: standard.chain(next).collect(),
            opened: Opened::new(model, device, threads)?,
            steps,
        })
    }
}

impl Continual for Steps {
    fn start(&self) -> State {
        self.steps.start()
    }

    fn step(&mut self, people: &mut [Person<'_>]) -> Result<Output, EngineError> {
        self.steps.check(people)?;
        let n = people.len();
        if n == 0 {
            return Ok(Output::default());
        }
        let path = &self.steps.sizes.path;
        let frames: Vec<f32> = people.iter().flat_map(|p| p.frames).copied().collect();
        let frames = Tensor::from_array((self.steps.frames(n), frames));
        let frames = frames.map_err(|error| failed(path, &error))?;
        let mut inputs = vec![("frames".to_string(), frames.into())];
        for (i, state) in self.steps.states.iter().enumerate() {
            let shape: Vec<usize> = [n].iter().chain(&state.shape).copied().collect();
            let own = people.iter().flat_map(|person| &person.state.values[i]);
            let value = match &*people {
                // What one person has needs no copy.
                [person] => TensorRef::from_array_view((shape, &person.state.values[i][..]))
                    .map(SessionInputValue::from),
                _ => Tensor::from_array((shape, own.copied().collect::<Vec<f32>>()))
                    .map(SessionInputValue::from),
            };
            let value = value.map_err(|error| failed(path, &error))?;
            inputs.push((format!("state.{}", state.name), value));
        }
        let outputs = self.outputs.iter().map(String::as_str);
        let values = self.opened.run(inputs, outputs)?;
        self.steps.collect(people, values)
    }

    fn provider(&self) -> &str {
        self.opened.provider
    }

    fn describe(&self) -> String {
        self.opened.description.clone()
    }
}
