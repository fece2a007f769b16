//! Running cargo on the workspace from within a program that cargo itself has started.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// Where `.cargo/config.toml` says that the native libraries lie: variable and path below the root.
const CONFIGURED: [(&str, &str); 2] = [
    ("LIBTORCH", "third_party/libtorch"),
    (
        "ORT_DYLIB_PATH",
        "third_party/onnxruntime/libonnxruntime.so",
    ),
];

/// The value of `variable` (`LIBTORCH` or `ORT_DYLIB_PATH`) if the user set it to something else
/// than the workspace's own default.
pub fn user_value(variable: &str) -> Option<OsString> {
    let value = env::var_os(variable).filter(|value| !value.is_empty())?;
    let configured = CONFIGURED
        .iter()
        .any(|(name, path)| *name == variable && same_path(&root().join(path), Path::new(&value)));
    (!configured).then_some(value)
}

fn same_path(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// `cargo`, to be run at the workspace's root.
///
/// What the outer `cargo run` put into the environment is taken out again: build scripts that watch
/// such a variable would otherwise run anew each time one changes between `cargo xtask test` and a
/// plain `cargo build`, and torch-sys takes minutes.
pub fn command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        if set_by_cargo_run(&name) {
            command.env_remove(name);
        }
    }
    for (name, _) in CONFIGURED {
        if user_value(name).is_none() {
            command.env_remove(name);
        }
    }
    command
}

fn set_by_cargo_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
        || ["CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name.as_ref())
}

/// Prints the command on stderr, runs it, and fails if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line_of(command);
    eprintln!("+ {line}");
    let status = command
        .status()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` failed ({status}); what went wrong stands above");
    }
    Ok(())
}

/// The same, and gives what it says on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    eprintln!("+ {line}");
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        bail!(
            "`{line}` failed ({}); what went wrong stands above",
            output.status
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` says what is no text"))
}

/// The command as a user would type it, the program by its bare name.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_run_sets_is_taken_out() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
            assert!(set_by_cargo_run(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_TARGET_DIR", "CARGO_HOME", "PATH", "RUSTFLAGS"] {
            assert!(!set_by_cargo_run(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_command_reads_as_typed() {
        let mut command = Command::new("some/folder/cargo");
        command.args(["test", "--workspace"]);
        assert_eq!(line_of(&command), "cargo test --workspace");
    }
}
