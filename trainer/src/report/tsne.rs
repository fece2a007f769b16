//! t-SNE: embeddings laid out on a plane so that neighbours stay neighbours.
//!
//! van der Maaten: "Accelerating t-SNE using Tree-Based Algorithms", JMLR 2014.

use crate::encoder::unit;
use crate::seeds::{self, Use};
use bhtsne::{Neighbor, tSNE};
use rand::RngExt;
use tch::{Kind, Tensor};

/// Fewest points that are laid out.
pub const LEAST: usize = 10;
/// Most points; of more, so many are taken at even distances.
pub const MOST: usize = 3000;
/// Passes of the optimisation.
pub const PASSES: usize = 1000;
/// Neighbours whose distance counts: three times the perplexity.
const NEIGHBOURS: usize = 90;
/// Accuracy of far forces: the published value.
const THETA: f32 = 0.5;

/// Which samples are laid out: of each class its share, evenly spaced.
pub fn sampled(labels: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|sample| labels[*sample]);
    let taken = labels.len().min(MOST);
    let even = (0..taken).map(|i| order[i * labels.len() / taken]);
    even.collect()
}

/// Lays embeddings (N, `size`), of at least [`LEAST`] samples, out by the angles between them. The
/// same embeddings and seed give the same plane. `passed` is told of each pass.
pub fn plane(
    embeddings: &[f32],
    size: usize,
    seed: u64,
    passed: &(dyn Fn() + Sync),
) -> Vec<[f32; 2]> {
    let count = embeddings.len() / size;
    let neighbours = neighbours(embeddings, count, size);
    let mut rng = seeds::rng(seed, Use::Plane, 0);
    let start: Vec<f32> = (0..2 * count)
        .map(|_| rng.random_range(-1e-4..1e-4))
        .collect();
    let lay_out = || {
        // The neighbours are all that is asked for.
        let points = vec![(); count];
        let mut tsne: tSNE<f32, ()> = tSNE::new(&points);
        tsne.perplexity(neighbours[0].len() as f32 / 3.0)
            .epochs(PASSES)
            .initial_embedding(start)
            .epoch_callback(|_, _| passed())
            .barnes_hut_with_neighbors(THETA, &neighbours);
        tsne.embedding()
    };
    // More threads would sum in an order of their own each time.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let plane = alone.expect("one thread").install(lay_out);
    plane.as_chunks().0.to_vec()
}

fn neighbours(embeddings: &[f32], count: usize, size: usize) -> Vec<Vec<Neighbor<f32>>> {
    let rows = Tensor::from_slice(embeddings).view([count as i64, size as i64]);
    let rows = unit(&rows);
    let cosines: Tensor = rows.matmul(&rows.tr());
    let squares: Tensor = 2.0 - 2.0 * cosines;
    let squares = squares.clamp_min(0.0);
    let itself = Tensor::eye(count as i64, (Kind::Float, tch::Device::Cpu)) * 8.0;
    let nearest = NEIGHBOURS.min(count - 1);
    let (squares, indices) = (squares + itself).topk(nearest as i64, 1, false, true);
    let distances = Vec::<f32>::try_from(squares.sqrt().reshape(-1)).expect("f32");
    let indices = Vec::<i64>::try_from(indices.reshape(-1)).expect("i64");
    let pairs = indices.chunks(nearest).zip(distances.chunks(nearest));
    pairs
        .map(|(indices, distances)| {
            let pairs = indices.iter().zip(distances);
            pairs
                .map(|(index, distance)| Neighbor {
                    index: *index as usize,
                    distance: *distance,
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Three groups of 20 points, each around an axis of its own.
    fn groups() -> Vec<f32> {
        let mut rng = seeds::rng(1, Use::Plane, 0);
        let mut point = |group: usize| -> Vec<f32> {
            let axis = |i| if i == group { 3.0 } else { 0.0 };
            (0..8)
                .map(|i| axis(i) + rng.random_range(-0.5..0.5))
                .collect()
        };
        (0..60).flat_map(|i| point(i / 20)).collect()
    }

    #[test]
    fn groups_stay_together_and_the_seed_decides() {
        let passes = AtomicUsize::new(0);
        let count = || _ = passes.fetch_add(1, Ordering::Relaxed);
        let plane = super::plane(&groups(), 8, 3, &count);
        assert_eq!(passes.into_inner(), PASSES);
        let far = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for (i, point) in plane.iter().enumerate() {
            let others = (0..60).filter(|j| *j != i);
            let nearest =
                others.min_by(|a, b| far(*point, plane[*a]).total_cmp(&far(*point, plane[*b])));
            assert_eq!(nearest.expect("others") / 20, i / 20);
        }
        assert_eq!(plane, super::plane(&groups(), 8, 3, &|| ()));
        assert_ne!(plane, super::plane(&groups(), 8, 4, &|| ()));
    }

    #[test]
    fn collapsed_embeddings_are_laid_out_too() {
        let plane = plane(&[0.5; LEAST * 4], 4, 0, &|| ());
        assert_eq!(plane.len(), LEAST);
        assert!(plane.iter().flatten().all(|x| x.is_finite()));
        let zero = super::plane(&[0.0; LEAST * 4], 4, 0, &|| ());
        assert!(zero.iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn samples_are_taken_evenly() {
        assert_eq!(sampled(&[1, 0, 1, 0]), [1, 3, 0, 2]);
        let labels: Vec<usize> = (0..2 * MOST).map(|i| i % 6).collect();
        let taken = sampled(&labels);
        assert_eq!(taken.len(), MOST);
        for class in 0..6 {
            assert_eq!(
                taken.iter().filter(|i| labels[**i] == class).count(),
                MOST / 6
            );
        }
    }
}
