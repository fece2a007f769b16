//! AimCLR's losses: InfoNCE, D³M and nearest neighbours mining.

use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor};

/// How nearest neighbours mining sums over several positives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// Mean of the positives' log-probabilities, as the released code has it.
    MeanOfLogs,
    /// Log of the positives' summed probabilities, as the paper writes it.
    LogOfSum,
}

/// Logits of the views' projections against the key and the queue, shape (views·N, 1 + K).
///
/// `views` is (views·N, D), one view after the other; `key` is (N, D); `queue` is (D, K); all are
/// L2-normed. One product serves all views.
pub fn logits(views: &Tensor, key: &Tensor, queue: &Tensor, temperature: f64) -> Tensor {
    let count = views.size()[0] / key.size()[0];
    let keys = key.repeat([count, 1]);
    let positive = (views * keys).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let negative = views.matmul(queue);
    Tensor::cat(&[positive, negative], 1) / temperature
}

/// InfoNCE: cross-entropy against the key, which lies at index 0.
pub fn info_nce(logits: &Tensor) -> Tensor {
    let target = Tensor::zeros([logits.size()[0]], (Kind::Int64, logits.device()));
    logits.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0)
}

/// D³M, dual distributional divergence minimisation: cross-entropy of another view's distribution
/// against `target`, the normal view's softmax without gradient.
pub fn d3m(target: &Tensor, logits: &Tensor) -> Tensor {
    let cross = target * logits.log_softmax(-1, Kind::Float);
    -cross
        .sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
        .mean(Kind::Float)
}

/// Positives of nearest neighbours mining as a 0/1 mask like `logits[0]`: the key, and for each of
/// the views its `top` nearest queue entries. `logits` are those of the views, each (N, 1 + K).
pub fn neighbours(logits: &[Tensor], top: i64) -> Tensor {
    tch::no_grad(|| {
        let mut mask = logits[0].zeros_like();
        let _ = mask.narrow(1, 0, 1).fill_(1.0);
        for view in logits {
            let queue = view.narrow(1, 1, view.size()[1] - 1);
            let (_, nearest) = queue.topk(top, 1, true, false);
            let _ = mask.scatter_value_(1, &(nearest + 1), 1.0);
        }
        mask
    })
}

/// The loss of the normal view against several positives, in place of InfoNCE.
pub fn mined(logits: &Tensor, positives: &Tensor, mining: Mining) -> Tensor {
    let log = logits.log_softmax(-1, Kind::Float);
    let row = [1i64];
    let loss = match mining {
        Mining::MeanOfLogs => {
            (&log * positives).sum_dim_intlist(row.as_slice(), false, Kind::Float)
                / positives.sum_dim_intlist(row.as_slice(), false, Kind::Float)
        }
        Mining::LogOfSum => (log + positives.log()).logsumexp(row.as_slice(), false),
    };
    -loss.mean(Kind::Float)
}
