//! Warnings about lines that were dropped: the first of each kind in full, then silence.

use crate::fault::Fault;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// How many warnings of one kind are printed.
const MOST: u64 = 20;

/// Turns faults into lines for standard error.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    seen: BTreeMap<&'static str, u64>,
}

impl Warnings {
    /// The warning about a line, as long as there were few of its kind.
    pub(super) fn about(&mut self, file: &str, line: u64, fault: &Fault) -> Option<String> {
        let reason = fault.reason();
        let most = match fault {
            // A source has one layout: the next line is wrong in the same way.
            Fault::Layout(_) => 1,
            _ => MOST,
        };
        let seen = self.seen.entry(reason).or_default();
        *seen += 1;
        match (*seen).cmp(&most) {
            Ordering::Less => Some(format!("warning: {file}: line {line}: {fault}")),
            Ordering::Equal => Some(format!(
                "warning: {file}: line {line}: {fault} (further lines of this kind, \"{reason}\", \
                 are only counted)"
            )),
            Ordering::Greater => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aimclr_skeleton::Layout;
    use aimclr_skeleton::convert::Way;

    #[test]
    fn a_flood_of_one_kind_is_dammed_and_hides_no_other() {
        let mut warnings = Warnings::default();
        let late = Fault::Time {
            last: 2.0,
            found: 1.0,
        };
        let printed = (1..=1000)
            .filter(|line| warnings.about("a.ndjson", *line, &late).is_some())
            .count();
        assert_eq!(printed, 20);
        let flat = Way::find("coco17", &Layout::ntu25()).expect_err("2D");
        let flat = Fault::Layout(flat);
        assert!(warnings.about("a.ndjson", 1, &flat).is_some());
        assert!(warnings.about("a.ndjson", 2, &flat).is_none());
        let long = Fault::TooLong { bytes: 10_000_000 };
        let warning = warnings.about("a.ndjson", 1001, &long).expect("the first");
        assert!(warning.starts_with("warning: a.ndjson: line 1001: line: 10000000 bytes"));
    }
}
