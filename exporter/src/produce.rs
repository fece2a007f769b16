//! From a source to a graph in the precision that is asked for, measured where there is data.

use crate::ExportError;
use crate::calibrate::{Calibrated, HeldOut, calibrate};
use crate::graph::{self, Form};
use crate::merge::merge;
use crate::quantise::{self, Chosen, Given};
use crate::samples::{Samples, batches, best};
use crate::source::Source;
use aimclr_engine::{Backend, EngineError, Options, Windows, open};
use aimclr_model::card::{self, Measured, Precision};
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
    /// A split: ranges are found on its training part; on its test part scores are calibrated and
    /// accuracy is measured. What becomes bytes is chosen by comparing with f32, without a look at
    /// labels, on the half of it that is calibrated on.
    pub split: &'a str,
    /// How its sequences are cut: as in training.
    pub cut: Cut,
    /// Most windows that ranges are found on; twice as many may be compared with f32.
    pub limit: usize,
}

/// What was produced beside the source's card, which says what was measured.
pub struct Produced {
    /// The form that the graph is to be written in.
    pub form: Form,
    /// What of an int8 graph was chosen.
    pub chosen: Option<Chosen>,
    /// What was fitted for reading scores; none without data or classifier.
    pub calibrated: Option<Calibrated>,
}

/// What is being done, for people.
pub type Progress<'p> = &'p mut dyn FnMut(&'static str, f64);

/// Chooses the form for `precision`, calibrates and measures it on `data`, and writes all that into
/// the source's card.
///
/// # Errors
/// The data doesn't fit the model or can't be halved, int8 is asked for without data, or no engine can run the graph.
pub fn produce(
    source: &mut Source,
    precision: Precision,
    data: Option<&Data<'_>>,
    progress: Progress<'_>,
) -> Result<Produced, ExportError> {
    source.card.precision = precision;
    source.card.measured = None;
    if source.card.form == card::Form::Continual && (precision != Precision::F32 || data.is_some())
    {
        return Err(ExportError::Choice(
            "--form continual: computes in f32 only, and --calibrate measures windows; leave \
             --precision and --calibrate out"
                .into(),
        ));
    }
    let (mut chosen, mut calibrated) = (None, None);
    let options = match data {
        Some(_) => engine(source)?,
        None => Options::default(),
    };
    // Before anything that takes long.
    let test = data.map(|data| data.test(source)).transpose()?;
    let test = test.as_ref();
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
            let training = data.read(source, Part::Train, Some(data.limit))?;
            let unseen = test.map(|test| test.some(&data.fitting(source, test)));
            let unseen = unseen.filter(|unseen| unseen.count > 0);
            let given = Given {
                training: training.windows(),
                unseen: unseen.as_ref().map(Samples::windows),
            };
            let found = quantise::choose(source, given, options, |share| {
                progress("choosing ranges", share);
            })?;
            if found.ranges.is_empty() {
                return Err(ExportError::Choice(
                    "--precision int8: not one convolution can be computed in bytes without telling \
                     people's actions apart otherwise; write this model in f32 or f16"
                        .into(),
                ));
            }
            let form = Form::quantised(found.ranges.clone(), found.shifts.clone());
            chosen = Some(found);
            form
        }
    };
    graph::check(source, &form)?;
    if let (Some(data), Some(test)) = (data, test) {
        calibrated = measure(source, &form, (data, test), options, progress)?;
        if let (Some(measured), Some(chosen)) = (&mut source.card.measured, &chosen) {
            measured.kept = chosen.kept.clone();
        }
    }
    Ok(Produced {
        form,
        chosen,
        calibrated,
    })
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

    /// The test part, if its classes can be calibrated and measured.
    fn test(&self, source: &Source) -> Result<Samples, ExportError> {
        let test = self.read(source, Part::Test, None)?;
        let (fitting, measuring) = self.held_out(source, &test, &[]).halves();
        if source.classes() > 0 && (fitting.is_empty() || measuring.is_empty()) {
            return Err(ExportError::Data {
                path: self.dataset.folder().into(),
                reason: format!(
                    "the test part of split \"{}\" has no class with two sequences, or with one that is \
                     longer than two windows, to calibrate scores on one and measure them on the other; \
                     --window and --hop cut long recordings",
                    self.split
                ),
            });
        }
        Ok(test)
    }

    /// Windows of the half that is fitted on, at most twice the [`limit`](Self::limit).
    fn fitting(&self, source: &Source, test: &Samples) -> Vec<usize> {
        let (all, _) = self.held_out(source, test, &[]).halves();
        let step = all.len().div_ceil(2 * self.limit.max(1)).max(1);
        all.into_iter().step_by(step).collect()
    }

    fn held_out<'a>(
        &self,
        source: &'a Source,
        test: &'a Samples,
        scores: &'a [f64],
    ) -> HeldOut<'a> {
        HeldOut {
            scores,
            merged: &source.card.merged,
            labels: &test.labels,
            recordings: &test.recordings,
            overlap: self.cut.overlap(),
        }
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
        Err(EngineError::NoLibrary { .. } | EngineError::Static) => Ok(Options::default()),
        Err(error) => Err(error.into()),
    }
}

/// Runs the graph in f32 and in `form` on the test part, calibrates what the latter says, and writes
/// what comes out into the card.
fn measure(
    source: &mut Source,
    form: &Form,
    (data, samples): (&Data<'_>, &Samples),
    options: Options,
    progress: Progress<'_>,
) -> Result<Option<Calibrated>, ExportError> {
    let mut description = String::new();
    type Run = (Vec<f64>, f64, usize);
    let mut run = |form: &Form, from: f64| -> Result<Run, ExportError> {
        let graph = graph::model(source, form);
        let bytes = graph::size(&graph);
        let model = ModelFile::of(source.path(), graph, &source.card);
        let mut engine = open(&model, options)?;
        description = engine.describe();
        let mut embeddings = Vec::new();
        batches(&mut *engine, samples.windows(), |output, share| {
            progress("measuring", from + 0.5 * share);
            embeddings.extend(output.embedding);
        })?;
        if let Some(at) = embeddings.iter().position(|x| !x.is_finite()) {
            let window = at / source.card.embedding;
            return Err(ExportError::Data {
                path: data.dataset.folder().into(),
                reason: format!(
                    "the model gives no number for test window {window} (sample {}) in {}; its joints \
                     are to be in metres, or pixels in a 2D layout",
                    data.dataset.samples()[samples.recordings[window]].name,
                    form.precision()
                ),
            });
        }
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
        // Not the graph's logits: those of merged classes depend on the temperature.
        Ok((source.scores(&embeddings), times[TIMED / 2], bytes))
    };
    let (expected, ms_f32, bytes_f32) = run(&Form::single(), 0.0)?;
    let (found, ms, bytes) = run(form, 0.5)?;
    let (name, split) = (&data.dataset.meta().name, data.split);
    let mut measured = Measured {
        dataset: name.clone(),
        split: split.into(),
        samples: samples.count,
        bytes_f32,
        bytes,
        ms,
        ms_f32,
        engine: description,
        ..Measured::default()
    };
    let mut calibrated = None;
    if source.classes() > 0 {
        let held_out = data.held_out(source, samples, &found);
        let fit = calibrate(&held_out, (name, split)).expect("halves, looked at before");
        let width = found.len() / samples.count;
        let merged = &source.card.merged;
        let logits = |scores: &[f64]| -> Vec<f32> {
            let rows = scores.chunks_exact(width);
            let rows = rows.flat_map(|row| merge(row, merged, fit.calibration.temperature));
            rows.map(|x| x as f32).collect()
        };
        let (expected, found) = (logits(&expected), logits(&found));
        let classes = source.classes();
        let rows = expected.chunks_exact(classes);
        let rows = rows.zip(found.chunks_exact(classes));
        let same = rows.filter(|(a, b)| best(a) == best(b)).count();
        measured.top1_f32 = Some(samples.top1(&expected));
        measured.top1 = Some(samples.top1(&found));
        measured.agreement = Some(100.0 * same as f64 / samples.count as f64);
        source.card.calibration = fit.calibration.clone();
        calibrated = Some(fit);
    }
    source.card.measured = Some(measured);
    Ok(calibrated)
}
