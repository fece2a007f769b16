//! `cargo xtask setup`: the native libraries in `third_party/`, where `.cargo/config.toml` points.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::fetch::{DISK_FULL, Pip, kept};
use crate::stamp::{Stamp, State};
use crate::unpack::{clear, unpack};
use crate::wheels::{self, Device, Item, LIBTORCH, ONNX_RUNTIME, Part, Wheel};
use crate::{cargo, lock};

/// What `cargo xtask setup` takes.
#[derive(clap::Args, Default)]
#[command(
    after_help = "Fetches with Python's pip, checks every wheel by size and SHA-256, and unpacks only what is\n\
                  needed: 567 MB to fetch and 526 MB on disk; with --cuda 2.8 GB and 4.2 GB. Where everything is\n\
                  in place it only checks the files' sizes. A run that was cut off is taken up by the next one,\n\
                  and a file that is missing or cut short is put back.\n\
                  \nCopies of your own win: with LIBTORCH (or LIBTORCH_USE_PYTORCH) or ORT_DYLIB_PATH set, that\n\
                  part isn't fetched.\n\
                  \n    cargo xtask setup\
                  \n    cargo xtask setup --cuda            train and run on an NVIDIA GPU\
                  \n    cargo xtask setup --force           from CUDA back to the CPU alone, or after doubts"
)]
pub struct Args {
    /// Bring the CUDA libraries of libtorch and ONNX Runtime too (x86_64, driver 580 or later)
    #[arg(long)]
    cuda: bool,
    /// Redo everything in the form asked for, even if all seems to be in place
    #[arg(long)]
    force: bool,
    /// Use another folder; its `libtorch`, `onnxruntime` and `nvidia` then belong to the set-up
    /// [default: third_party]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Sets up as the command line says, and prints how things stand.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let folder = args
        .dir
        .clone()
        .unwrap_or_else(|| cargo::root().join("third_party"));
    let own = if args.dir.is_some() {
        Own::default()
    } else {
        Own::from_environment()
    };
    own.warn();
    let wish = Wish {
        cuda: args.cuda,
        force: args.force,
    };
    let outcome = bring(&folder, wish, &own)?;

    if outcome.switched && args.dir.is_none() {
        forget_linked();
    }
    if own.libtorch && own.onnx_runtime {
        println!("{}: nothing to set up", outcome.contents(&own));
    } else if outcome.changed {
        println!(
            "{} set up in {} ({} files, {:.0} s)",
            outcome.contents(&own),
            shown(&folder),
            outcome.files,
            started.elapsed().as_secs_f64()
        );
    } else {
        println!(
            "{} ready in {} ({} files checked)",
            outcome.contents(&own),
            shown(&folder),
            outcome.files
        );
    }
    if args.dir.is_some() {
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        println!(
            "to use them: export LIBTORCH={} ORT_DYLIB_PATH={}",
            folder.join("libtorch").display(),
            folder.join("onnxruntime/libonnxruntime.so").display()
        );
    }
    Ok(())
}

/// Sets up in the form that is there already, or for the CPU if there is none; says nothing where
/// nothing is to be done.
pub fn ensure() -> Result<()> {
    let own = Own::from_environment();
    own.warn();
    let folder = cargo::root().join("third_party");
    let outcome = bring(&folder, Wish::default(), &own)?;
    if outcome.changed {
        eprintln!("{} set up in {}", outcome.contents(&own), shown(&folder));
    }
    Ok(())
}

/// What is asked for.
#[derive(Clone, Copy, Default)]
struct Wish {
    cuda: bool,
    force: bool,
}

/// The parts that the user provides.
#[derive(Default)]
struct Own {
    libtorch: bool,
    onnx_runtime: bool,
}

impl Own {
    fn from_environment() -> Own {
        Own {
            libtorch: cargo::user_value("LIBTORCH").is_some()
                || std::env::var_os("LIBTORCH_USE_PYTORCH").is_some(),
            onnx_runtime: cargo::user_value("ORT_DYLIB_PATH").is_some(),
        }
    }

    /// Warns of a variable that points at nothing; the compiler's or loader's own message comes much
    /// later and says much less.
    fn warn(&self) {
        for (own, variable, inside) in [
            (self.libtorch, "LIBTORCH", "lib"),
            (self.onnx_runtime, "ORT_DYLIB_PATH", ""),
        ] {
            let Some(value) = cargo::user_value(variable).filter(|_| own) else {
                continue;
            };
            let path = match inside {
                "" => PathBuf::from(&value),
                folder => Path::new(&value).join(folder),
            };
            // A bare name is looked up by the loader.
            if path.components().count() > 1 && !path.exists() {
                eprintln!(
                    "warning: {variable} is set to {}, but there is no {}; unset it to use third_party",
                    Path::new(&value).display(),
                    path.display()
                );
            }
        }
    }

    fn has(&self, part: Part) -> bool {
        match part {
            Part::Libtorch => self.libtorch,
            Part::OnnxRuntime => self.onnx_runtime,
        }
    }
}

/// How things stand at the end.
#[derive(Debug)]
struct Outcome {
    device: Device,
    files: usize,
    changed: bool,
    switched: bool,
}

impl Outcome {
    fn contents(&self, own: &Own) -> String {
        let cuda = match self.device {
            Device::Cpu => "",
            Device::Cuda => " with CUDA",
        };
        let part = |own: bool, name: &str, version: &str| {
            if own {
                format!("{name} (your own)")
            } else {
                format!("{name} {version}{cuda}")
            }
        };
        format!(
            "{} and {}",
            part(own.libtorch, "libtorch", LIBTORCH),
            part(own.onnx_runtime, "ONNX Runtime", ONNX_RUNTIME)
        )
    }
}

fn bring(folder: &Path, wish: Wish, own: &Own) -> Result<Outcome> {
    let choose = |device| -> Result<Vec<Item>> {
        if own.libtorch && own.onnx_runtime {
            return Ok(Vec::new());
        }
        let libc = if cfg!(target_env = "musl") {
            "musl"
        } else if cfg!(target_env = "gnu") {
            "gnu"
        } else {
            "system"
        };
        let mut items = wheels::for_platform(OS, ARCH, libc, device)?;
        items.retain(|item| !own.has(item.take.part()));
        Ok(items)
    };
    let mut pip = None;
    settle(folder, wish, own, &choose, &mut |wheel, store| {
        let pip = match &pip {
            Some(pip) => pip,
            None => pip.insert(Pip::find()?),
        };
        eprintln!(
            "fetching {} {} ({})",
            wheel.package(),
            wheel.version(),
            megabytes(wheel.size)
        );
        pip.fetch(wheel, store)
    })
}

/// Brings the folder into the state wished for, with `choose` for the wheels of a form and `fetch`
/// to get one into a folder.
fn settle(
    folder: &Path,
    wish: Wish,
    own: &Own,
    choose: &dyn Fn(Device) -> Result<Vec<Item>>,
    fetch: &mut dyn FnMut(&Wheel, &Path) -> Result<()>,
) -> Result<Outcome> {
    if !wish.force {
        // Without the lock: a folder that is complete may well be read-only, or shared.
        let stamp = Stamp::read(folder).unwrap_or_default();
        let device = form(&stamp, wish);
        if stamp.device == device
            && let Some(files) = complete(&stamp, &choose(device)?, folder)
        {
            return Ok(Outcome {
                device,
                files,
                changed: false,
                switched: false,
            });
        }
    }

    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let _lock = lock::hold(folder)?;
    // Read again: another set-up may have come to its end while this one waited.
    let found = Stamp::read(folder);
    let before = found.as_ref().map(|stamp| stamp.device);
    let mut stamp = found.unwrap_or_default();
    let device = form(&stamp, wish);
    let items = choose(device)?;
    if wish.force {
        stamp.keep_only(&[], |take| own.has(take.part()));
    }

    let store = folder.join("wheels");
    let mut changed = wish.force || before != Some(device);
    discard_unfinished(&store);
    announce(&stamp, &items, folder);
    for item in &items {
        match stamp.state(item, folder) {
            State::Whole(_) => continue,
            State::Absent => {}
            State::Damaged(faults) => report(&faults),
        }
        changed = true;
        let path = match kept(&item.wheel, &store) {
            Some(path) => path,
            None => {
                fetch(&item.wheel, &store)?;
                store.join(item.wheel.file)
            }
        };
        let record = unpack(&path, item, folder).map_err(tell_full_disk)?;
        stamp.add(record);
        stamp.write(folder).map_err(tell_full_disk)?;
        fs::remove_file(&path).with_context(|| format!("{} can't be removed", path.display()))?;
    }
    if changed {
        stamp.device = device;
        stamp.keep_only(&items, |take| own.has(take.part()));
        stamp.sweep(folder)?;
        stamp.write(folder).map_err(tell_full_disk)?;
    }
    clear(&store)?;
    clear(&folder.join(".staging"))?;
    let files = complete(&stamp, &items, folder).with_context(|| {
        format!(
            "{} changed while it was set up; run this again",
            folder.display()
        )
    })?;
    Ok(Outcome {
        device,
        files,
        changed,
        switched: before.is_some_and(|before| before != device),
    })
}

/// The form to bring about: the one asked for, or else the one that is there.
fn form(stamp: &Stamp, wish: Wish) -> Device {
    if wish.cuda {
        Device::Cuda
    } else if wish.force {
        Device::Cpu
    } else {
        stamp.device
    }
}

/// The number of files in place, if none is missing or damaged.
fn complete(stamp: &Stamp, items: &[Item], folder: &Path) -> Option<usize> {
    items
        .iter()
        .map(|item| match stamp.state(item, folder) {
            State::Whole(files) => Some(files),
            State::Absent | State::Damaged(_) => None,
        })
        .sum()
}

/// Removes what downloads that were cut off left behind; complete wheels stay.
fn discard_unfinished(store: &Path) {
    for entry in fs::read_dir(store).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("fetch-") {
            // Whatever resists is removed with the whole folder at the end.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Says how much is to be fetched before the first wheel is.
fn announce(stamp: &Stamp, items: &[Item], folder: &Path) {
    let missing: Vec<u64> = items
        .iter()
        .filter(|item| !matches!(stamp.state(item, folder), State::Whole(_)))
        .filter(|item| !folder.join("wheels").join(item.wheel.file).exists())
        .map(|item| item.wheel.size)
        .collect();
    if missing.len() > 1 {
        eprintln!(
            "{} wheels to fetch, {} in all",
            missing.len(),
            megabytes(missing.iter().sum())
        );
    }
}

fn report(faults: &[String]) {
    const SHOWN: usize = 3;
    for fault in faults.iter().take(SHOWN) {
        eprintln!("{fault}: putting it back");
    }
    if faults.len() > SHOWN {
        eprintln!("and {} more files", faults.len() - SHOWN);
    }
}

fn tell_full_disk(error: anyhow::Error) -> anyhow::Error {
    let full = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::StorageFull);
    if full {
        error.context(DISK_FULL)
    } else {
        error
    }
}

/// Has cargo link again what was linked against the libraries of the other form: it doesn't see
/// that they changed.
fn forget_linked() {
    for profile in ["dev", "release"] {
        let mut command = cargo::command();
        command.args([
            "clean",
            "--quiet",
            "--package",
            "torch-sys",
            "--profile",
            profile,
        ]);
        if let Err(error) = cargo::run(&mut command) {
            eprintln!("{error:#}; should a program not find the GPU, run `cargo clean`");
        }
    }
}

/// The folder as a path from where the user stands, if it lies below.
fn shown(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    folder
        .strip_prefix(&here)
        .unwrap_or(folder)
        .display()
        .to_string()
}

fn megabytes(bytes: u64) -> String {
    let digits = if bytes < 10_000_000 { 1 } else { 0 };
    format!("{:.digits$} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::io::Write;

    use sha2::{Digest, Sha256};
    use tempfile::TempDir;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::wheels::Take;

    const CPU_LIBRARY: &str = "libtorch/lib/libtorch_cpu.so";
    const TORCH: &str = "torch-2.11.0-cp311-cp311-any.whl";
    const CUDART: &str = "nvidia_cuda_runtime-13.0.96-py3-none-any.whl";
    const ONNX: &str = "onnxruntime-1.31.1-cp311-cp311-any.whl";

    /// A `third_party` folder, and an index of three small wheels to fill it from.
    struct Rig {
        folder: TempDir,
        index: BTreeMap<&'static str, (Wheel, Vec<u8>)>,
        fetched: RefCell<Vec<&'static str>>,
        /// The wheel at which the connection breaks.
        broken: Option<&'static str>,
        own: Own,
    }

    impl Rig {
        fn new() -> Rig {
            let wheels = [
                (
                    TORCH,
                    vec![
                        ("torch/include/ATen/ATen.h", 300),
                        ("torch/lib/libc10.so", 2_000),
                        ("torch/lib/libgomp.so.1", 1_000),
                        ("torch/lib/libtorch.so", 500),
                        ("torch/lib/libtorch_cpu.so", 50_000),
                        ("torch/lib/libtorch_cuda.so", 60_000),
                        ("torch/lib/libtorch_python.so", 700),
                        ("torch/nn/__init__.py", 100),
                    ],
                ),
                (
                    CUDART,
                    vec![
                        ("nvidia/cu13/lib/libcudart.so.13", 900),
                        ("nvidia/cu13/lib/libcudart_static.a", 800),
                    ],
                ),
                (
                    ONNX,
                    vec![("onnxruntime/capi/libonnxruntime.so.1.31.1", 4_000)],
                ),
            ];
            Rig {
                folder: tempfile::tempdir().expect("a folder"),
                index: wheels
                    .into_iter()
                    .map(|(name, files)| (name, wheel(name, &files)))
                    .collect(),
                fetched: RefCell::default(),
                broken: None,
                own: Own::default(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn run(&self, cuda: bool, force: bool) -> Result<Outcome> {
            self.fetched.borrow_mut().clear();
            let choose = |device| {
                let takes = match device {
                    Device::Cpu => [Take::Torch, Take::BesideTorch, Take::OnnxRuntime],
                    Device::Cuda => [Take::TorchCuda, Take::Nvidia, Take::OnnxRuntimeCuda],
                };
                Ok([TORCH, CUDART, ONNX]
                    .into_iter()
                    .zip(takes)
                    .map(|(name, take)| Item {
                        wheel: self.index[name].0,
                        take,
                    })
                    .filter(|item| !self.own.has(item.take.part()))
                    .collect())
            };
            let wish = Wish { cuda, force };
            settle(
                self.folder.path(),
                wish,
                &self.own,
                &choose,
                &mut |wheel, store| {
                    self.fetched.borrow_mut().push(wheel.file);
                    anyhow::ensure!(self.broken != Some(wheel.file), "the connection broke");
                    fs::create_dir_all(store)?;
                    Ok(fs::write(
                        store.join(wheel.file),
                        &self.index[wheel.file].1,
                    )?)
                },
            )
        }

        fn plain(&self) -> Outcome {
            self.run(false, false).expect("set up")
        }

        fn fetched(&self) -> Vec<&'static str> {
            self.fetched.borrow().clone()
        }

        fn size(&self, name: &str) -> Option<u64> {
            fs::metadata(self.path(name)).ok().map(|data| data.len())
        }
    }

    /// A wheel with files of the given sizes, their bytes made from their names.
    fn wheel(name: &'static str, files: &[(&str, usize)]) -> (Wheel, Vec<u8>) {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (path, size) in files {
            zip.start_file(*path, SimpleFileOptions::default())
                .expect("started");
            let bytes: Vec<u8> = path.bytes().cycle().take(*size).collect();
            zip.write_all(&bytes).expect("written");
        }
        let bytes = zip.finish().expect("finished").into_inner();
        let sha256: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let wheel = Wheel {
            file: name,
            size: bytes.len() as u64,
            sha256: sha256.leak(),
        };
        (wheel, bytes)
    }

    #[test]
    fn lays_out_what_is_wanted_and_then_has_nothing_to_do() {
        let rig = Rig::new();
        let outcome = rig.plain();
        assert!(outcome.changed && !outcome.switched);
        assert_eq!(outcome.device, Device::Cpu);
        assert_eq!(rig.fetched(), [TORCH, CUDART, ONNX]);
        assert_eq!(rig.size(CPU_LIBRARY), Some(50_000));
        assert_eq!(rig.size("libtorch/lib/libcudart.so.13"), Some(900));
        assert_eq!(
            fs::read_to_string(rig.path("libtorch/build-version")).expect("read"),
            LIBTORCH
        );
        for (link, size) in [
            ("libtorch/lib/libtorch.so", 50_000),
            ("libtorch/lib/libgomp.so", 1_000),
            ("onnxruntime/libonnxruntime.so", 4_000),
        ] {
            assert!(rig.path(link).is_symlink(), "{link}");
            assert_eq!(rig.size(link), Some(size), "{link}");
        }
        for left_out in [
            "libtorch/lib/libtorch_cuda.so",
            "libtorch/lib/libtorch_python.so",
            "wheels",
            ".staging",
        ] {
            assert!(!rig.path(left_out).exists(), "{left_out}");
        }

        let again = rig.plain();
        assert!(!again.changed);
        assert_eq!(again.files, outcome.files);
        assert!(rig.fetched().is_empty());
    }

    #[test]
    fn a_library_cut_short_is_put_back() {
        let rig = Rig::new();
        rig.plain();
        let whole = fs::read(rig.path(CPU_LIBRARY)).expect("read");
        fs::write(rig.path(CPU_LIBRARY), &whole[..whole.len() / 2]).expect("cut short");
        assert!(rig.plain().changed);
        assert_eq!(rig.fetched(), [TORCH], "the other wheels are not needed");
        assert_eq!(fs::read(rig.path(CPU_LIBRARY)).expect("read"), whole);
    }

    #[test]
    fn a_file_or_link_that_went_missing_is_put_back() {
        let rig = Rig::new();
        rig.plain();
        for name in ["libtorch/include/ATen/ATen.h", "libtorch/lib/libtorch.so"] {
            fs::remove_file(rig.path(name)).expect("removed");
            assert!(rig.plain().changed);
            assert!(rig.path(name).exists(), "{name}");
        }
    }

    #[test]
    fn without_its_stamp_a_folder_is_done_anew() {
        for damage in [
            "",
            "{\"layout\":1,\"dev",
            "{\"layout\":0,\"device\":\"cpu\",\"records\":[]}",
        ] {
            let rig = Rig::new();
            rig.plain();
            fs::write(rig.path(CPU_LIBRARY), "half").expect("written");
            if damage.is_empty() {
                fs::remove_file(rig.path("stamp.json")).expect("removed");
            } else {
                fs::write(rig.path("stamp.json"), damage).expect("written");
            }
            assert!(rig.plain().changed);
            assert_eq!(rig.fetched(), [TORCH, CUDART, ONNX]);
            assert_eq!(rig.size(CPU_LIBRARY), Some(50_000));
            assert!(!rig.plain().changed);
        }
    }

    #[test]
    fn a_run_that_was_cut_off_is_taken_up() {
        let mut rig = Rig::new();
        rig.broken = Some(CUDART);
        let error = rig.run(false, false).expect_err("cut off");
        assert!(error.to_string().contains("connection"), "{error:#}");
        // What a download that was killed, and an unpacking that was killed, leave behind.
        fs::create_dir_all(rig.path("wheels/fetch-1")).expect("made");
        fs::create_dir_all(rig.path(".staging/libtorch/lib")).expect("made");

        rig.broken = None;
        assert!(rig.plain().changed);
        assert_eq!(rig.fetched(), [CUDART, ONNX], "torch was complete");
        assert!(!rig.path("wheels").exists() && !rig.path(".staging").exists());
    }

    #[test]
    fn a_wheel_that_was_fetched_is_used_only_if_it_is_whole() {
        let rig = Rig::new();
        let bytes = &rig.index[TORCH].1;
        fs::create_dir(rig.path("wheels")).expect("made");
        fs::write(rig.path("wheels").join(TORCH), bytes).expect("written");
        rig.plain();
        assert_eq!(rig.fetched(), [CUDART, ONNX]);

        let rig = Rig::new();
        fs::create_dir(rig.path("wheels")).expect("made");
        fs::write(rig.path("wheels").join(TORCH), &bytes[..bytes.len() - 1]).expect("written");
        rig.plain();
        assert_eq!(rig.fetched(), [TORCH, CUDART, ONNX]);
    }

    #[test]
    fn the_form_stays_until_another_is_asked_for() {
        let rig = Rig::new();
        rig.plain();
        let cuda = rig.run(true, false).expect("set up");
        assert!(cuda.changed && cuda.switched);
        assert_eq!(rig.size("libtorch/lib/libtorch_cuda.so"), Some(60_000));
        assert_eq!(rig.size("nvidia/cu13/lib/libcudart.so.13"), Some(900));
        assert!(!rig.path("libtorch/lib/libtorch.so").is_symlink());
        assert!(
            !rig.path("libtorch/lib/libcudart.so.13").exists(),
            "left over from the other form"
        );

        let plain = rig.plain();
        assert!(!plain.changed);
        assert_eq!(plain.device, Device::Cuda);

        let cpu = rig.run(false, true).expect("set up");
        assert!(cpu.changed && cpu.switched);
        assert!(!rig.path("nvidia").exists());
        assert!(!rig.path("libtorch/lib/libtorch_cuda.so").exists());
        assert!(rig.path("libtorch/lib/libtorch.so").is_symlink());
        assert!(!rig.plain().changed);
    }

    #[test]
    fn what_the_user_provides_is_neither_fetched_nor_removed() {
        let mut rig = Rig::new();
        rig.own.libtorch = true;
        rig.plain();
        assert_eq!(rig.fetched(), [ONNX]);

        rig.own.libtorch = false;
        rig.plain();
        assert_eq!(rig.fetched(), [TORCH, CUDART]);

        rig.own.libtorch = true;
        assert!(rig.run(false, true).expect("set up").changed);
        assert_eq!(rig.fetched(), [ONNX]);
        assert_eq!(rig.size(CPU_LIBRARY), Some(50_000));
    }

    #[test]
    fn only_the_set_up_s_own_folders_are_tidied() {
        let rig = Rig::new();
        fs::create_dir_all(rig.path("libtorch/include")).expect("made");
        fs::write(rig.path("libtorch/include/old.h"), "old").expect("written");
        fs::write(rig.path("notes.txt"), "mine").expect("written");
        rig.plain();
        assert!(!rig.path("libtorch/include/old.h").exists());
        assert!(rig.path("notes.txt").exists());
    }

    #[test]
    fn nothing_is_unpacked_outside_the_folder() {
        let mut rig = Rig::new();
        let hostile = wheel(TORCH, &[("torch/include/../../../outside.h", 10)]);
        rig.index.insert(TORCH, hostile);
        let error = format!("{:#}", rig.run(false, false).expect_err("refused"));
        assert!(error.contains("outside"), "{error}");
        assert!(!rig.path("../outside.h").exists());
    }

    #[test]
    fn a_wheel_without_the_expected_library_is_refused() {
        let mut rig = Rig::new();
        rig.index
            .insert(TORCH, wheel(TORCH, &[("torch/lib/libc10.so", 10)]));
        let error = format!("{:#}", rig.run(false, false).expect_err("refused"));
        assert!(error.contains("libtorch_cpu.so"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let error = tell_full_disk(anyhow::Error::from(cause).context("a file can't be written"));
        assert!(error.to_string().contains("Make room"), "{error:#}");
    }
}
