//! `cargo xtask package`: `aimclr-run` with all that belongs to it, in one archive for a device.

mod archive;
mod needs;
mod notices;
mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;
use crate::unpack::clear;
use archive::Entry;
use needs::Needs;
use target::Target;

/// What is packed.
const PROGRAM: &str = "aimclr-run";

/// What `cargo xtask package` takes.
#[derive(clap::Args)]
#[command(
    after_help = "The archive holds the program, completions for bash, zsh and fish, man pages, a systemd unit and\n\
                  licences, in the folders that /usr/local has. It is built with the profile `device` of\n\
                  Cargo.toml, in some minutes. docs/edge.md has the way onto a device.\n\
                  \n    cargo xtask package\
                  \n    cargo xtask package --static                                 needs no library, runs tract only\
                  \n    cargo xtask package --target aarch64-unknown-linux-gnu       for a Jetson or a Raspberry Pi\n\
                  \nAnother machine's kind wants `rustup target add TRIPLE` and a C compiler for it:\n\
                  gcc-aarch64-linux-gnu on Debian, or any that CARGO_TARGET_TRIPLE_LINKER and CC_triple name."
)]
pub struct Args {
    /// For which kind of machine, as rustc names it [default: this one's]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Link everything in: no library is needed, and ONNX Runtime can't be loaded
    #[arg(long = "static")]
    whole: bool,
    /// Folder for the archive
    #[arg(long, default_value = "dist", value_name = "FOLDER")]
    out: PathBuf,
}

/// Builds, packs, and says how large it became and what it needs.
pub fn run(args: &Args) -> Result<()> {
    let host = host()?;
    let target = Target::new(args.target.as_deref().unwrap_or(&host), &host, args.whole)?;
    target.has_linker()?;
    let program = build(&mut target.build())?;
    let needs = Needs::of(&program)?;
    if target.whole && !needs.libraries.is_empty() {
        bail!(
            "{} still needs {}; for {} nothing links it whole, leave --static out",
            program.display(),
            needs.libraries.join(", "),
            target.triple
        );
    }
    let entries = contents(&program, &teller(&program)?, &target)?;
    let name = format!("{PROGRAM}-{}-{}", env!("CARGO_PKG_VERSION"), target.name());
    let path = args.out.join(format!("{name}.tar.gz"));
    let size = archive::write(&cargo::root().join(&path), &name, &entries)?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "{}: {:.1} MB, {PROGRAM} in it {:.1} MB\nneeds {needs}",
        path.display(),
        megabytes(size),
        megabytes(fs::metadata(&program)?.len()),
    );
    Ok(())
}

/// The kind of this machine, as rustc names it.
fn host() -> Result<String> {
    let said = cargo::output(cargo::command().arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string)
        .context("`cargo -vV` does not say for which machine it is")
}

/// Runs a `cargo build` of the program; gives where it lies.
fn build(command: &mut Command) -> Result<PathBuf> {
    let said = cargo::output(command.arg("--message-format=json-render-diagnostics"))?;
    built(&said).with_context(|| format!("cargo does not say where it put {PROGRAM}"))
}

/// The program's path, of what cargo says as JSON.
fn built(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let ours = message["target"]["name"] == PROGRAM;
        message["executable"]
            .as_str()
            .filter(|_| ours)
            .map(PathBuf::from)
    })
}

/// A build of the program that can be asked for its pages: the packed one where this machine runs it.
fn teller(program: &Path) -> Result<PathBuf> {
    let ran = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if ran.is_ok_and(|status| status.success()) {
        return Ok(program.into());
    }
    eprintln!("this machine can't run what was built; its man pages come from a build for itself");
    // Of the whole workspace, as daily work builds it: most of it is likely to be there.
    build(cargo::command().args(["build", "--workspace", "--bin", PROGRAM]))
}

/// Everything in the archive. `teller` prints what the program says about itself.
fn contents(program: &Path, teller: &Path, target: &Target) -> Result<Vec<Entry>> {
    let root = cargo::root();
    let file = |from: &str, to: &str| Entry::file(to, &root.join(from));
    let mut entries = vec![
        Entry::program(&format!("bin/{PROGRAM}"), program)?,
        file("packaging/INSTALL.md", "share/doc/aimclr-run/INSTALL.md")?,
        file(
            "packaging/decisions.toml",
            "share/doc/aimclr-run/decisions.toml",
        )?,
        file("LICENSE-MIT", "share/doc/aimclr-run/LICENSE-MIT")?,
        file("LICENSE-APACHE", "share/doc/aimclr-run/LICENSE-APACHE")?,
        Entry::text(
            "share/doc/aimclr-run/third-party.txt",
            notices::of(&target.triple)?,
        ),
        file(
            "packaging/aimclr-run.service",
            "lib/systemd/system/aimclr-run.service",
        )?,
    ];
    for (shell, to) in [
        ("bash", "share/bash-completion/completions/aimclr-run"),
        ("zsh", "share/zsh/site-functions/_aimclr-run"),
        ("fish", "share/fish/vendor_completions.d/aimclr-run.fish"),
    ] {
        let script = cargo::output(Command::new(teller).args(["completions", shell]))?;
        entries.push(Entry::text(to, script));
    }
    let pages = program.with_extension("man");
    clear(&pages)?;
    cargo::run(Command::new(teller).args(["man", "--out"]).arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        let page = page?;
        let to = format!("share/man/man1/{}", page.file_name().to_string_lossy());
        entries.push(Entry::file(&to, &page.path())?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"aimclr_runtime"},"executable":null}
not JSON
{"reason":"compiler-artifact","target":{"name":"aimclr-run"},"executable":"/t/device/aimclr-run"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(built(said), Some("/t/device/aimclr-run".into()));
        assert_eq!(built("{}"), None);
    }

    #[test]
    fn the_unit_starts_what_is_packed_where_install_md_puts_it() {
        let root = cargo::root().join("packaging");
        let unit = fs::read_to_string(root.join("aimclr-run.service")).expect("the unit");
        let install = fs::read_to_string(root.join("INSTALL.md")).expect("the text");
        assert!(unit.contains("\nExecStart=/usr/local/bin/aimclr-run stream "));
        assert!(install.contains("-C /usr/local --strip-components=1"));
    }
}
