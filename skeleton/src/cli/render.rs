//! `aimclr-data render`.

use super::Usage;
use super::clip::{self, Clip, Stretch};
use super::progress::Progress;
use crate::dataset::Dataset;
use crate::draw::{self, Angle, Area, Picture, Size, View, colour};
use anyhow::Context;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A data set's folder, or a pose stream recorded as NDJSON
    input: PathBuf,
    /// Draw this sample of the data set: its name, or its number from 0
    #[arg(long, value_name = "NAME|NUMBER")]
    sample: Option<String>,
    /// What is drawn: a GIF moves, a PNG shows poses side by side
    #[arg(long, value_name = "FILE.png|FILE.gif")]
    out: PathBuf,
    /// Clips on a data set's contact sheet [default: one for each class, at least 12]
    #[arg(long, value_name = "N", conflicts_with = "sample",
          value_parser = clap::value_parser!(u32).range(1..=150))]
    count: Option<u32>,
    /// Which clips the contact sheet shows: another seed, others
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Leave out what is before this second of a clip
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    start: f64,
    /// Draw at most so much of a clip
    #[arg(long, value_name = "SECONDS", default_value_t = 15.0, value_parser = seconds)]
    seconds: f64,
    /// From where to look; at people of 2D layouts always from the front
    #[arg(long, value_enum, default_value_t = From::Aside)]
    view: From,
    /// Width and height of a GIF
    #[arg(long, value_name = "PIXELS", default_value_t = 400,
          value_parser = clap::value_parser!(u32).range(64..=2000))]
    size: u32,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data render motions --out sheet.png                a contact sheet of random clips
  aimclr-data render motions --sample 12 --out clip.gif     one sample, moving
  aimclr-data render motions --sample 12 --out clip.png     one sample, poses side by side
  aimclr-data render session.ndjson --start 30 --out session.gif

Pictures show what the camera sees: somebody who faces it has the right hand on the left.
Left arms and legs are blue, right ones orange. `--view aside` looks a little from the side,
so that movements towards the camera show, too.";

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum From {
    /// As the camera saw it.
    Front,
    /// A little from the side and above.
    Aside,
}

impl From {
    fn angle(self) -> Angle {
        match self {
            Self::Front => Angle::FRONT,
            Self::Aside => Angle::ASIDE,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e7).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds, 0 or more".into()),
    }
}

/// What the name of a picture's file asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Gif,
}

fn kind(path: &Path) -> Result<Kind, Usage> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("png") => Ok(Kind::Png),
        Some("gif") => Ok(Kind::Gif),
        _ => Err(Usage(format!(
            "--out: expected a name that ends in .png or .gif, found {}",
            path.display()
        ))),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let kind = kind(&args.out)?;
    let stretch = Stretch {
        start: args.start,
        length: args.seconds,
    };
    if !args.input.is_dir() {
        if args.sample.is_some() || args.count.is_some() {
            return Err(Usage(format!(
                "--sample and --count are for data sets; {} is a file",
                args.input.display()
            ))
            .into());
        }
        let clip = clip::of_stream(&args.input, stretch)?;
        one(args, kind, &clip)?;
    } else {
        let dataset = Dataset::open(&args.input)?;
        match (&args.sample, kind) {
            (Some(sample), _) => {
                let index = find(&dataset, sample)?;
                one(args, kind, &clip::of_sample(&dataset, index, stretch)?)?;
            }
            (None, Kind::Png) => contact_sheet(args, &dataset)?,
            (None, Kind::Gif) => {
                return Err(Usage(
                    "--sample: name the sample that is to move; a contact sheet is a .png".into(),
                )
                .into());
            }
        }
    }
    let size = std::fs::metadata(&args.out).with_context(|| args.out.display().to_string())?;
    let kilobytes = size.len().div_ceil(1000);
    writeln!(std::io::stdout(), "{}: {kilobytes} kB", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Index of a sample by its name, else by its number.
fn find(dataset: &Dataset, wanted: &str) -> anyhow::Result<usize> {
    let samples = dataset.samples();
    let named = samples.iter().position(|s| s.name == wanted);
    let numbered = || wanted.parse().ok().filter(|i| *i < samples.len());
    named.or_else(numbered).with_context(|| {
        format!(
            "--sample: {} has no sample \"{wanted}\"; expected a name in samples.csv or a number \
             from 0 to {}",
            dataset.folder().display(),
            samples.len().saturating_sub(1)
        )
    })
}

/// One clip, still or moving.
fn one(args: &Args, kind: Kind, clip: &Clip) -> anyhow::Result<()> {
    if clip.cut {
        eprintln!(
            "note: only {} s are drawn; see --start and --seconds",
            args.seconds
        );
    }
    match kind {
        Kind::Gif => moving(args, clip),
        Kind::Png => {
            let strip = draw::Clip {
                title: clip.title.clone(),
                caption: clip.caption.clone(),
                sequence: clip.sequence.view(),
                fps: clip.fps,
            };
            let angle = args.view.angle().of(&clip.layout);
            let picture = draw::sheet(&[strip], &clip.layout, angle, 1, 8, (1080, 260));
            Ok(picture.save_png(&args.out)?)
        }
    }
}

/// Pictures a second of a GIF, at most: browsers slow down what is much faster.
const GIF_FPS: f64 = 20.0;

fn moving(args: &Args, clip: &Clip) -> anyhow::Result<()> {
    let step = (clip.fps / GIF_FPS).ceil().max(1.0) as usize;
    let side = args.size as f32;
    let head = Size::LargeBold.height() + 16.0;
    let area = Area {
        x: 0.0,
        y: head,
        width: side,
        height: side - head - 8.0,
    };
    let angle = args.view.angle().of(&clip.layout);
    let view = View::fit(clip.sequence.view(), angle, area);
    let mut progress = Progress::new("drawing", clip.sequence.frames);
    let pictures = (0..clip.sequence.frames).step_by(step).map(|t| {
        let mut picture = Picture::new(args.size, args.size);
        draw::scene(&mut picture, &view, &clip.layout, clip.sequence.view(), t);
        caption(&mut picture, clip, t, head);
        progress.set(t);
        picture
    });
    Ok(draw::gif(&args.out, pictures, clip.fps / step as f64)?)
}

fn caption(picture: &mut Picture, clip: &Clip, t: usize, head: f32) {
    let width = picture.width() as f32;
    picture.rectangle(0.0, 0.0, width, head - 2.0, colour::PAPER);
    picture.text(10.0, 8.0, Size::LargeBold, colour::INK, &clip.title);
    let time = format!("{:.1} s", clip.start + t as f64 / clip.fps);
    let start = width - 10.0 - Size::Small.width() * time.chars().count() as f32;
    picture.text(start, 11.0, Size::Small, colour::MUTED, &time);
}

/// Random clips of a data set, spread over its classes.
fn contact_sheet(args: &Args, dataset: &Dataset) -> anyhow::Result<()> {
    let classes = dataset.meta().classes.len();
    let count = args.count.map_or(classes.clamp(12, 60), |n| n as usize);
    let chosen = spread(dataset, count, args.seed);
    let mut upright = Vec::with_capacity(chosen.len());
    for index in &chosen {
        upright.push(draw::upright(dataset.sequence(*index)?, dataset.layout()));
    }
    let mut clips = Vec::with_capacity(chosen.len());
    for (index, clip) in chosen.into_iter().zip(&upright) {
        let sample = &dataset.samples()[index];
        clips.push(draw::Clip {
            title: dataset.meta().classes[sample.label].clone(),
            caption: sample.name.clone(),
            sequence: clip.view(),
            fps: dataset.meta().fps,
        });
    }
    let columns = if clips.len() < 4 { 1 } else { 2 };
    let angle = args.view.angle().of(dataset.layout());
    let picture = draw::sheet(&clips, dataset.layout(), angle, columns, 6, (560, 170));
    Ok(picture.save_png(&args.out)?)
}

/// Up to `count` random samples, each class as often as any other as long as it has some, in the
/// order of the classes.
fn spread(dataset: &Dataset, count: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut by_class: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, sample) in dataset.samples().iter().enumerate() {
        by_class.entry(sample.label).or_default().push(i);
    }
    for samples in by_class.values_mut() {
        samples.shuffle(&mut random);
    }
    let mut labels: Vec<usize> = by_class.keys().copied().collect();
    labels.shuffle(&mut random);
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < count {
        let before = chosen.len();
        for label in &labels {
            if chosen.len() < count {
                chosen.extend(by_class.get_mut(label).and_then(Vec::pop));
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    chosen.sort_by_key(|i| (dataset.samples()[*i].label, *i));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        for (name, expected) in [
            ("a.PNG", Some(Kind::Png)),
            ("b.c.gif", Some(Kind::Gif)),
            ("d", None),
        ] {
            assert_eq!(kind(Path::new(name)).ok(), expected, "{name}");
        }
    }
}
