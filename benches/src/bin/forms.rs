//! A windowed and a continual model of the same encoder along the same unseen recordings: how often
//! each is right, how long after an action began, and what a decision costs.

use aimclr_engine::{Backend, Engine, Options, Person, Windows, continual, open};
use aimclr_model::Card;
use aimclr_model::continual::STEP;
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::cli::table::table;
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::{Sequence, resize};
use clap::Parser;
use std::path::PathBuf;
use std::time::Instant;

/// Ends of the spans of time since an action began, seconds.
const SPANS: [f64; 7] = [2.0, 4.0, 6.0, 8.0, 10.0, 15.0, f64::INFINITY];

/// Right decisions in a row that count as recognised.
const IN_A_ROW: usize = 3;

/// Joins the recordings of a split's test part into one stream of one person, without a break, and
/// lets both models decide after every four frames of the continual one: the best class, not
/// smoothed. What the windowed one sees is the last window.
#[derive(Parser)]
struct Arguments {
    /// A model of the windowed form.
    #[arg(long, value_name = "FILE")]
    windowed: PathBuf,
    /// A model of the continual form, with the same classes and the same window.
    #[arg(long, value_name = "FILE")]
    continual: PathBuf,
    /// Dataset folder with one action in each recording.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Its split.
    #[arg(long, value_name = "NAME", default_value = "xsub")]
    split: String,
    /// tract or onnxruntime.
    #[arg(long, value_name = "NAME", default_value_t)]
    backend: Backend,
}

/// The stream: frames at the data set's rate, and where in it the recordings begin.
struct Stream {
    joined: Sequence,
    fps: f64,
    /// First frame and class.
    segments: Vec<(usize, usize)>,
}

impl Stream {
    fn read(dataset: &Dataset, split: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut joined = Sequence::zeros(0, 1, dataset.layout().len());
        let mut segments = Vec::new();
        for index in dataset.part(split, Part::Test)? {
            let recording = dataset.sequence(index)?;
            segments.push((joined.frames, dataset.samples()[index].label));
            if recording.bodies != 1 {
                return Err(format!("{}: expected one body", dataset.folder().display()).into());
            }
            joined.data.extend_from_slice(recording.data);
            joined.frames += recording.frames;
        }
        Ok(Self {
            joined,
            fps: dataset.meta().fps,
            segments,
        })
    }

    /// The segment of an instant, and how long ago it began.
    fn at(&self, seconds: f64) -> (usize, f64) {
        let begins = |(first, _): &(usize, usize)| *first as f64 / self.fps;
        let past = self.segments.partition_point(|s| begins(s) < seconds);
        let segment = past.saturating_sub(1);
        (segment, seconds - begins(&self.segments[segment]))
    }
}

/// What a model said, after one step.
struct Decision {
    segment: usize,
    /// Seconds since the segment began.
    since: f64,
    right: bool,
    ms: f64,
}

/// Gives the best class after a step, or nothing where there is nothing to be said yet.
type Decide<'d> = &'d mut dyn FnMut(usize) -> Result<Option<usize>, Box<dyn std::error::Error>>;

/// Lets models decide along the stream in turns, so that a neighbour's load weighs on all alike.
fn along<const MODELS: usize>(
    stream: &Stream,
    card: &Card,
    mut models: [Decide<'_>; MODELS],
) -> Result<[Vec<Decision>; MODELS], Box<dyn std::error::Error>> {
    let rate = card.frames as f64 / card.window;
    let frames = (stream.joined.frames as f64 * rate / stream.fps).round() as usize;
    let mut decisions = [const { Vec::new() }; MODELS];
    for step in 0..frames / STEP {
        let (segment, since) = stream.at(((step + 1) * STEP) as f64 / rate);
        for (decide, decisions) in models.iter_mut().zip(&mut decisions) {
            let asked = Instant::now();
            let found = decide(step)?;
            let ms = asked.elapsed().as_secs_f64() * 1e3;
            decisions.push(Decision {
                segment,
                since,
                right: found == Some(stream.segments[segment].1),
                ms,
            });
        }
    }
    Ok(decisions)
}

fn best(scores: &[f32]) -> Option<usize> {
    let pairs = scores.iter().enumerate();
    pairs
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(class, _)| class)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One column of the table.
fn column(stream: &Stream, decisions: &[Decision]) -> Vec<String> {
    let share = |of: &mut dyn Iterator<Item = &Decision>| {
        let (right, all) = of.fold((0, 0), |(right, all), d| {
            (right + usize::from(d.right), all + 1)
        });
        format!("{:.1} %", 100.0 * right as f64 / f64::from(all.max(1)))
    };
    let mut column = vec![share(&mut decisions.iter())];
    let mut from = 0.0;
    for to in SPANS {
        let within = |d: &&Decision| (from..to).contains(&d.since);
        column.push(share(&mut decisions.iter().filter(within)));
        from = to;
    }
    let delays: Vec<f64> = (0..stream.segments.len())
        .filter_map(|segment| {
            let own: Vec<&Decision> = decisions.iter().filter(|d| d.segment == segment).collect();
            let run = own
                .windows(IN_A_ROW)
                .find(|run| run.iter().all(|d| d.right))?;
            Some(run[0].since)
        })
        .collect();
    column.push(format!("{} of {}", delays.len(), stream.segments.len()));
    column.push(format!("{:.1} s", median(delays)));
    let ms = median(decisions.iter().map(|d| d.ms).collect());
    column.push(format!("{ms:.2} ms"));
    column.push(format!("{:.2} ms", ms / STEP as f64));
    column
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let dataset = Dataset::open(&arguments.data)?;
    let stream = Stream::read(&dataset, &arguments.split)?;
    let options = Options {
        backend: arguments.backend,
        ..Options::default()
    };

    let windowed = ModelFile::read(&arguments.windowed)?;
    let continual = ModelFile::read(&arguments.continual)?;
    let card = &windowed.card;
    let theirs = &continual.card;
    if (card.frames, card.window, &card.classes) != (theirs.frames, theirs.window, &theirs.classes)
    {
        return Err("the models have other frames, windows or classes".into());
    }
    let rate = card.frames as f64 / card.window;
    let mut windows: Box<dyn Engine> = open(&windowed, options)?;
    let mut steps = continual::open(&continual, options)?;
    eprintln!("{}", steps.describe());

    let mut by_window = |step: usize| {
        let to = ((step + 1) * STEP) as f64 / rate;
        let [from, to] = [to - card.window, to].map(|t| (t * stream.fps).round());
        if from < 0.0 {
            return Ok(None);
        }
        let window = stream.joined.view().slice(from as usize..to as usize);
        let window = resize::onto(window, card.frames, &card.layout);
        let output = windows.run(Windows {
            n: 1,
            m: 1,
            data: &window.data,
        })?;
        Ok(best(output.logits_of(0)))
    };
    let mut state = steps.start();
    let resampled = resize::to_rate(stream.joined.view(), stream.fps, rate, &card.layout);
    let size = STEP * card.layout.len() * 3;
    let mut by_step = |step: usize| {
        let output = steps.step(&mut [Person {
            state: &mut state,
            frames: &resampled.data[step * size..][..size],
        }])?;
        Ok(best(output.logits_of(0)))
    };
    let decisions = along(&stream, card, [&mut by_window, &mut by_step])?;

    let mut names = vec!["right, share of decisions".to_string()];
    let mut from = 0.0;
    for to in SPANS {
        names.push(match to.is_finite() {
            true => format!("  {from} to {to} s after the action began"),
            false => format!("  later than {from} s"),
        });
        from = to;
    }
    names.extend(
        [
            "actions recognised",
            "median delay until recognised",
            "a decision",
            "a frame",
        ]
        .map(String::from),
    );
    let columns = decisions.map(|decisions| column(&stream, &decisions));
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .enumerate()
        .map(|(i, name)| vec![name, columns[0][i].clone(), columns[1][i].clone()])
        .collect();
    print!("{}", table(&["", " windowed", " continual"], &rows));
    Ok(())
}
