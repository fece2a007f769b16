//! The command line of `aimclr-data`: one file for each subcommand.
//!
//! Results go to standard output, everything else to standard error. Exit code 0 means done,
//! 1 failed, 2 wrong usage. A reader that closes the pipe early has had enough; that is no error.

mod clip;
mod export_npy;
mod generate;
pub mod hint;
mod import;
mod progress;
mod render;
mod stream;
mod summary;
pub mod table;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Make, import, look through, draw and replay skeleton data.
#[derive(Debug, Parser)]
#[command(name = "aimclr-data", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data generate --out motions             a data set of synthetic motions
  aimclr-data import ntu FILE.zip --out ntu60    other people's data, in any known form
  aimclr-data summary motions                    what is in it, and is it sound?
  aimclr-data render motions --out sheet.png     what does it look like?
  aimclr-data stream motions --split xsub --out people.ndjson --truth people.csv
                                                 its test part as a pose stream

`aimclr-data help COMMAND` explains a command and gives examples.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a data set of synthetic motions, and a continuous recording of an unseen person.
    Generate(generate::Args),
    /// Bring other people's recordings into a data set.
    Import(import::Args),
    /// Join recordings of a data set into one pose stream, with the truth beside it.
    Stream(stream::Args),
    /// Write a data set as the arrays that AimCLR's original code reads.
    ExportNpy(export_npy::Args),
    /// Say what is in a data set, and check every number of it.
    Summary(summary::Args),
    /// Draw a data set, one of its clips, or a recorded pose stream.
    Render(render::Args),
}

/// Runs the command line of this process. What goes wrong is printed here, on one line, and
/// nowhere else.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Generate(args) => generate::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Stream(args) => stream::run(&args),
        Command::ExportNpy(args) => export_npy::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Render(args) => render::run(&args),
    };
    exit_code(result)
}

/// How every binary of the workspace ends. What went wrong is printed here and nowhere else; a
/// reader that closed the pipe early has had enough, which is no error.
pub fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_words(&error));
            match error.is::<Usage>() {
                true => ExitCode::from(2),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Arguments that don't go together, in a way that their definitions can't say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The error and its causes. Many messages quote their cause already; it is not said again.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// True where the reader of the output has had enough: `aimclr-data summary … | head`.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Writes a whole file through a function that has errors of its own.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut failed = None;
    let written = crate::files::write_atomically(path, |out| {
        write(out).map_err(|error| {
            failed = Some(error);
            io::Error::other("see the error beside it")
        })
    });
    match failed {
        // What is wrong with the file's content names its own place.
        Some(error) if !error.is::<io::Error>() => Err(error),
        Some(error) => Err(error).with_context(|| path.display().to_string()),
        None => written.with_context(|| path.display().to_string()),
    }
}

/// A path with another ending: `a/b.ndjson` and `truth.csv` give `a/b.truth.csv`.
fn beside(path: &Path, ending: &str) -> std::path::PathBuf {
    path.with_extension(ending)
}

/// A whole number with its thousands set apart: 40091 as 40,091.
pub fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = io::Error::other("no\nroom");
        let error = anyhow::Error::new(cause)
            .context("a.png: no\nroom")
            .context("drawing");
        assert_eq!(in_words(&error), "drawing: a.png: no\nroom");
    }

    #[test]
    fn thousands_are_set_apart() {
        let all = [0, 999, 1000, 1234567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
    }
}
