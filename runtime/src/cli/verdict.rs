//! How well a run matched the truth, for people and as CSV.

use crate::score::Report;
use aimclr_skeleton::cli::table::table;
use anyhow::Context;
use std::path::Path;

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn seconds(delay: Option<f64>) -> String {
    delay.map_or_else(|| "–".into(), |delay| format!("{delay:.1} s"))
}

/// Two tables, segment by segment and action by action, and the sum.
pub(super) fn text(report: &Report) -> String {
    let segments: Vec<Vec<String>> = report
        .segments
        .iter()
        .map(|s| {
            vec![
                format!("{:.1}–{:.1} s", s.start, s.end),
                s.action.clone(),
                s.recognised.clone(),
                percent(s.share),
                seconds(s.delay),
                if s.recognised == s.action {
                    "✓"
                } else {
                    "✗"
                }
                .into(),
            ]
        })
        .collect();
    let actions: Vec<Vec<String>> = report
        .actions
        .iter()
        .map(|a| {
            let taken_for = match &a.taken_for {
                Some((action, share)) => format!("{action}, {}", percent(*share)),
                None => String::new(),
            };
            let length = format!("{:.1} s", a.seconds);
            vec![a.action.clone(), length, percent(a.share), taken_for]
        })
        .collect();
    let head = [" time", "true action", "recognised", " right", " delay", ""];
    let idle = report.idle.per_hour.map_or_else(String::new, |per_hour| {
        format!(
            "; of {:.1} s without a label {} false segments, {per_hour:.0} an hour",
            report.idle.seconds, report.idle.false_segments
        )
    });
    format!(
        "{}\n{}\n{} of {:.1} labelled seconds right; median delay {} (95 % within {})\n\
         segments found, F1 at an overlap of 10, 25 and 50 %: {}, {}, {}{idle}\n",
        table(&head, &segments),
        table(&["action", " length", " right", "else taken for"], &actions),
        percent(report.accuracy),
        report.seconds,
        seconds(report.delay),
        seconds(report.delay_p95),
        percent(report.f1.at10),
        percent(report.f1.at25),
        percent(report.f1.at50)
    )
}

/// Writes the segments as CSV: `start,end,action,recognised,share,delay`.
pub(super) fn write_csv(report: &Report, path: &Path) -> anyhow::Result<()> {
    aimclr_skeleton::files::write_atomically(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for segment in &report.segments {
            csv.serialize(segment)?;
        }
        csv.flush()
    })
    .with_context(|| path.display().to_string())
}
