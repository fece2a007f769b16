//! Classes that are merged: several scores of the classifier count as one class, whose probability
//! is the sum of theirs.

/// Scores of the merged classes: of each T·log Σ exp(l / T) over its scores l, so that the softmax
/// of these over the temperature T is the sum of the softmax of all scores over T. `classes` has
/// the class of each score; where it is empty each score is a class, and stays as it is.
pub fn merge(scores: &[f64], classes: &[usize], temperature: f64) -> Vec<f64> {
    if classes.is_empty() {
        return scores.to_vec();
    }
    let count = classes.iter().max().map_or(0, |last| last + 1);
    let mut highest = vec![f64::NEG_INFINITY; count];
    for (l, class) in scores.iter().zip(classes) {
        highest[*class] = highest[*class].max(*l);
    }
    let mut sums = vec![0.0; count];
    for (l, class) in scores.iter().zip(classes) {
        sums[*class] += ((l - highest[*class]) / temperature).exp();
    }
    let merged = highest.iter().zip(&sums);
    merged.map(|(l, sum)| l + temperature * sum.ln()).collect()
}

/// The scores that each class has, in the order of the classifier.
pub fn members(classes: &[usize]) -> Vec<Vec<usize>> {
    let mut members = Vec::new();
    for (score, class) in classes.iter().enumerate() {
        members.resize_with(members.len().max(class + 1), Vec::new);
        members[*class].push(score);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_merged_classes_add() {
        let (scores, classes, temperature) = ([3.0, -1.0, 2.5, 0.0, 1.0], [0, 1, 0, 2, 1], 1.7);
        let merged = merge(&scores, &classes, temperature);
        let shares = |l: &[f64]| -> Vec<f64> {
            let shares: Vec<f64> = l.iter().map(|l| (l / temperature).exp()).collect();
            let sum: f64 = shares.iter().sum();
            shares.iter().map(|share| share / sum).collect()
        };
        let all = shares(&scores);
        let expected = [all[0] + all[2], all[1] + all[4], all[3]];
        for (found, expected) in shares(&merged).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(merged[2], scores[3], "a score on its own stays");
        assert_eq!(members(&classes), [vec![0, 2], vec![1, 4], vec![3]]);
    }

    #[test]
    fn scores_far_apart_stay_numbers() {
        let merged = merge(&[-1e5, 1e5, -1e5, 0.0], &[0, 1, 0, 1], 0.5);
        assert_eq!(merged, [-1e5 + 0.5 * 2f64.ln(), 1e5]);
    }
}
