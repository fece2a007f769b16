//! Licences of the crates that are linked in, which ask to go along with every copy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo;

/// What is read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
    /// Nothing for what is the workspace's own
    source: Option<String>,
}

/// One text: every crate with its licence, then each licence text once with the crates that have it.
pub fn of(triple: &str) -> Result<String> {
    // cargo tree knows what is linked: neither build scripts nor features nobody asked for.
    let tree = cargo::output(cargo::command().args([
        "tree",
        "--package",
        "aimclr-runtime",
        "--edges",
        "normal,no-proc-macro",
        "--target",
        triple,
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let linked: BTreeSet<(&str, &str)> = tree.lines().filter_map(name_and_version).collect();
    let said = cargo::output(cargo::command().args([
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        triple,
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&said).context("what `cargo metadata` says can't be read")?;
    let theirs = metadata.packages.iter().filter(|package| {
        package.source.is_some() && linked.contains(&(&package.name, &package.version))
    });
    text(theirs)
}

/// `serde v1.0.228 (proc-macro)` gives `serde` and `1.0.228`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn text<'a>(packages: impl Iterator<Item = &'a Package>) -> Result<String> {
    let mut list = String::from("aimclr-run contains these crates:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let crate_ = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or("see below");
        list.push_str(&format!("{crate_}: {licence}\n"));
        let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
        for text in licences(folder)? {
            texts.entry(text).or_default().push(crate_.clone());
        }
    }
    for (text, crates) in texts {
        let rule = "=".repeat(72);
        list.push_str(&format!("\n{rule}\n{}:\n\n{text}\n", crates.join(", ")));
    }
    Ok(list)
}

/// The texts of a crate's licences and notices.
fn licences(folder: &Path) -> Result<Vec<String>> {
    let names = [
        "LICENSE",
        "LICENCE",
        "COPYING",
        "COPYRIGHT",
        "NOTICE",
        "UNLICENSE",
    ];
    let mut found = BTreeMap::new();
    let context = || format!("{} can't be read", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if names.iter().any(|start| name.starts_with(start)) && entry.path().is_file() {
            let bytes = fs::read(entry.path()).with_context(context)?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            found.insert(name, text.trim().to_string());
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_stands_once_with_all_its_crates() {
        let folder = tempfile::tempdir().expect("folder");
        let package = |name: &str, licence: &str| {
            let folder = folder.path().join(name);
            fs::create_dir(&folder).expect("made");
            fs::write(folder.join("LICENSE-MIT"), licence).expect("written");
            fs::write(folder.join("README"), "readme").expect("written");
            Package {
                name: name.into(),
                version: "1.0.0".into(),
                license: Some("MIT".into()),
                manifest_path: folder.join("Cargo.toml"),
                source: Some("registry".into()),
            }
        };
        let packages = [
            package("a", "Copyright A\n"),
            package("b", "Copyright B"),
            package("c", "Copyright A"),
        ];
        let text = text(packages.iter()).expect("read");
        assert!(text.contains("b 1.0.0: MIT\n"), "{text}");
        assert!(
            text.contains("\na 1.0.0, c 1.0.0:\n\nCopyright A\n"),
            "{text}"
        );
        assert!(!text.contains("readme"), "{text}");
    }

    #[test]
    fn crates_are_read_off_cargos_tree() {
        assert_eq!(
            name_and_version("tract-core v0.23.9"),
            Some(("tract-core", "0.23.9"))
        );
        let own = "aimclr-runtime v0.1.0 (/somewhere/runtime)";
        assert_eq!(name_and_version(own), Some(("aimclr-runtime", "0.1.0")));
        assert_eq!(name_and_version(""), None);
    }
}
