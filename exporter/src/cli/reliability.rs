//! How far probabilities can be believed, for people.

use crate::calibrate::{BINS, Bin, Calibrated};
use aimclr_model::card::{Calibration, Fitted};
use anyhow::Result;
use std::io::Write;

/// Width of a bar for a share of 1.
const WIDTH: usize = 40;

/// Prints what was fitted, and how often the best class is right beside its probability.
pub(super) fn print(calibrated: &Calibrated, out: &mut dyn Write) -> Result<()> {
    for line in lines(&calibrated.calibration) {
        writeln!(out, "{line}")?;
    }
    if let Some(fitted) = &calibrated.calibration.fitted
        && (fitted.nll_after > fitted.nll_before || fitted.ece_after > fitted.ece_before)
    {
        eprintln!(
            "warning: what was fitted on one half makes probabilities worse on the other: halves of few \
             windows or of few people differ; without --calibrate they stay as they are"
        );
    }
    writeln!(
        out,
        "  probability     windows    right    right (█) and mean probability (│)"
    )?;
    for (i, bin) in calibrated.reliability_after.iter().enumerate() {
        if bin.windows > 0 {
            let border = |i: usize| i as f64 / BINS as f64;
            let (low, high, right) = (border(i), border(i + 1), 100.0 * bin.right);
            let Bin { windows, .. } = bin;
            let bar = bar(bin);
            writeln!(
                out,
                "  {low:.2} to {high:.2}{windows:>11}{right:>7.1} %    {bar}"
            )?;
        }
    }
    Ok(())
}

/// What a card says of it, a line each.
pub(super) fn lines(calibration: &Calibration) -> Vec<String> {
    let Calibration {
        temperature,
        unknown_below,
        fitted,
    } = calibration;
    let mut lines = vec![format!(
        "temperature {temperature}, unknown below {unknown_below}"
    )];
    if let Some(Fitted {
        dataset,
        split,
        fitted_on,
        samples,
        top1,
        ece_before,
        ece_after,
        nll_before,
        nll_after,
        known_right,
        known_wrong,
    }) = fitted
    {
        lines[0] += &format!(
            "; fitted on {fitted_on} windows of {dataset}, {split}, measured on {samples} others:"
        );
        lines.push(format!(
            "ECE {:.2} % before, {:.2} % after; NLL {nll_before:.4} before, {nll_after:.4} after; top-1 {top1:.2} %",
            100.0 * ece_before,
            100.0 * ece_after
        ));
        lines.push(format!(
            "of the rightly told {known_right:.1} % stay known, of the wrongly told {known_wrong:.1} %"
        ));
    }
    lines
}

/// The share that is right, with a mark where the mean probability is.
fn bar(bin: &Bin) -> String {
    let place = |share: f64| (share * WIDTH as f64).round() as usize;
    let (right, mark) = (place(bin.right), place(bin.confidence));
    (0..=WIDTH.min(right.max(mark + 1)))
        .map(|i| match (i == mark, i < right) {
            (true, _) => '│',
            (false, true) => '█',
            (false, false) => ' ',
        })
        .collect::<String>()
        .trim_end()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_ends_at_what_is_right_and_marks_what_is_said() {
        let of = |confidence, right| {
            bar(&Bin {
                windows: 1,
                confidence,
                right,
            })
        };
        assert_eq!(of(0.15, 0.05), "██    │");
        assert_eq!(of(0.05, 0.15), "██│███");
        assert_eq!(of(1.0, 1.0).chars().count(), WIDTH + 1);
        assert_eq!(of(0.5, 0.0).trim(), "│");
    }
}
