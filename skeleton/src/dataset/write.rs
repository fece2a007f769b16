//! Writing a dataset folder.

use super::{DatasetError, Meta, Rows, Sample};
use crate::files::{put_in_place, temporary_in, write_atomically};
use crate::sequence::{CHANNELS, SequenceRef};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// Room for the .npy header, so that it can be written last; a multiple of 64.
const HEADER: usize = 192;

/// Writes sequences one after the other, so that a data set may be larger than memory. Nothing
/// that a reader would take for a data set exists before [`finish`](Self::finish).
pub struct Writer {
    folder: PathBuf,
    meta: Meta,
    joints: usize,
    rows: Rows,
    file: BufWriter<NamedTempFile>,
}

impl Writer {
    /// Starts a data set in `folder`, which is made if it is not there.
    pub fn create(folder: impl AsRef<Path>, meta: Meta) -> Result<Self, DatasetError> {
        let folder = folder.as_ref().to_path_buf();
        let toml = folder.join("dataset.toml");
        meta.check_classes(&toml)?;
        let joints = meta.layout(&toml)?.len();
        std::fs::create_dir_all(&folder).map_err(|e| DatasetError::io(&folder, e))?;
        let path = folder.join("joints.npy");
        let file = temporary_in(&folder).map_err(|e| DatasetError::io(&path, e))?;
        let mut file = BufWriter::new(file);
        file.write_all(&[0; HEADER])
            .map_err(|e| DatasetError::io(&path, e))?;
        Ok(Self {
            folder,
            meta,
            joints,
            rows: Rows::default(),
            file,
        })
    }

    /// Starts a data set in `folder`, or goes on with one, whose joints lie in the file `partial`
    /// until the end. `partial` is on the file system of `folder` and stays when the writer is
    /// dropped; of what it holds, the joints of `rows` are kept and the rest is cut off.
    ///
    /// # Errors
    /// `partial` can't be written or holds less than the joints of `rows`.
    pub fn resume(
        folder: impl AsRef<Path>,
        meta: Meta,
        partial: &Path,
        rows: Rows,
    ) -> Result<Self, DatasetError> {
        let folder = folder.as_ref().to_path_buf();
        let joints = meta.layout(&folder.join("dataset.toml"))?.len();
        let kept = file_bytes(rows.frames(), meta.bodies, joints);
        let open = || -> std::io::Result<NamedTempFile> {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(partial)?;
            if !rows.is_empty() && file.metadata()?.len() < kept {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            file.set_len(kept)?;
            file.seek(SeekFrom::End(0))?;
            let mut file = NamedTempFile::from_parts(file, TempPath::try_from_path(partial)?);
            file.disable_cleanup(true);
            Ok(file)
        };
        let file = open().map_err(|e| DatasetError::io(partial, e))?;
        Ok(Self {
            folder,
            meta,
            joints,
            rows,
            file: BufWriter::new(file),
        })
    }

    /// Brings everything that was pushed onto the disk.
    pub fn sync(&mut self) -> Result<(), DatasetError> {
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().as_file().sync_data());
        synced.map_err(|e| DatasetError::io(&self.folder.join("joints.npy"), e))
    }

    /// What was pushed so far.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Adds a sequence; its shape must be the data set's.
    pub fn push(&mut self, sample: &Sample, joints: SequenceRef<'_>) -> Result<(), DatasetError> {
        let found = (joints.frames, joints.bodies, joints.joints);
        let expected = (sample.frames, self.meta.bodies, self.joints);
        let path = self.folder.join("joints.npy");
        if found != expected {
            let reason = format!(
                "sample \"{}\": expected (frames, bodies, joints) {expected:?}, found {found:?}",
                sample.name
            );
            return Err(DatasetError::Array { path, reason });
        }
        self.file
            .write_all(bytemuck::cast_slice(joints.data))
            .map_err(|e| DatasetError::io(&path, e))?;
        self.rows.push(sample);
        Ok(())
    }

    /// Puts the three files in place, `dataset.toml` last.
    pub fn finish(self) -> Result<(), DatasetError> {
        let Self {
            folder,
            meta,
            joints,
            rows,
            file,
        } = self;
        let path = folder.join("joints.npy");
        let frames = rows.frames();
        let put_joints = || -> std::io::Result<()> {
            let mut file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header([frames, meta.bodies, joints, CHANNELS]))?;
            put_in_place(file, &path)
        };
        put_joints().map_err(|e| DatasetError::io(&path, e))?;
        let path = folder.join("samples.csv");
        write_atomically(&path, |out| write_samples(out, &rows))
            .map_err(|e| DatasetError::io(&path, e))?;
        let path = folder.join("dataset.toml");
        let text = toml::to_string(&meta).map_err(|error| DatasetError::Meta {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        write_atomically(&path, |out| out.write_all(text.as_bytes()))
            .map_err(|e| DatasetError::io(&path, e))
    }
}

/// Bytes of a file that holds the header and so many frames.
pub(crate) fn file_bytes(frames: usize, bodies: usize, joints: usize) -> u64 {
    let frame = (bodies * joints * CHANNELS * size_of::<f32>()) as u64;
    (HEADER as u64).saturating_add((frames as u64).saturating_mul(frame))
}

/// The .npy header, version 1.0, padded with blanks to [`HEADER`] bytes.
fn header(shape: [usize; 4]) -> Vec<u8> {
    let [frames, bodies, joints, channels] = shape;
    let text = format!(
        "{{'descr': '<f4', 'fortran_order': False, \
         'shape': ({frames}, {bodies}, {joints}, {channels}), }}"
    );
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(text.bytes());
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

fn write_samples(out: &mut dyn Write, rows: &Rows) -> std::io::Result<()> {
    let columns = rows.columns();
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(
        ["name", "frames", "label"]
            .into_iter()
            .chain(columns.iter().map(|c| c.as_str())),
    )?;
    for sample in rows.iter() {
        let sample = sample?;
        let (frames, label) = (sample.frames.to_string(), sample.label.to_string());
        let further = columns
            .iter()
            .map(|c| sample.columns.get(c).map_or("", String::as_str));
        let fixed = [sample.name.as_str(), &frames, &label];
        csv.write_record(fixed.into_iter().chain(further))?;
    }
    csv.flush()
}
