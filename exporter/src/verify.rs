//! An exported graph against the weights that it came from, in every engine.

mod blocks;
mod bytes;
mod continual;

use crate::ExportError;
use crate::reference::Reference;
use crate::samples::best;
use crate::source::Source;
use crate::windows::{Case, cases};
use aimclr_engine::{Backend, Options, Output, Windows, open};
use aimclr_model::Card;
use aimclr_model::card::{Form, Precision};
use aimclr_model::onnx::{FLOAT16, ModelFile, NodeProto, TensorProto};
use serde::Serialize;
use std::time::{Duration, Instant};

pub use blocks::{BlockRow, Blocks};
pub use bytes::check_constants;

/// Largest difference that counts as the same: see [`Difference`]. In half precision ten bits are
/// kept of each number; in bytes a value between two of them may be rounded either way.
pub fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-4,
        Precision::F16 => 1e-2,
        Precision::Int8 => 2e-2,
    }
}

/// Seed of the windows.
const SEED: u64 = 0;

/// Most timed runs of one window of one body, and how long they may take: tract has to emulate half
/// precision on most processors, and takes seconds a window.
const TIMED_RUNS: usize = 50;
const TIMED: Duration = Duration::from_secs(3);

/// What one engine gave.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which engine, as on the command line.
    pub backend: String,
    /// What really computed.
    pub provider: String,
    /// Version, library and threads.
    pub description: String,
    /// One row a kind of windows.
    pub rows: Vec<Row>,
    /// Median time of one window of one body, or of one step, milliseconds.
    pub median_ms: f64,
}

/// What one engine gave for windows of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which windows.
    pub windows: String,
    /// N; of the continual form people times steps.
    pub n: usize,
    /// M.
    pub m: usize,
    /// How far the embedding is off.
    pub embedding: Difference,
    /// How far the logits are off; absent for a model without classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<Difference>,
    /// How far the probabilities are off; absent without classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<Difference>,
    /// How many of the N windows have the reference's best class; absent without classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1_agree: Option<usize>,
}

/// How far values are off, as a share of the largest of the reference's values where that is above
/// 1: f32 keeps digits, not decimals.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Difference {
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
}

impl Report {
    /// The largest difference of all.
    pub fn max(&self) -> f64 {
        let rows = self.rows.iter();
        rows.flat_map(|row| [Some(row.embedding), row.logits, row.probabilities])
            .flatten()
            .fold(0.0, |max, difference| largest(max, difference.max))
    }

    /// True where every difference is a number and within `tolerance`.
    pub fn within(&self, tolerance: f64) -> bool {
        self.max() <= tolerance
    }
}

/// The larger one; what isn't a number is larger than any.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Windows of every kind that fits a card of the windowed form.
pub fn windows(card: &Card) -> Vec<Case> {
    cases(card, SEED)
}

/// Windows of every kind and what the weights make of them.
pub struct Expected {
    cases: Vec<(Case, Output)>,
}

impl Expected {
    /// Computes what the graph should give; a second or so a body for the paper's widths on a
    /// small processor. `progress` is called after each of the kinds with its share of the whole.
    pub fn of(source: &Source, mut progress: impl FnMut(f64)) -> Self {
        if source.card.form == Form::Continual {
            return Self {
                cases: continual::expected(source, &mut progress),
            };
        }
        Self::of_cases(source, windows(&source.card), progress)
    }

    /// The same for windows of the caller's.
    pub fn of_cases(source: &Source, cases: Vec<Case>, mut progress: impl FnMut(f64)) -> Self {
        let reference = Reference::of(source);
        let whole: usize = cases.iter().map(|case| case.n * case.m).sum();
        let mut done = 0;
        let run = |case: Case| {
            let output = reference.run(case.windows());
            done += case.n * case.m;
            progress(done as f64 / whole as f64);
            (case, output)
        };
        Self {
            cases: cases.into_iter().map(run).collect(),
        }
    }

    /// Windows and what one engine gives for them: what a graph in bytes is held against, for it is
    /// another function than its weights are.
    ///
    /// # Errors
    /// The engine isn't there or can't run the graph.
    pub fn by_engine(
        model: &ModelFile,
        cases: Vec<Case>,
        options: Options,
    ) -> Result<Self, ExportError> {
        let mut engine = open(model, options)?;
        let run = |case: Case| Ok((engine.run(case.windows())?, case));
        let cases = cases.into_iter().map(run);
        let cases = cases.map(|run| run.map(|(output, case)| (case, output)));
        Ok(Self {
            cases: cases.collect::<Result<_, ExportError>>()?,
        })
    }

    /// Runs the graph in one engine.
    ///
    /// Fails where the engine isn't there or can't run the graph; a difference is no failure.
    pub fn verify(&self, model: &ModelFile, options: Options) -> Result<Report, ExportError> {
        let mut rows = Vec::new();
        let mut compare = |found: &mut dyn FnMut(&Case) -> Result<Output, ExportError>| {
            for (case, expected) in &self.cases {
                rows.push(compare(case, expected, &found(case)?));
            }
            Ok::<_, ExportError>(())
        };
        let (first, _) = &self.cases[0];
        let (provider, description, median_ms) = match model.card.form {
            Form::Windowed => {
                let mut engine = open(model, options)?;
                compare(&mut |case| Ok(engine.run(case.windows())?))?;
                let median = median_ms(|| Ok(engine.run(first.windows()).map(drop)?))?;
                (engine.provider().to_string(), engine.describe(), median)
            }
            Form::Continual => {
                let mut engine = aimclr_engine::continual::open(model, options)?;
                compare(&mut |case| continual::run(&mut *engine, case))?;
                let median = median_ms(continual::step(&mut *engine, first))?;
                (engine.provider().to_string(), engine.describe(), median)
            }
        };
        Ok(Report {
            backend: options.backend.to_string(),
            provider,
            description,
            rows,
            median_ms,
        })
    }
}

/// Median time of something that is done again and again, milliseconds.
fn median_ms(mut run: impl FnMut() -> Result<(), ExportError>) -> Result<f64, ExportError> {
    let mut times = Vec::with_capacity(TIMED_RUNS);
    let begin = Instant::now();
    while times.is_empty() || times.len() < TIMED_RUNS && begin.elapsed() < TIMED {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

impl Case {
    /// The windows, for an engine.
    pub fn windows(&self) -> Windows<'_> {
        Windows {
            n: self.n,
            m: self.m,
            data: &self.data,
        }
    }
}

/// Refuses a graph and weights that can't belong together, before differences say so less clearly.
pub fn check_pair(model: &ModelFile, source: &Source) -> Result<(), ExportError> {
    let differs = |what: &str, a: String, b: String| {
        Err(ExportError::Apart {
            model: model.path.clone(),
            weights: source.path().into(),
            reason: format!("{what} differ: {a} in the graph, {b} in the weights"),
        })
    };
    type Field = (&'static str, fn(&Card) -> String);
    let fields: [Field; 8] = [
        ("forms", |card| card.form.to_string()),
        ("frames", |card| card.frames.to_string()),
        ("bodies", |card| card.bodies.to_string()),
        ("preprocessings", |card| card.preprocessing.to_string()),
        ("joints", |card| card.layout.len().to_string()),
        ("streams", |card| format!("{:?}", card.streams)),
        ("embedding sizes", |card| card.embedding.to_string()),
        ("numbers of classes", |card| card.classes.len().to_string()),
    ];
    let (says, is) = (model.card.precision, precision_of(model));
    if says != is {
        return Err(ExportError::Unsupported {
            path: model.path.clone(),
            reason: format!(
                "precision: the card says {says}, the graph computes in {is}; export it again"
            ),
        });
    }
    for (what, of) in fields {
        let (a, b) = (of(&model.card), of(&source.card));
        if a != b {
            return differs(what, a, b);
        }
    }
    Ok(())
}

/// In what numbers a graph computes.
fn precision_of(model: &ModelFile) -> Precision {
    let graph = model.model.graph.as_ref();
    let bytes = |node: &NodeProto| node.op_type == "QuantizeLinear";
    let halves = |tensor: &TensorProto| tensor.data_type == FLOAT16;
    match graph {
        Some(graph) if graph.node.iter().any(bytes) => Precision::Int8,
        Some(graph) if graph.initializer.iter().any(halves) => Precision::F16,
        _ => Precision::F32,
    }
}

fn compare(case: &Case, expected: &Output, found: &Output) -> Row {
    let classifier = !expected.logits.is_empty();
    Row {
        windows: case.name.into(),
        n: expected.n,
        m: case.m,
        embedding: difference(&expected.embedding, &found.embedding),
        logits: classifier.then(|| difference(&expected.logits, &found.logits)),
        probabilities: classifier
            .then(|| difference(&expected.probabilities, &found.probabilities)),
        top1_agree: classifier.then(|| {
            let agrees = |n: &usize| best(expected.logits_of(*n)) == best(found.logits_of(*n));
            (0..expected.n).filter(agrees).count()
        }),
    }
}

fn difference(expected: &[f32], found: &[f32]) -> Difference {
    let scale = expected
        .iter()
        .fold(1.0, |max: f64, x| max.max(f64::from(x.abs())));
    let pairs = expected.iter().zip(found);
    let off = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs() / scale;
    let (mut max, mut sum) = (0.0, 0.0);
    for off in pairs.map(off) {
        max = largest(max, off);
        sum += off;
    }
    Difference {
        max,
        mean: sum / expected.len().max(1) as f64,
    }
}

/// Every backend, or the ones asked for.
pub fn backends(asked: &[Backend]) -> Vec<Backend> {
    match asked {
        [] => Backend::ALL.to_vec(),
        _ => asked.to_vec(),
    }
}
