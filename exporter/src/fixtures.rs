//! Models with random weights for the tests.

use crate::Source;
use crate::source::Choices;
use aimclr_model::card::{Calibration, Provenance, VERSION};
use aimclr_model::plan::{Head, Plan, QUERY};
use aimclr_model::{Card, Tensor, Weights};
use aimclr_skeleton::layout::names;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Stream, graph};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A narrow encoder, so that tests are quick.
pub fn narrow() -> Plan {
    Plan {
        hidden_channels: 4,
        hidden_dim: 24,
        feature_dim: 8,
        ..Plan::paper(25)
    }
}

/// The layout that has as many joints as `plan`.
pub fn layout(plan: Plan) -> Layout {
    let known = names()
        .into_iter()
        .map(|name| Layout::by_name(name).expect("known"));
    let mut fitting = known.filter(|layout| layout.len() == plan.joints);
    fitting.next().expect("a layout with as many joints")
}

/// A card for `plan`.
pub fn card(plan: Plan, stream: Stream, classes: usize) -> Card {
    Card {
        version: VERSION,
        layout: layout(plan),
        frames: 50,
        bodies: 2,
        window: 2.0,
        streams: vec![stream],
        fusion: vec![1.0],
        classes: (0..classes).map(|i| format!("class {i}")).collect(),
        embedding: plan.hidden_dim,
        preprocessing: Preprocessing::usual(&layout(plan)),
        form: Default::default(),
        precision: Default::default(),
        merged: Vec::new(),
        measured: None,
        provenance: Provenance {
            dataset: "random".into(),
            ..Provenance::default()
        },
        calibration: Calibration {
            temperature: 1.7,
            unknown_below: 0.2,
            fitted: None,
        },
    }
}

/// Weights as after some training: statistics and scales away from the identity, features that
/// neither vanish nor explode on the way.
pub fn weights(plan: Plan, stream: Stream, head: Head, seed: u64) -> Weights {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut around = move |centre: f32, size: f32| centre + size * random.random_range(-1.0..1.0);
    let classes = match head {
        Head::Classifier { classes, .. } => classes,
        _ => 0,
    };
    let mut weights = Weights {
        path: "random.safetensors".into(),
        card: Some(card(plan, stream, classes)),
        ..Weights::default()
    };
    for spec in plan.tensors(head) {
        let size: usize = spec.shape.iter().product();
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let wide = (3.0 / fan_in.max(1) as f32).sqrt();
        let name = spec.name;
        let values: Vec<f32> = match &name[..] {
            "A" => graph::adjacency(&layout(plan)),
            _ if name.starts_with("edge_importance") => {
                (0..size).map(|_| around(1.0, 0.3)).collect()
            }
            _ if name.ends_with("running_var") => (0..size).map(|_| around(0.8, 0.4)).collect(),
            _ if name.ends_with("weight") && spec.shape.len() == 1 => {
                (0..size).map(|_| around(1.0, 0.3)).collect()
            }
            _ if name.ends_with("weight") => (0..size).map(|_| around(0.0, wide)).collect(),
            _ => (0..size).map(|_| around(0.0, 0.2)).collect(),
        };
        let name = format!("{QUERY}.{name}");
        weights
            .tensors
            .insert(name, Tensor::f32(&spec.shape, values));
    }
    weights
}

/// The same, checked.
pub fn source(plan: Plan, stream: Stream, head: Head, seed: u64) -> Source {
    of(weights(plan, stream, head, seed))
}

/// Weights of one stream, checked.
pub fn of(weights: Weights) -> Source {
    Source::of(vec![weights], Choices::default()).expect("consistent")
}
