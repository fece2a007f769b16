//! Warnings about lines that were dropped: the first of each kind in full, then silence.

use crate::fault::Fault;
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
        let seen = self.seen.entry(reason).or_default();
        *seen += 1;
        match *seen {
            ..MOST => Some(format!("warning: {file}: line {line}: {fault}")),
            MOST => Some(format!(
                "warning: {file}: line {line}: {fault} (further lines of this kind, \"{reason}\", \
                 are only counted)"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let long = Fault::TooLong { bytes: 10_000_000 };
        let warning = warnings.about("a.ndjson", 1001, &long).expect("the first");
        assert!(warning.starts_with("warning: a.ndjson: line 1001: line: 10000000 bytes"));
    }
}
