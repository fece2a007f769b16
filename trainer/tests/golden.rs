//! The released code's numbers, tensor by tensor. `tests/golden/README.md` says what they are.

use aimclr_model::plan::{Head, KEY, Plan, QUERY};
use aimclr_model::{Tensor as Stored, Weights};
use aimclr_skeleton::dataset::Dataset;
use aimclr_skeleton::{Layout, Stream, graph};
use aimclr_trainer::aimclr::{AimClr, Method, Stage, Views};
use aimclr_trainer::augment::{Augment, Augmentations};
use aimclr_trainer::eadm;
use aimclr_trainer::encoder::{Encoder, Mode};
use aimclr_trainer::parameters::Init;
use aimclr_trainer::streams::Streams;
use serde_json::Value;
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};

/// The `small` numbers lie in the project, `full` only beside it.
fn golden(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let inside = root.join("tests/golden").join(name);
    if inside.exists() {
        inside
    } else {
        root.join("../shared/golden").join(name)
    }
}

fn read(name: &str) -> Weights {
    Weights::read(golden(name)).expect("golden numbers")
}

fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(golden(name)).expect("golden numbers");
    serde_json::from_str(&text).expect("JSON")
}

fn tensor(stored: &Stored) -> Tensor {
    let shape: Vec<i64> = stored.shape.iter().map(|n| *n as i64).collect();
    Tensor::from_slice(stored.values()).view(&shape[..])
}

fn get(weights: &Weights, name: &str) -> Tensor {
    tensor(weights.get(name).expect("golden tensor"))
}

/// The released code's order of features, (B, C, T, V), from ours and back: (V, C, T, B).
fn released(features: &Tensor) -> Tensor {
    features.permute([3, 1, 2, 0])
}

fn ours(features: &Tensor) -> Tensor {
    features.permute([3, 1, 2, 0])
}

/// Largest difference as a share of the expected tensor's largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let largest = |x: &Tensor| x.abs().max().to_kind(Kind::Double).double_value(&[]);
    largest(&(found.detach() - expected)) / largest(expected).max(1e-30)
}

fn assert_close(name: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    let difference = difference(found, expected);
    assert!(
        difference <= tolerance,
        "{name}: {difference:e} of the largest value"
    );
}

fn encoder(weights: &Weights) -> Encoder {
    tch::set_num_threads(1);
    let (plan, head) = Plan::of_weights(weights, QUERY).expect("an encoder");
    let encoder = Encoder::new(plan, head, Device::Cpu);
    encoder.parameters.load(weights, QUERY).expect("loaded");
    encoder
}

#[test]
fn graph_is_exact() {
    for prefix in [QUERY, KEY] {
        let expected = read("small/weights.safetensors");
        let expected = expected.values(&format!("{prefix}.A")).expect("A");
        assert_eq!(graph::adjacency(&Layout::ntu25()), expected);
    }
}

fn forward(folder: &str) {
    let weights = read(&format!("{folder}/weights.safetensors"));
    let numbers = read(&format!("{folder}/forward.safetensors"));
    let encoder = encoder(&weights);
    let input = get(&numbers, "input");
    let bodies = input.size()[4];
    tch::no_grad(|| {
        for (i, block) in encoder.blocks(&input).iter().enumerate() {
            let name = format!("eval.block.{i}");
            if numbers.tensors.contains_key(&name) {
                assert_close(&name, &released(block), &get(&numbers, &name), 1e-5);
            }
        }
        let features = encoder.features(&input, Mode::Eval);
        let dropped = eadm::drop(&features, eadm::KEEP, eadm::LAMBDA);
        for (suffix, features, tolerance) in [("", &features, 1e-5), ("_dropped", &dropped, 1e-4)] {
            let embedding = encoder.pool(features, bodies);
            let name = format!("eval.embedding{suffix}");
            assert_close(&name, &embedding, &get(&numbers, &name), tolerance);
            let name = format!("eval.projection{suffix}");
            let projection = encoder.head(&embedding);
            assert_close(&name, &projection, &get(&numbers, &name), tolerance);
        }
    });
}

#[test]
fn forward_small() {
    forward("small");
}

#[test]
fn forward_full() {
    if !golden("full").exists() {
        eprintln!("skipped: ../shared/golden/full is not there");
        return;
    }
    forward("full");
}

#[test]
fn eadm_drops_what_the_released_code_drops() {
    let numbers = read("small/forward.safetensors");
    let input = ours(&get(&numbers, "eadm.input"));
    let dropped = released(&eadm::drop(&input, eadm::KEEP, eadm::LAMBDA));
    assert_close("eadm.output", &dropped, &get(&numbers, "eadm.output"), 1e-5);
}

#[test]
fn eadm_survives_dropping_everything() {
    let spike = Tensor::zeros([2, 1, 2, 1], (Kind::Float, Device::Cpu));
    let dropped = eadm::drop(&spike, 0.1, eadm::LAMBDA);
    assert_eq!(
        f64::try_from(dropped.abs().sum(Kind::Float)).expect("a number"),
        0.0
    );
}

#[test]
fn streams_are_the_released_ones() {
    let numbers = read("small/forward.safetensors");
    let input = get(&numbers, "input");
    for stream in [Stream::Motion, Stream::Bone] {
        let ours = Streams::new(stream, &Layout::ntu25(), Device::Cpu).of(&input);
        let name = format!("stream.{stream}");
        assert_close(&name, &ours, &get(&numbers, &name), 1e-6);
    }
}

/// Learning rate of the golden steps.
const LR: f64 = 0.1;

fn step(name: &str, stage: Stage, top: usize) {
    tch::set_num_threads(1);
    let weights = read("small/weights.safetensors");
    let numbers = read(&format!("small/step_{name}.safetensors"));
    let scalars = &json("small/scalars.json")["scalars"][name];
    let (plan, _) = Plan::of_weights(&weights, QUERY).expect("an encoder");
    let method = Method {
        queue_size: 64,
        dropout: 0.0,
        top,
        ..Method::default()
    };
    let a = graph::adjacency(&Layout::ntu25());
    let mut model = AimClr::new(plan, &a, method, Init::Default, 0, Device::Cpu);
    model.load(&weights).expect("loaded");
    let views = Views {
        normal: get(&numbers, "im_q"),
        extreme: get(&numbers, "im_q_extreme"),
        key: get(&numbers, "im_k"),
    };
    let queue = model.queue.copy();
    let outcome = model.step(&views, stage, LR);

    for (key, value) in [
        ("loss", &outcome.loss),
        ("loss_info_nce", &outcome.losses.contrast),
        ("loss_d3m_extreme", &outcome.losses.d3m_extreme),
        ("loss_d3m_dropped", &outcome.losses.d3m_dropped),
    ] {
        let expected = scalars[key].as_f64().expect("a number");
        let found = value.double_value(&[]);
        assert!(
            (found - expected).abs() <= 1e-5 * expected,
            "{key}: {found}, not {expected}"
        );
    }
    assert_eq!(scalars["queue_ptr"], model.pointer);
    let mut positives = Tensor::zeros([outcome.key.size()[0], 65], (Kind::Float, Device::Cpu));
    if let Some(found) = &outcome.losses.positives {
        let _ = positives.narrow(1, 0, 1).fill_(1.0);
        let _ = positives.scatter_value_(1, &(&found.indices + 1), 1.0);
        assert!(
            positives.equal(&get(&numbers, "pos_mask")),
            "the same positives"
        );
    }
    let softmax = |logits: &Tensor| logits.softmax(-1, Kind::Float);
    let views = outcome.projections.chunk(3, 0);
    for (name, view, tolerance) in [
        ("logits", 0, 1e-5),
        ("probs_extreme", 1, 1e-4),
        ("probs_extreme_dropped", 2, 1e-4),
    ] {
        let own =
            (&views[view] * &outcome.key).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let logits = Tensor::cat(&[own, views[view].matmul(&queue)], 1) / 0.07;
        let found = if view == 0 { logits } else { softmax(&logits) };
        assert_close(name, &found, &get(&numbers, name), tolerance);
    }

    let names: Vec<String> = plan
        .tensors(Head::Projection)
        .into_iter()
        .filter(|spec| spec.learnt)
        .map(|spec| format!("grad.{QUERY}.{}", spec.name))
        .collect();
    let expected: Vec<Tensor> = names.iter().map(|name| get(&numbers, name)).collect();
    // An activation within a rounding of 0 may fall on ReLU's other side, which moves single
    // gradients by a hundredth of the largest: so lengths are compared, of each tensor and of all.
    let length = |x: &Tensor| x.norm().double_value(&[]);
    let square = |lengths: f64, length: f64| lengths + length * length;
    let whole = expected.iter().map(length).fold(0.0, square).sqrt();
    let differences: Vec<Tensor> = outcome
        .gradients
        .iter()
        .zip(&expected)
        .map(|(found, expected)| found - expected)
        .collect();
    for ((name, difference), expected) in names.iter().zip(&differences).zip(&expected) {
        // A bias ahead of a batch norm has no gradient in exact arithmetic, only noise.
        let tolerance = 3e-2 * length(expected) + 1e-5 * whole;
        let difference = length(difference);
        assert!(
            difference <= tolerance,
            "{name}: {difference:e}, at most {tolerance:e}"
        );
    }
    let share = differences.iter().map(length).fold(0.0, square).sqrt() / whole;
    assert!(share < 5e-3, "all gradients: {share:e} of their length");
    let moved = |name: &str| {
        let index = names.iter().position(|n| n == &format!("grad.{name}"));
        index.map_or(0.0, |i| LR * differences[i].abs().max().double_value(&[]))
    };

    let mut after = Weights::default();
    model.store(&mut after);
    let mut compared = 0;
    for (name, expected) in &numbers.tensors {
        let Some(name) = name.strip_prefix("after.") else {
            continue;
        };
        let Some(found) = after.tensors.get(name) else {
            assert!(
                name.ends_with("num_batches_tracked") || name == "queue_ptr",
                "{name}"
            );
            continue;
        };
        if expected.values().is_empty() {
            continue;
        }
        let (found, expected) = (tensor(found), tensor(expected));
        // A weight may be off by what its gradient is off, and by no more.
        let moved = moved(name) / expected.abs().max().double_value(&[]).max(1e-30);
        assert_close(name, &found, &expected, 1e-4 + 1.01 * moved);
        compared += 1;
    }
    assert!(
        compared > 300,
        "both encoders and the queue, {compared} tensors"
    );
}

#[test]
fn a_step_of_stage_1() {
    step("stage1", Stage::Contrast, 1);
}

#[test]
fn a_step_of_stage_2_with_one_neighbour() {
    step("stage2_top1", Stage::Mining, 1);
}

#[test]
fn a_step_of_stage_2_with_three_neighbours() {
    step("stage2_top3", Stage::Mining, 3);
}

#[test]
fn augmentations_with_given_parameters() {
    let numbers = read("data/augment.safetensors");
    let draws = &json("data/augment.json")["draws"];
    let augment = Augment::new(Augmentations::default(), &Layout::ntu25(), Device::Cpu);
    let input = get(&numbers, "input").unsqueeze(0);
    let draw = |name: &str| -> Vec<f64> {
        let values = draws[name].as_array().expect("an array");
        values
            .iter()
            .map(|v| v.as_f64().expect("a number"))
            .collect()
    };
    for i in 0..2 {
        let check = |operation: &str, found: Tensor| {
            let name = format!("{operation}.{i}.output");
            assert_close(&name, &found.squeeze_dim(0), &get(&numbers, &name), 1e-5);
        };
        let s = draw(&format!("shear.{i}"));
        let shear = [1.0, s[0], s[3], s[1], 1.0, s[4], s[2], s[5], 1.0];
        check("shear", augment.shear(&input, &[shear]));
        let start = draw(&format!("temporal_crop.{i}"))[0] as i64;
        check("temporal_crop", augment.crop(&input, &[start]));
        check("spatial_flip", augment.spatial_flip(&input, &[true]));
        check("temporal_flip", augment.temporal_flip(&input, &[true]));
        let r = draw(&format!("rotate.{i}"));
        check("rotate", augment.rotate(&input, &[[r[1], r[2], r[3]]]));
        let noise = get(&numbers, &format!("gaussian_noise.{i}.noise")).unsqueeze(0);
        check("gaussian_noise", augment.noise(&input, &[true], &noise));
        let sigma = draw(&format!("gaussian_blur.{i}"))[0];
        check("gaussian_blur", augment.blur(&input, &[Some(sigma)]));
        let axis = draw(&format!("axis_mask.{i}"))[1] as usize;
        check("axis_mask", augment.axis_mask(&input, &[Some(axis)]));
    }
    // What is not drawn changes nothing.
    for unchanged in [
        augment.spatial_flip(&input, &[false]),
        augment.temporal_flip(&input, &[false]),
        augment.noise(&input, &[false], &input),
        augment.blur(&input, &[None]),
        augment.axis_mask(&input, &[None]),
        augment.crop(&input, &[8]),
    ] {
        assert!(unchanged.equal(&input));
    }
}

#[test]
fn preprocessing_is_the_released_one() {
    use aimclr_skeleton::{Sequence, normalise, resize};
    let numbers = read("data/preprocess.safetensors");
    let raw = get(&numbers, "raw");
    let layout = Layout::ntu25();
    for n in 0..raw.size()[0] {
        let clip = raw.get(n).permute([1, 3, 2, 0]).contiguous();
        let data = Vec::<f32>::try_from(clip.view([-1])).expect("flat");
        let clip = Sequence {
            frames: 300,
            bodies: 2,
            joints: 25,
            data,
        };
        let valid = resize::valid_frames(clip.view());
        let check = |name: &str, found: &Sequence| {
            let shape = [1, 50, 2, 25, 3];
            let found = Tensor::from_slice(&found.data)
                .view(shape)
                .permute([0, 4, 1, 3, 2]);
            let expected = get(&numbers, name).get(n).unsqueeze(0);
            assert_close(&format!("{name} {n}"), &found, &expected, 1e-5);
        };
        // The released preprocessing also stores differences of the raw, zero-padded frames,
        // neither centred nor turned. Nothing trains on them: streams come after augmentation.
        let motion = Stream::Motion.of(&clip, &layout);
        check(
            "motion",
            &resize::linear(motion.view().slice(0..valid.frames), 50),
        );
        let mut position = resize::linear(valid, 50);
        normalise::centre_and_turn(&mut position, &layout);
        check("position", &position);
    }
}

#[test]
fn real_data_has_the_shape_that_it_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/uiprmd");
    if !folder.exists() {
        eprintln!("skipped: ../shared/data/uiprmd is not there");
        return;
    }
    let dataset = Dataset::open(folder).expect("opened");
    assert_eq!(dataset.samples().len(), 2000);
}
