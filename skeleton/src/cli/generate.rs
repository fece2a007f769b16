//! `aimclr-data generate`.

use super::progress::Progress;
use super::{beside, grouped, write_file};
use crate::frame::{Frame, Joint, Person};
use crate::motions::{self, ACTIONS, Settings, Subject};
use crate::sequence::Sequence;
use crate::truth;
use anyhow::bail;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of the data set that is made
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// Number of people; the last quarter of them are the test part of the split xsub
    #[arg(long, value_name = "N", default_value_t = Settings::default().subjects,
          value_parser = clap::value_parser!(u32).range(2..=10_000))]
    subjects: u32,
    /// Length of each recording
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().seconds,
          value_parser = seconds)]
    seconds: f64,
    /// Recordings of each person and action
    #[arg(long, value_name = "N", default_value_t = Settings::default().takes,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    takes: u32,
    /// Frames a second
    #[arg(long, value_name = "F", default_value_t = Settings::default().fps, value_parser = fps)]
    fps: f64,
    /// Everything follows from it: the same seed makes the same data
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,
    /// Also record one person of the test part doing all actions one after the other, as a
    /// pose stream
    #[arg(long, value_name = "FILE.ndjson")]
    session: Option<PathBuf>,
    /// What was done when in the session [default: FILE.truth.csv beside it]
    #[arg(long, value_name = "FILE.csv", requires = "session")]
    session_truth: Option<PathBuf>,
    /// Replace a data set that is already there
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data generate --out motions
  aimclr-data generate --out motions --session walk-by.ndjson
  aimclr-data generate --out small --subjects 4 --seconds 5 --seed 7

The motions are computed, not recorded: joint angles through forward kinematics, with body
sizes, tempo, amplitude, handedness, camera and sensor noise of each person's own. They are
in the public domain (CC0-1.0).";

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 1.0, 3600.0)
}

fn fps(text: &str) -> Result<f64, String> {
    within(text, 1.0, 240.0)
}

fn within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {low} to {high}")),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    for file in ["dataset.toml", "samples.csv", "joints.npy"] {
        let path = args.out.join(file);
        if path.exists() && !args.force {
            bail!("{}: is already there; --force replaces it", path.display());
        }
    }
    let settings = Settings {
        seed: args.seed,
        subjects: args.subjects,
        seconds: args.seconds,
        takes: args.takes,
        fps: args.fps,
    };
    let mut progress = Progress::new("recording", settings.samples());
    motions::dataset(&args.out, &settings, |done| progress.set(done))?;
    drop(progress);
    let test = settings.test_subjects();
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "{}: {} recordings of {} people doing {} actions; split xsub tests on people {} to {}",
        args.out.display(),
        grouped(settings.samples()),
        settings.subjects,
        ACTIONS.len(),
        test.start(),
        test.end()
    )?;
    if let Some(path) = &args.session {
        let truth_path = match &args.session_truth {
            Some(path) => path.clone(),
            None => beside(path, "truth.csv"),
        };
        let subject = Subject::new(settings.seed, *test.start());
        let order = motions::shuffled(&subject, &ACTIONS, 1);
        let (sequence, segments) = motions::session(&subject, &order, 1, settings.fps);
        write_session(path, &sequence, settings.fps)?;
        truth::write(&truth_path, &segments)?;
        writeln!(
            stdout,
            "{}: {:.1} s of person {}, {} stretches of action in {}",
            path.display(),
            sequence.frames as f64 / settings.fps,
            subject.id(),
            segments.len(),
            truth_path.display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_session(path: &Path, sequence: &Sequence, fps: f64) -> anyhow::Result<()> {
    write_file(path, |out| {
        for t in 0..sequence.frames {
            let joints = (0..sequence.joints).map(|v| Joint::at(sequence.joint(t, 0, v)));
            let frame = Frame {
                t: super::stream::instant(t as f64, fps),
                source: "session".into(),
                layout: Some("ntu25".into()),
                people: vec![Person {
                    id: Some(1),
                    joints: joints.collect(),
                }],
            };
            writeln!(out, "{}", frame.to_line())?;
        }
        Ok(())
    })
}
