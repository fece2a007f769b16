//! Fetching wheels with pip, which knows the user's mirrors, proxies and certificates.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};

use crate::unpack::clear;
use crate::wheels::Wheel;

/// A Python that has pip.
pub struct Pip {
    python: &'static str,
}

impl Pip {
    /// Looks for a Python 3 with pip on the PATH.
    pub fn find() -> Result<Pip> {
        let mut without_pip = None;
        for python in ["python3", "python"] {
            let Ok(answer) = Command::new(python)
                .args(["-m", "pip", "--version"])
                .stdin(Stdio::null())
                .output()
            else {
                continue;
            };
            // "pip 23.2.1 from … (python 3.11)"
            if answer.status.success()
                && String::from_utf8_lossy(&answer.stdout).contains("(python 3")
            {
                return Ok(Pip { python });
            }
            without_pip.get_or_insert(python);
        }
        match without_pip {
            Some(python) => bail!(
                "`{python}` has no pip, with which libtorch and ONNX Runtime are fetched. Install it and run \
                 this again: `sudo apt install python3-pip` on Debian and Ubuntu, `sudo dnf install python3-pip` \
                 on Fedora, `{python} -m ensurepip --user` elsewhere"
            ),
            None => bail!(
                "there is no `python3` on the PATH. Python 3 with pip fetches libtorch and ONNX Runtime; nothing \
                 else needs it. Install it and run this again: `sudo apt install python3 python3-pip` on Debian \
                 and Ubuntu, `sudo dnf install python3 python3-pip` on Fedora"
            ),
        }
    }

    /// Fetches a wheel into the folder `store` and checks it. A wheel lies in `store` whole or not
    /// at all.
    pub fn fetch(&self, wheel: &Wheel, store: &Path) -> Result<()> {
        // A folder of this process' own: should an earlier pip still be alive, it can't interfere.
        let work = store.join(format!("fetch-{}", std::process::id()));
        let scratch = work.join("tmp");
        fs::create_dir_all(&scratch)
            .with_context(|| format!("{} can't be made", scratch.display()))?;
        let requirement = work.join("requirement.txt");
        let line = format!(
            "{}=={} --hash=sha256:{}\n",
            wheel.package(),
            wheel.version(),
            wheel.sha256
        );
        fs::write(&requirement, line)
            .with_context(|| format!("{} can't be written", requirement.display()))?;

        let (success, said) = self.download(wheel, &requirement, &work, &scratch)?;
        if !success {
            clear(&work)?;
            return Err(explain(&said, wheel));
        }
        let fetched = work.join(wheel.file);
        check(&fetched, wheel).context("pip reported success")?;
        let kept = store.join(wheel.file);
        fs::rename(&fetched, &kept)
            .with_context(|| format!("{} can't be put in place", kept.display()))?;
        clear(&work)
    }

    /// Runs `pip download`; gives whether it succeeded and the end of what it said on stderr.
    fn download(
        &self,
        wheel: &Wheel,
        requirement: &Path,
        work: &Path,
        scratch: &Path,
    ) -> Result<(bool, String)> {
        let terminal = io::stderr().is_terminal();
        let mut command = Command::new(self.python);
        command
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(["download", "--no-deps", "--only-binary=:all:"])
            // pip takes only wheels for the Python it runs on unless told otherwise, and what is
            // unpacked here serves no Python at all: so one and the same wheel for every Python 3.
            .args(["--python-version", "3.11", "--implementation", "cp"])
            .args(["--abi", "cp311", "--platform", wheel.platform()])
            .args(["--require-hashes", "--requirement"])
            .arg(requirement)
            .arg("--dest")
            .arg(work)
            // Kept in third_party until unpacked: a second copy in pip's cache would only fill the
            // disk, and older versions of pip read a cached file into memory as a whole.
            .arg("--no-cache-dir");
        if !terminal {
            command.args(["--progress-bar", "off", "--quiet"]);
        }
        command
            // /tmp is often a small file system in memory, and what a killed pip leaves would stay there.
            .env("TMPDIR", scratch)
            // Nothing is installed, so a user's "only in virtual environments" is not meant here.
            .env("PIP_REQUIRE_VIRTUALENV", "0")
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .stderr(Stdio::piped());
        if std::env::var_os("PIP_RESUME_RETRIES").is_none() {
            // pip 25.1 and later take a broken transfer up where it broke; older ones ignore this.
            command.env("PIP_RESUME_RETRIES", "20");
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("`{} -m pip` could not be started", self.python))?;
        let said = match child.stderr.take() {
            Some(stderr) => hold_back(stderr),
            None => String::new(),
        };
        let status = child
            .wait()
            .with_context(|| format!("`{} -m pip` could not be waited for", self.python))?;
        Ok((status.success(), said))
    }
}

/// Passes on pip's warnings while they come (a connection that is being retried takes minutes), and
/// gives the last lines of the rest.
fn hold_back(from: impl Read) -> String {
    let mut last = VecDeque::new();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        if text.contains("WARNING") {
            eprint!("{text}");
        }
        last.push_back(text);
        if last.len() > 100 {
            last.pop_front();
        }
        line.clear();
    }
    last.into_iter().collect()
}

/// Turns pip's failure into what to do about it; one that isn't known is shown as pip told it.
fn explain(said: &str, wheel: &Wheel) -> anyhow::Error {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let name = format!("{} {}", wheel.package(), wheel.version());
    if has(&["No space left on device", "Errno 28"]) {
        return anyhow!("{name} can't be fetched: {DISK_FULL}");
    }
    if has(&["DO NOT MATCH THE HASHES"]) {
        return anyhow!(
            "the package index serves another file as {name} than the one that was published (SHA-256 {}). \
             If pip uses a mirror (`python3 -m pip config list`), it is damaged or out of date",
            wheel.sha256
        );
    }
    if has(&[
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "ProtocolError",
        "SSLError",
        "Connection aborted",
        "Max retries exceeded",
    ]) {
        return anyhow!(
            "{name} can't be fetched: the package index can't be reached, or the connection broke. Check the \
             network, and behind a proxy or mirror pip's settings (HTTPS_PROXY, `python3 -m pip config list`); \
             then run this again, what is complete is kept"
        );
    }
    if has(&["No matching distribution found"]) {
        return anyhow!(
            "the package index that pip uses doesn't offer {}. If it is a mirror (`python3 -m pip config list`), \
             it is incomplete",
            wheel.file
        );
    }
    anyhow!(
        "pip could not fetch {name}. If it is an old pip, `python3 -m pip install --user --upgrade pip` may \
         help; then run this again, what is complete is kept. pip's own words:\n{}",
        said.trim_end()
    )
}

/// What to do when the disk is full, wherever that shows.
pub const DISK_FULL: &str = "the disk is full. A set-up takes 1.1 GB while it unpacks and 0.5 GB in the end, with \
                             CUDA 4.5 and 4.2 GB. Make room and run this again, what is complete is kept";

/// The wheel in `store`, if an earlier run left it there whole; what isn't whole is removed.
pub fn kept(wheel: &Wheel, store: &Path) -> Option<PathBuf> {
    let path = store.join(wheel.file);
    if !path.exists() {
        return None;
    }
    match check(&path, wheel) {
        Ok(()) => Some(path),
        Err(error) => {
            eprintln!("{error:#}; fetching it again");
            // What can't be removed shows when its successor takes its place.
            let _ = fs::remove_file(&path);
            None
        }
    }
}

/// Checks a wheel's size and SHA-256.
fn check(path: &Path, wheel: &Wheel) -> Result<()> {
    let unreadable = || format!("{} can't be read", path.display());
    let mut file = fs::File::open(path).with_context(unreadable)?;
    let size = file.metadata().with_context(unreadable)?.len();
    if size != wheel.size {
        bail!(
            "{} has {size} bytes and should have {}",
            path.display(),
            wheel.size
        );
    }
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).with_context(unreadable)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let found: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found != wheel.sha256 {
        bail!(
            "{} is damaged: its SHA-256 is {found} and should be {}",
            path.display(),
            wheel.sha256
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEEL: Wheel = Wheel {
        file: "abc-1.0-py3-none-any.whl",
        size: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    #[test]
    fn a_wheel_is_known_by_size_and_hash() {
        let store = tempfile::tempdir().expect("a folder");
        let path = store.path().join(WHEEL.file);
        assert!(kept(&WHEEL, store.path()).is_none());

        fs::write(&path, "ab").expect("written");
        let error = check(&path, &WHEEL).expect_err("cut off").to_string();
        assert!(error.contains("has 2 bytes and should have 3"), "{error}");

        fs::write(&path, "abd").expect("written");
        let error = check(&path, &WHEEL).expect_err("damaged").to_string();
        assert!(error.contains("SHA-256"), "{error}");
        assert!(kept(&WHEEL, store.path()).is_none());
        assert!(!path.exists(), "a damaged wheel is removed");

        fs::write(&path, "abc").expect("written");
        assert_eq!(kept(&WHEEL, store.path()), Some(path));
    }

    #[test]
    fn pip_s_failures_are_told_apart() {
        let told = |said: &str| explain(said, &WHEEL).to_string();
        let offline = "WARNING: Retrying (Retry(total=0, …)) after connection broken by \
                       'NewConnectionError('…: Failed to establish a new connection: \
                       [Errno -3] Temporary failure in name resolution')': /simple/abc/\n\
                       ERROR: Could not find a version that satisfies the requirement abc==1.0 (from versions: none)\n\
                       ERROR: No matching distribution found for abc==1.0\n";
        assert!(told(offline).contains("network"));
        assert!(told("ERROR: No matching distribution found for abc==1.0").contains("incomplete"));
        assert!(
            told("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
                .contains("disk is full")
        );
        assert!(
            told("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
                .contains("SHA-256")
        );
        assert!(told("ERROR: no such option: --abi").contains("upgrade pip"));
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let lines: String = (0..200).map(|n| format!("{n}\n")).collect();
        let said = hold_back(lines.as_bytes());
        assert!(
            said.starts_with("100\n") && said.ends_with("199\n"),
            "{said}"
        );
    }
}
