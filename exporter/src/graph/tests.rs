//! The graph in real engines against the plain computation.

use super::*;
use crate::Reference;
use crate::fixtures;
use crate::source::{Choices, Names};
use crate::verify::{Expected, tolerance};
use aimclr_engine::{Backend, Options, Windows, open};
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::{Head, Plan, Pooled};
use aimclr_model::weights::Weights;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Stream, resize, sequence::SequenceRef};
use std::path::PathBuf;

fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// A model file as it would be read from disk.
fn file(source: &Source, graph: GraphProto) -> ModelFile {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, wrap(source, graph).encode_to_vec()).expect("written");
    ModelFile::read(&path).expect("a whole model")
}

fn options(backend: Backend) -> Options {
    Options {
        backend,
        ..Options::default()
    }
}

fn check(source: &Source) {
    let model = file(source, graph(source, &mut Form::single()));
    let expected = Expected::of(source, |_| ());
    for backend in Backend::ALL {
        let report = expected.verify(&model, options(backend)).expect("runs");
        let rows = &report.rows;
        assert!(
            report.within(tolerance(source.card.precision)),
            "{backend}: {rows:#?}"
        );
        let agree = |row: &crate::verify::Row| row.top1_agree.is_none_or(|agree| agree == row.n);
        assert!(rows.iter().all(agree), "{backend}: {rows:#?}");
    }
}

#[test]
fn every_stream_agrees_with_the_definition_in_every_engine() {
    for (i, stream) in Stream::ALL.into_iter().enumerate() {
        let head = Head::classifier(5);
        check(&fixtures::source(
            fixtures::narrow(),
            stream,
            head,
            i as u64,
        ));
    }
}

#[test]
fn three_streams_in_one_graph_agree_too() {
    let head = Head::classifier(5);
    let of = |(i, stream)| fixtures::weights(fixtures::narrow(), stream, head, i);
    let weights = (20..)
        .zip([Stream::Motion, Stream::Joint, Stream::Bone])
        .map(of);
    let source = Source::of(weights.collect(), Choices::default()).expect("consistent");
    assert_eq!(source.card.fusion, [0.4, 0.6, 0.6]);
    assert_eq!(source.card.embedding, 3 * 24);
    check(&source);
}

#[test]
fn the_papers_widths_agree_with_the_definition_in_every_engine() {
    let head = Head::classifier(12);
    check(&fixtures::source(Plan::paper(25), Stream::Joint, head, 7));
}

#[test]
fn a_model_without_classifier_gives_the_embedding_alone() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::Projection, 1);
    check(&source);
    let outputs = graph(&source, &mut Form::single()).output;
    assert_eq!(outputs.len(), 1);
    assert!(source.card.classes.is_empty());
}

#[test]
fn one_body_and_odd_frames_agree_too() {
    let mut weights = fixtures::weights(fixtures::narrow(), Stream::Joint, Head::classifier(3), 2);
    if let Some(card) = &mut weights.card {
        card.bodies = 1;
        card.frames = 17;
        card.calibration.temperature = 1.0;
    }
    check(&fixtures::of(weights));
}

#[test]
fn clips_normalised_as_a_whole_agree_too() {
    let head = Head::classifier(4);
    let mut weights = fixtures::weights(fixtures::narrow(), Stream::Bone, head, 3);
    if let Some(card) = &mut weights.card {
        card.preprocessing = Preprocessing::Clip;
    }
    check(&fixtures::of(weights));
}

#[test]
fn every_stream_of_2d_joints_agrees_too() {
    for (i, stream) in Stream::ALL.into_iter().enumerate() {
        let plan = Plan {
            joints: 17,
            ..fixtures::narrow()
        };
        let source = fixtures::source(plan, stream, Head::classifier(4), 10 + i as u64);
        assert_eq!(source.card.preprocessing, Preprocessing::Torso);
        check(&source);
    }
}

#[test]
fn an_embedding_of_every_block_agrees_too() {
    let plan = fixtures::narrow();
    let head = Head::Classifier {
        classes: 4,
        pooled: Pooled::Every,
    };
    let mut weights = fixtures::weights(plan, Stream::Joint, head, 4);
    let wrong =
        Source::of(vec![weights.clone()], Default::default()).expect_err("the card says 24");
    assert!(wrong.to_string().contains("embedding"), "{wrong}");
    if let Some(card) = &mut weights.card {
        card.embedding = plan.embedding(Pooled::Every);
    }
    check(&fixtures::of(weights));
}

/// Weights with classes of these names, two of which may be one, and a classifier whose scores go
/// as far as `size`.
fn named(names: &str, size: f32, temperature: f64) -> Source {
    let names: Vec<&str> = names.split(' ').collect();
    let head = Head::classifier(names.len());
    let mut weights = fixtures::weights(fixtures::narrow(), Stream::Joint, head, 30);
    weights
        .card
        .as_mut()
        .expect("a card")
        .calibration
        .temperature = temperature;
    let bias: Vec<f32> = (0..names.len()).map(|i| (i as f32).sin() * size).collect();
    let name = format!("{}.fc.bias", aimclr_model::plan::QUERY);
    let bias = aimclr_model::Tensor::f32(&[names.len()], bias);
    weights.tensors.insert(name, bias);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("names.txt");
    std::fs::write(&path, names.join("\n")).expect("written");
    let names = Some(Names::read(&path).expect("names"));
    let fusion = None;
    Source::of(vec![weights], Choices { fusion, names }).expect("consistent")
}

#[test]
fn merged_classes_agree_in_every_engine_however_far_scores_are_apart() {
    for (names, size, temperature) in [
        ("wave fall bow fall fall sit", 1.0, 1.7),
        ("fall fall fall fall sit", 3.0, 1.0),
        ("wave wave fall bow fall", 2e4, 0.05),
        ("sit sit sit", 1.0, 2.0),
    ] {
        let source = named(names, size, temperature);
        let model = file(&source, graph(&source, &mut Form::single()));
        let all = named(
            &(0..source.card.merged.len())
                .map(|i| format!("c{i}"))
                .collect::<Vec<_>>()
                .join(" "),
            size,
            temperature,
        );
        let (merged, all) = (Reference::of(&source), Reference::of(&all));
        let case = &crate::windows::cases(&source.card, 3)[1];
        let (expected, apart) = (merged.run(case.windows()), all.run(case.windows()));
        for n in 0..case.n {
            let mut sums = vec![0.0; source.classes()];
            for (class, p) in source.card.merged.iter().zip(apart.probabilities_of(n)) {
                sums[*class] += p;
            }
            let far = off(&sums, expected.probabilities_of(n));
            assert!(far < 1e-6, "{names}: {far}");
        }
        for backend in Backend::ALL {
            let mut engine = open(&model, options(backend)).expect("opens");
            let found = engine.run(case.windows()).expect("runs");
            assert!(
                found.logits.iter().all(|x| x.is_finite()),
                "{backend}, {names}"
            );
            let far = off(&expected.logits, &found.logits);
            assert!(far < 1e-5, "{backend}, {names}: logits {far}");
            let far = off(&expected.probabilities, &found.probabilities);
            assert!(far < 1e-4, "{backend}, {names}: probabilities {far}");
        }
    }
}

/// A graph that gives `value`, shape (N·M, C, T, V), flattened, as its embedding.
fn expose(
    source: &Source,
    build: impl FnOnce(&mut Builder, &Source, &Value) -> Value,
) -> ModelFile {
    let mut graph = Builder::default();
    let input = joints(&mut graph, source);
    let (frames, layout) = (source.card.frames, source.card.layout.len());
    let x = streams::fold(&mut graph, frames, layout, &input);
    let value = build(&mut graph, source, &x);
    let width = source.card.embedding;
    let shape = graph.ints("shape", &[-1, width as i64]);
    let flat = graph.node("embedding", "Reshape", &[&value, &shape], &[]);
    graph.output(&flat, &[Size::Free("N"), Size::Fixed(width)], "");
    let graph = graph.finish("part");
    file(source, graph)
}

/// (N, 3, T, V, M) → (N, M, T, V, 3), and N and M.
fn to_windows(values: &[f32], shape: &[usize]) -> (usize, usize, Vec<f32>) {
    let [n, c, t, v, m] = shape[..] else {
        panic!("five dimensions, found {shape:?}");
    };
    let mut out = Vec::with_capacity(values.len());
    for n in 0..n {
        for m_ in 0..m {
            for point in 0..t * v {
                for c_ in 0..c {
                    out.push(values[((n * c + c_) * t * v + point) * m + m_]);
                }
            }
        }
    }
    (n, m, out)
}

fn off(expected: &[f32], found: &[f32]) -> f32 {
    assert_eq!(expected.len(), found.len());
    let scale = expected.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let pairs = expected.iter().zip(found);
    pairs.fold(0.0f32, |max, (a, b)| max.max((a - b).abs())) / scale
}

/// The numbers of the released code: encoder input in, embedding out.
fn meets_golden(folder: &Path) {
    let mut weights = Weights::read(folder.join("weights.safetensors")).expect("weights");
    let golden = Weights::read(folder.join("forward.safetensors")).expect("numbers");
    let input = golden.get("input").expect("input");
    let expected = golden.values("eval.embedding").expect("embedding");
    let (plan, _) = Plan::of_weights(&weights, aimclr_model::plan::QUERY).expect("an encoder");
    weights.card = Some(fixtures::card(plan, Stream::Joint, 0));
    let source = fixtures::of(weights);
    let (n, m, windows) = to_windows(input.values(), &input.shape);

    let reference = Encoder::of(&source.streams[0]);
    let body = windows.len() / (n * m);
    let features: Vec<Vec<f64>> = windows
        .chunks_exact(body)
        .map(|body| {
            let channel = |c: usize| body[c..].iter().step_by(3).copied().map(f64::from);
            reference.encode(&(0..3).flat_map(channel).collect::<Vec<_>>())
        })
        .collect();
    let mean = |bodies: &[Vec<f64>]| -> Vec<f32> {
        let sum = |i: usize| bodies.iter().map(|body| body[i]).sum::<f64>();
        let mean = |i: usize| (sum(i) / bodies.len() as f64) as f32;
        (0..plan.hidden_dim).map(mean).collect()
    };
    let found: Vec<f32> = features.chunks_exact(m).flat_map(mean).collect();
    assert!(off(expected, &found) < 1e-5, "{}", off(expected, &found));

    // The graph without its normalising, which these numbers are past.
    let model = expose(&source, |graph, source, x| {
        encoder::add(graph, &source.streams[0], &mut Form::single(), x)
    });
    for backend in Backend::ALL {
        let mut engine = open(&model, options(backend)).expect("opens");
        let output = engine.run(Windows {
            n: n * m,
            m: 1,
            data: &windows,
        });
        let output = output.expect("runs").embedding;
        let wide: Vec<f64> = output.iter().copied().map(f64::from).collect();
        let rows: Vec<Vec<f64>> = wide.chunks_exact(plan.hidden_dim).map(Vec::from).collect();
        let found: Vec<f32> = rows.chunks_exact(m).flat_map(mean).collect();
        let off = off(expected, &found);
        assert!(off < 1e-5, "{backend}: {off}");
    }
}

#[test]
fn the_released_numbers_are_met_by_a_narrow_encoder() {
    meets_golden(&workspace("tests/golden/small"));
}

#[test]
fn the_released_numbers_are_met_by_the_papers_encoder() {
    let folder = workspace("../shared/golden/full");
    match folder.is_dir() {
        true => meets_golden(&folder),
        false => eprintln!("skipped: {} isn't there", folder.display()),
    }
}

#[test]
fn the_released_preprocessing_is_met_by_the_graph() {
    let path = workspace("../shared/golden/data/preprocess.safetensors");
    if !path.is_file() {
        eprintln!("skipped: {} isn't there", path.display());
        return;
    }
    let golden = Weights::read(&path).expect("numbers");
    let raw = golden.get("raw").expect("raw");
    let aimclr_model::weights::Data::I64(lengths) = &golden.get("lengths").expect("lengths").data
    else {
        panic!("lengths are whole numbers");
    };
    let (_, m, clips) = to_windows(raw.values(), &raw.shape);
    let (frames, joints) = (raw.shape[2], raw.shape[3]);
    let body = frames * joints * 3;
    let mut windows = Vec::new();
    for (i, body) in clips.chunks_exact(body).enumerate() {
        let clip = SequenceRef {
            frames,
            bodies: 1,
            joints,
            data: body,
        };
        let valid = clip.slice(0..lengths[i / m] as usize);
        windows.extend(resize::linear(valid, 50).data);
    }
    let expected = golden.get("position").expect("position");
    let (_, _, expected) = to_windows(expected.values(), &expected.shape);
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 0);
    meets(source, &windows, &expected, |graph, source, x| {
        normalise::add(graph, source.card.preprocessing, &source.card.layout, x)
    });
}

#[test]
fn the_released_streams_are_met_by_the_graph() {
    let golden = workspace("tests/golden/small/forward.safetensors");
    let golden = Weights::read(golden).expect("numbers");
    let input = golden.get("input").expect("input");
    let (_, _, windows) = to_windows(input.values(), &input.shape);
    for stream in [Stream::Motion, Stream::Bone] {
        let expected = golden.get(&format!("stream.{stream}")).expect("stream");
        let (_, _, expected) = to_windows(expected.values(), &expected.shape);
        let source = fixtures::source(fixtures::narrow(), stream, Head::None, 0);
        meets(source, &windows, &expected, |graph, source, x| {
            streams::add(graph, &source.card.layout, 50, stream, x)
        });
    }
}

/// Bodies, shape (B, T, V, 3), through part of a graph, in every engine.
fn meets(
    mut source: Source,
    bodies: &[f32],
    expected: &[f32],
    part: impl FnOnce(&mut Builder, &Source, &Value) -> Value,
) {
    let body = 3 * source.card.frames * source.card.layout.len();
    source.card.embedding = body;
    let model = expose(&source, part);
    for backend in Backend::ALL {
        let mut engine = open(&model, options(backend)).expect("opens");
        let output = engine.run(Windows {
            n: bodies.len() / body,
            m: 1,
            data: bodies,
        });
        let points = body / 3;
        let joints_first = |body: &[f32]| -> Vec<f32> {
            let point = |p: usize| [0, 1, 2].map(|c| body[c * points + p]);
            (0..points).flat_map(point).collect()
        };
        let output = output.expect("runs").embedding;
        let found: Vec<f32> = output.chunks_exact(body).flat_map(joints_first).collect();
        let off = off(expected, &found);
        assert!(off < 1e-5, "{backend}: {off}");
    }
}

#[test]
fn names_are_unique_and_inputs_come_before_their_use() {
    let source = fixtures::source(fixtures::narrow(), Stream::Bone, Head::classifier(3), 0);
    let graph = graph(&source, &mut Form::single());
    let mut known: std::collections::HashSet<String> = ["joints".to_string()].into();
    for constant in &graph.initializer {
        assert!(known.insert(constant.name.clone()), "{}", constant.name);
    }
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input), "{input}");
        }
        for output in &node.output {
            assert!(known.insert(output.clone()), "{output}");
        }
    }
}

/// One way to spoil a file.
type Harm = fn(&mut GraphProto);

#[test]
fn a_graph_that_is_not_ours_is_an_error_in_every_engine() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::classifier(3), 0);
    fn constant<'a>(
        graph: &'a mut GraphProto,
        name: &str,
    ) -> &'a mut aimclr_model::onnx::TensorProto {
        let mut constants = graph.initializer.iter_mut();
        constants
            .find(|tensor| tensor.name == name)
            .expect("such a constant")
    }
    let harms: [(&str, Harm); 6] = [
        ("unknown operator", |graph| {
            graph.node[5].op_type = "Frobnicate".into();
        }),
        ("missing constant", |graph| {
            graph
                .initializer
                .retain(|tensor| tensor.name != "joint/block3/adjacency");
        }),
        ("cut constant", |graph| {
            constant(graph, "joint/block3/adjacency")
                .raw_data
                .truncate(100);
        }),
        ("wrong shape", |graph| {
            constant(graph, "joint/block3/adjacency").dims = vec![3, 625, 1];
        }),
        ("missing node", |graph| {
            graph.node.remove(7);
        }),
        ("negative size", |graph| {
            constant(graph, "joint/block3/adjacency").dims = vec![3, -25, 25];
        }),
    ];
    for (name, harm) in harms {
        let mut graph = graph(&source, &mut Form::single());
        harm(&mut graph);
        let model = file(&source, graph);
        let window = vec![0.5; 50 * 25 * 3];
        for backend in Backend::ALL {
            let result = open(&model, options(backend)).and_then(|mut engine| {
                engine.run(Windows {
                    n: 1,
                    m: 1,
                    data: &window,
                })
            });
            let message = result.expect_err(name).to_string();
            assert!(
                message.contains("model.onnx"),
                "{name}, {backend}: {message}"
            );
        }
    }
}

#[test]
fn outputs_that_are_not_as_the_card_says_are_an_error() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::classifier(3), 0);
    let mut graph = graph(&source, &mut Form::single());
    // Sums over N instead of M: (M, E) where (N, E) was promised.
    for tensor in &mut graph.initializer {
        if tensor.name == "excess.axes" {
            tensor.raw_data = 0i64.to_le_bytes().to_vec();
        }
    }
    let model = file(&source, graph);
    let windows = vec![0.5; 3 * 50 * 25 * 3];
    // tract runs window after window, where N and M are both 1.
    let mut engine = open(&model, options(Backend::OnnxRuntime)).expect("opens");
    let result = engine.run(Windows {
        n: 3,
        m: 1,
        data: &windows,
    });
    let message = result.expect_err("another shape").to_string();
    assert!(
        message.contains("embedding") && message.contains("[3, 24]"),
        "{message}"
    );
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_that_names_it() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 0);
    let model = file(&source, graph(&source, &mut Form::single()));
    for backend in Backend::ALL {
        let device = aimclr_engine::Device::Cuda(63);
        let options = Options {
            device,
            ..options(backend)
        };
        match open(&model, options) {
            Ok(engine) => panic!("a 64th GPU: {}", engine.describe()),
            Err(error) => assert!(error.to_string().contains("cuda:63"), "{error}"),
        }
    }
}

#[test]
fn an_engine_goes_on_after_windows_that_do_not_fit() {
    let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 0);
    let model = file(&source, graph(&source, &mut Form::single()));
    let window = vec![0.5; 50 * 25 * 3];
    for backend in Backend::ALL {
        let mut engine = open(&model, options(backend)).expect("opens");
        for (n, m, data) in [(1, 3, &window[..]), (1, 1, &window[1..]), (1, 0, &[])] {
            assert!(engine.run(Windows { n, m, data }).is_err());
        }
        let nothing = engine.run(Windows {
            n: 0,
            m: 1,
            data: &[],
        });
        assert_eq!(nothing.expect("nothing to do").n, 0);
        let one = engine.run(Windows {
            n: 1,
            m: 1,
            data: &window,
        });
        assert_eq!(one.expect("fits").embedding.len(), 24);
    }
}
