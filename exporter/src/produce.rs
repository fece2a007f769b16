//! From a source to a graph in the precision that is asked for, measured where there is data.

use crate::ExportError;
use crate::graph::{self, Form};
use crate::quantise::{self, Chosen};
use crate::samples::{Samples, best, scores};
use crate::source::Source;
use aimclr_engine::{Backend, EngineError, Options, Windows, open};
use aimclr_model::card::{Measured, Precision};
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::Dataset;
use aimclr_skeleton::dataset::Part;
use aimclr_skeleton::window::Cut;
use std::time::Instant;

/// Windows, timed one by one.
const TIMED: usize = 50;

/// A data set for choosing and measuring.
pub struct Data<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// A split: ranges are chosen on its training part, accuracy is measured on its test part.
    pub split: &'a str,
    /// How its sequences are cut: as in training.
    pub cut: Cut,
    /// Most sequences that ranges are chosen on.
    pub limit: usize,
}

/// What was produced beside the source's card, which says what was measured.
pub struct Produced {
    /// The form that the graph is to be written in.
    pub form: Form,
    /// What of an int8 graph was chosen.
    pub chosen: Option<Chosen>,
}

/// What is being done, for people.
pub type Progress<'p> = &'p mut dyn FnMut(&'static str, f64);

/// Chooses the form for `precision`, measures it on `data`, and writes both into the source's card.
///
/// # Errors
/// The data doesn't fit the model, int8 is asked for without data, or no engine can run the graph.
pub fn produce(
    source: &mut Source,
    precision: Precision,
    data: Option<&Data<'_>>,
    progress: Progress<'_>,
) -> Result<Produced, ExportError> {
    source.card.precision = precision;
    source.card.measured = None;
    let mut chosen = None;
    let options = match data {
        Some(_) => engine(source)?,
        None => Options::default(),
    };
    let form = match (precision, data) {
        (Precision::F32, _) => Form::single(),
        (Precision::F16, _) => Form::half(),
        (Precision::Int8, None) => {
            return Err(ExportError::Choice(
                "--precision int8: the ranges of the values that become bytes are found on a data set; \
                 --calibrate DATASET names one"
                    .into(),
            ));
        }
        (Precision::Int8, Some(data)) => {
            let samples = data.read(source, Part::Train, Some(data.limit))?;
            let windows = samples.windows();
            let found = quantise::choose(source, windows, options, |share| {
                progress("choosing ranges", share);
            })?;
            let form = Form::quantised(found.ranges.clone());
            chosen = Some(found);
            form
        }
    };
    graph::check(source, &form)?;
    if let Some(data) = data {
        let mut measured = measure(source, &form, data, options, progress)?;
        measured.kept = chosen
            .as_ref()
            .map_or_else(Vec::new, |c: &Chosen| c.kept.clone());
        source.card.measured = Some(measured);
    }
    Ok(Produced { form, chosen })
}

impl Data<'_> {
    fn read(
        &self,
        source: &Source,
        part: Part,
        limit: Option<usize>,
    ) -> Result<Samples, ExportError> {
        Samples::read(self.dataset, source, (self.split, part), self.cut, limit)
    }
}

/// ONNX Runtime where it is, else tract.
fn engine(source: &Source) -> Result<Options, ExportError> {
    let options = Options {
        backend: Backend::OnnxRuntime,
        ..Options::default()
    };
    match open(
        &ModelFile::of(
            source.path(),
            graph::model(source, &Form::single()),
            &source.card,
        ),
        options,
    ) {
        Ok(_) => Ok(options),
        Err(EngineError::NoLibrary { .. }) => Ok(Options::default()),
        Err(error) => Err(error.into()),
    }
}

/// The graph in f32 and in `form` on the test part.
fn measure(
    source: &Source,
    form: &Form,
    data: &Data<'_>,
    options: Options,
    progress: Progress<'_>,
) -> Result<Measured, ExportError> {
    let samples = data.read(source, Part::Test, None)?;
    let mut description = String::new();
    let mut run = |form: &Form, from: f64| -> Result<(Vec<f32>, f64), ExportError> {
        let model = ModelFile::of(source.path(), graph::model(source, form), &source.card);
        let mut engine = open(&model, options)?;
        description = engine.describe();
        let scores = scores(&mut *engine, samples.windows(), |share| {
            progress("measuring", from + 0.5 * share);
        })?;
        let body = samples.data.len() / (samples.count * samples.bodies);
        let one = Windows {
            n: 1,
            m: 1,
            data: &samples.data[..body],
        };
        let mut times = Vec::with_capacity(TIMED);
        for _ in 0..TIMED {
            let start = Instant::now();
            engine.run(one)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok((scores, times[TIMED / 2]))
    };
    let (expected, ms_f32) = run(&Form::single(), 0.0)?;
    let (found, ms) = run(form, 0.5)?;
    let (top1_f32, top1, agreement) = match source.classes() {
        0 => (0.0, 0.0, 0.0),
        classes => {
            let rows = expected
                .chunks_exact(classes)
                .zip(found.chunks_exact(classes));
            let same = rows.filter(|(a, b)| best(a) == best(b)).count();
            (
                samples.top1(&expected),
                samples.top1(&found),
                100.0 * same as f64 / samples.count as f64,
            )
        }
    };
    Ok(Measured {
        dataset: data.dataset.meta().name.clone(),
        split: data.split.into(),
        samples: samples.count,
        top1_f32,
        top1,
        agreement,
        ms,
        ms_f32,
        engine: description,
        kept: Vec::new(),
    })
}
