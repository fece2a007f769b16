use super::Args;
use clap::{Args as _, Command, FromArgMatches};

mod arrays;
mod poses;
mod resume;

fn command() -> Command {
    Args::augment_args(Command::new("import"))
}

/// What is typed behind `aimclr-data`.
fn parsed(line: &[&str]) -> Args {
    let matches = command().try_get_matches_from(line).expect("right usage");
    Args::from_arg_matches(&matches).expect("right usage")
}

#[test]
fn every_kind_is_well_formed() {
    command().debug_assert();
}
