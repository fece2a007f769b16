//! Where results go: looked at before the work and not after it.

use aimclr_skeleton::files::folder_of;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Refuses a place that can't be written to, or where one of the inputs lies: a file, or anything in a
/// run or dataset folder.
pub(super) fn check<'p>(out: &Path, inputs: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    let name = out.display();
    if out.is_dir() {
        bail!("{name}: this is a folder; expected the name of a file to write");
    }
    let folder = folder_of(out);
    if !folder.is_dir() {
        bail!(
            "{name}: there is no folder {}; make it first",
            folder.display()
        );
    }
    let Ok(place) = out.canonicalize() else {
        return Ok(());
    };
    for input in inputs {
        let Ok(input) = input.canonicalize() else {
            continue;
        };
        if place == input || input.is_dir() && place.parent() == Some(&input) {
            bail!("{name}: this is what the command reads; expected another file");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_not_written_over() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("run")).expect("folder");
        for file in ["names.txt", "run/weights.safetensors", "old.onnx"] {
            std::fs::write(at(file), "x").expect("written");
        }
        let check = |out: &str, input: &str| {
            check(&at(out), [at(input)].iter()).map_err(|error| error.to_string())
        };
        for (out, input) in [
            ("names.txt", "names.txt"),
            ("./run/../names.txt", "names.txt"),
            ("run/weights.safetensors", "run"),
        ] {
            let error = check(out, input).expect_err(out);
            assert!(error.contains("this is what the command reads"), "{error}");
        }
        let error = check("run", "names.txt").expect_err("a folder");
        assert!(error.contains("this is a folder"), "{error}");
        let error = check("missing/x.onnx", "names.txt").expect_err("no folder");
        assert!(error.contains("there is no folder"), "{error}");
        for out in ["old.onnx", "new.onnx", "run/model.onnx"] {
            assert_eq!(check(out, "run"), Ok(()));
        }
    }
}
