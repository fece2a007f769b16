//! What came of an import, in words.

use crate::cli::grouped;
use crate::cli::table::table;
use crate::import::Report;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Names that are given of all that was left out for one reason.
const NAMED: usize = 5;

pub(super) fn print(report: &Report, folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} samples, {} frames",
        folder.display(),
        grouped(report.samples),
        grouped(report.frames)
    )?;
    let known = report.splits.iter().any(|split| split.official.is_some());
    let mut head = vec!["split", " train", " test"];
    if known {
        head.extend([" official train", " official test"]);
    }
    let rows = report.splits.iter().map(|split| {
        let mut row = vec![
            split.split.clone(),
            grouped(split.train),
            grouped(split.test),
        ];
        if known {
            let counts = split
                .official
                .map(|(train, test)| [train, test].map(grouped));
            row.extend(counts.unwrap_or_default());
        }
        row
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        write!(out, "{}", table(&head, &rows))?;
    }
    let unconfirmed = report.splits.iter().filter(|split| split.unconfirmed);
    let unconfirmed: Vec<&str> = unconfirmed.map(|split| split.split.as_str()).collect();
    if !unconfirmed.is_empty() {
        let splits = unconfirmed.join(", ");
        writeln!(
            out,
            "  the official counts of {splits} are unconfirmed: no published source was seen for them"
        )?;
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left_out in &report.left_out {
        let items = reasons.entry(&left_out.reason).or_default();
        items.push(&left_out.item);
    }
    for (reason, items) in reasons {
        writeln!(out, "left out {}: {reason}", grouped(items.len()))?;
        for item in items.iter().take(NAMED) {
            writeln!(out, "  {item}")?;
        }
        if let more @ 1.. = items.len().saturating_sub(NAMED) {
            writeln!(out, "  and {} more; --json names them all", grouped(more))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{LeftOut, SplitCount};

    #[test]
    fn the_report_groups_reasons() {
        let left_out = (0..7).map(|i| LeftOut {
            item: format!("file {i}"),
            reason: if i == 3 { "broken" } else { "listed" }.into(),
        });
        let report = Report {
            samples: 40_091,
            frames: 1234,
            splits: vec![
                SplitCount {
                    split: "xsub".into(),
                    train: 1000,
                    test: 9,
                    official: Some((40_091, 16_487)),
                    unconfirmed: true,
                },
                SplitCount {
                    split: "xview".into(),
                    train: 1,
                    test: 2,
                    official: None,
                    unconfirmed: false,
                },
            ],
            left_out: left_out.collect(),
        };
        let mut text = Vec::new();
        print(&report, Path::new("ntu60"), &mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        let expected = "\
ntu60: 40,091 samples, 1,234 frames
  split  train  test  official train  official test
  ─────  ─────  ────  ──────────────  ─────────────
  xsub   1,000     9          40,091         16,487
  xview      1     2
  the official counts of xsub are unconfirmed: no published source was seen for them
left out 1: broken
  file 3
left out 6: listed
  file 0
  file 1
  file 2
  file 4
  file 5
  and 1 more; --json names them all
";
        assert_eq!(text, expected);
    }
}
