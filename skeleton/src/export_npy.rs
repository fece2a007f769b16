//! A dataset folder as AimCLR's own arrays, for the original code to read.

use crate::dataset::{Dataset, DatasetError, Part};
use crate::files::write_atomically;
use crate::import::arrays::released::PARTS;
use crate::sequence::{CHANNELS, Sequence};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can go wrong.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The data set can't be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file can't be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// How it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The split whose parts become `train` and `val`.
    pub split: String,
    /// T of the arrays: shorter sequences are padded with zeros, longer ones are cut.
    pub frames: usize,
    /// M of the arrays; by default the data set's. Places beyond its own stay zero.
    pub bodies: Option<usize>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Samples of the parts `train` and `val`.
    pub samples: [usize; 2],
    /// Sequences that were longer than the arrays.
    pub cut: usize,
}

/// Writes `{train,val}_position.npy`, (N, 3, T, V, M) f32, and `{train,val}_label.pkl`, a pickled pair
/// of names and labels, into `out`. Positions are those of the data set, ahead of any preprocessing.
/// `progress` is told the samples done.
///
/// # Errors
/// The split is unknown, a sequence has a number that isn't finite, a file can't be written.
pub fn export(
    dataset: &Dataset,
    out: &Path,
    settings: &Settings,
    progress: &mut dyn FnMut(usize),
) -> Result<Exported, ExportError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ExportError::Io { path, source }
    };
    std::fs::create_dir_all(out).map_err(io(out))?;
    let mut exported = Exported::default();
    let mut done = 0;
    for (i, (name, part)) in PARTS.into_iter().zip([Part::Train, Part::Test]).enumerate() {
        let rows = dataset.part(&settings.split, part)?;
        let bodies = settings.bodies.unwrap_or(dataset.meta().bodies);
        let joints = dataset.layout().len();
        let path = out.join(format!("{name}_position.npy"));
        // What is wrong with the data set is kept apart from what is wrong with the file.
        let mut bad = None;
        let written = write_atomically(&path, |file| {
            let shape = [rows.len(), CHANNELS, settings.frames, joints, bodies];
            file.write_all(&header(&shape))?;
            for row in &rows {
                let sequence = match dataset.sequence(*row) {
                    Ok(sequence) => sequence.to_owned(),
                    Err(error) => {
                        bad = Some(error);
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                };
                exported.cut += usize::from(sequence.frames > settings.frames);
                file.write_all(&row_bytes(&sequence, settings.frames, bodies))?;
                done += 1;
                progress(done);
            }
            Ok(())
        });
        if let Some(error) = bad {
            return Err(error.into());
        }
        written.map_err(io(&path))?;
        let path = out.join(format!("{name}_label.pkl"));
        let samples = rows.iter().map(|row| &dataset.samples()[*row]);
        let samples: Vec<(&str, usize)> = samples.map(|s| (s.name.as_str(), s.label)).collect();
        write_atomically(&path, |file| file.write_all(&labels(&samples))).map_err(io(&path))?;
        exported.samples[i] = rows.len();
    }
    Ok(exported)
}

/// A header of version 1.0, padded to a multiple of 64 bytes as NumPy does it.
fn header(shape: &[usize]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}",
        shape.join(", ")
    );
    let whole = (10 + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(' ', whole - 11 - text.len()));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.bytes());
    header
}

/// One sequence as (3, T, V, M).
fn row_bytes(sequence: &Sequence, frames: usize, bodies: usize) -> Vec<u8> {
    let joints = sequence.joints;
    let mut row = vec![0f32; CHANNELS * frames * joints * bodies];
    for t in 0..frames.min(sequence.frames) {
        for v in 0..joints {
            for m in 0..bodies.min(sequence.bodies) {
                for (channel, x) in sequence.joint(t, m, v).into_iter().enumerate() {
                    row[((channel * frames + t) * joints + v) * bodies + m] = x;
                }
            }
        }
    }
    row.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// The pair (names, labels) as a pickle of protocol 2, which every Python reads.
fn labels(samples: &[(&str, usize)]) -> Vec<u8> {
    let mut pickle = b"\x80\x02](".to_vec();
    for (name, _) in samples {
        pickle.push(b'X');
        pickle.extend((name.len() as u32).to_le_bytes());
        pickle.extend(name.bytes());
    }
    pickle.extend(b"e](");
    for (_, label) in samples {
        pickle.push(b'J');
        pickle.extend((*label as u32).to_le_bytes());
    }
    pickle.extend(b"e\x86.");
    pickle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::arrays::About;
    use crate::import::arrays::released::Released;
    use crate::import::{Options, Source, import};
    use std::process::Command;
    use std::sync::atomic::AtomicBool;

    fn settings(frames: usize, bodies: Option<usize>) -> Settings {
        Settings {
            split: "released".into(),
            frames,
            bodies,
        }
    }

    fn import_into(folder: &Path, from: &Path) -> Dataset {
        let source = Released::open(from, &About::default()).expect("opened");
        let stop = AtomicBool::new(false);
        import(&source, folder, &Options::default(), &stop, &mut |_| {}).expect("imported");
        Dataset::open(folder).expect("opened")
    }

    fn fixtures() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/arrays")
    }

    #[test]
    fn what_was_exported_is_imported_again() {
        let folder = tempfile::tempdir().expect("folder");
        let [first, arrays, second] = ["first", "arrays", "second"].map(|n| folder.path().join(n));
        let dataset = import_into(&first, &fixtures());
        let exported = export(&dataset, &arrays, &settings(300, None), &mut |_| {});
        let exported = exported.expect("exported");
        assert_eq!((exported.samples, exported.cut), ([2, 1], 0));
        let again = import_into(&second, &arrays);
        assert_eq!(again.samples(), dataset.samples());
        for i in 0..3 {
            let [a, b] = [&dataset, &again].map(|d| d.sequence(i).expect("finite").to_owned());
            assert_eq!(a, b);
        }
    }

    #[test]
    fn as_long_as_numpys_own_the_arrays_are_the_same_bytes() {
        let folder = tempfile::tempdir().expect("folder");
        let dataset = import_into(&folder.path().join("set"), &fixtures());
        let out = folder.path().join("arrays");
        export(&dataset, &out, &settings(4, None), &mut |_| {}).expect("exported");
        for part in PARTS {
            let file = format!("{part}_position.npy");
            let [ours, numpys] =
                [&out, &fixtures()].map(|f| std::fs::read(f.join(&file)).expect("bytes"));
            assert!(ours == numpys, "{file}");
        }
    }

    #[test]
    fn long_sequences_are_cut_and_counted() {
        let folder = tempfile::tempdir().expect("folder");
        let dataset = import_into(&folder.path().join("set"), &fixtures());
        let out = folder.path().join("arrays");
        let exported = export(&dataset, &out, &settings(2, Some(3)), &mut |_| {});
        assert_eq!(exported.expect("exported").cut, 2);
        let source = Released::open(&out, &About::default()).expect("opened");
        let clip = source.read(0).expect("read").remove(0);
        assert_eq!((clip.sample.frames, clip.joints.bodies), (2, 3));
        let mut unknown = settings(2, None);
        unknown.split = "xsub".into();
        let error = export(&dataset, &out, &unknown, &mut |_| {}).expect_err("unknown");
        assert!(
            error.to_string().contains("unknown split \"xsub\""),
            "{error}"
        );
    }

    #[test]
    fn python_reads_what_was_exported() {
        let folder = tempfile::tempdir().expect("folder");
        let dataset = import_into(&folder.path().join("set"), &fixtures());
        let out = folder.path().join("arrays");
        export(&dataset, &out, &settings(300, None), &mut |_| {}).expect("exported");
        let numpy = Command::new("python3")
            .args(["-c", "import numpy"])
            .output();
        if !numpy.is_ok_and(|run| run.status.success()) {
            eprintln!("skipped: there is no python3 with numpy");
            return;
        }
        let script = "\
import pickle, numpy as np
x = np.load('train_position.npy', mmap_mode='r')
assert x.shape == (2, 3, 300, 25, 2) and x.dtype == np.float32
assert x[0, 1, 2, 7, 1] == 1 + 256 + 64 + 7 + 0.25 and not x[0, :, 3:].any()
names, labels = pickle.load(open('train_label.pkl', 'rb'))
assert names == ['S001C002P003R001A001', 'S017C001P020R002A060'] and labels == [0, 59]";
        let run = Command::new("python3")
            .args(["-c", script])
            .current_dir(&out)
            .output();
        let run = run.expect("run");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
    }
}
