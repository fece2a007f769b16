//! How a stream is looked at, as the command line has it.

use super::numbers::{metres, probability, seconds, seconds_above_zero};
use crate::settings::{PARTNER, Settings, Span};
use aimclr_model::Card;

/// How a stream is looked at.
#[derive(Debug, clap::Args)]
pub(super) struct SettingsArgs {
    /// Length of a window [default: the model's, as in training]; may be given several times: what
    /// windows of all lengths say is averaged
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    window: Vec<f64>,
    /// From one window to the next [default: an eighth of the window, 0.1 to 0.5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    hop: Option<f64>,
    /// Time constant of the mean over windows; 0 for none [default: two hops of the shortest window]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    smoothing: Option<f64>,
    /// Say "unknown" below this probability [default: the model's]
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f64>,
    /// How near, in metres, the nearest other person has to be to be shown to the model as the second
    /// body, where it knows two; 0 for never
    #[arg(long, value_name = "METRES", value_parser = metres, default_value_t = PARTNER)]
    partner: f64,
}

impl SettingsArgs {
    pub(super) fn asks_for_windows(&self) -> bool {
        !self.window.is_empty() || self.hop.is_some()
    }

    /// What was asked for; the rest as the model's card has it.
    pub(super) fn settings(&self, card: &Card) -> Settings {
        let defaults = Settings::of(card);
        let mut spans: Vec<Span> = self.window.iter().copied().map(Span::of).collect();
        if spans.is_empty() {
            spans = defaults.spans;
        }
        spans.sort_by(|a, b| a.window.total_cmp(&b.window));
        spans.dedup();
        if let Some(hop) = self.hop {
            spans.iter_mut().for_each(|span| span.hop = hop);
        }
        Settings {
            smoothing: self.smoothing.unwrap_or(2.0 * spans[0].hop),
            spans,
            threshold: self.threshold.unwrap_or(defaults.threshold),
            partner: self.partner,
        }
    }
}
