//! The continual form on paper: the encoder along a stream, a few frames of one body at a time.
//! `docs/model.md` has it in full.
//!
//! Every 9×1 convolution looks back only, at the 8 frames before and the newest, and what goes past
//! it is delayed by the 4 frames that it thereby lags behind. So far from the ends of a long window
//! both forms compute the same numbers, one of them later.

use crate::card::{Card, CardError};
use crate::plan::{Plan, TAPS};
use aimclr_skeleton::normalise::Preprocessing;

/// Frames that a graph takes at a time: the product of the encoder's strides, so that each step
/// gives one frame of the last block.
pub const STEP: usize = 4;

/// Frames that a 9×1 convolution remembers.
pub const REMEMBERED: usize = TAPS - 1;

/// Frames by which a 9×1 convolution that looks back only lags behind a centred one.
pub const LAG: usize = TAPS / 2;

/// Steps over which the embedding is a mean: as many frames of the last block as a window of
/// `frames` has.
pub fn pooled(frames: usize) -> usize {
    frames.div_ceil(STEP)
}

/// Frames that a block's centred convolutions, and those before it, look ahead; so much older than
/// the newest frame is what the last block's output is about. It looks back as far.
pub fn look_ahead(plan: &Plan) -> usize {
    let mut rate = 1;
    let ahead = plan.blocks().into_iter().map(|block| {
        let ahead = LAG * rate;
        rate *= block.stride;
        ahead
    });
    ahead.sum()
}

/// Steps from the first on in which the embedding still has a frame of the last block about a time
/// before the first frame.
pub fn unsettled(plan: &Plan, frames: usize) -> usize {
    look_ahead(plan) / STEP + pooled(frames) - 1
}

/// What only this form asks of a card.
pub(crate) fn check(card: &Card) -> Result<(), CardError> {
    let field = |field, expected: &str, found: String| {
        Err(CardError::Field {
            field,
            expected: format!("{expected} in the continual form"),
            found,
        })
    };
    if card.bodies != 1 {
        return field("bodies", "1", card.bodies.to_string());
    }
    if card.preprocessing != Preprocessing::Released {
        let expected = format!("\"{}\"", Preprocessing::Released);
        return field("preprocessing", &expected, card.preprocessing.to_string());
    }
    if card.frames <= STEP {
        return field("frames", "more than 4", card.frames.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_encoder_looks_nineteen_steps_ahead() {
        let plan = Plan::paper(25);
        assert_eq!(look_ahead(&plan), 76);
        assert_eq!(pooled(50), 13);
        assert_eq!(unsettled(&plan, 50), 31);
        let strides: usize = plan.blocks().iter().map(|block| block.stride).product();
        assert_eq!(strides, STEP);
    }

    #[test]
    fn a_step_is_a_fraction_of_a_window() {
        let plan = Plan::paper(25);
        let macs = |frames| plan.macs(frames).iter().sum::<u64>();
        assert_eq!(macs(STEP), 23_030_500);
        assert!(12 * macs(STEP) < macs(50));
    }
}
