//! `aimclr-run enroll`.

use super::clips;
use super::model::ModelArgs;
use super::numbers::seconds;
use crate::classify::Classifier;
use crate::gallery::{CLIPS, Clip, Gallery};
use crate::settings::Span;
use aimclr_engine::Output;
use anyhow::{Context, ensure};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The gallery; it is made if it is not there
    #[arg(long, value_name = "FILE.json")]
    gallery: PathBuf,
    /// The action's name; that of a class of the model is allowed
    #[arg(long, value_name = "NAME")]
    action: String,
    /// Recordings of one person, native frames, each a clip of the action
    #[arg(value_name = "CLIP.ndjson", required_unless_present = "data")]
    clips: Vec<PathBuf>,
    /// A clip is the part of the one recording from this second of its time stamps on; with --to,
    /// once for each clip
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "data")]
    from: Vec<f64>,
    /// ... and ends before this second
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "data")]
    to: Vec<f64>,
    /// Clips are samples of a data set
    #[arg(
        long,
        value_name = "DATASET",
        conflicts_with = "clips",
        requires = "sample"
    )]
    data: Option<PathBuf>,
    /// Names of the samples
    #[arg(long, value_name = "NAME", num_args = 1.., requires = "data")]
    sample: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run enroll --model model.onnx --gallery g.json --action nod nod1.ndjson nod2.ndjson nod3.ndjson
  aimclr-run enroll --model model.onnx --gallery g.json --action nod day.ndjson \\
      --from 3 --to 5.5 --from 9 --to 12 --from 20 --to 22
  aimclr-run enroll --model model.onnx --gallery g.json --action nod --data motions --sample a01 a02 a03

Takes 3 to 10 clips; those of several people are better than those of one. Then tell the gallery
what people do otherwise, once, or little of it will be recognised: `aimclr-run gallery background`.
`aimclr-run stream --gallery g.json` recognises the action from then on. docs/gallery.md has how.";

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (model, mut engine) = args.model.open()?;
    let mut gallery = match args.gallery.exists() {
        true => Gallery::open(&args.gallery, &model)?,
        false => Gallery::new(&model),
    };
    let cut = Span::of(model.card.window).cut();
    let mut classifier = Classifier::new(&model.card, &mut *engine, cut);
    let mut found = Vec::new();
    let size = model.card.embedding;
    let mut add = |from: String, output: Output| {
        let embeddings = output.embedding.chunks(size).map(<[f32]>::to_vec).collect();
        found.push(Clip { from, embeddings });
    };
    if let Some(path) = &args.data {
        expect(args.sample.len())?;
        let data = clips::dataset(path, &model.card)?;
        for name in &args.sample {
            let index = data
                .0
                .samples()
                .iter()
                .position(|sample| sample.name == *name);
            let index = index.with_context(|| {
                let path = path.display();
                format!("{path}: --sample: no sample \"{name}\"; expected a name in samples.csv")
            })?;
            let output = clips::sample(&data, index, &mut classifier)?;
            add(format!("{}: {name}", path.display()), output);
        }
    } else {
        for (path, part) in args.parts()? {
            let output = clips::recording(path, part.clone(), &model.card, &mut classifier)?;
            let name = path.display();
            add(
                match part.start.is_finite() {
                    true => format!("{name}: {} to {} s", part.start, part.end),
                    false => name.to_string(),
                },
                output,
            );
        }
    }
    let (clips, windows) = (
        found.len(),
        found.iter().map(|c| c.embeddings.len()).sum::<usize>(),
    );
    gallery.enroll(&args.action, found)?;
    gallery.write(&args.gallery)?;
    let path = args.gallery.display();
    writeln!(
        std::io::stdout(),
        "{path}: {}: {clips} clips, {windows} windows",
        args.action
    )?;
    if gallery.background() == 0 {
        eprintln!("note: {path}: no background yet; `aimclr-run gallery background` adds one");
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The clips among the recordings.
    fn parts(&self) -> anyhow::Result<Vec<(&PathBuf, std::ops::Range<f64>)>> {
        if self.from.is_empty() && self.to.is_empty() {
            expect(self.clips.len())?;
            let all = f64::NEG_INFINITY..f64::INFINITY;
            return Ok(self.clips.iter().map(|clip| (clip, all.clone())).collect());
        }
        ensure!(
            self.clips.len() == 1 && self.from.len() == self.to.len(),
            "--from, --to: expected one recording and as many of the one as of the other, found {} \
             recordings, {} and {}",
            self.clips.len(),
            self.from.len(),
            self.to.len()
        );
        expect(self.from.len())?;
        let part = |(from, to): (&f64, &f64)| {
            ensure!(
                from < to,
                "--to: expected more than --from, {from}, found {to}"
            );
            Ok((&self.clips[0], *from..*to))
        };
        self.from.iter().zip(&self.to).map(part).collect()
    }
}

fn expect(clips: usize) -> anyhow::Result<()> {
    let (least, most) = (CLIPS.start(), CLIPS.end());
    ensure!(
        CLIPS.contains(&clips),
        "expected {least} to {most} clips of the action, found {clips}"
    );
    Ok(())
}
