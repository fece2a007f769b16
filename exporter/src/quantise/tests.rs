//! The chosen graph in real engines.

use super::*;
use crate::fixtures;
use crate::windows::cases;
use aimclr_engine::Backend;
use aimclr_model::plan::Head;
use aimclr_skeleton::Stream;

/// Windows as people move, of one body each.
fn windows(source: &Source, n: usize) -> Vec<f32> {
    let walks = (0..).flat_map(|seed| cases(&source.card, seed).swap_remove(1).data);
    let body = source.card.frames * source.card.layout.len() * 3;
    walks.take(n * body).collect()
}

fn training(windows: Windows<'_>) -> Given<'_> {
    Given {
        training: windows,
        unseen: None,
    }
}

fn file(source: &Source, form: &Form) -> ModelFile {
    ModelFile::of(source.path(), graph::model(source, form), &source.card)
}

fn options(backend: Backend) -> Options {
    Options {
        backend,
        ..Options::default()
    }
}

fn run(model: &ModelFile, backend: Backend, windows: Windows<'_>) -> Vec<f32> {
    let mut engine = open(model, options(backend)).expect("opens");
    engine.run(windows).expect("runs").embedding
}

#[test]
fn bytes_say_nearly_the_same_in_every_engine() {
    let source = fixtures::source(fixtures::narrow(), Stream::Bone, Head::classifier(5), 3);
    let data = windows(&source, 24);
    let all = Windows {
        n: 24,
        m: 1,
        data: &data,
    };
    let mut told = Vec::new();
    let chosen = choose(
        &source,
        training(all),
        options(Backend::OnnxRuntime),
        |share| told.push(share),
    );
    let chosen = chosen.expect("chosen");
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
    assert!(chosen.in_bytes > 0.5, "{chosen:?}");
    assert!(chosen.agreement >= 1.0 - OTHERWISE, "{chosen:?}");
    assert_eq!(chosen.ranges.len() + chosen.kept.len(), 23);

    let exact = file(&source, &Form::single());
    let bytes = file(&source, &Form::quantised(chosen.ranges, chosen.shifts));
    let expected = run(&exact, Backend::OnnxRuntime, all);
    let length = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let apart = |a: &[f32], b: &[f32]| {
        let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        length(&difference) / length(a)
    };
    let mut found = Vec::new();
    for backend in Backend::ALL {
        let said = run(&bytes, backend, all);
        let off = apart(&expected, &said);
        assert!(off > 0.0 && off < 0.05, "{backend}: {off}");
        found.push(said);
    }
    // Engines differ by values that lie between two bytes.
    let off = apart(&found[0], &found[1]);
    assert!(off < 0.01, "{off}");
}

#[test]
fn rounding_leaves_means_where_they_were() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 6);
    let data = windows(&source, 16);
    let all = Windows {
        n: 16,
        m: 1,
        data: &data,
    };
    let options = options(Backend::OnnxRuntime);
    let observed = observe::observe(&source, all, options, |_| ()).expect("observed");
    let ranges = observe::ranges(&observed, 1.0);
    let shifts = observe::shifts(&source, &ranges, all, options).expect("shifts");
    // An independent look at it: how far the mean embedding is off, without and with them.
    let mean = |form: &Form| -> Vec<f64> {
        let said = run(&file(&source, form), Backend::OnnxRuntime, all);
        let width = source.card.embedding;
        let column = |c: usize| said.iter().skip(c).step_by(width).map(|x| f64::from(*x));
        (0..width).map(|c| column(c).sum::<f64>() / 16.0).collect()
    };
    let exact = mean(&Form::single());
    let off = |shifts: BTreeMap<String, Vec<f64>>| {
        let found = mean(&Form::quantised(ranges.clone(), shifts));
        let squares = exact.iter().zip(&found).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let (without, with) = (off(BTreeMap::new()), off(shifts));
    assert!(with < 0.7 * without, "{without} without, {with} with");
}

#[test]
fn half_precision_is_near_even_far_away() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::classifier(5), 4);
    let exact = file(&source, &Form::single());
    let half = file(&source, &Form::half());
    assert!(half.bytes.len() < exact.bytes.len());
    for case in cases(&source.card, 1) {
        for backend in Backend::ALL {
            let [a, b] = [&exact, &half].map(|model| run(model, backend, case.windows()));
            let scale = a.iter().fold(1.0f32, |max, x| max.max(x.abs()));
            let off = a
                .iter()
                .zip(&b)
                .fold(0.0f32, |max, (a, b)| max.max((a - b).abs()));
            assert!(off / scale < 1e-2, "{backend}, {}: {off}", case.name);
        }
    }
}

#[test]
fn a_model_without_classifier_is_chosen_by_its_embedding() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 5);
    let data = windows(&source, 8);
    let all = Windows {
        n: 8,
        m: 1,
        data: &data,
    };
    let chosen = choose(&source, training(all), options(Backend::Tract), |_| ()).expect("chosen");
    assert!(chosen.in_bytes > 0.5, "{chosen:?}");
}
