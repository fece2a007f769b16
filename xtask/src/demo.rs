//! `cargo xtask demo`: the whole chain, from motions to recognised actions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{cargo, setup};

/// Length of a window and the time from one to the next, in seconds, in training and recognition.
const WINDOW: &str = "2";
const HOP: &str = "1";

/// What `cargo xtask demo` takes.
#[derive(clap::Args)]
#[command(
    after_help = "The demo generates motions of sixteen people, pre-trains an encoder on twelve of them without\n\
                  labels, trains a classifier on top, exports both to ONNX, and recognises what a person does\n\
                  who was never seen in training. Every command is printed before it runs, and can be run by hand."
)]
pub struct Args {
    /// Folder for everything that the demo makes
    #[arg(long, default_value = "demo", value_name = "FOLDER")]
    out: PathBuf,
    /// Passes over the training windows; the published schedule has 300
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Seed of the motions and of the training
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Sets up, builds the workspace and walks the chain.
pub fn run(args: &Args) -> Result<()> {
    let began = Instant::now();
    setup::ensure()?;
    cargo::run(cargo::command().args(["build", "--workspace"]))?;
    let built = began.elapsed();
    let mut walk = Walk::new(&args.out)?;
    let seed = args.seed.to_string();

    walk.says("Motions of sixteen people doing sixteen actions, and one long recording of a person whom training never sees");
    let motions = walk.file("motions");
    let session = walk.file("session.ndjson");
    let truth = walk.file("session.truth.csv");
    walk.run(
        "aimclr-data",
        &[
            "generate",
            "--out",
            &motions,
            "--seed",
            &seed,
            "--session",
            &session,
            "--force",
        ],
        &[&motions, &session, &truth],
    )?;
    let sheet = walk.file("motions.png");
    walk.run(
        "aimclr-data",
        &["render", &motions, "--out", &sheet],
        &[&sheet],
    )?;

    walk.says("Pre-training without labels: AimCLR, both stages");
    let encoder = walk.file("encoder");
    let epochs = args.epochs.to_string();
    let mining = (args.epochs / 2).to_string();
    let drop = (args.epochs * 5 / 6).max(1).to_string();
    walk.run(
        "aimclr-train",
        &[
            "pretrain",
            "--data",
            &motions,
            "--split",
            "xsub",
            "--window",
            WINDOW,
            "--hop",
            HOP,
            "--epochs",
            &epochs,
            "--queue-size",
            "1024",
            "--mining-epoch",
            &mining,
            "--lr-steps",
            &drop,
            "--device",
            &args.device,
            "--seed",
            &seed,
            "--force",
            "--out",
            &encoder,
        ],
        &[&encoder],
    )?;

    walk.says("What was learnt, measured on people whom training never saw");
    let knn = walk.file("knn");
    let device = args.device.as_str();
    let evaluate = |protocol: &'static str, weights: &str, out: &str| {
        [
            "evaluate",
            protocol,
            "--data",
            &motions,
            "--split",
            "xsub",
            "--weights",
            weights,
            "--out",
            out,
            "--device",
            device,
        ]
        .map(String::from)
    };
    walk.run("aimclr-train", &evaluate("knn", &encoder, &knn), &[&knn])?;
    let linear = walk.file("linear");
    let mut arguments = evaluate("linear", &encoder, &linear).to_vec();
    // A short pre-training leaves embeddings small; the published rate of 3 is for long ones.
    let settings = [
        "--scaling",
        "standardise",
        "--lr",
        "0.1",
        "--weight-decay",
        "0.001",
        "--select",
        "last",
    ];
    arguments.extend(settings.map(String::from));
    walk.run("aimclr-train", &arguments, &[&linear])?;

    walk.says("Encoder and classifier as one ONNX file, checked in both engines");
    let model = walk.file("model.onnx");
    walk.run(
        "aimclr-export",
        &["onnx", "--weights", &linear, "--out", &model],
        &[&model],
    )?;
    walk.run(
        "aimclr-export",
        &["verify", &model, "--weights", &linear],
        &[],
    )?;

    walk.says("The unseen person, recognised window by window");
    let events = walk.file("events.ndjson");
    walk.run(
        "aimclr-run",
        &[
            "stream", "--model", &model, "--input", &session, "--truth", &truth, "--out", &events,
        ],
        &[&events],
    )?;
    let gif = walk.file("recognised.gif");
    walk.run(
        "aimclr-run",
        &[
            "render", "--model", &model, &session, "--truth", &truth, "--out", &gif, "--to", "30",
        ],
        &[&gif],
    )?;
    walk.finish(built.as_secs_f64(), began);
    Ok(())
}

/// The commands that were run and what each made.
struct Walk {
    /// Where the binaries lie: beside this program.
    binaries: PathBuf,
    out: PathBuf,
    step: usize,
    made: Vec<(String, String)>,
}

impl Walk {
    fn new(out: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let binaries = program.parent().map(Path::to_path_buf).unwrap_or_default();
        let folder = cargo::root().join(out);
        std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        Ok(Self {
            binaries,
            out: out.into(),
            step: 0,
            made: Vec::new(),
        })
    }

    /// A file or folder of the demo, as it is written on the command line.
    fn file(&self, name: &str) -> String {
        self.out.join(name).display().to_string()
    }

    fn says(&mut self, headline: &str) {
        self.step += 1;
        eprintln!("\n== {}. {headline}", self.step);
    }

    fn run<S: AsRef<OsStr>>(
        &mut self,
        binary: &str,
        arguments: &[S],
        made: &[&String],
    ) -> Result<()> {
        let program = self.binaries.join(binary);
        let words = arguments.iter().map(|word| word.as_ref().to_string_lossy());
        let shown = match program.strip_prefix(cargo::root()) {
            Ok(relative) => relative.display().to_string(),
            Err(_) => program.display().to_string(),
        };
        let line = std::iter::once(shown.into())
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ");
        eprintln!("$ {line}");
        let status = Command::new(&program)
            .args(arguments)
            .current_dir(cargo::root())
            .status()
            .with_context(|| format!("`{line}` could not be started"))?;
        if !status.success() {
            bail!("`{line}` failed ({status})");
        }
        let made = made.iter().map(|file| (file.to_string(), line.clone()));
        self.made.extend(made);
        Ok(())
    }

    fn finish(&self, built: f64, began: Instant) {
        println!("\nWhat the demo made, and the command that made it:");
        for (file, line) in &self.made {
            println!("  {file}\n      {line}");
        }
        let all = began.elapsed().as_secs_f64();
        println!(
            "\n{:.1} minutes, of which {:.1} for set-up and build. Look at {} first.",
            all / 60.0,
            built / 60.0,
            self.file("recognised.gif")
        );
    }
}
