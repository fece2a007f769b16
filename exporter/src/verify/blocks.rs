//! Block by block, to find where an engine parts from what is right, or from another one.

use super::{Case, Difference, difference, largest};
use crate::ExportError;
use crate::graph::expose;
use crate::reference::Reference;
use crate::source::Source;
use aimclr_engine::{Backend, Options, Windows, open};
use aimclr_model::card::Precision;
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::Stream;
use aimclr_skeleton::sequence::CHANNELS;
use serde::Serialize;

/// Most bodies of each kind of windows: whole streams are computed in f64 for each.
const BODIES: usize = 2;

/// What engines make of every block.
#[derive(Debug, Clone, Serialize)]
pub struct Blocks {
    /// What they are held against: `weights`, or a backend.
    pub against: String,
    /// Which engines, as on the command line.
    pub backends: Vec<String>,
    /// How many bodies went through.
    pub bodies: usize,
    /// What goes into each encoder and comes out of its blocks, in the order of the graph.
    pub rows: Vec<BlockRow>,
}

/// What goes into an encoder, or comes out of one of its blocks.
#[derive(Debug, Clone, Serialize)]
pub struct BlockRow {
    /// What the encoder looks at.
    pub stream: Stream,
    /// `input` or `block 3`.
    pub place: String,
    /// (C, T, V).
    pub shape: [usize; 3],
    /// How far each engine is off.
    pub engines: Vec<Difference>,
    /// How far the first two engines are from one another; absent where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apart: Option<Difference>,
}

impl BlockRow {
    /// True where every engine is within `tolerance`.
    pub fn within(&self, tolerance: f64) -> bool {
        let differences = self.engines.iter().chain(&self.apart);
        differences.fold(0.0, |max, d| largest(max, d.max)) <= tolerance
    }
}

/// A place to look at: its row, and the graph's value that is there.
type Place = (BlockRow, (String, usize));

impl Blocks {
    /// Runs some bodies of each case through the graph in each engine. `progress` is told the share of the weights' computation that is done.
    ///
    /// # Errors
    /// The graph names its values otherwise than `aimclr-export` does, or an engine isn't there or can't
    /// run it.
    pub fn compare(
        model: &ModelFile,
        source: &Source,
        cases: &[Case],
        engines: &[Options],
        mut progress: impl FnMut(f64),
    ) -> Result<Self, ExportError> {
        let mut places = places(model, source);
        let exposed = exposed(model, &places)?;
        let bodies = cases.iter().flat_map(|case| case.bodies().take(BODIES));
        let bodies: Vec<&[f32]> = bodies.collect();

        let run = |options: &Options| {
            let mut engine = open(&exposed, *options)?;
            let run = |body: &&[f32]| {
                let windows = Windows {
                    n: 1,
                    m: 1,
                    data: body,
                };
                Ok(engine.run(windows)?.embedding)
            };
            bodies.iter().map(run).collect()
        };
        let found: Vec<Vec<Vec<f32>>> = engines
            .iter()
            .map(run)
            .collect::<Result<_, ExportError>>()?;
        let (against, expected) = match model.card.precision {
            // Another function than its weights.
            Precision::Int8 => (Backend::Tract.to_string(), run(&Options::default())?),
            Precision::F32 | Precision::F16 => {
                let reference = Reference::of(source);
                let trace = |(i, body): (usize, &&[f32])| {
                    progress(i as f64 / bodies.len() as f64);
                    reference.trace(body)
                };
                let trace = bodies.iter().enumerate().map(trace).collect();
                ("weights".to_string(), trace)
            }
        };
        let mut from = 0;
        for (row, (_, size)) in &mut places {
            let here = from..from + *size;
            from = here.end;
            let compare = |expected: &[Vec<f32>], found: &[Vec<f32>]| {
                let pairs = expected.iter().zip(found);
                over(pairs.map(|(a, b)| difference(&a[here.clone()], &b[here.clone()])))
            };
            row.engines = found.iter().map(|f| compare(&expected, f)).collect();
            row.apart = match &found[..] {
                [first, second, ..] => Some(compare(first, second)),
                _ => None,
            };
        }
        Ok(Self {
            against,
            backends: engines.iter().map(|o| o.backend.to_string()).collect(),
            bodies: bodies.len(),
            rows: places.into_iter().map(|(row, _)| row).collect(),
        })
    }

    /// True where every block is within `tolerance` in every engine.
    pub fn within(&self, tolerance: f64) -> bool {
        self.rows.iter().all(|row| row.within(tolerance))
    }
}

/// The largest of all and the mean of the means.
fn over(differences: impl ExactSizeIterator<Item = Difference>) -> Difference {
    let n = differences.len().max(1) as f64;
    let none = Difference {
        max: 0.0,
        mean: 0.0,
    };
    differences.fold(none, |all, one| Difference {
        max: largest(all.max, one.max),
        mean: all.mean + one.mean / n,
    })
}

/// Every place, in the order of [`Reference::trace`].
fn places(model: &ModelFile, source: &Source) -> Vec<Place> {
    let joints = source.card.layout.len();
    let mut places = Vec::new();
    for trained in &source.streams {
        let stream = trained.stream;
        let mut add = |place: String, value: String, [channels, frames]: [usize; 2]| {
            let row = BlockRow {
                stream,
                place,
                shape: [channels, frames, joints],
                engines: Vec::new(),
                apart: None,
            };
            places.push((row, (value, channels * frames * joints)));
        };
        let mut frames = source.card.frames;
        let first = format!("{stream}/block0/rows");
        let input = expose::input_of(&model.model, &first);
        add("input".into(), input.unwrap_or(first), [CHANNELS, frames]);
        for (i, block) in trained.plan.blocks().into_iter().enumerate() {
            frames = frames.div_ceil(block.stride);
            let value = format!("{stream}/block{i}/out");
            add(format!("block {i}"), value, [block.output, frames]);
        }
    }
    places
}

/// The model with all places side by side in place of its embedding.
fn exposed(model: &ModelFile, places: &[Place]) -> Result<ModelFile, ExportError> {
    let values: Vec<(String, usize)> = places.iter().map(|(_, value)| value.clone()).collect();
    let graph =
        expose::values(&model.model, &values).map_err(|unknown| ExportError::Unsupported {
            path: model.path.clone(),
            reason: format!(
                "--blocks: the graph has no value \"{unknown}\"; values have the names of \
                 `aimclr-export onnx` only in graphs that it wrote in the windowed form"
            ),
        })?;
    let mut card = model.card.clone();
    card.embedding = values.iter().map(|(_, size)| size).sum();
    card.classes.clear();
    Ok(ModelFile::of(&model.path, graph, &card))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::graph::{self, Form};
    use crate::source::Choices;
    use crate::verify::{tolerance, windows};
    use aimclr_model::onnx::{GraphProto, TensorProto};
    use aimclr_model::plan::{Head, Plan};

    fn file(source: &Source, form: &Form, change: impl FnOnce(&mut GraphProto)) -> ModelFile {
        let mut model = graph::model(source, form);
        change(model.graph.as_mut().expect("a graph"));
        ModelFile::of(source.path(), model, &source.card)
    }

    fn compare(model: &ModelFile, source: &Source) -> Result<Blocks, ExportError> {
        let engines = Backend::ALL.map(|backend| Options {
            backend,
            ..Options::default()
        });
        let cases = windows(&source.card);
        let mut told = Vec::new();
        let blocks = Blocks::compare(model, source, &cases, &engines, |share| told.push(share));
        assert!(told.is_sorted());
        blocks
    }

    fn names(blocks: &Blocks, stream: Stream) -> Vec<&str> {
        let rows = blocks.rows.iter().filter(|row| row.stream == stream);
        rows.map(|row| &row.place[..]).collect()
    }

    #[test]
    fn every_block_of_every_stream_is_as_the_weights_give_it() {
        let of =
            |(i, stream)| fixtures::weights(fixtures::narrow(), stream, Head::classifier(5), i);
        let weights = (20..).zip(Stream::ALL).map(of).collect();
        let source = Source::of(weights, Choices::default()).expect("consistent");
        let blocks = compare(&file(&source, &Form::single(), |_| ()), &source).expect("compared");
        assert!(blocks.within(1e-5), "{:#?}", blocks.rows);
        assert_eq!(blocks.rows.len(), 33);
        let expected: Vec<String> = (0..10).map(|i| format!("block {i}")).collect();
        for stream in Stream::ALL {
            assert_eq!(names(&blocks, stream)[0], "input");
            assert_eq!(names(&blocks, stream)[1..], expected);
        }
        assert_eq!(blocks.rows[32].shape, [24, 13, 25]);
        let off: f64 = blocks.rows.iter().map(|row| row.engines[1].mean).sum();
        assert!(off > 0.0, "two computations never agree in every bit");
    }

    #[test]
    fn blocks_in_half_precision_and_of_2d_joints_are_compared_too() {
        let plan = Plan {
            joints: 17,
            ..fixtures::narrow()
        };
        let source = fixtures::source(plan, Stream::Bone, Head::None, 3);
        let mut source = source;
        for (precision, form) in [
            (Precision::F32, Form::single()),
            (Precision::F16, Form::half()),
        ] {
            source.card.precision = precision;
            let blocks = compare(&file(&source, &form, |_| ()), &source).expect("compared");
            assert!(blocks.within(tolerance(precision)), "{:#?}", blocks.rows);
            assert_eq!(blocks.rows[10].shape, [24, 13, 17]);
        }
    }

    #[test]
    fn a_spoiled_block_is_the_first_that_is_off() {
        let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::classifier(3), 5);
        let model = file(&source, &Form::single(), |graph| {
            let weight = "joint/block6/temporal.weight";
            let named = |tensor: &&mut TensorProto| tensor.name == weight;
            let tensor = graph.initializer.iter_mut().find(named);
            let bytes = &mut tensor.expect("such weights").raw_data;
            bytes[..4].copy_from_slice(&3f32.to_le_bytes());
        });
        let blocks = compare(&model, &source).expect("compared");
        let first = blocks.rows.iter().find(|row| !row.within(1e-4));
        let first = first.expect("one that is off");
        assert_eq!(first.place, "block 6", "{:#?}", blocks.rows);
        let apart = first.apart.expect("two engines").max;
        assert!(apart < 1e-4, "both compute what the file says: {apart}");
    }

    #[test]
    fn a_graph_with_other_names_is_refused() {
        let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 0);
        let model = file(&source, &Form::single(), |graph| {
            for node in &mut graph.node {
                for value in node.input.iter_mut().chain(&mut node.output) {
                    *value = value.replace("block4/out", "fourth");
                }
            }
        });
        let error = compare(&model, &source).expect_err("a name is missing");
        let message = error.to_string();
        assert!(message.contains("\"joint/block4/out\""), "{message}");
    }
}
