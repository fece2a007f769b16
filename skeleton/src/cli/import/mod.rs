//! `aimclr-data import`: one file for each kind of source.

mod about;
mod aimclr_npy;
mod bvh;
mod coco;
mod ctr_gcn_npz;
mod mediapipe;
mod ndjson;
mod ntu;
mod openpose;
mod pku_mmd;
mod poses;
mod pyskl;
mod report;

use super::progress::Progress;
use crate::import::{ImportError, Options, Source, import};
use anyhow::Context;
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data import ntu nturgbd_skeletons_s001_to_s017.zip --out ntu60
  aimclr-data import pku-mmd PKUMMD --out pku1
  aimclr-data import bvh motions --out mocap        a folder for each class, with .bvh files
  aimclr-data import coco keypoints --fps 30 --out mine

Recordings are read on all cores and written in the order of their names, whatever the data set's
size in little memory. Ctrl-C stops, and the same command goes on from there. At the end stands
what came of it: samples in each split, beside those that the data set's authors count, and what
was left out. `aimclr-data import KIND --help` explains a kind.";

#[derive(Debug, Subcommand)]
enum Kind {
    /// NTU RGB+D 60 or 120: folders or zip archives of .skeleton files
    Ntu(ntu::Args),
    /// PKU-MMD part I or II: skeleton, label and split files
    PkuMmd(pku_mmd::Args),
    /// AimCLR's own arrays: position.npy and label.pkl
    AimclrNpy(Of<aimclr_npy::Args>),
    /// An .npz of CTR-GCN and those who followed it
    CtrGcnNpz(Of<ctr_gcn_npz::Args>),
    /// Annotations of PYSKL and MMAction2, 3D and 2D
    Pyskl(Of<pyskl::Args>),
    /// Motion capture in BVH files, brought onto ntu25
    Bvh(Of<bvh::Args>),
    /// Keypoints of COCO: Ultralytics, AlphaPose, COCO's results and annotations
    Coco(Of<coco::Args>),
    /// MediaPipe's 33 landmarks as JSON, CSV or .npy
    Mediapipe(Of<mediapipe::Args>),
    /// Pose streams in this project's own form, one frame a line
    Ndjson(Of<ndjson::Args>),
    /// Folders that OpenPose wrote, one file a frame
    Openpose(Of<openpose::Args>),
}

/// A source, and what is common to all.
#[derive(Debug, clap::Args)]
struct Of<A: clap::Args> {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: A,
}

/// What all kinds of source have in common.
#[derive(Debug, clap::Args)]
struct Common {
    /// Folder of the data set that is made
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// Leave out recordings that can't be read, count and list them, instead of ending
    #[arg(long)]
    skip_bad: bool,
    /// Replace a data set or another unfinished import that is already there
    #[arg(long)]
    force: bool,
    /// Threads that read [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    threads: Option<u16>,
    /// Print the report as one JSON object, with the name of everything that was left out
    #[arg(long)]
    json: bool,
}

/// A source, ready to be imported.
type Opened = Result<Box<dyn Source>, ImportError>;

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (common, source) = args.kind.open();
    common.bring_in(&*source?)
}

impl Kind {
    fn open(&self) -> (&Common, Opened) {
        fn boxed(source: Result<impl Source + 'static, ImportError>) -> Opened {
            Ok(Box::new(source?))
        }
        match self {
            Self::Ntu(args) => (&args.common, boxed(args.open())),
            Self::PkuMmd(args) => (&args.common, boxed(args.open())),
            Self::AimclrNpy(args) => (&args.common, boxed(args.source.open())),
            Self::CtrGcnNpz(args) => (&args.common, boxed(args.source.open())),
            Self::Pyskl(args) => (&args.common, boxed(args.source.open())),
            Self::Bvh(args) => (&args.common, boxed(args.source.open())),
            Self::Coco(args) => (&args.common, boxed(args.source.open())),
            Self::Mediapipe(args) => (&args.common, boxed(args.source.open())),
            Self::Ndjson(args) => (&args.common, boxed(args.source.open())),
            Self::Openpose(args) => (&args.common, boxed(args.source.open())),
        }
    }
}

/// Exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

impl Common {
    /// Imports a source and prints the report.
    fn bring_in(&self, source: &dyn Source) -> anyhow::Result<ExitCode> {
        let stop = Arc::new(AtomicBool::new(false));
        let raised = stop.clone();
        // The second signal ends the process at once; what was noted by then stays.
        ctrlc::set_handler(move || {
            if raised.swap(true, Ordering::Relaxed) {
                process::exit(INTERRUPTED);
            }
        })
        .context("Ctrl-C can't be caught")?;
        let options = Options {
            skip_bad: self.skip_bad,
            force: self.force,
            threads: self.threads.map(usize::from),
        };
        let mut progress = Progress::new("importing", source.len());
        let report = import(source, &self.out, &options, &stop, &mut |done| {
            progress.set(done);
        })?;
        drop(progress);
        let mut out = std::io::stdout().lock();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            false => report::print(&report, &self.out, &mut out)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests;
