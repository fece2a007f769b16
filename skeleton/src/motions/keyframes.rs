//! Smooth curves through key poses.

use super::pose::{CHANNELS, Pose};

/// A pose that is to be reached at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Seconds.
    pub(super) at: f64,
    /// What the body does then.
    pub(super) pose: Pose,
}

/// Poses at `instants` (ascending seconds) on the curve through `keys` (ascending in time).
///
/// Each channel is a monotone cubic (Fritsch and Carlson 1980): between two keys it never leaves
/// the range between them, so a held pose is held, an extreme is an extreme, and a limb that goes
/// on through a key doesn't stop there. Before the first and after the last key it stays.
pub(super) fn sample(keys: &[Key], instants: impl Iterator<Item = f64>) -> Vec<Pose> {
    let slopes = slopes(keys);
    let mut next = 0;
    instants
        .map(|t| {
            while next < keys.len() && keys[next].at <= t {
                next += 1;
            }
            match (next.checked_sub(1), keys.get(next)) {
                (None, Some(first)) => first.pose,
                (Some(last), None) => keys[last].pose,
                (Some(i), Some(after)) => {
                    let before = &keys[i];
                    let step = after.at - before.at;
                    let u = (t - before.at) / step;
                    let (a, b) = (before.pose.channels(), after.pose.channels());
                    let (da, db) = (&slopes[i], &slopes[next]);
                    let rise = u * u * (3.0 - 2.0 * u);
                    let leave = u * (1.0 - u) * (1.0 - u) * step;
                    let arrive = -u * u * (1.0 - u) * step;
                    Pose::from_channels(std::array::from_fn(|c| {
                        a[c] + (b[c] - a[c]) * rise + da[c] * leave + db[c] * arrive
                    }))
                }
                (None, None) => Pose::default(),
            }
        })
        .collect()
}

/// Slope of each channel at each key: 0 at the ends and at extremes, else the weighted harmonic
/// mean of the slopes on both sides.
fn slopes(keys: &[Key]) -> Vec<[f64; CHANNELS]> {
    let mut slopes = vec![[0.0; CHANNELS]; keys.len()];
    for (i, three) in keys.windows(3).enumerate() {
        let before = three[1].at - three[0].at;
        let after = three[2].at - three[1].at;
        let [a, b, c] = [0, 1, 2].map(|k| three[k].pose.channels());
        for (channel, slope) in slopes[i + 1].iter_mut().enumerate() {
            let left = (b[channel] - a[channel]) / before;
            let right = (c[channel] - b[channel]) / after;
            if left * right > 0.0 {
                let (w, v) = (2.0 * after + before, after + 2.0 * before);
                *slope = (w + v) / (w / left + v / right);
            }
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(at: f64, lean: f64) -> Key {
        let pose = Pose {
            lean,
            ..Pose::default()
        };
        Key { at, pose }
    }

    #[test]
    fn curves_pass_their_keys_and_stay_between_them() {
        let keys = [
            key(0.5, 0.0),
            key(1.0, 1.0),
            key(1.2, 1.0),
            key(2.0, 1.5),
            key(2.5, -1.0),
        ];
        let at = |t: f64| sample(&keys, [t].into_iter())[0].lean;
        for k in &keys {
            assert!((at(k.at) - k.pose.lean).abs() < 1e-12);
        }
        assert_eq!([at(0.0), at(9.0)], [0.0, -1.0]);
        let held = (0..20).map(|i| at(1.0 + 0.01 * f64::from(i)));
        assert!(held.into_iter().all(|x| (x - 1.0).abs() < 1e-12));
        let all = (0..250).map(|i| at(0.01 * f64::from(i)));
        assert!(all.into_iter().all(|x| (-1.0..=1.5).contains(&x)));
    }
}
