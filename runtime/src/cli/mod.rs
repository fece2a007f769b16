//! The command line of `aimclr-run`: one file for each subcommand.
//!
//! Results go to standard output, everything else to standard error. Exit code 0 means done,
//! 1 failed, 2 wrong usage. A reader that closes the pipe early has had enough; that is no error.

mod bench;
mod classify;
mod clips;
mod completions;
mod enroll;
mod gallery;
mod health;
mod inputs;
mod live;
mod man;
mod model;
mod notices;
mod numbers;
mod record;
mod reload;
mod render;
mod settings;
mod sinks;
mod status;
mod stop;
mod stream;
mod verdict;
mod warnings;

use aimclr_skeleton::cli::exit_code;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Recognise what people do, from skeletons, with a model.onnx and nothing else.
#[derive(Debug, Parser)]
#[command(name = "aimclr-run", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run classify --model model.onnx clip.ndjson      one action per person of a clip
  aimclr-run classify --model model.onnx motions          a whole data set, with accuracy
  pose-source | aimclr-run stream --model model.onnx      live: an event a line
  aimclr-run stream --model model.onnx --input day.ndjson --truth day.truth.csv
                                                          how well does it do on a recording?
  aimclr-run enroll --model model.onnx --gallery g.json --action nod nod1.ndjson nod2.ndjson nod3.ndjson
                                                          teach an action, without training
  aimclr-run record --input tcp-listen://127.0.0.1:7000 --out day.ndjson
  aimclr-run render --model model.onnx day.ndjson --out day.gif
  aimclr-run bench --model model.onnx                     how fast is this machine?

A pose stream is a frame a line, as docs/frame.md has it:
  {\"t\": 12.345, \"people\": [{\"id\": 7, \"joints\": [[x,y,z], …]}]}

A model.onnx comes from `aimclr-export onnx`. `aimclr-run help COMMAND` explains a command.
Exit code: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is done in clips that hold one action each.
    Classify(classify::Args),
    /// Say what people do while they do it, from a pose stream.
    Stream(stream::Args),
    /// Write a pose stream down, from any source and form, to be played again.
    Record(record::Args),
    /// Teach an action from 3 to 10 clips, without training.
    Enroll(enroll::Args),
    /// Look at, change or measure a gallery of enrolled actions.
    Gallery(gallery::Args),
    /// Draw a recorded pose stream with what was recognised, as an animated GIF.
    Render(render::Args),
    /// Measure how long the model takes on this machine.
    Bench(bench::Args),
    /// Ask a stream that serves HTTP how it goes.
    Health(health::Args),
    /// Print what a shell needs to complete commands and options.
    Completions(completions::Args),
    /// Print the man page, or write all of them.
    Man(man::Args),
}

/// Runs the command line of this process. What goes wrong is printed here and nowhere else.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Classify(args) => classify::run(&args),
        Command::Stream(args) => stream::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Enroll(args) => enroll::run(&args),
        Command::Gallery(args) => gallery::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Completions(args) => completions::run(&args, command()),
        Command::Man(args) => man::run(&args, command()),
    };
    exit_code(result)
}

/// The definition of the command line.
fn command() -> clap::Command {
    <Cli as CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn numbers_out_of_range_are_wrong_usage() {
        let base = ["aimclr-run", "stream", "--model", "m.onnx"];
        for wrong in [
            ["--window", "0"],
            ["--window", "nan"],
            ["--hop", "-1"],
            ["--partner", "-1"],
            ["--smoothing", "-0.1"],
            ["--threshold", "1.1"],
            ["--threads", "0"],
            ["--speed", "0"],
            ["--fps", "0"],
            ["--queue", "0"],
            ["--format", "xml"],
            ["--when-full", "explode"],
            ["--input", "http://cam"],
            ["--input", "tcp://cam"],
            ["--backend", "torch"],
            ["--device", "gpu"],
            ["--threshold=0.5", "--decisions=d.toml"],
            ["--out", "ftp://host/events"],
            ["--out", "mqtt://host"],
            ["--rotate-size", "0"],
            ["--rotate-keep", "3"],
            ["--listen", "8080"],
        ] {
            let error = Cli::try_parse_from(base.iter().chain(&wrong)).expect_err(wrong[0]);
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
        assert!(Cli::try_parse_from(base).is_ok());
    }
}
