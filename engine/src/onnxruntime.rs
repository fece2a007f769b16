//! The graph in ONNX Runtime, on the processor or on an NVIDIA GPU.

mod library;

use crate::shape::Sizes;
use crate::{Backend, Device, Engine, EngineError, Output, Windows, quiet};
use aimclr_model::onnx::ModelFile;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

pub use library::Library;

/// A model in ONNX Runtime: one session with its own threads.
pub struct OnnxRuntime {
    sizes: Sizes,
    session: Session,
    provider: &'static str,
    description: String,
}

impl OnnxRuntime {
    /// Loads ONNX Runtime, if that hasn't been done, and the graph.
    pub fn open(model: &ModelFile, device: Device, threads: usize) -> Result<Self, EngineError> {
        let sizes = Sizes::of(model);
        let library = Library::get()?;
        let load = |exclusive| {
            let mut builder = builder(library, device, threads, exclusive)?;
            // A graph that isn't ours may bring out what its authors did not expect.
            quiet::catch(|| builder.commit_from_memory(&model.bytes))
                .and_then(|session| session.map_err(|error| error.to_string()))
                .map_err(|reason| EngineError::Graph {
                    path: sizes.path.clone(),
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
            sizes,
            session,
            provider,
            description,
        })
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
        let fail = |error: ort::Error| EngineError::Graph {
            path: self.sizes.path.clone(),
            backend: Backend::OnnxRuntime,
            reason: error.to_string(),
        };
        let shape = [n, m, self.sizes.frames, self.sizes.joints, 3];
        let input = TensorRef::from_array_view((shape, data)).map_err(fail)?;
        let outputs = self
            .session
            .run(ort::inputs!["joints" => input])
            .map_err(fail)?;
        let mut values = Vec::new();
        for (name, _) in self.sizes.outputs() {
            let Some(value) = outputs.get(name) else {
                break;
            };
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(fail)?;
            let shape = shape.iter().map(|size| *size as usize).collect();
            values.push((shape, data.to_vec()));
        }
        self.sizes.collect(n, values)
    }

    fn provider(&self) -> &str {
        self.provider
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}
