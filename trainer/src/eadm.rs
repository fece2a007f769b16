//! EADM, the energy-based attention-guided drop module: drops what the last block attends to
//! most, so that the rest has to carry the meaning. Section "EADM" of the paper.

use tch::{Device, Kind, Tensor};

/// λ of the energy.
pub const LAMBDA: f64 = 1e-4;

/// Attention from which on a joint or an element is dropped.
pub const KEEP: f64 = 0.7;

/// Drops features of `x`, f32 of shape (V, C, T, B), and rescales what is left over the whole batch.
///
/// With μ the mean over (V, T) per body and channel and d = (x − μ)², an element's energy is
/// y = d / (4 (Σd / (T·V − 1) + λ)) + ½ and its attention a = sigmoid(y). A joint is dropped where
/// the mean of a over (C, T) reaches `keep`; then an element is dropped where a does. The masks
/// carry no gradient.
pub fn drop(x: &Tensor, keep: f64, lambda: f64) -> Tensor {
    let kept = tch::no_grad(|| {
        let attention = attention(&x.detach(), lambda);
        let joints = attention.mean_dim([1i64, 2].as_slice(), true, Kind::Float);
        // In place: each of these tensors is as large as a whole block's output.
        let mut kept = mask(&attention, keep);
        kept *= mask(&joints, keep);
        kept
    });
    x * kept
}

fn attention(x: &Tensor, lambda: f64) -> Tensor {
    let size = x.size();
    let (places, rest) = ((size[0] * size[2]) as f64, (size[0] * size[2] - 1) as f64);
    let mean = place_mean(x).unsqueeze(0).unsqueeze(2);
    let mut attention = (x - mean).square_();
    let variance = place_mean(&attention).unsqueeze(0).unsqueeze(2) * (places / rest);
    attention /= (variance + lambda) * 4.0;
    attention += 0.5;
    attention.sigmoid_()
}

/// Mean over joints and time, (V, C, T, B) → (C, B).
///
/// With the channels innermost in memory torch sums a row at a time and takes four times as long
/// as a product with ones.
pub(crate) fn place_mean(x: &Tensor) -> Tensor {
    let [joints, channels, frames, bodies] = x.size()[..] else {
        unreachable!("four dimensions");
    };
    let rows = x.permute([0, 2, 3, 1]);
    if x.device() != Device::Cpu || !rows.is_contiguous() {
        return x.mean_dim([0i64, 2].as_slice(), false, Kind::Float);
    }
    let rows = rows.view([joints * frames, bodies * channels]);
    let share = 1.0 / (joints * frames) as f64;
    let shares = Tensor::full([1, joints * frames], share, (Kind::Float, Device::Cpu));
    shares
        .matmul(&rows)
        .view([bodies, channels])
        .transpose(0, 1)
}

/// 1 where attention is below `keep`, else 0, times (size / ones). All zeros where everything is
/// dropped; the released code divides by zero there.
fn mask(attention: &Tensor, keep: f64) -> Tensor {
    let mut kept = attention.lt(keep).to_kind(Kind::Float);
    let size = kept.numel() as f64;
    let ones = kept.sum(Kind::Float).clamp_min(1.0);
    kept *= ones.reciprocal() * size;
    kept
}
