//! One suite, every engine: the same weights and windows through tch, tract and ONNX Runtime agree
//! within 1e-4 on logits and embedding: absolutely, or as a share of the largest value where that is
//! above 1.

use aimclr_engine::{Backend, Options, Windows};
use aimclr_exporter::graph::{self as exported, Form};
use aimclr_exporter::windows::{Case, cases};
use aimclr_exporter::{Choices, Source};
use aimclr_model::Weights;
use aimclr_model::card::{self, Calibration, Card, Provenance};
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::{Head, Plan, Pooled, QUERY};
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Sequence, Stream, graph, resize};
use aimclr_trainer::encoder::Encoder;
use aimclr_trainer::parameters::Init;
use aimclr_trainer::streams::Streams;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const TOLERANCE: f64 = 1e-4;
const CLASSES: usize = 12;

fn classifier(pooled: Pooled) -> Head {
    Head::Classifier {
        classes: CLASSES,
        pooled,
    }
}

/// The published widths with random weights.
pub fn weights(stream: Stream, bodies: usize, pooled: Pooled, trained: bool) -> Weights {
    let layout = Layout::ntu25();
    of_plan(
        Plan::paper(layout.len()),
        layout,
        stream,
        bodies,
        pooled,
        trained,
    )
}

/// An encoder with random weights: as drawn, or with batch norms and edge weights away from the
/// identity, as if trained.
pub fn of_plan(
    plan: Plan,
    layout: Layout,
    stream: Stream,
    bodies: usize,
    pooled: Pooled,
    trained: bool,
) -> Weights {
    tch::manual_seed(7);
    let encoder = Encoder::new(plan, classifier(pooled), Device::Cpu);
    encoder
        .parameters
        .init(Init::Default, &graph::adjacency(&layout));
    let specs = if trained {
        plan.tensors(Head::None)
    } else {
        Vec::new()
    };
    for spec in specs {
        let mut tensor = encoder.parameters.get(&spec.name);
        tch::no_grad(|| match &spec.name {
            name if name.ends_with("running_mean") => _ = tensor.normal_(0.0, 0.1),
            name if name.ends_with("running_var") => _ = tensor.uniform_(0.05, 0.3),
            name if name.starts_with("edge_importance") => _ = tensor.uniform_(0.5, 1.5),
            _ => {}
        });
    }
    let mut weights = Weights {
        path: "random".into(),
        ..Weights::default()
    };
    encoder.parameters.store(&mut weights, QUERY);
    weights.card = Some(Card {
        version: card::VERSION,
        preprocessing: Preprocessing::usual(&layout),
        layout,
        frames: 50,
        bodies,
        window: 2.0,
        streams: vec![stream],
        fusion: vec![1.0],
        classes: (0..CLASSES).map(|c| format!("class {c}")).collect(),
        embedding: plan.embedding(pooled),
        form: Default::default(),
        precision: Default::default(),
        merged: Vec::new(),
        measured: None,
        provenance: Provenance::default(),
        calibration: Calibration {
            temperature: 1.3,
            unknown_below: 0.0,
            fitted: None,
        },
    });
    weights
}

/// Writes the graph of weights.
pub fn export(weights: Weights, path: &Path) {
    let source = Source::of(vec![weights], Choices::default()).expect("a source");
    exported::write(&source, &Form::single(), path).expect("exported");
}

/// Embedding and logits by the trainer's own code: its preprocessing, streams and encoder.
fn by_trainer(weights: &Weights, case: &Case) -> (Vec<f32>, Vec<f32>) {
    tch::set_num_threads(1);
    let card = weights.card.as_ref().expect("a card");
    let (plan, head) = Plan::of_weights(weights, QUERY).expect("an encoder");
    let encoder = Encoder::new(plan, head, Device::Cpu);
    encoder.parameters.load(weights, QUERY).expect("loaded");
    let (frames, joints) = (card.frames, card.layout.len());
    let mut values = Vec::new();
    let body = frames * joints * 3;
    for n in 0..case.n {
        // (T, M, V, 3) as the trainer holds it; bodies that were not given are absent.
        let mut clip = Sequence::zeros(frames, card.bodies, joints);
        for m in 0..case.m {
            let given = &case.data[(n * case.m + m) * body..][..body];
            for (t, frame) in given.chunks_exact(joints * 3).enumerate() {
                let at = clip.at(t, m, 0);
                clip.data[at..at + joints * 3].copy_from_slice(frame);
            }
        }
        card.preprocessing.apply(&mut clip, &card.layout);
        values.extend(clip.data);
    }
    let shape = [case.n, frames, card.bodies, joints, 3].map(|n| n as i64);
    let joints = Tensor::from_slice(&values)
        .view(shape)
        .permute([0, 4, 1, 3, 2]);
    let streams = Streams::new(card.streams[0], &card.layout, Device::Cpu);
    tch::no_grad(|| {
        let embedding = encoder.embed(&streams.of(&joints.contiguous()), head.pooled());
        let logits = encoder.head(&embedding);
        let flat = |x: Tensor| {
            let x = x.contiguous().view([-1]).to_kind(Kind::Float);
            Vec::try_from(x).expect("flat")
        };
        (flat(embedding), flat(logits))
    })
}

/// People as the generator moves them, one and two bodies, one window and seven.
fn people(card: &Card) -> Vec<Case> {
    let window = |i: usize| {
        let subject = Subject::new(3, 1 + i as u32 % 4);
        let recording = motions::recording(&subject, ACTIONS[i % ACTIONS.len()], 1, 4.0, 30.0);
        resize::linear(recording.view(), card.frames).data
    };
    let mut all = Vec::new();
    for (name, n, m) in [
        ("a person", 1, 1),
        ("seven people", 7, 1),
        ("two people", 1, 2),
        ("seven pairs", 7, 2),
    ] {
        if m <= card.bodies {
            let data = (0..n * m).flat_map(window).collect();
            all.push(Case { name, n, m, data });
        }
    }
    all
}

/// Largest difference, as a share of the largest expected value where that is above 1.
pub fn difference(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1f32, |most, x| most.max(x.abs()));
    let pairs = found.iter().zip(expected);
    pairs
        .map(|(a, b)| f64::from((a - b).abs() / largest))
        .fold(0.0, f64::max)
}

fn conform(stream: Stream, bodies: usize, pooled: Pooled) {
    let weights = weights(stream, bodies, pooled, true);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("model.onnx");
    export(weights.clone(), &path);
    let model = ModelFile::read(&path).expect("read");
    let mut cases = cases(&model.card, 1);
    cases.extend(people(&model.card));
    let mut engines: Vec<_> = Backend::ALL
        .into_iter()
        .map(|backend| {
            let options = Options {
                backend,
                ..Options::default()
            };
            (
                backend,
                aimclr_engine::open(&model, options).expect("the engine opens"),
            )
        })
        .collect();
    for case in &cases {
        let (embedding, logits) = by_trainer(&weights, case);
        let spread = logits.iter().fold(0f32, |most, x| most.max(x.abs()));
        assert!(
            spread > 1e-3,
            "{}: logits that are all 0 compare nothing",
            case.name
        );
        for (backend, engine) in &mut engines {
            let windows = Windows {
                n: case.n,
                m: case.m,
                data: &case.data,
            };
            let output = engine.run(windows).expect("runs");
            for (what, found, expected) in [
                ("embedding", &output.embedding, &embedding),
                ("logits", &output.logits, &logits),
            ] {
                let difference = difference(found, expected);
                assert!(
                    difference <= TOLERANCE,
                    "{stream}, {bodies} bodies, {}, {backend}: {what} differs by {difference:e}",
                    case.name
                );
            }
            for row in output.probabilities.chunks(CLASSES) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn joints_of_one_body() {
    conform(Stream::Joint, 1, Pooled::Last);
}

#[test]
fn joints_of_two_bodies() {
    conform(Stream::Joint, 2, Pooled::Last);
}

#[test]
fn bones_with_every_block_pooled() {
    conform(Stream::Bone, 2, Pooled::Every);
}

#[test]
fn motion() {
    conform(Stream::Motion, 1, Pooled::Last);
}
