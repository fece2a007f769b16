//! How weights are named on a command line, for every program that reads some.

use crate::pytorch::{self, Imported, Options, Unplaced};
use crate::weights::{Weights, WeightsError};
use aimclr_skeleton::{Layout, Stream};
use clap::Args;
use std::path::{Path, PathBuf};

/// What has to be said of a PyTorch checkpoint, which has no model card.
#[derive(Debug, Clone, Default, Args)]
pub struct Checkpoint {
    /// Of a PyTorch checkpoint: which stream's encoder is taken, or was trained on; joint, motion or
    /// bone, one for each --weights, or several of one file [default: joint]
    #[arg(long, value_name = "STREAM", num_args = 1..=3)]
    stream: Vec<Stream>,
    /// Of a PyTorch checkpoint: whose joints the encoder knows [default: ntu25, where there are 25]
    #[arg(long, value_name = "LAYOUT", value_parser = layout)]
    layout: Option<Layout>,
}

fn layout(name: &str) -> Result<Layout, String> {
    Layout::by_name(name).map_err(|error| error.to_string())
}

/// Names that are told of each reason why tensors have no place.
const TOLD: usize = 3;

impl Checkpoint {
    /// Takes a checkpoint in.
    ///
    /// # Errors
    /// As [`pytorch::import`], and where several streams are named.
    pub fn import(
        &self,
        path: &Path,
        classes: Option<Vec<String>>,
    ) -> Result<Imported, WeightsError> {
        if self.stream.len() > 1 {
            let reason = "--stream: expected one".into();
            return Err(WeightsError::Format {
                path: path.into(),
                reason,
            });
        }
        self.take(path, self.stream.first().copied(), classes)
    }

    fn take(
        &self,
        path: &Path,
        stream: Option<Stream>,
        classes: Option<Vec<String>>,
    ) -> Result<Imported, WeightsError> {
        let options = Options {
            stream,
            layout: self.layout.clone(),
            classes,
        };
        pytorch::import(path, &options)
    }

    /// As [`read`](Self::read) for the weights of several streams. A single file may be read once
    /// for each of the streams that are named.
    ///
    /// # Errors
    /// As [`read`](Self::read), and where there are other numbers of files and of streams.
    pub fn read_all(&self, paths: &[PathBuf]) -> Result<Vec<Weights>, WeightsError> {
        let each = |stream: Option<Stream>| Self {
            stream: stream.into_iter().collect(),
            layout: self.layout.clone(),
        };
        match (paths, &self.stream[..]) {
            (_, []) => paths.iter().map(|path| each(None).read(path)).collect(),
            ([path], streams) => {
                let read = streams.iter().map(|s| each(Some(*s)).read(path));
                let read: Vec<Weights> = read.collect::<Result<_, _>>()?;
                // A file with one encoder doesn't say of which stream, and gives it for any.
                if read.windows(2).any(|two| two[0].tensors == two[1].tensors) {
                    return Err(WeightsError::Format {
                        path: path.clone(),
                        reason: format!(
                            "--stream: there is one encoder in it, not {}; name its stream, and the \
                             others' files beside this one",
                            read.len()
                        ),
                    });
                }
                Ok(read)
            }
            (_, streams) if streams.len() == paths.len() => {
                let pairs = paths.iter().zip(streams);
                pairs.map(|(path, s)| each(Some(*s)).read(path)).collect()
            }
            (_, streams) => Err(WeightsError::Format {
                path: paths[0].clone(),
                reason: format!(
                    "--stream: {} streams for {} files",
                    streams.len(),
                    paths.len()
                ),
            }),
        }
    }

    /// Reads weights of any kind. What of a checkpoint found no place, and what its encoder lacks,
    /// is told on standard error.
    ///
    /// # Errors
    /// As [`Weights::read`]; and where something is said of a file that has a card itself.
    pub fn read(&self, path: &Path) -> Result<Weights, WeightsError> {
        if !pytorch::is_checkpoint_file(path) {
            let said = [
                ("--stream", !self.stream.is_empty()),
                ("--layout", self.layout.is_some()),
            ];
            if let Some((option, _)) = said.into_iter().find(|(_, said)| *said) {
                return Err(WeightsError::Format {
                    path: path.into(),
                    reason: format!("{option}: this is no PyTorch checkpoint, its card says it"),
                });
            }
            return Weights::read(path);
        }
        let imported = self.import(path, None)?;
        for line in told(&imported) {
            eprintln!("{line}");
        }
        Ok(imported.weights)
    }
}

/// A line for each reason why tensors are not placed, and one for those that are missing.
fn told(imported: &Imported) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for Unplaced { name, reason } in &imported.unplaced {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    let unplaced = reasons
        .iter()
        .map(|(reason, names)| format!("not placed: {}: {reason}", some(names)));
    let missing = &imported.missing;
    let missing = (!missing.is_empty()).then(|| format!("missing: {}", some(missing)));
    unplaced.chain(missing).collect()
}

/// The first names, and how many there are beside them.
pub fn some(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.len().checked_sub(TOLD) {
        Some(more @ 2..) => format!("{} and {more} more", names[..TOLD].join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        checkpoint: Checkpoint,
    }

    fn parsed(arguments: &[&str]) -> Checkpoint {
        let all = ["test"].iter().chain(arguments);
        Cli::try_parse_from(all).expect("parsed").checkpoint
    }

    fn checkpoint(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints");
        folder.join(name)
    }

    #[test]
    fn what_has_no_place_is_told_by_its_reason() {
        let path = checkpoint("three_streams.pt");
        let imported = parsed(&["--stream", "bone"]).import(&path, None);
        let lines = told(&imported.expect("read"));
        let joint =
            "not placed: encoder_q.data_bn.weight, encoder_k.data_bn.weight, queue and 1 more";
        assert!(
            lines[0]
                .starts_with("not placed: encoder_q.data_bn.weight, encoder_k.data_bn.weight, "),
            "{joint}: {lines:?}"
        );
        assert!(lines[0].ends_with(": of the stream joint"), "{lines:?}");
        assert!(lines[2].starts_with("missing: encoder_q.A, "), "{lines:?}");
        assert!(lines[2].ends_with(" more"), "{lines:?}");
    }

    #[test]
    fn what_a_card_says_is_not_said_again() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/small/weights.safetensors");
        assert!(parsed(&[]).read(&path).is_ok());
        for said in [["--stream", "bone"], ["--layout", "ntu25"]] {
            let error = parsed(&said).read(&path).expect_err("has a card");
            assert!(error.to_string().contains(said[0]), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_is_of_the_layout_that_is_said() {
        let path = checkpoint("whole.pt");
        let card = |arguments: &[&str]| {
            let weights = parsed(arguments).read(&path).expect("read");
            weights.card.expect("a card")
        };
        assert_eq!(card(&[]).layout.name, "ntu25");
        let body25 = card(&["--layout", "body25"]);
        assert_eq!(body25.layout.name, "body25");
        assert_eq!(body25.preprocessing.name(), "torso-2d-1");
        let error = parsed(&["--layout", "coco17"]).read(&path);
        let error = error.expect_err("17 joints").to_string();
        assert!(error.contains("25 joints, coco17 has 17"), "{error}");
    }
}
