//! A model repository for NVIDIA's Triton Inference Server: how a fleet runs a model on a server
//! that it has already.
//!
//! `REPOSITORY/NAME/config.pbtxt`, `REPOSITORY/NAME/classes.txt` and `REPOSITORY/NAME/1/model.onnx`,
//! for the server's ONNX Runtime backend. Windows of several callers are put together into one
//! batch; a call's window may have any number of bodies, and only windows of equally many can stand
//! in one batch.

use crate::ExportError;
use aimclr_model::card::Precision;
use aimclr_model::onnx::{ModelFile, ValueInfoProto, shape_of};
use aimclr_skeleton::files::write_atomically;
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
    check(repository, name, force)?;
    let folder = repository.join(name);
    let version = folder.join("1");
    let put = |path: PathBuf, bytes: &[u8]| {
        write_atomically(&path, |out| out.write_all(bytes)).map_err(|error| io_error(path, error))
    };
    std::fs::create_dir_all(&version).map_err(|error| io_error(version.clone(), error))?;
    put(version.join("model.onnx"), &model.bytes)?;
    let classes = folder.join(CLASSES);
    match model.card.classes.is_empty() {
        false => put(classes, (model.card.classes.join("\n") + "\n").as_bytes())?,
        // Those of the model that was here before.
        true if classes.exists() => {
            std::fs::remove_file(&classes).map_err(|error| io_error(classes, error))?;
        }
        true => (),
    }
    // Last: a server that watches the repository loads a model once its configuration is there.
    put(folder.join("config.pbtxt"), config(model, name).as_bytes())?;
    Ok(folder)
}

/// Whether [`write`] would find a place, for those who have long work to do before.
///
/// # Errors
/// There is a model of this name already and `force` isn't set, or its name is none that Triton takes.
pub fn check(repository: &Path, name: &str, force: bool) -> Result<(), ExportError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        return Err(ExportError::Choice(format!(
            "--triton: \"{name}\" is no name for a model: letters, digits, - _ and . are; it is that of \
             --out without its ending"
        )));
    }
    let folder = repository.join(name);
    if folder.exists() && !force {
        return Err(ExportError::Choice(format!(
            "{}: there is a model of this name; --force writes over it",
            folder.display()
        )));
    }
    Ok(())
}

fn io_error(path: PathBuf, source: io::Error) -> ExportError {
    ExportError::Io { path, source }
}

const CLASSES: &str = "classes.txt";

/// The configuration, in protobuf's text format. The first dimension of every value, N, is the batch
/// and not named.
fn config(model: &ModelFile, name: &str) -> String {
    let graph = model.model.graph.as_ref();
    let list = |values: Option<&Vec<ValueInfoProto>>| {
        let values: Vec<String> = values.into_iter().flatten().map(value).collect();
        values.join(",\n")
    };
    let inputs = list(graph.map(|graph| &graph.input));
    let outputs = list(graph.map(|graph| &graph.output));
    let kind = match model.card.precision {
        // GPUs are quick at halves, and at bytes in other forms than this.
        Precision::Int8 => "KIND_CPU",
        Precision::F32 | Precision::F16 => "KIND_AUTO",
    };
    format!(
        "name: \"{name}\"\nbackend: \"onnxruntime\"\nmax_batch_size: {BATCH}\n\
         input [\n{inputs}\n]\noutput [\n{outputs}\n]\n\
         dynamic_batching {{ max_queue_delay_microseconds: {DELAY} }}\n\
         instance_group [ {{ kind: {kind} count: 1 }} ]\n\
         version_policy {{ latest {{ num_versions: 1 }} }}\n"
    )
}

/// An input or output; a size that is free is -1.
fn value(value: &ValueInfoProto) -> String {
    let sizes = shape_of(value).into_iter().skip(1);
    let sizes: Vec<String> = sizes.map(|n| n.unwrap_or(-1).to_string()).collect();
    let labels = match &value.name[..] {
        "probabilities" => format!(" label_filename: \"{CLASSES}\""),
        _ => String::new(),
    };
    format!(
        "  {{ name: \"{}\" data_type: TYPE_FP32 dims: [ {} ]{labels} }}",
        value.name,
        sizes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::graph::{self, Form};
    use aimclr_model::card::Form as CardForm;
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
instance_group [ { kind: KIND_AUTO count: 1 } ]
version_policy { latest { num_versions: 1 } }
"#;
        assert_eq!(config, expected);
    }

    #[test]
    fn a_server_is_told_what_a_graph_remembers_and_where_bytes_are_computed() {
        let mut source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 1);
        source.card.precision = Precision::Int8;
        let source = source.in_form(Some(CardForm::Continual)).expect("can be");
        let graph = graph::model(&source, &Form::single());
        let config = config(&ModelFile::of(Path::new("m"), graph, &source.card), "walk");
        let lines = [
            "  { name: \"frames\" data_type: TYPE_FP32 dims: [ 4, 25, 3 ] },",
            "  { name: \"state.joint.pool\" data_type: TYPE_FP32 dims: [ 12, 24 ] }",
            "  { name: \"embedding\" data_type: TYPE_FP32 dims: [ 24 ] },",
            "instance_group [ { kind: KIND_CPU count: 1 } ]",
        ];
        for line in lines {
            assert!(config.lines().any(|l| l == line), "{line}: {config}");
        }
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
