//! What can stand in one graph and what can't.

use super::*;
use crate::fixtures::{narrow, weights};
use aimclr_model::plan::Head;
use aimclr_skeleton::normalise::Preprocessing;

fn of(stream: Stream, change: impl FnOnce(&mut Card)) -> Weights {
    let mut weights = weights(narrow(), stream, Head::classifier(3), 1);
    weights.path = format!("{stream}.safetensors").into();
    change(weights.card.as_mut().expect("a card"));
    weights
}

fn joined(other: Weights) -> Result<Source, ExportError> {
    let first = of(Stream::Joint, |_| ());
    Source::of(vec![first, other], Choices::default())
}

#[test]
fn weights_that_do_not_belong_together_are_refused_by_name() {
    let refused = |other: Weights| joined(other).expect_err("apart").to_string();
    let same = refused(of(Stream::Joint, |_| ()));
    assert!(same.contains("trained on the stream joint"), "{same}");
    type Change = fn(&mut Card);
    let changes: [(&str, Change); 5] = [
        ("classes differ", |card| card.classes[1] = "fall".into()),
        ("frames differ: 50; 64", |card| card.frames = 64),
        ("windows differ: 2 s; 3 s", |card| card.window = 3.0),
        ("bodies differ", |card| card.bodies = 1),
        ("preprocessings differ", |card| {
            card.preprocessing = Preprocessing::Clip
        }),
    ];
    for (expected, change) in changes {
        let message = refused(of(Stream::Bone, change));
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains("joint.safetensors and bone.safetensors"),
            "{message}"
        );
    }
    let mut bare = weights(narrow(), Stream::Bone, Head::None, 1);
    bare.path = "bone.safetensors".into();
    assert!(refused(bare).contains("no classifier"));
    let mut body25 = weights(narrow(), Stream::Bone, Head::classifier(3), 1);
    let card = body25.card.as_mut().expect("a card");
    card.layout.name = "other".into();
    assert!(refused(body25).contains("layouts differ: ntu25; other"));
}

#[test]
fn scores_are_fused_with_the_weights_that_are_asked_for() {
    let streams = || vec![of(Stream::Joint, |_| ()), of(Stream::Bone, |_| ())];
    let with = |fusion: &[f64]| {
        let fusion = Some(fusion.to_vec());
        Source::of(
            streams(),
            Choices {
                fusion,
                names: None,
            },
        )
    };
    let source = with(&[2.0, 0.5]).expect("consistent");
    let (weight, bias) = source.classifier().expect("a classifier");
    let own = source.streams[1].classifier.as_ref().expect("a classifier");
    assert_eq!(weight.len(), 3 * 48);
    assert_eq!(weight[24], 0.5 * f64::from(own.weight[0]));
    assert_eq!(bias[2], 2.5 * f64::from(own.bias[2]));
    for wrong in [&[1.0][..], &[1.0, f64::NAN], &[0.0, 0.0], &[1.0, -1.0]] {
        let message = with(wrong).expect_err("no fusion").to_string();
        assert!(message.starts_with("--fusion: expected"), "{message}");
    }
}

#[test]
fn classes_of_one_name_are_one_class_that_a_data_set_may_name_either_way() {
    let choices = |names: &[&str]| Choices {
        fusion: None,
        names: Some(Names {
            path: "names.txt".into(),
            names: names.iter().map(|name| name.to_string()).collect(),
        }),
    };
    let of = |names: &[&str]| Source::of(vec![of(Stream::Joint, |_| ())], choices(names));
    let source = of(&["on the floor", "walk", "on the floor"]).expect("three names");
    assert_eq!(source.card.classes, ["on the floor", "walk"]);
    assert_eq!(source.card.merged, [0, 1, 0]);
    let again = Names::of(Path::new("model.onnx"), &source.card).expect("merged");
    assert_eq!(again.names, ["on the floor", "walk", "on the floor"]);
    for (name, class) in [
        ("class 0", Some(0)),
        ("class 1", Some(1)),
        ("class 2", Some(0)),
        ("walk", Some(1)),
        ("on the floor", Some(0)),
        ("jump", None),
    ] {
        assert_eq!(source.class_of(name), class, "{name}");
    }
    let (weight, bias) = source.classifier().expect("a classifier");
    assert_eq!((weight.len(), bias.len()), (3 * 24, 3));

    let renamed = of(&["a", "b", "c"]).expect("three names");
    assert!(renamed.card.merged.is_empty());
    assert!(Names::of(Path::new("model.onnx"), &renamed.card).is_none());
    let short = of(&["a", "a"]).expect_err("two names").to_string();
    assert!(short.contains("expected 3 class names"), "{short}");
    let mut merged = weights(narrow(), Stream::Joint, Head::classifier(3), 1);
    merged.card.as_mut().expect("a card").merged = vec![0, 1, 2, 0];
    let message = Source::of(vec![merged], Choices::default()).expect_err("weights merge nothing");
    assert!(message.to_string().contains("merged"), "{message}");
}
