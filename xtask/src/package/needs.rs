//! What a program needs of the machine that it is to run on.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Shared libraries, and the oldest glibc that has all that is asked of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `libc.so.6`, sorted
    pub libraries: Vec<String>,
    /// 2 and 34
    pub glibc: Option<(u32, u32)>,
}

impl Needs {
    /// Asks `readelf`, which reads the programs of every processor and comes with every compiler.
    pub fn of(program: &Path) -> Result<Needs> {
        let mut readelf = Command::new("readelf");
        readelf
            .env("LC_ALL", "C")
            .args(["--wide", "--dynamic", "--version-info"])
            .arg(program);
        let output = readelf.output().context(
            "`readelf` could not be started; it comes with binutils and every C++ compiler",
        )?;
        if !output.status.success() {
            bail!(
                "readelf can't read {}: {}",
                program.display(),
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(Needs::read(&String::from_utf8_lossy(&output.stdout)))
    }

    fn read(said: &str) -> Needs {
        let library = |line: &str| {
            let (_, name) = line.split_once("(NEEDED)")?;
            let (_, name) = name.split_once('[')?;
            Some(name.split_once(']')?.0.to_string())
        };
        let mut libraries: Vec<String> = said.lines().filter_map(library).collect();
        libraries.sort();
        let version = |word: &str| {
            let (major, minor) = word.strip_prefix("GLIBC_")?.split_once('.')?;
            // A third number has no later one of the same first two.
            let minor = minor.split('.').next()?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        let glibc = said.split_whitespace().filter_map(version).max();
        Needs { libraries, glibc }
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.libraries.is_empty() {
            return f.write_str("no shared library");
        }
        f.write_str(&self.libraries.join(", "))?;
        match self.glibc {
            Some((major, minor)) => write!(f, "; glibc {major}.{minor} or later"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_oldest_glibc_are_read_off() {
        let said = "\
Dynamic section at offset 0x1d0 contains 30 entries:
 0x0000000000000001 (NEEDED)             Shared library: [libm.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000c (INIT)               0x1000
Version needs section '.gnu.version_r' contains 2 entries:
 000000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 7
  0x0020:   Name: GLIBC_2.28  Flags: none  Version: 6
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 5
  0x0040:   Name: GLIBC_ABI_DT_RELR  Flags: none  Version: 4
";
        let needs = Needs::read(said);
        assert_eq!(needs.libraries, ["libc.so.6", "libm.so.6"]);
        assert_eq!(needs.glibc, Some((2, 28)));
        assert_eq!(
            needs.to_string(),
            "libc.so.6, libm.so.6; glibc 2.28 or later"
        );
        let none = Needs::read("There is no dynamic section in this file.");
        assert_eq!(none.to_string(), "no shared library");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_test_needs_a_c_library() {
        let needs = Needs::of(&std::env::current_exe().expect("a path")).expect("read");
        assert!(needs.libraries.iter().any(|name| name.starts_with("libc.")));
        let none = crate::cargo::root().join("Cargo.toml");
        assert!(!Needs::of(&none).is_ok_and(|needs| needs.glibc.is_some()));
    }
}
