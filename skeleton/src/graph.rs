//! The skeleton as a graph: ST-GCN's spatially partitioned adjacency.

use crate::layout::Layout;

/// Number of subsets of the spatial partition (K).
pub const SUBSETS: usize = 3;

/// A, shape (K, V, V), C order: the column-normalised adjacency A·D⁻¹ with self links, split by
/// distance to the centre joint.
///
/// This is the partition of the released code, whose distances are cut at one hop: all joints but
/// the centre and its neighbours are infinitely far from the centre, and so count as "at the same
/// distance". Checkpoints carry this A. It is not the partition that the ST-GCN paper draws.
pub fn adjacency(layout: &Layout) -> Vec<f32> {
    let joints = layout.len();
    let mut linked = vec![false; joints * joints];
    for joint in 0..joints {
        linked[joint * joints + joint] = true;
    }
    for &(a, b) in &layout.edges {
        linked[a * joints + b] = true;
        linked[b * joints + a] = true;
    }
    // None stands for "more than one hop".
    let to_centre = |joint: usize| match joint {
        j if j == layout.centre => Some(0),
        j if linked[j * joints + layout.centre] => Some(1),
        _ => None,
    };
    let rank = |joint: usize| to_centre(joint).unwrap_or(usize::MAX);
    let mut partitioned = vec![0.0; SUBSETS * joints * joints];
    for column in 0..joints {
        let degree = (0..joints)
            .filter(|row| linked[row * joints + column])
            .count();
        for row in 0..joints {
            if !linked[row * joints + column] {
                continue;
            }
            let subset = match rank(row).cmp(&rank(column)) {
                _ if row == column => 0,
                std::cmp::Ordering::Less => 2,
                _ => 1,
            };
            partitioned[(subset * joints + row) * joints + column] = 1.0 / degree as f32;
        }
    }
    partitioned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntu25_has_the_released_partition() {
        let a = adjacency(&Layout::ntu25());
        let nonzero = |subset: usize| {
            a[subset * 625..][..625]
                .iter()
                .filter(|x| **x > 0.0)
                .count()
        };
        assert_eq!([nonzero(0), nonzero(1), nonzero(2)], [25, 40, 8]);
    }

    #[test]
    fn columns_sum_to_one() {
        let a = adjacency(&Layout::ntu25());
        for column in 0..25 {
            let sum: f32 = (0..75).map(|row| a[row * 25 + column]).sum();
            assert!((sum - 1.0).abs() < 1e-6);
        }
    }
}
