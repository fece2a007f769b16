//! k nearest neighbours in the space of embeddings.

use super::{Embedded, Features, Result, accuracy};
use tch::{Kind, Tensor};

/// Temperature of a neighbour's weight.
const TEMPERATURE: f64 = 0.1;

/// Other numbers of neighbours that are reported beside the one asked for.
const REPORTED: [i64; 4] = [1, 10, 20, 40];

/// Class scores (N, classes) of the test part.
pub fn scores(features: &Features, k: i64, classes: i64) -> Tensor {
    votes(&features.train, &features.test, k, classes)
}

/// Class scores (N, classes) of the samples `asked`: cosine similarity, each of the k nearest
/// samples of the bank votes for its class with weight exp(similarity / 0.1).
pub fn votes(bank: &Embedded, asked: &Embedded, k: i64, classes: i64) -> Tensor {
    let unit = crate::encoder::unit;
    let known = unit(&bank.embeddings).transpose(0, 1);
    let similarity = unit(&asked.embeddings).matmul(&known);
    let (nearest, index) = similarity.topk(k.min(known.size()[1]), 1, true, true);
    let labels = bank
        .labels
        .index_select(0, &index.view([-1]))
        .view_as(&index);
    let votes = Tensor::zeros([index.size()[0], classes], (Kind::Float, index.device()));
    votes.scatter_add(1, &labels, &(nearest / TEMPERATURE).exp())
}

/// The protocol with k neighbours.
pub fn evaluate(features: &Features, k: i64, classes: &[String]) -> Result {
    let count = classes.len() as i64;
    let further = REPORTED.into_iter().filter(|other| *other != k).map(|k| {
        let (top1, _) = accuracy(&scores(features, k, count), &features.test.labels);
        (format!("top1 at k={k}"), top1)
    });
    let further = further.collect();
    super::result(
        "knn",
        &scores(features, k, count),
        features,
        classes,
        further,
    )
}
