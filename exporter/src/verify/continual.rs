//! The same for the continual form: recordings, step by step.

use super::{Case, SEED, cases};
use crate::ExportError;
use crate::reference::Reference;
use crate::source::Source;
use aimclr_engine::{Continual, Output, Person, State};
use aimclr_model::Card;
use aimclr_model::continual::STEP;

/// Frames of each recording: some steps more than the paper's encoder needs until nothing before
/// the first frame is in its embedding.
const FRAMES: usize = 160;

/// Recordings of every kind and what the weights make of them after each step, all of a case's
/// people after one step side by side.
pub(super) fn expected(source: &Source, progress: &mut dyn FnMut(f64)) -> Vec<(Case, Output)> {
    let reference = Reference::of(source);
    let card = Card {
        frames: FRAMES,
        ..source.card.clone()
    };
    let cases = cases(&card, SEED);
    let whole: usize = cases.iter().map(|case| case.n).sum();
    let mut done = 0;
    let run = |case: Case| {
        let people = case.data.chunks_exact(case.data.len() / case.n);
        let people: Vec<Output> = people
            .map(|recording| {
                done += 1;
                progress(done as f64 / whole as f64);
                reference.run_along(recording)
            })
            .collect();
        let mut output = Output::default();
        for step in 0..FRAMES / STEP {
            for person in &people {
                output.n += 1;
                output.embedding.extend(person.embedding_of(step));
                output.logits.extend(person.logits_of(step));
                output.probabilities.extend(person.probabilities_of(step));
            }
        }
        (case, output)
    };
    cases.into_iter().map(run).collect()
}

/// What an engine gives for the recordings of a case, in that order.
pub(super) fn run(engine: &mut dyn Continual, case: &Case) -> Result<Output, ExportError> {
    let recording = case.data.len() / case.n;
    let chunk = recording / (FRAMES / STEP);
    let mut states: Vec<State> = (0..case.n).map(|_| engine.start()).collect();
    let mut output = Output::default();
    for step in 0..FRAMES / STEP {
        let mut people: Vec<Person<'_>> = states
            .iter_mut()
            .zip(case.data.chunks_exact(recording))
            .map(|(state, frames)| Person {
                state,
                frames: &frames[step * chunk..][..chunk],
            })
            .collect();
        output.append(engine.step(&mut people)?);
    }
    Ok(output)
}

/// The next step of one person, each time it is called.
pub(super) fn step<'a>(
    engine: &'a mut dyn Continual,
    case: &'a Case,
) -> impl FnMut() -> Result<(), ExportError> + 'a {
    let chunk = case.data.len() / case.n / (FRAMES / STEP);
    let mut state = engine.start();
    move || {
        let frames = &case.data[..chunk];
        let state = &mut state;
        engine.step(&mut [Person { state, frames }])?;
        Ok(())
    }
}
