//! The kind of machine that a package is for, and how cargo is asked to build for it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::PROGRAM;
use crate::cargo;

/// A kind of machine, and how much is linked in.
pub struct Target {
    /// As rustc names it
    pub triple: String,
    /// Whether everything is linked in, the C library too
    pub whole: bool,
    foreign: bool,
}

impl Target {
    /// `triple` as rustc names it; `host` is this machine's.
    pub fn new(triple: &str, host: &str, whole: bool) -> Result<Target> {
        if !triple.contains("-linux-") {
            bail!("{triple}: packages are for Linux; expected a target such as {host}");
        }
        let processor = |triple: &str| triple.split('-').next().map(str::to_string);
        Ok(Target {
            triple: triple.into(),
            whole,
            foreign: processor(triple) != processor(host),
        })
    }

    /// The end of the archive's name.
    pub fn name(&self) -> String {
        let whole = if self.whole { "-static" } else { "" };
        format!("{}{whole}", self.triple)
    }

    /// Fails at once where the linker of another processor is not there; cargo would after minutes.
    pub fn has_linker(&self) -> Result<()> {
        let (variable, name) = (self.variable(), self.linker());
        if self.foreign && env::var_os(&variable).is_none() && !on_path(&name) {
            let package = name.replace("-gcc", "");
            bail!(
                "there is no linker for {}: expected {name} on the PATH (`sudo apt install gcc-{package}` \
                 on Debian and Ubuntu), or another one's name in {variable}",
                self.triple
            );
        }
        Ok(())
    }

    /// The variable in which cargo looks for the linker.
    fn variable(&self) -> String {
        let triple = self.triple.replace('-', "_").to_uppercase();
        format!("CARGO_TARGET_{triple}_LINKER")
    }

    /// The linker as Debian names it, which is also where C and assembler are compiled with it.
    fn linker(&self) -> String {
        let mut parts = self.triple.split('-');
        let processor = match parts.next().unwrap_or_default() {
            arm if arm.starts_with("arm") => "arm",
            riscv if riscv.starts_with("riscv64") => "riscv64",
            other => other,
        };
        format!(
            "{processor}-linux-{}-gcc",
            parts.next_back().unwrap_or("gnu")
        )
    }

    /// `cargo build` for this machine.
    pub fn build(&self) -> Command {
        let mut command = cargo::command();
        command
            .args(["build", "--package", "aimclr-runtime", "--bin", PROGRAM])
            // Named even where it is this machine's own: the flags are then not for build scripts.
            .args(["--profile", "device", "--target", &self.triple])
            // This machine's own library is nowhere on a device. Empty, as cargo would else fill it.
            .env("ORT_DYLIB_PATH", "");
        if self.foreign && env::var_os(self.variable()).is_none() {
            command.env(self.variable(), self.linker());
        }
        let flags = self.flags();
        match env::var("RUSTFLAGS") {
            // Where this is set, cargo passes over the flags in its settings.
            Ok(user) => command.env("RUSTFLAGS", format!("{user} {}", flags.join(" "))),
            Err(_) => command.arg("--config").arg(format!(
                "target.{}.rustflags={}",
                self.triple,
                serde_json::json!(flags)
            )),
        };
        command
    }

    fn flags(&self) -> Vec<String> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        // Messages of panics name source files; where they lay is nobody's business.
        let mut flags = vec![format!("--remap-path-prefix={}=.", cargo::root().display())];
        flags.extend(home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
        if self.whole {
            flags.push("-Ctarget-feature=+crt-static".into());
        }
        flags
    }
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "x86_64-unknown-linux-gnu";

    fn target(triple: &str, whole: bool) -> Target {
        Target::new(triple, HOST, whole).expect("a Linux")
    }

    #[test]
    fn archives_are_named_by_target_and_kind() {
        assert_eq!(target(HOST, false).name(), HOST);
        let whole = target("aarch64-unknown-linux-musl", true);
        assert_eq!(whole.name(), "aarch64-unknown-linux-musl-static");
        assert!(Target::new("x86_64-pc-windows-msvc", HOST, false).is_err());
    }

    #[test]
    fn linkers_are_called_as_debian_calls_them() {
        for (triple, linker) in [
            ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
            ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
            ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc"),
        ] {
            assert_eq!(target(triple, false).linker(), linker);
        }
        let pi = target("armv7-unknown-linux-gnueabihf", false);
        assert_eq!(
            pi.variable(),
            "CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER"
        );
    }

    #[test]
    fn a_linker_that_is_missing_is_named_before_anything_is_built() {
        let error = target("sparc9-unknown-linux-gnu", false).has_linker();
        let error = error.expect_err("no such thing").to_string();
        for part in [
            "sparc9-linux-gnu-gcc",
            "apt install gcc-sparc9-linux-gnu`",
            "CARGO_TARGET_SPARC9_UNKNOWN_LINUX_GNU_LINKER",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(
            target("x86_64-unknown-linux-musl", true)
                .has_linker()
                .is_ok()
        );
    }

    #[test]
    fn only_a_static_package_links_the_c_library_in() {
        for whole in [false, true] {
            let flags = target(HOST, whole).flags().join(" ");
            assert_eq!(flags.contains("+crt-static"), whole, "{flags}");
        }
    }
}
