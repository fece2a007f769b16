//! The graph in tract: pure Rust, no library to install, one thread.

use crate::continual::{self, Continual, Person, State};
use crate::shape::{Given, Sizes};
use crate::{Backend, Device, Engine, EngineError, Output, Windows, quiet};
use aimclr_model::onnx::ModelFile;
use std::collections::BTreeMap;
use std::sync::Arc;
use tract_onnx::prelude::*;

const PROVIDER: &str = "tract";
const DESCRIPTION: &str = "tract 0.23, cpu, 1 thread";

type Plan = Arc<TypedRunnableModel>;

/// A model in tract.
///
/// tract is fastest with every size known, so there is one plan for each number of bodies, made
/// when it is first needed, and windows go through one after the other: eight at once took a tenth
/// longer than eight in turn.
pub struct Tract {
    sizes: Sizes,
    model: InferenceModel,
    plans: BTreeMap<usize, Plan>,
}

impl Tract {
    /// Reads the graph and makes the plan for one body.
    pub fn open(model: &ModelFile, device: Device) -> Result<Self, EngineError> {
        let sizes = Sizes::of(model);
        let parsed = parse(model, &sizes, device)?;
        let mut engine = Self {
            sizes,
            model: parsed,
            plans: BTreeMap::new(),
        };
        engine.plan(1)?;
        Ok(engine)
    }

    fn plan(&mut self, m: usize) -> Result<Plan, EngineError> {
        if let Some(plan) = self.plans.get(&m) {
            return Ok(plan.clone());
        }
        let Sizes { frames, joints, .. } = self.sizes;
        let fact = InferenceFact::dt_shape(f32::datum_type(), [1, m, frames, joints, 3]);
        let model = self.model.clone();
        let plan = guard(&self.sizes, || {
            model
                .with_input_fact(0, fact)?
                .into_optimized()?
                .into_runnable()
        })?;
        self.plans.insert(m, plan.clone());
        Ok(plan)
    }
}

impl Engine for Tract {
    fn run(&mut self, windows: Windows<'_>) -> Result<Output, EngineError> {
        self.sizes.check(&windows)?;
        let Windows { m, data, .. } = windows;
        let plan = self.plan(m)?;
        let Sizes { frames, joints, .. } = self.sizes;
        let mut output = Output::default();
        for window in data.chunks_exact(m * self.sizes.body()) {
            let values = guard(&self.sizes, || {
                let input = Tensor::from_shape(&[1, m, frames, joints, 3], window)?;
                let values = plan.run(tvec!(input.into()))?;
                values.iter().map(|value| read(value)).collect()
            })?;
            output.append(self.sizes.collect(1, values)?);
        }
        Ok(output)
    }

    fn provider(&self) -> &str {
        PROVIDER
    }

    fn describe(&self) -> String {
        DESCRIPTION.into()
    }
}

fn parse(model: &ModelFile, sizes: &Sizes, device: Device) -> Result<InferenceModel, EngineError> {
    match device {
        Device::Cpu => guard(sizes, || onnx().model_for_read(&mut &model.bytes[..])),
        Device::Cuda(_) => Err(EngineError::Device {
            device,
            reason: "tract runs on the cpu only; --backend onnxruntime can use a GPU".into(),
        }),
    }
}

/// A model of the continual form in tract, one person after the other.
pub(crate) struct Steps {
    steps: continual::Steps,
    plan: Plan,
}

impl Steps {
    pub fn open(model: &ModelFile, device: Device) -> Result<Self, EngineError> {
        let steps = continual::Steps::of(model);
        let parsed = parse(model, &steps.sizes, device)?;
        let float = |shape: &[usize]| InferenceFact::dt_shape(f32::datum_type(), shape);
        let plan = guard(&steps.sizes, || {
            let mut parsed = parsed.with_input_fact(0, float(&steps.frames(1)))?;
            for (i, state) in steps.states.iter().enumerate() {
                let shape: Vec<usize> = [1].iter().chain(&state.shape).copied().collect();
                parsed = parsed.with_input_fact(i + 1, float(&shape))?;
            }
            parsed.into_optimized()?.into_runnable()
        })?;
        Ok(Self { steps, plan })
    }
}

impl Continual for Steps {
    fn start(&self) -> State {
        self.steps.start()
    }

    fn step(&mut self, people: &mut [Person<'_>]) -> Result<Output, EngineError> {
        self.steps.check(people)?;
        let Self { steps, plan } = self;
        let mut results = Vec::with_capacity(people.len());
        for person in &*people {
            results.push(guard(&steps.sizes, || {
                let mut inputs: TVec<TValue> =
                    tvec!(Tensor::from_shape(&steps.frames(1), person.frames)?.into());
                for (values, spec) in person.state.values.iter().zip(&steps.states) {
                    let shape: Vec<usize> = [1].iter().chain(&spec.shape).copied().collect();
                    inputs.push(Tensor::from_shape(&shape, values)?.into());
                }
                let values = plan.run(inputs)?;
                values.iter().map(|value| read(value)).collect()
            })?);
        }
        let mut output = Output::default();
        for (person, values) in people.iter_mut().zip(results) {
            output.append(steps.collect(std::slice::from_mut(person), values)?);
        }
        Ok(output)
    }

    fn provider(&self) -> &str {
        PROVIDER
    }

    fn describe(&self) -> String {
        DESCRIPTION.into()
    }
}

fn read(value: &Tensor) -> TractResult<Given> {
    let data = value.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
    Ok((value.shape().to_vec(), data))
}

/// Runs a piece of tract, whose errors and panics (a graph that isn't ours can cause either)
/// become one kind of error.
fn guard<T>(sizes: &Sizes, work: impl FnOnce() -> TractResult<T>) -> Result<T, EngineError> {
    let fail = |reason: String| EngineError::Graph {
        path: sizes.path.clone(),
        backend: Backend::Tract,
        reason,
    };
    quiet::catch(work)
        .map_err(fail)?
        .map_err(|error| fail(format!("{error:#}")))
}
