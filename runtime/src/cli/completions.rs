//! `aimclr-run completions`.

use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run completions bash > ~/.local/share/bash-completion/completions/aimclr-run
  aimclr-run completions zsh  > ~/.zfunc/_aimclr-run
  aimclr-run completions fish > ~/.config/fish/completions/aimclr-run.fish

A new shell knows them. Zsh looks where fpath says: fpath+=(~/.zfunc) before compinit in ~/.zshrc.
The packages have those of these three shells.";

pub(super) fn run(args: &Args, command: clap::Command) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(script(args.shell, command).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// In memory: where it can't be written, `generate` panics.
fn script(shell: Shell, mut command: clap::Command) -> String {
    let name = command.get_name().to_string();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    // For bash, clap_complete 4.6.11 writes a hyphen in the program's name in one way where it finds
    // out which command is meant, and in another where it says what that takes (clap's issue 6421).
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_gets_every_command_and_the_backends() {
        for shell in Shell::value_variants() {
            let script = script(*shell, command());
            for word in ["classify", "background", "rotate-size", "onnxruntime"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn bash_finds_what_each_command_takes() {
        let script = script(Shell::Bash, command());
        let meant = script.lines().filter_map(|line| {
            let label = line.trim().strip_prefix("cmd=\"")?;
            label.strip_suffix('"').filter(|label| !label.is_empty())
        });
        let cases: Vec<&str> = script.lines().map(str::trim).collect();
        let mut found = 0;
        for label in meant {
            assert!(cases.contains(&&*format!("{label})")), "{label}");
            found += 1;
        }
        assert!(found > 10, "{found} commands");
    }
}
