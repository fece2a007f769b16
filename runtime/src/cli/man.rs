//! `aimclr-run man`.

use aimclr_skeleton::files::write_atomically;
use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write a page for the program and one for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run man | man -l -
  aimclr-run man --out ~/.local/share/man/man1

Without --out the program's own page goes to standard output.";

/// What the environment says, for the program's own page.
const VARIABLES: [(&str, &str); 3] = [
    (
        "AIMCLR_TOKEN",
        "The token that clients have to know where frames or subscribers may come from other machines.",
    ),
    (
        "AIMCLR_MQTT_USER, AIMCLR_MQTT_PASSWORD",
        "Who this is for a broker that events go to.",
    ),
    (
        "ORT_DYLIB_PATH",
        "ONNX Runtime's library, where it lies neither beside the program nor where the system looks for libraries.",
    ),
];

const CODES: [(&str, &str); 3] = [("0", "done"), ("1", "failed"), ("2", "wrong usage")];

pub(super) fn run(args: &Args, command: Command) -> anyhow::Result<ExitCode> {
    let pages = pages(command)?;
    match &args.out {
        Some(folder) => write(&pages, folder)?,
        // The program's own page is the first.
        None => io::stdout().write_all(&pages[0].text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A man page.
struct Page {
    /// `aimclr-run-bench.1`
    file: String,
    text: Vec<u8>,
}

fn write(pages: &[Page], folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for page in pages {
        let path = folder.join(&page.file);
        write_atomically(&path, |out| out.write_all(&page.text))
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The pages of a command and of all beneath it, its own first.
fn pages(command: Command) -> io::Result<Vec<Page>> {
    // `help` explains itself, and would be a page for each command once more.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, None, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, above: Option<&str>, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone());
    let file = man.get_filename();
    let name = file.trim_end_matches(".1").to_string();
    let mut text = Vec::new();
    // By hand: clap_mangen leaves the empty date out, and what follows slips into its place.
    let version = command.get_version().unwrap_or(env!("CARGO_PKG_VERSION"));
    writeln!(
        text,
        r#".TH "{}" "1" "" "aimclr-run {version}" "AimCLR on the edge""#,
        name.to_uppercase()
    )?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::new();
    if let Some(help) = command.get_after_help() {
        explain(&help.to_string(), &mut rest);
    }
    match above {
        Some(above) => {
            rest.control("SH", ["SEE ALSO"]);
            rest.text([bold(above), roman("(1)")]);
        }
        None => {
            list("ENVIRONMENT", &VARIABLES, &mut rest);
            list("EXIT STATUS", &CODES, &mut rest);
        }
    }
    rest.to_writer(&mut text)?;
    pages.push(Page { file, text });
    for below in command.get_subcommands() {
        add(below, Some(&name), pages)?;
    }
    Ok(())
}

/// As the help has it; clap_mangen names every option, and required ones without their values.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    page.text([roman(usage.trim_start_matches("Usage: "))]);
    page
}

/// What stands behind a command's help: examples, indented, and paragraphs.
fn explain(help: &str, page: &mut Roff) {
    let (examples, notes) = match help.strip_prefix("Examples:\n") {
        Some(rest) => rest.split_once("\n\n").unwrap_or((rest, "")),
        None => ("", help),
    };
    for (heading, text) in [("EXAMPLES", examples), ("NOTES", notes)] {
        if !text.is_empty() {
            page.control("SH", [heading]);
            paragraphs(text, page);
        }
    }
}

/// Running text is filled by the reader; indented lines stay as they are.
fn paragraphs(text: &str, page: &mut Roff) {
    let mut as_is = false;
    for line in text.lines() {
        let indented = line.starts_with(' ');
        if indented != as_is {
            page.control(if indented { "nf" } else { "fi" }, []);
            as_is = indented;
        }
        match line.trim().is_empty() {
            true => page.control("PP", []),
            false => page.text([roman(line)]),
        };
    }
    if as_is {
        page.control("fi", []);
    }
}

fn list(heading: &str, items: &[(&str, &str)], page: &mut Roff) {
    page.control("SH", [heading]);
    for (name, meaning) in items {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*meaning)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_examples_keep_their_lines() {
        let pages = pages(super::super::command()).expect("pages");
        let names: Vec<&str> = pages.iter().map(|page| &*page.file).collect();
        assert_eq!(names[0], "aimclr-run.1");
        for name in ["stream", "man", "health", "gallery-background"] {
            let file = format!("aimclr-run-{name}.1");
            assert!(names.contains(&&*file), "{file}: {names:?}");
        }
        let text = String::from_utf8(pages[0].text.clone()).expect("UTF-8");
        let (_, examples) = text.split_once(".SH EXAMPLES\n").expect("examples");
        assert!(examples.starts_with(".nf\n"), "{examples}");
        assert!(
            examples.contains("classify \\-\\-model model.onnx clip.ndjson"),
            "{examples}"
        );
    }
}
