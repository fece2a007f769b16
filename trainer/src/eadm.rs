//! EADM, the energy-based attention-guided drop module: drops what the last block attends to
//! most, so that the rest has to carry the meaning. Section "EADM" of the paper.

use tch::{Kind, Tensor};

/// λ of the energy.
pub const LAMBDA: f64 = 1e-4;

/// Attention from which on a joint or an element is dropped.
pub const KEEP: f64 = 0.7;

/// Drops features of `x`, shape (V, C, T, B), and rescales what is left over the whole batch.
///
/// With μ the mean over (V, T) per body and channel and d = (x − μ)², an element's energy is
/// y = d / (4 (Σd / (T·V − 1) + λ)) + ½ and its attention a = sigmoid(y). A joint is dropped where
/// the mean of a over (C, T) reaches `keep`; then an element is dropped where a does. The masks
/// carry no gradient.
pub fn drop(x: &Tensor, keep: f64, lambda: f64) -> Tensor {
    let x = x.to_kind(Kind::Float);
    let (joints, elements) = tch::no_grad(|| {
        let attention = attention(&x.detach(), lambda);
        let joints = attention.mean_dim([1i64, 2].as_slice(), true, Kind::Float);
        (mask(&joints, keep), mask(&attention, keep))
    });
    x * joints * elements
}

fn attention(x: &Tensor, lambda: f64) -> Tensor {
    let size = x.size();
    let rest = (size[0] * size[2] - 1) as f64;
    let axes = [0i64, 2];
    let deviation = (x - x.mean_dim(axes.as_slice(), true, Kind::Float)).square();
    let variance = deviation.sum_dim_intlist(axes.as_slice(), true, Kind::Float) / rest;
    (deviation / ((variance + lambda) * 4.0) + 0.5).sigmoid()
}

/// 1 where attention is below `keep`, else 0, times (size / ones). All zeros where everything is
/// dropped; the released code divides by zero there.
fn mask(attention: &Tensor, keep: f64) -> Tensor {
    let kept = attention.lt(keep).to_kind(Kind::Float);
    let size = kept.numel() as f64;
    let ones = kept.sum(Kind::Float).clamp_min(1.0);
    kept * (ones.reciprocal() * size)
}
