//! The workspace's binaries, built once and run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// Folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A data set that lies beside the project, if it does; says so if not.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(name);
    if !path.exists() {
        eprintln!("skipped: ../shared/{name} is not there");
        return None;
    }
    Some(path)
}

/// A command for a binary, with torch's threads pinned. `cargo test` builds only what it tests, so
/// the binaries are built here first; that is nothing where they are up to date.
pub fn command(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--workspace", "--bins", "--quiet"])
            .current_dir(root());
        // What cargo itself has set for this test; a build script would take it for a change.
        let configured = [
            ("LIBTORCH", "third_party/libtorch"),
            (
                "ORT_DYLIB_PATH",
                "third_party/onnxruntime/libonnxruntime.so",
            ),
        ];
        for (variable, default) in configured {
            let canonical = |path: &Path| path.canonicalize().ok();
            let set = std::env::var_os(variable).map(PathBuf::from);
            if set.is_some_and(|set| canonical(&set) == canonical(&root().join(default))) {
                build.env_remove(variable);
            }
        }
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                build.env_remove(&variable);
            }
        }
        assert!(
            build.status().expect("cargo").success(),
            "the binaries don't build"
        );
        let test = std::env::current_exe().expect("this test's path");
        test.ancestors()
            .nth(2)
            .expect("target folder")
            .to_path_buf()
    });
    let mut command = Command::new(folder.join(name));
    command.env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
    command
}

/// Sends a process a signal, such as `-TERM`.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let kill = Command::new("kill").args([signal, &pid]).status();
    assert!(kill.expect("kill").success());
}

/// Runs a binary and gives what it printed on stdout; fails the test if it failed.
pub fn run(name: &str, arguments: &[&str]) -> String {
    let output = output(name, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name} {}:\n{error}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a binary that must fail with exit code 1 and one `error:` line; gives the line.
pub fn refusal(name: &str, arguments: &[&str]) -> String {
    let output = output(name, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = format!("{name} {}:\n{error}", arguments.join(" "));
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(!error.contains("panicked"), "{line}");
    assert!(error.lines().any(|l| l.starts_with("error: ")), "{line}");
    error
}

fn output(name: &str, arguments: &[&str]) -> Output {
    command(name)
        .args(arguments)
        .output()
        .expect("the binary starts")
}
