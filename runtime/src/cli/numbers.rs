//! Numbers on the command line.

fn number(text: &str, fits: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && fits(number) => Ok(number),
        _ => Err(format!("expected {expected}")),
    }
}

/// A length of time.
pub(super) fn seconds_above_zero(text: &str) -> Result<f64, String> {
    let fits = |x| x > 0.0 && x <= 3600.0;
    number(text, fits, "seconds, above 0 and at most 3600")
}

/// A length of time that may be nothing.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let fits = |x| (0.0..=1e9).contains(&x);
    number(text, fits, "seconds, 0 or more")
}

/// A probability.
pub(super) fn probability(text: &str) -> Result<f64, String> {
    number(text, |x| (0.0..=1.0).contains(&x), "0 to 1")
}

/// A distance.
pub(super) fn metres(text: &str) -> Result<f64, String> {
    let fits = |x| (0.0..=1e3).contains(&x);
    number(text, fits, "metres, 0 to 1000")
}

/// A size in megabytes, as bytes.
pub(super) fn megabytes(text: &str) -> Result<u64, String> {
    let fits = |x| (0.001..=1e6).contains(&x);
    let megabytes = number(text, fits, "megabytes, 0.001 to 1000000")?;
    Ok((megabytes * 1e6) as u64)
}

/// How many times something goes in another's time, or in a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let fits = |x| (1e-3..=1e6).contains(&x);
    number(text, fits, "a number from 0.001 to 1000000")
}
