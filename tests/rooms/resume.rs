//! A run that is stopped, in whatever way, goes on bit for bit, and nothing harms its checkpoint.

use crate::binaries::{command, refusal, run};
use aimclr_model::Weights;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A data set with 16 clips for training, and runs over it.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().expect("folder"));
        let data = bench.name("data");
        let mut arguments = vec!["generate", "--out", &data];
        arguments.extend("--subjects 2 --takes 1 --seconds 2".split(' '));
        run("aimclr-data", &arguments);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Arguments of a run of four steps an epoch; from epoch 3 on it mines and has a lower
    /// learning rate.
    fn arguments(&self, out: &str, further: &str) -> Vec<String> {
        let (data, out) = (self.name("data"), self.name(out));
        let settings = "--split xsub --frames 16 --batch-size 4 --queue-size 10 --mining-epoch 2 \
                        --lr-steps 2 --device cpu --threads 1 --seed 5";
        ["pretrain", "--data", &data, "--out", &out]
            .into_iter()
            .chain(settings.split_whitespace())
            .chain(further.split_whitespace())
            .map(String::from)
            .collect()
    }

    /// Runs to the end; gives what was said.
    fn train(&self, out: &str, further: &str) -> String {
        let output = command("aimclr-train")
            .args(self.arguments(out, further))
            .output()
            .expect("runs");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.success(), "{out} {further}:\n{said}");
        said
    }

    /// Runs into an error; gives what was said.
    fn fails(&self, out: &str, further: &str) -> String {
        let arguments = self.arguments(out, further);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refusal("aimclr-train", &arguments)
    }

    /// Starts a run and waits until it has a checkpoint of that step or a later one.
    fn until(&self, out: &str, further: &str, step: u64) -> Child {
        let mut child = command("aimclr-train")
            .args(self.arguments(out, further))
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let began = Instant::now();
        let checkpoint = self.path(out).join("checkpoint.safetensors");
        while !checkpoint.exists() || step_of(&checkpoint) < step {
            let late = began.elapsed() > Duration::from_secs(300);
            assert!(!late, "no checkpoint after five minutes");
            let ended = child.try_wait().expect("a child").is_some();
            assert!(!ended, "ended before its checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).expect("written")
    }

    /// Weights, the best ones, and each epoch's figures but for the speed.
    fn result(&self, out: &str) -> (Vec<u8>, Vec<u8>, Vec<serde_json::Value>) {
        let metrics = String::from_utf8(self.bytes(&format!("{out}/metrics.jsonl")));
        let figures = |line: &str| {
            let mut epoch: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let speed = epoch["samples_per_second"].take().as_f64();
            assert!(speed.is_some_and(|speed| speed > 0.0), "{line}");
            epoch
        };
        (
            self.bytes(&format!("{out}/weights.safetensors")),
            self.bytes(&format!("{out}/best.safetensors")),
            metrics.expect("UTF-8").lines().map(figures).collect(),
        )
    }

    fn same(&self, one: &str, other: &str) {
        let (one, other) = (self.result(one), self.result(other));
        assert_eq!(one.2, other.2);
        assert!(one.0 == other.0, "the weights differ");
        assert!(one.1 == other.1, "the best weights differ");
    }

    /// Names of the files in a run folder, hidden ones too.
    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("UTF-8")
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

/// Steps that were done by the time of a checkpoint.
fn step_of(checkpoint: &Path) -> u64 {
    let weights = Weights::read(checkpoint).expect("a whole file");
    let position: serde_json::Value =
        serde_json::from_str(&weights.metadata["position"]).expect("JSON");
    position["step"].as_u64().expect("a number")
}

fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no \"{part}\" in:\n{message}");
    }
}

#[test]
fn a_run_that_is_stopped_anywhere_goes_on_bit_for_bit() {
    let bench = Bench::new();
    bench.train("straight", "--epochs 4");
    let checkpoint = bench.path("stopped/checkpoint.safetensors");

    // Within an epoch of the first stage; after the stage's last step, before the epoch's end.
    for (further, step) in [
        ("--epochs 4 --checkpoint-steps 3", 3),
        ("--epochs 4 --checkpoint-steps 8 --resume", 8),
    ] {
        let mut child = bench.until("stopped", further, step);
        child.kill().expect("killed");
        child.wait().expect("gone");
        assert!((step..16).contains(&step_of(&checkpoint)));
    }
    // After the first step that mines and has the lower learning rate; an impatient user.
    let child = bench.until("stopped", "--epochs 4 --checkpoint-steps 9 --resume", 9);
    let kill = format!("kill -TERM {0}; kill -INT {0}; kill -TERM {0}", child.id());
    Command::new("sh").args(["-c", &kill]).status().expect("sh");
    let output = child.wait_with_output().expect("gone");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let step = step_of(&checkpoint);
    assert!((9..16).contains(&step), "{step}");
    let parts = [
        &format!("stopped after step {step}; checkpoint written to"),
        "stopped/checkpoint.safetensors; continue with --resume",
    ];
    contains(&said, &parts);

    bench.train("stopped", "--epochs 4 --resume");
    bench.same("straight", "stopped");
    // A run may also be made longer.
    bench.train("longer", "--epochs 1");
    bench.train("longer", "--epochs 4 --resume");
    bench.same("straight", "longer");

    let changed = "--epochs 4 --resume --lr 0.5 --top 2";
    let parts = ["lr is 0.5, was 0.1", "top is 2, was 1"];
    contains(&bench.fails("straight", changed), &parts);
}

#[test]
fn samples_that_do_not_fit_are_sent_batch_by_batch() {
    let bench = Bench::new();
    let said = bench.train("device", "--epochs 1");
    contains(&said, &["16 samples", "MB, on cpu"]);
    let said = bench.train("host", "--epochs 1 --device-memory 0");
    contains(&said, &["do not fit in 0.0 MB on cpu", "batch by batch"]);
    bench.same("device", "host");
}

#[test]
fn a_diverged_run_names_its_step_and_leaves_the_checkpoint() {
    let bench = Bench::new();
    let said = bench.fails("none", "--epochs 1 --lr 1e30");
    let advice = [
        "step 2 (epoch 1)",
        "NaN or infinite",
        "lower --lr",
        "aimclr-data summary",
    ];
    contains(&said, &advice);
    contains(&said, &["no checkpoint yet"]);
    assert!(!said.contains("--precision"), "it is f32 already");
    assert!(!bench.path("none/weights.safetensors").exists());

    let said = bench.fails("some", "--epochs 1 --lr 1e30 --checkpoint-steps 1");
    contains(&said, &advice);
    contains(
        &said,
        &["some/checkpoint.safetensors after step 1, is unharmed"],
    );
    assert_eq!(step_of(&bench.path("some/checkpoint.safetensors")), 1);
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint() {
    let bench = Bench::new();
    bench.train("run", "--epochs 1");
    let before = bench.bytes("run/checkpoint.safetensors");
    let files = bench.files("run");
    // A process may be forbidden files larger than so many blocks.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"])
        .arg(command("aimclr-train").get_program())
        .args(bench.arguments("run", "--epochs 2 --resume --checkpoint-steps 1"))
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("sh");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let parts = [
        "checkpoint.safetensors: File too large",
        "stopped after step 5",
        "after step 4, is unharmed",
        "--resume",
    ];
    contains(&said, &parts);
    assert!(
        bench.bytes("run/checkpoint.safetensors") == before,
        "harmed"
    );
    // Event files show how far each start came; they are small and new with each.
    let mut left = bench.files("run");
    left.retain(|name| !name.contains("tfevents"));
    let expected = files.iter().map(String::as_str).chain(["checkpoints"]);
    assert!(
        left.iter().all(|name| expected.clone().any(|e| e == name)),
        "{left:?}"
    );
    bench.train("run", "--epochs 2 --resume");
    bench.train("straight", "--epochs 2");
    bench.same("straight", "run");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_read() {
    let bench = Bench::new();
    std::fs::write(bench.path("file"), []).expect("written");
    let said = bench.fails("file/run", "--epochs 1");
    contains(&said, &["file/run", "Not a directory"]);
    assert!(!said.contains("samples"), "{said}");
    let said = bench.fails("run", "--epochs 1 --keep 1000000000");
    contains(&said, &["run: ", "are free", "more. Make room", "--keep"]);
    assert!(!said.contains("samples"), "{said}");
}

#[test]
fn a_damaged_checkpoint_gives_way_to_an_older_one() {
    let bench = Bench::new();
    bench.train("straight", "--epochs 2");
    bench.train("run", "--epochs 1 --checkpoint-steps 1");
    let kept = ["step-0000002.safetensors", "step-0000003.safetensors"];
    assert_eq!(bench.files("run/checkpoints"), kept, "three with the last");

    let last = bench.path("run/checkpoint.safetensors");
    let whole = bench.bytes("run/checkpoint.safetensors");
    std::fs::write(&last, &whole[..whole.len() / 2]).expect("written");
    // One bit of a tensor: the file is whole, its sum is not.
    let newer = bench.path("run/checkpoints/step-0000003.safetensors");
    let mut bytes = std::fs::read(&newer).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newer, bytes).expect("written");
    let said = bench.train("run", "--epochs 2 --resume");
    let parts = [
        "checkpoint.safetensors: not a whole .safetensors file",
        "going on from the older",
        "step-0000002.safetensors after step 2",
    ];
    contains(&said, &parts);
    bench.same("straight", "run");

    // A file that was lost is as good as damaged; a run that is there is not written over.
    std::fs::remove_file(&last).expect("there");
    contains(
        &bench.fails("run", "--epochs 2"),
        &["already", "--resume", "--force"],
    );
    for name in bench.files("run/checkpoints") {
        std::fs::write(bench.path("run/checkpoints").join(name), b"no").expect("written");
    }
    let said = bench.fails("run", "--epochs 2 --resume");
    contains(&said, &["not a whole .safetensors file"]);
    bench.train("run", "--epochs 2 --force --keep 1");
    bench.same("straight", "run");
    assert!(bench.files("run/checkpoints").is_empty());
}

#[test]
fn a_probe_chooses_the_best_and_changes_nothing() {
    let bench = Bench::new();
    // Eleven windows a recording, so that one of each class is held out.
    let windows = "--epochs 2 --window 1 --hop 0.1";
    bench.train("plain", windows);
    let said = bench.train("probed", &format!("{windows} --probe-every 1"));
    contains(&said, &["probe", "%"]);
    let (plain, probed) = (bench.result("plain"), bench.result("probed"));
    assert!(plain.0 == probed.0, "the weights differ");
    let top1: Vec<f64> = probed
        .2
        .iter()
        .map(|epoch| epoch["probe_top1"].as_f64().expect("a probe"))
        .collect();
    let card = |out: &str| {
        let weights = Weights::read(bench.path(out).join("best.safetensors"));
        weights.expect("whole").card.expect("a card").provenance
    };
    let best = card("probed");
    assert_eq!(best.metrics["probe_top1"], top1[0].max(top1[1]));
    assert_eq!(best.epochs, if top1[1] > top1[0] { 2 } else { 1 });
    let losses = plain.2.iter().map(|epoch| epoch["loss"].as_f64());
    let least = losses.flatten().fold(f64::INFINITY, f64::min);
    assert_eq!(card("plain").metrics["loss"], least);

    let said = bench.fails("few", "--epochs 1 --probe-every 1");
    contains(&said, &["--probe-every", "held out"]);
}
