//! Steps in real engines against whole recordings computed plainly.

use crate::Reference;
use crate::fixtures;
use crate::graph::{self, Form};
use crate::source::{Choices, Names, Source};
use crate::verify::{Expected, tolerance};
use crate::windows::cases;
use aimclr_engine::{Backend, Options, Output, Person, State, continual};
use aimclr_model::card;
use aimclr_model::continual::STEP;
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::{Head, Plan, Pooled};
use aimclr_model::{Card, Weights};
use aimclr_skeleton::Stream;
use aimclr_skeleton::normalise::Preprocessing;

/// A model that is read back, so that inputs and outputs are checked.
fn file(source: &Source) -> ModelFile {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("model.onnx");
    graph::write(source, &Form::single(), &path).expect("written");
    ModelFile::read(&path).expect("a whole model")
}

fn options(backend: Backend) -> Options {
    Options {
        backend,
        ..Options::default()
    }
}

/// The same weights with a classifier that was fitted in the continual form.
fn continual(mut weights: Weights) -> Weights {
    if let Some(card) = &mut weights.card {
        card.form = card::Form::Continual;
        card.bodies = 1;
    }
    weights
}

fn source(plan: Plan, stream: Stream, seed: u64) -> Source {
    let head = Head::classifier(5);
    fixtures::of(continual(fixtures::weights(plan, stream, head, seed)))
}

fn check(source: &Source) {
    let model = file(source);
    let expected = Expected::of(source, |_| ());
    for backend in Backend::ALL {
        let report = expected.verify(&model, options(backend)).expect("runs");
        let rows = &report.rows;
        assert!(
            report.within(tolerance(source.card.precision)),
            "{backend}: {rows:#?}"
        );
        assert!(rows.iter().all(|row| row.n >= 40), "a row a step");
    }
}

#[test]
fn steps_of_every_stream_agree_with_whole_recordings_in_every_engine() {
    for (i, stream) in Stream::ALL.into_iter().enumerate() {
        check(&source(fixtures::narrow(), stream, 30 + i as u64));
    }
}

#[test]
fn three_streams_every_block_and_merged_classes_agree_too() {
    let plan = fixtures::narrow();
    let head = Head::Classifier {
        classes: 4,
        pooled: Pooled::Every,
    };
    let of = |(seed, stream)| {
        let mut weights = continual(fixtures::weights(plan, stream, head, seed));
        if let Some(card) = &mut weights.card {
            card.embedding = plan.embedding(Pooled::Every);
            card.frames = 27;
        }
        weights
    };
    let weights = (40..).zip(Stream::ALL).map(of).collect();
    let names = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&names, "wave\nfall\nfall\nsit\n").expect("written");
    let names = Some(Names::read(names.path()).expect("names"));
    let choices = Choices {
        names,
        ..Choices::default()
    };
    let source = Source::of(weights, choices).expect("consistent");
    assert_eq!(source.card.merged, [0, 1, 1, 2]);
    check(&source);
}

#[test]
fn an_encoder_without_classifier_can_be_continual() {
    let weights = fixtures::weights(fixtures::narrow(), Stream::Joint, Head::Projection, 3);
    let source = fixtures::of(weights).in_form(Some(card::Form::Continual));
    let source = source.expect("there is no classifier that could be of windows");
    assert_eq!(source.card.bodies, 1);
    assert_eq!(file(&source).card.form, card::Form::Continual);
}

/// Everyone's frames step by step; `groups` says who goes through the engine together.
fn stepped(
    model: &ModelFile,
    backend: Backend,
    people: &[Vec<f32>],
    groups: &[&[usize]],
) -> Vec<Output> {
    let mut engine = continual::open(model, options(backend)).expect("opens");
    let chunk = STEP * model.card.layout.len() * 3;
    let mut states: Vec<State> = people.iter().map(|_| engine.start()).collect();
    let mut outputs: Vec<Output> = people.iter().map(|_| Output::default()).collect();
    for step in 0..people[0].len() / chunk {
        for group in groups {
            let mut own: Vec<State> = group.iter().map(|i| states[*i].clone()).collect();
            let mut those: Vec<Person<'_>> = own
                .iter_mut()
                .zip(*group)
                .map(|(state, i)| Person {
                    state,
                    frames: &people[*i][step * chunk..][..chunk],
                })
                .collect();
            let output = engine.step(&mut those).expect("steps");
            for (row, (i, state)) in group.iter().zip(own).enumerate() {
                states[*i] = state;
                let outputs = &mut outputs[*i];
                outputs.n += 1;
                outputs.embedding.extend(output.embedding_of(row));
                outputs.logits.extend(output.logits_of(row));
            }
        }
    }
    outputs
}

fn off(expected: &[f32], found: &[f32]) -> f32 {
    assert_eq!(expected.len(), found.len());
    let pairs = expected.iter().zip(found);
    pairs.fold(0.0, |max, (a, b)| {
        f32::max(max, (a - b).abs() / a.abs().max(1.0))
    })
}

#[test]
fn it_makes_no_difference_who_goes_through_together() {
    let source = source(fixtures::narrow(), Stream::Bone, 50);
    let model = file(&source);
    let long = Card {
        frames: 80,
        ..source.card.clone()
    };
    let people: Vec<Vec<f32>> = cases(&long, 7)
        .into_iter()
        .filter(|case| case.n == 1)
        .map(|case| case.data)
        .collect();
    let reference = Reference::of(&source);
    let expected: Vec<Output> = people.iter().map(|p| reference.run_along(p)).collect();
    let groupings: [&[&[usize]]; 3] = [
        &[&[0], &[1], &[2], &[3], &[4]],
        &[&[0, 1, 2, 3, 4]],
        &[&[3, 1], &[4, 0, 2]],
    ];
    for backend in Backend::ALL {
        for groups in groupings {
            let found = stepped(&model, backend, &people[..5], groups);
            for (expected, found) in expected.iter().zip(&found) {
                let worst = off(&expected.embedding, &found.embedding);
                assert!(worst < 1e-4, "{backend}, {groups:?}: {worst}");
                assert!(off(&expected.logits, &found.logits) < 1e-4);
            }
        }
    }
}

#[test]
fn who_is_forgotten_starts_anew_and_a_copy_goes_on() {
    let source = source(fixtures::narrow(), Stream::Motion, 51);
    let model = file(&source);
    let chunk = STEP * 25 * 3;
    let frames = &cases(&source.card, 8)[0].data;
    for backend in Backend::ALL {
        let mut engine = continual::open(&model, options(backend)).expect("opens");
        let mut step = |state: &mut State, i: usize| {
            let frames = &frames[i * chunk..][..chunk];
            engine.step(&mut [Person { state, frames }]).expect("steps")
        };
        let start = continual::open(&model, options(backend))
            .expect("opens")
            .start();
        let mut state = start.clone();
        let first = step(&mut state, 0);
        let mut copy = state.clone();
        let second = step(&mut state, 1);
        assert_ne!(first, second);
        assert_eq!(step(&mut copy, 1), second);
        assert_eq!(copy, state);
        state = start;
        assert_eq!(step(&mut state, 0), first);
    }
}

#[test]
fn frames_and_states_that_do_not_fit_are_refused() {
    let (model, other) = (
        file(&source(fixtures::narrow(), Stream::Joint, 52)),
        file(&source(fixtures::narrow(), Stream::Motion, 52)),
    );
    for backend in Backend::ALL {
        let mut engine = continual::open(&model, options(backend)).expect("opens");
        let foreign = continual::open(&other, options(backend))
            .expect("opens")
            .start();
        for (mut state, frames) in [(engine.start(), 299), (foreign, 300)] {
            let before = state.clone();
            let frames = &vec![0.0; frames][..];
            let state = &mut state;
            assert!(engine.step(&mut [Person { state, frames }]).is_err());
            assert_eq!(*state, before);
        }
        assert_eq!(engine.step(&mut []).expect("nobody").n, 0);
    }
}

#[test]
fn each_form_is_opened_as_what_it_is() {
    let steps = file(&source(fixtures::narrow(), Stream::Joint, 53));
    let head = Head::classifier(5);
    let windows = file(&fixtures::source(
        fixtures::narrow(),
        Stream::Joint,
        head,
        53,
    ));
    for backend in Backend::ALL {
        let message = |error: aimclr_engine::EngineError| error.to_string();
        let refused = aimclr_engine::open(&steps, options(backend))
            .map(|_| ())
            .map_err(message);
        let refused = refused.expect_err("not windows");
        assert!(
            refused.contains("a model of the continual form"),
            "{refused}"
        );
        let refused = continual::open(&windows, options(backend))
            .map(|_| ())
            .map_err(message);
        let refused = refused.expect_err("not steps");
        assert!(refused.contains("--form continual"), "{refused}");
    }
}

#[test]
fn what_the_form_cannot_do_is_refused() {
    let weights = |change: fn(&mut Card)| {
        let mut weights = fixtures::weights(fixtures::narrow(), Stream::Joint, Head::Projection, 3);
        weights.card.as_mut().map(change);
        fixtures::of(weights)
    };
    let continual = |source: Source| source.in_form(Some(card::Form::Continual));
    let clip = weights(|card| card.preprocessing = Preprocessing::Clip);
    let message = continual(clip)
        .expect_err("needs the whole clip")
        .to_string();
    assert!(
        message.contains("preprocessing") && message.contains("continual form"),
        "{message}"
    );

    let head = Head::classifier(5);
    let windowed = fixtures::source(fixtures::narrow(), Stream::Joint, head, 53);
    let message = continual(windowed)
        .expect_err("another function")
        .to_string();
    assert!(
        message.contains("evaluate linear --form continual"),
        "{message}"
    );
}
