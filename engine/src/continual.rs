//! Models of the continual form: a few frames of each person at a time, and what is remembered of
//! each.

use crate::onnxruntime::Steps as OnnxRuntimeSteps;
use crate::shape::{Given, Sizes};
use crate::tract::Steps as TractSteps;
use crate::{Backend, EngineError, Options, Output, expect};
use aimclr_model::card::Form;
use aimclr_model::continual::STEP;
use aimclr_model::onnx::{ModelFile, State as Spec};

/// What a model remembers of one person. A copy goes on from where it was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// One a state of the graph, in its order.
    pub(crate) values: Vec<Vec<f32>>,
}

/// The next frames of one person.
#[derive(Debug)]
pub struct Person<'a> {
    /// What is remembered; left alone where a step fails.
    pub state: &'a mut State,
    /// Shape (4, V, 3), C order: raw positions in metres in the camera's frame, at T frames in
    /// `window` seconds as the card has both, and finite.
    pub frames: &'a [f32],
}

/// A model of the continual form that is ready to run.
pub trait Continual: Send {
    /// What is remembered of somebody who has just come. Giving this to a person who was there
    /// already makes the model forget them.
    fn start(&self) -> State;

    /// Shows the model the next frames of each person: one row of the output for each, in their
    /// order. Nothing passes from one to another.
    ///
    /// Fails where frames or states don't fit the model or the backend gives up; the engine can be
    /// used further afterwards.
    fn step(&mut self, people: &mut [Person<'_>]) -> Result<Output, EngineError>;

    /// As [`Engine::provider`](crate::Engine::provider).
    fn provider(&self) -> &str;

    /// As [`Engine::describe`](crate::Engine::describe).
    fn describe(&self) -> String;
}

/// Makes a model of the continual form ready to run.
///
/// Fails where the backend or the device isn't there, the backend can't use the graph, or the graph
/// is of another form.
pub fn open(model: &ModelFile, options: Options) -> Result<Box<dyn Continual>, EngineError> {
    expect(model, Form::Continual)?;
    match options.backend {
        Backend::Tract => Ok(Box::new(TractSteps::open(model, options.device)?)),
        Backend::OnnxRuntime => Ok(Box::new(OnnxRuntimeSteps::open(
            model,
            options.device,
            options.threads,
        )?)),
    }
}

/// What a continual graph takes.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    pub sizes: Sizes,
    pub states: Vec<Spec>,
}

impl Steps {
    pub fn of(model: &ModelFile) -> Self {
        Self {
            sizes: Sizes::of(model),
            states: model.states(),
        }
    }

    pub fn start(&self) -> State {
        let zeros = |spec: &Spec| vec![0.0; spec.size()];
        State {
            values: self.states.iter().map(zeros).collect(),
        }
    }

    /// Shape of the frames of `n` people.
    pub fn frames(&self, n: usize) -> [usize; 4] {
        [n, STEP, self.sizes.joints, 3]
    }

    pub fn check(&self, people: &[Person<'_>]) -> Result<(), EngineError> {
        let fail = |expected: String, found: String| Err(EngineError::Windows { expected, found });
        let frames: usize = self.frames(1).iter().product();
        for person in people {
            if person.frames.len() != frames {
                let joints = self.sizes.joints;
                let expected = format!("{STEP}×{joints}×3 values, as the model card says");
                return fail(expected, person.frames.len().to_string());
            }
            let values = &person.state.values;
            let fits = values.len() == self.states.len()
                && values
                    .iter()
                    .zip(&self.states)
                    .all(|(v, s)| v.len() == s.size());
            if !fits {
                let expected = "a state that this model's `start` gave".into();
                return fail(expected, "one of another model".into());
            }
        }
        Ok(())
    }

    /// Takes what the graph gave for these people, by shape and values in the graph's order: states
    /// go to them, the rest comes out.
    pub fn collect(
        &self,
        people: &mut [Person<'_>],
        mut values: Vec<Given>,
    ) -> Result<Output, EngineError> {
        let n = people.len();
        let standard = self.sizes.outputs().len().min(values.len());
        let next = values.split_off(standard);
        let output = self.sizes.collect(n, values)?;
        let whole = next.len() == self.states.len()
            && next
                .iter()
                .zip(&self.states)
                .all(|((_, v), s)| v.len() == n * s.size());
        if !whole {
            let sizes: usize = self.states.iter().map(Spec::size).sum();
            return Err(EngineError::Output {
                path: self.sizes.path.clone(),
                output: "next.…",
                expected: [n, sizes],
                found: "something else".into(),
            });
        }
        for ((i, (_, values)), spec) in next.into_iter().enumerate().zip(&self.states) {
            match people {
                [person] => person.state.values[i] = values,
                _ => {
                    for (person, own) in people.iter_mut().zip(values.chunks_exact(spec.size())) {
                        person.state.values[i].copy_from_slice(own);
                    }
                }
            }
        }
        Ok(output)
    }
}
