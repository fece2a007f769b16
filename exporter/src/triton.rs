//! A model repository for NVIDIA's Triton Inference Server: how a fleet runs a model on a server
//! that it has already.
//!
//! `REPOSITORY/NAME/config.pbtxt`, `REPOSITORY/NAME/classes.txt` and `REPOSITORY/NAME/1/model.onnx`,
//! for the server's ONNX Runtime backend. Windows of several callers are put together into one
//! batch; a call's window may have any number of bodies, and only windows of equally many can stand
//! in one batch.

use crate::ExportError;
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::files::write_atomically;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Most windows in one batch.
const BATCH: usize = 64;

/// How long a window waits for others, microseconds: short beside a decision's interval.
const DELAY: usize = 2000;

/// Writes the model into a repository, as version 1; gives the model's folder.
///
/// # Errors
/// There is a model of this name already and `force` isn't set, its name is none that Triton takes, or
/// a file can't be written.
pub fn write(
    model: &ModelFile,
    repository: &Path,
    name: &str,
    force: bool,
) -> Result<PathBuf, ExportError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        return Err(ExportError::Choice(format!(
            "--triton: \"{name}\" is no name for a model: letters, digits, - _ and . are; it is that of \
             --out without its ending"
        )));
    }
    if model.card.form == Form::Continual {
        return Err(ExportError::Choice(
            "--triton: a batch is put together of windows; a model of the continual form has a state for \
             each person"
                .into(),
        ));
    }
    let folder = repository.join(name);
    if folder.exists() && !force {
        return Err(ExportError::Choice(format!(
            "{}: there is a model of this name; --force writes over it",
            folder.display()
        )));
    }
    let version = folder.join("1");
    let put = |path: PathBuf, bytes: &[u8]| {
        write_atomically(&path, |out| out.write_all(bytes)).map_err(|error| io_error(path, error))
    };
    std::fs::create_dir_all(&version).map_err(|error| io_error(version.clone(), error))?;
    put(version.join("model.onnx"), &model.bytes)?;
    if !model.card.classes.is_empty() {
        let names = model.card.classes.join("\n") + "\n";
        put(folder.join(CLASSES), names.as_bytes())?;
    }
    // Last: a server that watches the repository loads a model once its configuration is there.
    put(
        folder.join("config.pbtxt"),
        config(&model.card, name).as_bytes(),
    )?;
    Ok(folder)
}

fn io_error(path: PathBuf, source: io::Error) -> ExportError {
    ExportError::Io { path, source }
}

const CLASSES: &str = "classes.txt";

/// The configuration, in protobuf's text format. The first dimension, N, is the batch and not named.
fn config(card: &Card, name: &str) -> String {
    let (frames, joints, classes) = (card.frames, card.layout.len(), card.classes.len());
    let mut text = format!(
        "name: \"{name}\"\nbackend: \"onnxruntime\"\nmax_batch_size: {BATCH}\n\
         input [\n  {{ name: \"joints\" data_type: TYPE_FP32 dims: [ -1, {frames}, {joints}, 3 ] }}\n]\n"
    );
    let mut outputs = vec![("embedding", card.embedding, false)];
    if classes > 0 {
        outputs.extend([("logits", classes, false), ("probabilities", classes, true)]);
    }
    let output = |(name, size, labelled): &(&str, usize, bool)| {
        let labels = match labelled {
            true => format!(" label_filename: \"{CLASSES}\""),
            false => String::new(),
        };
        format!("  {{ name: \"{name}\" data_type: TYPE_FP32 dims: [ {size} ]{labels} }}")
    };
    let outputs: Vec<String> = outputs.iter().map(output).collect();
    let _ = write!(
        text,
        "output [\n{}\n]\ndynamic_batching {{ max_queue_delay_microseconds: {DELAY} }}\n\
         version_policy {{ latest {{ num_versions: 1 }} }}\n",
        outputs.join(",\n")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::graph::{self, Form};
    use aimclr_model::plan::Head;
    use aimclr_skeleton::Stream;

    fn model(head: Head) -> ModelFile {
        let source = fixtures::source(fixtures::narrow(), Stream::Joint, head, 1);
        let graph = graph::model(&source, &Form::single());
        ModelFile::of(Path::new("walk.onnx"), graph, &source.card)
    }

    #[test]
    fn a_server_finds_model_shapes_and_names() {
        let repository = tempfile::tempdir().expect("folder");
        let model = model(Head::classifier(3));
        let folder = write(&model, repository.path(), "walk", false).expect("written");
        let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
        assert_eq!(read("1/model.onnx"), model.bytes);
        assert_eq!(read("classes.txt"), b"class 0\nclass 1\nclass 2\n");
        let config = String::from_utf8(read("config.pbtxt")).expect("text");
        let expected = r#"name: "walk"
backend: "onnxruntime"
max_batch_size: 64
input [
  { name: "joints" data_type: TYPE_FP32 dims: [ -1, 50, 25, 3 ] }
]
output [
  { name: "embedding" data_type: TYPE_FP32 dims: [ 24 ] },
  { name: "logits" data_type: TYPE_FP32 dims: [ 3 ] },
  { name: "probabilities" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "classes.txt" }
]
dynamic_batching { max_queue_delay_microseconds: 2000 }
version_policy { latest { num_versions: 1 } }
"#;
        assert_eq!(config, expected);
    }

    #[test]
    fn another_model_is_not_written_over() {
        let repository = tempfile::tempdir().expect("folder");
        let model = model(Head::None);
        let folder = write(&model, repository.path(), "walk", false).expect("written");
        assert!(!folder.join("classes.txt").exists());
        let error = write(&model, repository.path(), "walk", false).expect_err("is there");
        assert!(error.to_string().contains("--force"), "{error}");
        write(&model, repository.path(), "walk", true).expect("written");
        for name in ["", "..", "a/b", "my model"] {
            let error = write(&model, repository.path(), name, false).expect_err("no name");
            assert!(error.to_string().contains("is no name"), "{error}");
        }
    }
}
