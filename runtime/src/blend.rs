//! What windows of several lengths say of one person, as one opinion.

use std::borrow::Cow;

/// What windows of each length said last. Their mean counts: a long window knows slow actions, a
/// short one knows early, and where they agree both are surer.
#[derive(Debug, Default)]
pub struct Blend {
    said: Vec<Option<Vec<f32>>>,
}

impl Blend {
    /// Takes the probabilities by a window of the length that is number `span` of `spans`.
    pub fn hear(&mut self, span: usize, spans: usize, probabilities: &[f32]) {
        self.said.resize(spans, None);
        self.said[span] = Some(probabilities.to_vec());
    }

    /// The mean over the lengths that have said something; empty where none has.
    pub fn opinion(&self) -> Cow<'_, [f32]> {
        let mut said = self.said.iter().flatten();
        let Some(first) = said.next() else {
            return Cow::Borrowed(&[]);
        };
        let mut sum = Cow::Borrowed(&first[..]);
        let mut count = 1.0;
        for other in said {
            count += 1.0;
            let sum = sum.to_mut().iter_mut();
            sum.zip(other).for_each(|(sum, p)| *sum += p);
        }
        if count > 1.0 {
            sum.to_mut().iter_mut().for_each(|sum| *sum /= count);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_those_who_have_spoken_and_over_their_last_words() {
        let mut blend = Blend::default();
        assert!(blend.opinion().is_empty());
        blend.hear(1, 3, &[0.9, 0.1]);
        assert_eq!(*blend.opinion(), [0.9, 0.1]);
        blend.hear(0, 3, &[0.0, 1.0]);
        blend.hear(0, 3, &[0.5, 0.5]);
        let opinion = blend.opinion();
        assert!((opinion[0] - 0.7).abs() < 1e-6 && (opinion[1] - 0.3).abs() < 1e-6);
    }
}
