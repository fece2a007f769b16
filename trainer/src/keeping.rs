//! Which checkpoints of a run lie on the disk, and from which one it goes on.
//!
//! `checkpoint.safetensors` is the last one. Before another takes its name it gets a second one,
//! `checkpoints/step-0001234.safetensors`; of these the newest stay. So at every moment there is a
//! whole checkpoint, also if the disk is full or the power fails.

use crate::TrainError;
use crate::aimclr::AimClr;
use crate::checkpoint::{self, Position, RunFolder};
use aimclr_model::weights::WeightsError;
use aimclr_model::{Card, Weights};
use aimclr_skeleton::files::write_atomically;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// The checkpoints of a run.
pub struct Kept<'a> {
    folder: &'a RunFolder,
    /// How many, the last one included.
    keep: usize,
    /// Steps done by the last one.
    last: Option<u64>,
}

impl<'a> Kept<'a> {
    /// Those in a folder, of which `keep` are to stay.
    pub fn new(folder: &'a RunFolder, keep: usize) -> Self {
        Self {
            folder,
            keep,
            last: None,
        }
    }

    /// The last checkpoint and the steps done by then, if this run has written or read one.
    pub fn last(&self) -> Option<(PathBuf, u64)> {
        self.last.map(|step| (self.folder.checkpoint(), step))
    }

    /// Takes up the newest checkpoint that is whole; what is wrong with newer ones is passed to
    /// `warn`. Nothing if the folder has no checkpoint at all.
    ///
    /// # Errors
    /// None of them is whole; the newest one's error.
    pub fn resume(
        &mut self,
        model: &mut AimClr,
        warn: &mut dyn FnMut(&str),
    ) -> Result<Option<Position>, TrainError> {
        let mut paths = vec![self.folder.checkpoint()];
        paths.retain(|path| path.exists());
        paths.extend(older(self.folder).into_iter().rev());
        let mut first = None;
        for path in paths {
            match checkpoint::load(&path, model) {
                Ok(position) => {
                    if path != self.folder.checkpoint() {
                        let missing = format!("{}: missing", self.folder.checkpoint().display());
                        warn(&format!(
                            "{}; going on from the older {} after step {}",
                            first.map_or(missing, |error: TrainError| error.to_string()),
                            path.display(),
                            position.step
                        ));
                        self.take_back(&path)?;
                    }
                    self.last = Some(position.step);
                    return Ok(Some(position));
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// Makes an older checkpoint the last one; newer ones are damaged and go.
    fn take_back(&self, path: &Path) -> Result<(), TrainError> {
        let io = |source| TrainError::Io {
            path: self.folder.checkpoint(),
            source,
        };
        let bytes = std::fs::read(path).map_err(io)?;
        write_atomically(&self.folder.checkpoint(), |out| out.write_all(&bytes)).map_err(io)?;
        let older = older(self.folder);
        let mut newer = older.iter().skip_while(|older| *older != path);
        newer.try_for_each(|path| std::fs::remove_file(path).map_err(io))
    }

    /// Removes what another run has left, so that this one never goes on from it.
    pub fn clear(&self) -> Result<(), TrainError> {
        let last = [self.folder.checkpoint(), self.folder.best()];
        for path in older(self.folder).into_iter().chain(last) {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(TrainError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the checkpoint and, so that a run can be evaluated while it goes, the weights.
    pub fn save(
        &mut self,
        model: &AimClr,
        position: &Position,
        card: &Card,
    ) -> Result<(), TrainError> {
        let path = self.folder.checkpoint();
        let gathered = checkpoint::gather(&path, model, position);
        self.set_aside(position.step)
            .and_then(|()| write(&gathered, &path))
            .map_err(|error| self.not_kept(error, position.step))?;
        self.last = Some(position.step);
        let mut weights = Weights {
            path: self.folder.weights(),
            card: Some(card.clone()),
            ..Weights::default()
        };
        model.store(&mut weights);
        self.prune()
            .and_then(|()| write(&weights, &self.folder.weights()))
            .map_err(|error| self.not_kept(error, position.step))
    }

    /// Writes the best weights so far: the query encoder alone.
    pub fn save_best(
        &self,
        model: &AimClr,
        position: &Position,
        card: Card,
    ) -> Result<(), TrainError> {
        let mut weights = Weights {
            path: self.folder.best(),
            card: Some(card),
            ..Weights::default()
        };
        let query = &model.query.parameters;
        query.store(&mut weights, aimclr_model::plan::QUERY);
        write(&weights, &self.folder.best()).map_err(|error| self.not_kept(error, position.step))
    }

    /// Gives the last checkpoint its second name, unless the next one has the same step.
    fn set_aside(&self, next: u64) -> Result<(), Failure> {
        let Some(step) = self.last.filter(|step| *step != next && self.keep > 1) else {
            return Ok(());
        };
        let folder = self.folder.older();
        let fail = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Failure { path, source }
        };
        std::fs::create_dir_all(&folder).map_err(fail(&folder))?;
        let (from, to) = (self.folder.checkpoint(), folder.join(file_name(step)));
        match std::fs::hard_link(&from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // Not every file system has second names.
            Err(_) => std::fs::read(&from)
                .and_then(|bytes| write_atomically(&to, |out| out.write_all(&bytes)))
                .map_err(fail(&to)),
        }
    }

    /// Removes the oldest that are too many.
    fn prune(&self) -> Result<(), Failure> {
        let older = older(self.folder);
        let extra = (older.len() + 1).saturating_sub(self.keep);
        for path in older.into_iter().take(extra) {
            std::fs::remove_file(&path).map_err(|source| Failure { path, source })?;
        }
        Ok(())
    }

    fn not_kept(&self, Failure { path, source }: Failure, step: u64) -> TrainError {
        TrainError::NotKept {
            path,
            source,
            step,
            checkpoint: self.last(),
        }
    }

    /// Checks that the run's files will fit on the disk.
    pub fn check_space(&self, model: &AimClr) -> Result<(), TrainError> {
        let path = self.folder.path();
        let gathered = checkpoint::gather(path, model, &Position::default());
        let values = gathered
            .tensors
            .values()
            .map(|t| t.shape.iter().product::<usize>());
        let size = 4 * values.sum::<usize>() as u64;
        // One is being written while `keep` lie there; the weights and the best are no larger.
        let needed = (self.keep as u64).saturating_add(3).saturating_mul(size);
        let last = [
            self.folder.checkpoint(),
            self.folder.weights(),
            self.folder.best(),
        ];
        let there: u64 = older(self.folder)
            .iter()
            .chain(&last)
            .filter_map(|path| Some(path.metadata().ok()?.len()))
            .sum();
        let free = free_space(path).map_err(|source| TrainError::Io {
            path: path.into(),
            source,
        })?;
        enough(path, free, needed.saturating_sub(there))
    }
}

/// Whether the folder has any checkpoint.
pub fn any(folder: &RunFolder) -> bool {
    folder.checkpoint().exists() || !older(folder).is_empty()
}

struct Failure {
    path: PathBuf,
    source: io::Error,
}

fn write(weights: &Weights, path: &Path) -> Result<(), Failure> {
    weights.write(path).map_err(|error| Failure {
        path: path.into(),
        source: match error {
            WeightsError::Io { source, .. } => source,
            other => io::Error::other(other),
        },
    })
}

fn enough(folder: &Path, free: u64, needed: u64) -> Result<(), TrainError> {
    match free >= needed {
        true => Ok(()),
        false => Err(TrainError::NoSpace {
            folder: folder.into(),
            free,
            needed,
        }),
    }
}

/// Bytes that an ordinary user may still write where a folder lies.
fn free_space(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn file_name(step: u64) -> String {
    format!("step-{step:07}.safetensors")
}

/// Older checkpoints, the oldest first.
fn older(folder: &RunFolder) -> Vec<PathBuf> {
    let step = |name: &OsStr| -> Option<u64> {
        let step = name.to_str()?.strip_prefix("step-")?;
        step.strip_suffix(".safetensors")?.parse().ok()
    };
    let entries = std::fs::read_dir(folder.older()).into_iter().flatten();
    let mut steps: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((step(&entry.file_name())?, entry.path())))
        .collect();
    steps.sort();
    steps.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_with_sizes() {
        let folder = Path::new("run");
        enough(folder, 5_000_000, 5_000_000).expect("just enough");
        let error = enough(folder, 5_000_000, 12_000_000).expect_err("too little");
        let message = error.to_string();
        for part in [
            "run: 5.0 MB are free",
            "need 12 MB",
            "7.0 MB more",
            "--keep",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(free_space(&std::env::temp_dir()).expect("a disk") > 0);
    }

    #[test]
    fn the_newest_stay() {
        let place = tempfile::tempdir().expect("folder");
        let folder = RunFolder::new(place.path());
        let mut kept = Kept::new(&folder, 3);
        for step in [5, 10, 9_999_999, 10_000_000, 10_000_000] {
            kept.set_aside(step).map_err(|f| f.source).expect("named");
            std::fs::write(folder.checkpoint().with_extension("new"), step.to_string())
                .expect("written");
            std::fs::rename(
                folder.checkpoint().with_extension("new"),
                folder.checkpoint(),
            )
            .expect("renamed");
            kept.last = Some(step);
            kept.prune().map_err(|f| f.source).expect("pruned");
        }
        let text = |path: &Path| std::fs::read_to_string(path).expect("there");
        let texts: Vec<String> = older(&folder).iter().map(|path| text(path)).collect();
        assert_eq!(texts, ["10", "9999999"]);
        assert_eq!(text(&folder.checkpoint()), "10000000");
        kept.clear().expect("cleared");
        assert!(!any(&folder));
    }
}
