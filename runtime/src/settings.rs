//! How a stream is looked at: window lengths, smoothing, partners.

use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::continual::STEP;
use aimclr_skeleton::window::Cut;

/// Two people who are nearer to each other, metres, are shown together to a model that knows two
/// bodies: about the distance at which people hand something over or shake hands.
pub const PARTNER: f64 = 1.5;

/// A length of window, and how often one is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Length of a window, seconds, above 0.
    pub window: f64,
    /// From one window to the next, seconds, above 0.
    pub hop: f64,
}

impl Span {
    /// Windows of so many seconds, as often as suits them. The hop is an eighth of the window, but
    /// at least 0.1 s, since windows that share nearly everything say nearly the same, and at most
    /// 0.5 s, for somebody waits for the answer.
    pub fn of(window: f64) -> Self {
        Self {
            window,
            hop: (window / 8.0).clamp(0.1, 0.5),
        }
    }

    /// The same of a recording.
    pub fn cut(self) -> Cut {
        Cut::Windows {
            window: self.window,
            hop: self.hop,
        }
    }
}

/// How a stream is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// At least one; what windows of different lengths say is averaged.
    pub spans: Vec<Span>,
    /// Time constant of the smoothing, seconds; 0 for none.
    pub smoothing: f64,
    /// A best class below this smoothed probability is `unknown`.
    pub threshold: f64,
    /// How near somebody has to be, metres, to be the second body; 0 for never.
    pub partner: f64,
}

impl Settings {
    /// What a model card asks for. The smoothing is two hops: it takes away what a single window
    /// says and costs about as much delay. A model of the continual form answers once a step,
    /// whatever is asked.
    pub fn of(card: &Card) -> Self {
        let mut span = Span::of(card.window);
        if card.form == Form::Continual {
            span.hop = STEP as f64 * card.window / card.frames as f64;
        }
        Self {
            spans: vec![span],
            smoothing: 2.0 * span.hop,
            // Without a classifier the gallery has the word, and its border is at a half.
            threshold: match card.classes.is_empty() {
                true => 0.5,
                false => card.calibration.unknown_below,
            },
            partner: PARTNER,
        }
    }

    /// The longest window, seconds.
    pub fn longest(&self) -> f64 {
        self.spans
            .iter()
            .fold(0.0, |most, span| span.window.max(most))
    }
}
