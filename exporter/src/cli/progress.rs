//! A bar on a terminal for work that takes a while, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(100), target);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}%, {elapsed} gone");
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// Shows what is being done and the share of it that is through.
    pub(super) fn at(&self, what: &'static str, share: f64) {
        if self.0.message() != what {
            self.0.set_message(what);
        }
        self.0.set_position((share * 100.0) as u64);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
