//! AimCLR's losses: InfoNCE, D³M and nearest neighbours mining, and their gradients.
//!
//! Each view has a softmax over its key and the K keys of the queue, and each loss is the logarithm
//! of the softmax's sum minus the logit of an aim: the key itself, mined positives, or the key that
//! another view expects. So a loss's gradient by a projection is the key expected by the softmax
//! minus the aim, over τ. Written out, that takes two products with the queue and one pass over the
//! logits; autograd passes over them a dozen times and keeps as many copies.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Views whose projections are compared with the keys: normal, extreme, dropped.
pub const VIEWS: i64 = 3;

/// How nearest neighbours mining sums over several positives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// Mean of the positives' log-probabilities, as the released code has it.
    MeanOfLogs,
    /// Log of the positives' summed probabilities, as the paper writes it.
    LogOfSum,
}

/// What a batch is compared with. All rows and columns are L2-normed.
pub struct Keys<'a> {
    /// Each sample's own key, (N, D).
    pub own: &'a Tensor,
    /// Former keys, (D, K).
    pub queue: &'a Tensor,
    /// τ.
    pub temperature: f64,
}

/// Losses of a batch; no tensor has a history.
pub struct Losses {
    /// InfoNCE or its mined form, for the normal view.
    pub contrast: Tensor,
    /// D³M of the extreme view.
    pub d3m_extreme: Tensor,
    /// D³M of the extreme view after EADM.
    pub d3m_dropped: Tensor,
    /// Gradient of contrast + (d3m_extreme + d3m_dropped) / 2 by the projections, (3·N, D).
    pub gradient: Tensor,
    /// Mined positives, if there are any.
    pub positives: Option<Positives>,
}

/// The queue's entries that count as positives of each sample.
pub struct Positives {
    /// Index in the queue, (N, 3·top).
    pub indices: Tensor,
    /// 1, or 0 where another view has named the same entry already, (N, 3·top).
    pub counts: Tensor,
}

impl Positives {
    /// From the `top` nearest entries of each view, (3·N, top).
    fn new(nearest: &Tensor) -> Self {
        let views = nearest.chunk(VIEWS, 0);
        let (indices, _) = Tensor::cat(&views, 1).sort(1, false);
        let size = indices.size()[1];
        let counts = indices.ones_like().to_kind(Kind::Float);
        let again = indices
            .narrow(1, 1, size - 1)
            .eq_tensor(&indices.narrow(1, 0, size - 1));
        let _ = counts.narrow(1, 1, size - 1).masked_fill_(&again, 0.0);
        Self { indices, counts }
    }
}

/// Losses of projections (3·N, D), one view after the other, and their gradient.
///
/// With `mining`, the entries of the queue nearest to each view, so many of them, are positives of
/// the normal view beside its key. The target of D³M has no gradient.
pub fn losses(projections: &Tensor, keys: &Keys, mining: Option<(Mining, i64)>) -> Losses {
    tch::no_grad(|| compare(&projections.detach(), keys, mining))
}

fn compare(views: &Tensor, keys: &Keys, mining: Option<(Mining, i64)>) -> Losses {
    let Keys {
        own,
        queue,
        temperature,
    } = keys;
    let batch = own.size()[0];
    let scaled = views / *temperature;
    let own_thrice = own.repeat([VIEWS, 1]);
    let own_logit = row_sum(&(&scaled * &own_thrice));
    let mut logits = scaled.matmul(queue);
    let nearest = mining.map(|(_, top)| logits.topk(top, 1, true, false).1);

    // No logit is larger than this, so nothing overflows.
    let largest = 1.0 / temperature;
    logits -= largest;
    let shares = logits.exp_();
    let own_share = (&own_logit - largest).exp();
    let sum = &own_share + row_sum(&shares);
    let expected = (own_share * own_thrice + shares.matmul(&queue.transpose(0, 1))) / &sum;
    let log_sum = sum.log() + largest;

    let of = |tensor: &Tensor, view: i64| tensor.narrow(0, view * batch, batch);
    let positives = nearest.as_ref().map(Positives::new);
    let (aim, aim_logit) = match (&positives, mining) {
        (Some(positives), Some((mining, _))) => {
            aim_of(&of(&scaled, 0), &of(&own_logit, 0), keys, positives, mining)
        }
        _ => (own.shallow_clone(), of(&own_logit, 0)),
    };
    let target = of(&expected, 0);
    let d3m = |view| (of(&log_sum, view) - row_sum(&(of(&scaled, view) * &target))).mean(None);
    let gradient = Tensor::cat(
        &[
            &target - aim,
            (of(&expected, 1) - &target) / 2.0,
            (of(&expected, 2) - &target) / 2.0,
        ],
        0,
    );
    Losses {
        contrast: (of(&log_sum, 0) - aim_logit).mean(None),
        d3m_extreme: d3m(1),
        d3m_dropped: d3m(2),
        gradient: gradient / (temperature * batch as f64),
        positives,
    }
}

/// The mean of a sample's positives that its projection is drawn to, (N, D), and its logit, (N, 1).
fn aim_of(
    scaled: &Tensor,
    own_logit: &Tensor,
    keys: &Keys,
    positives: &Positives,
    mining: Mining,
) -> (Tensor, Tensor) {
    let [batch, count] = positives.indices.size()[..] else {
        unreachable!("two dimensions");
    };
    let mined = keys.queue.index_select(1, &positives.indices.view([-1]));
    let mined = mined.transpose(0, 1).reshape([batch, count, -1]);
    let vectors = Tensor::cat(&[keys.own.unsqueeze(1), mined], 1);
    let mined_logits = vectors
        .narrow(1, 1, count)
        .bmm(&scaled.unsqueeze(2))
        .squeeze_dim(2);
    let logits = Tensor::cat(&[own_logit, &mined_logits], 1);
    let counts = Tensor::cat(&[&own_logit.ones_like(), &positives.counts], 1);
    let (weights, logit) = match mining {
        Mining::MeanOfLogs => {
            let weights = &counts / row_sum(&counts);
            let logit = row_sum(&(&weights * logits));
            (weights, logit)
        }
        Mining::LogOfSum => {
            let logits = logits + counts.log();
            let weights = logits.softmax(1, Kind::Float);
            (weights, logits.logsumexp([1i64].as_slice(), true))
        }
    };
    (weights.unsqueeze(1).bmm(&vectors).squeeze_dim(1), logit)
}

fn row_sum(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::unit;
    use tch::{Device, Reduction};

    /// The losses as the paper writes them, left to autograd.
    fn plain(
        projections: &Tensor,
        keys: &Keys,
        mining: Option<(Mining, i64)>,
    ) -> ([Tensor; 3], Tensor) {
        let own = keys.own.repeat([VIEWS, 1]);
        let positive = row_sum(&(projections * own));
        let logits = Tensor::cat(&[positive, projections.matmul(keys.queue)], 1) / keys.temperature;
        let view = logits.chunk(VIEWS, 0);
        let log = view[0].log_softmax(1, Kind::Float);
        let contrast = match mining {
            None => {
                let first = Tensor::zeros([log.size()[0]], (Kind::Int64, Device::Cpu));
                view[0].cross_entropy_loss::<Tensor>(&first, None, Reduction::Mean, -100, 0.0)
            }
            Some((mining, top)) => {
                let mut mask = view[0].detach().zeros_like();
                let _ = mask.narrow(1, 0, 1).fill_(1.0);
                for view in &view {
                    let queue = view.detach().narrow(1, 1, view.size()[1] - 1);
                    let (_, nearest) = queue.topk(top, 1, true, false);
                    let _ = mask.scatter_value_(1, &(nearest + 1), 1.0);
                }
                match mining {
                    Mining::MeanOfLogs => -(row_sum(&(&log * &mask)) / row_sum(&mask)).mean(None),
                    Mining::LogOfSum => -(log.exp() * mask)
                        .sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
                        .log()
                        .mean(None),
                }
            }
        };
        let target = view[0].detach().softmax(1, Kind::Float);
        let d3m = |view: &Tensor| {
            -row_sum(&(&target * view.log_softmax(1, Kind::Float))).mean(Kind::Float)
        };
        let losses = [contrast, d3m(&view[1]), d3m(&view[2])];
        let loss = &losses[0] + (&losses[1] + &losses[2]) / 2.0;
        let gradient = Tensor::run_backward(&[loss], &[projections], false, false);
        (losses, gradient[0].shallow_clone())
    }

    #[test]
    fn losses_and_gradient_are_what_autograd_finds() {
        tch::manual_seed(2);
        let random = |shape: [i64; 2]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let (own, queue) = (
            unit(&random([6, 16])),
            unit(&random([40, 16])).transpose(0, 1),
        );
        // Views of a sample resemble one another, so that they share some of their neighbours.
        let alike = own.repeat([VIEWS, 1]) + random([18, 16]) * 0.3;
        let views = unit(&alike).set_requires_grad(true);
        for temperature in [0.07, 0.01] {
            let keys = Keys {
                own: &own,
                queue: &queue,
                temperature,
            };
            for mining in [
                None,
                Some((Mining::MeanOfLogs, 1)),
                Some((Mining::MeanOfLogs, 4)),
                Some((Mining::LogOfSum, 4)),
            ] {
                let found = losses(&views, &keys, mining);
                let (expected, gradient) = plain(&views, &keys, mining);
                for (found, expected) in [&found.contrast, &found.d3m_extreme, &found.d3m_dropped]
                    .into_iter()
                    .zip(&expected)
                {
                    let (found, expected) = (found.double_value(&[]), expected.double_value(&[]));
                    assert!(
                        (found - expected).abs() < 1e-5 * (1.0 + expected),
                        "{mining:?}: {found}, not {expected}"
                    );
                }
                let apart = (found.gradient - &gradient).norm().double_value(&[]);
                let apart = apart / gradient.norm().double_value(&[]);
                assert!(apart < 1e-5, "{mining:?}: {apart:e}");
                if let Some(positives) = found.positives {
                    let shared = positives.counts.eq(0.0).any().int64_value(&[]);
                    assert_eq!(shared, 1, "a neighbour is counted once");
                }
            }
        }
    }
}
