//! The continual form: what the trainer computes along a whole recording is what an engine gives step
//! by step.

use crate::conformance;
use aimclr_engine::{Backend, Options, Output, Person, continual};
use aimclr_exporter::windows::cases;
use aimclr_model::card::{Card, Form};
use aimclr_model::continual::STEP;
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::{Plan, Pooled, QUERY};
use aimclr_model::weights::Weights;
use aimclr_skeleton::normalise::centre_and_turn_along;
use aimclr_skeleton::{Sequence, Stream};
use aimclr_trainer::encoder::Encoder;
use aimclr_trainer::streams::Streams;
use tch::{Device, Kind, Tensor};

const TOLERANCE: f64 = 1e-4;

/// Embeddings and logits after each step, by the trainer's own code.
fn by_trainer(weights: &Weights, recording: &[f32]) -> (Vec<f32>, Vec<f32>) {
    tch::set_num_threads(1);
    let card = weights.card.as_ref().expect("a card");
    let (plan, head) = Plan::of_weights(weights, QUERY).expect("an encoder");
    let encoder = Encoder::new(plan, head, Device::Cpu);
    encoder.parameters.load(weights, QUERY).expect("loaded");
    let joints = card.layout.len();
    let frames = recording.len() / (joints * 3);
    let mut sequence = Sequence {
        frames,
        bodies: 1,
        joints,
        data: recording.to_vec(),
    };
    centre_and_turn_along(&mut sequence, &card.layout, card.frames);
    let shape = [1, frames, 1, joints, 3].map(|n| n as i64);
    let joints = Tensor::from_slice(&sequence.data)
        .view(shape)
        .permute([0, 4, 1, 3, 2]);
    let streams = Streams::new(card.streams[0], &card.layout, Device::Cpu);
    let seen = streams.along(&joints.contiguous());
    let embeddings = encoder.embed_along(&seen, card.frames, head.pooled());
    let logits = tch::no_grad(|| encoder.head(&embeddings));
    let flat = |x: Tensor| {
        let x = x.contiguous().view([-1]).to_kind(Kind::Float);
        Vec::<f32>::try_from(x).expect("floats")
    };
    (flat(embeddings), flat(logits))
}

fn by_engine(model: &ModelFile, backend: Backend, recording: &[f32]) -> Output {
    let options = Options {
        backend,
        ..Options::default()
    };
    let mut engine = continual::open(model, options).expect("opens");
    let mut state = engine.start();
    let mut output = Output::default();
    for frames in recording.chunks_exact(STEP * model.card.layout.len() * 3) {
        let state = &mut state;
        output.append(engine.step(&mut [Person { state, frames }]).expect("steps"));
    }
    output
}

#[test]
fn the_trainer_along_a_recording_is_an_engine_step_by_step() {
    let pooled = [Pooled::Last, Pooled::Every, Pooled::Last];
    for (stream, pooled) in Stream::ALL.into_iter().zip(pooled) {
        let mut weights = conformance::weights(stream, 1, pooled, true);
        let card = weights.card.as_mut().expect("a card");
        card.form = Form::Continual;
        let long = Card {
            frames: 160,
            ..card.clone()
        };
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.onnx");
        conformance::export(weights.clone(), &path);
        let model = ModelFile::read(&path).expect("a model");
        let wanted = ["one body", "comes and goes"];
        for case in cases(&long, 5) {
            if !wanted.contains(&case.name) {
                continue;
            }
            let (embeddings, logits) = by_trainer(&weights, &case.data);
            assert_eq!(embeddings.len(), 40 * long.embedding);
            for backend in Backend::ALL {
                let found = by_engine(&model, backend, &case.data);
                let off = conformance::difference(&found.embedding, &embeddings);
                assert!(off < TOLERANCE, "{stream}, {}, {backend}: {off}", case.name);
                let off = conformance::difference(&found.logits, &logits);
                assert!(off < TOLERANCE, "{stream}, {}, {backend}: {off}", case.name);
            }
        }
    }
}
