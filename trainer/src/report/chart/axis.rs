//! Where an axis has its numbers.

/// An axis that runs over a number of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// Value at the first pixel.
    pub low: f64,
    /// Value at the last pixel.
    pub high: f64,
    /// First pixel.
    pub from: f32,
    /// Last pixel; before the first one where values grow upwards.
    pub to: f32,
}

impl Axis {
    /// Pixel of a value.
    pub fn pixel(&self, value: f64) -> f32 {
        let span = self.high - self.low;
        let share = if span > 0.0 {
            (value - self.low) / span
        } else {
            0.5
        };
        self.from + (self.to - self.from) * share as f32
    }

    /// About so many round numbers within the axis, with their texts.
    pub fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        let step = step(self.high - self.low, about);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|i| i as f64 * step)
            .map(|value| (value, format!("{value:.decimals$}")))
            .collect()
    }
}

/// Bounds that hold all values and are round numbers.
pub(super) fn round_out(low: f64, high: f64) -> (f64, f64) {
    let step = step((high - low).max(high.abs() * 1e-3), 6);
    ((low / step).floor() * step, (high / step).ceil() * step)
}

/// 1, 2 or 5 times a power of ten, of which about so many make the span.
fn step(span: f64, about: usize) -> f64 {
    let rough = (span / about as f64).max(1e-9);
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= 0.999 * rough);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let axis = |low, high| Axis {
            low,
            high,
            from: 0.0,
            to: 100.0,
        };
        let texts = |low, high| -> Vec<String> {
            let ticks = axis(low, high).ticks(5);
            ticks.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(0.0, 300.0), ["0", "100", "200", "300"]);
        assert_eq!(texts(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(6.9, 11.2), ["7", "8", "9", "10", "11"]);
        assert_eq!(axis(0.0, 4.0).pixel(1.0), 25.0);
        assert_eq!(axis(2.0, 2.0).pixel(2.0), 50.0);
        assert_eq!(round_out(3.1, 9.4), (2.0, 10.0));
    }
}
