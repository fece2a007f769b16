//! Stochastic gradient descent over one flat buffer.
//!
//! Our own, as torch's can't be saved through tch, and a resumed run needs the momentum.

use tch::{Kind, Tensor};

/// SGD with momentum and weight decay, as PyTorch computes it: g ← g + λ·p, m ← μ·m + g,
/// p ← p − η·m; with Nesterov's momentum p ← p − η·(g + μ·m).
pub struct Sgd {
    /// m, as long as the parameters.
    pub momentum: Tensor,
    /// μ, a scalar on the parameters' device.
    factor: Tensor,
    /// λ, if it is not 0.
    weight_decay: Option<Tensor>,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
}

impl Sgd {
    /// For parameters in `flat`; starts at rest.
    pub fn new(flat: &Tensor, factor: f64, weight_decay: f64) -> Self {
        Self {
            momentum: flat.zeros_like(),
            factor: scalar(factor, flat),
            weight_decay: (weight_decay != 0.0).then(|| scalar(weight_decay, flat)),
            nesterov: false,
        }
    }

    /// Updates `flat` from the gradients of its parts, in their order, with learning rate `lr`.
    ///
    /// Each term is one pass over the buffer. Autograd hands out a gradient for each part; joining
    /// them is one pass too, where adding each into its place would be one for each part.
    pub fn step(&mut self, flat: &mut Tensor, gradients: &[Tensor], lr: f64) {
        tch::no_grad(|| {
            let parts: Vec<Tensor> = gradients.iter().map(|g| g.reshape([-1])).collect();
            let mut momentum = Tensor::cat(&parts, 0);
            if let Some(weight_decay) = &self.weight_decay {
                let _ = momentum.addcmul_(flat, weight_decay);
            }
            let gradient = self.nesterov.then(|| momentum.copy());
            let _ = momentum.addcmul_(&self.momentum, &self.factor);
            let rate = scalar(-lr, flat);
            let _ = match gradient {
                Some(gradient) => flat.addcmul_(&gradient.addcmul(&momentum, &self.factor), &rate),
                None => flat.addcmul_(&momentum, &rate),
            };
            self.momentum = momentum;
        });
    }
}

/// A number as a tensor beside `like`, made there.
fn scalar(value: f64, like: &Tensor) -> Tensor {
    Tensor::full([0i64; 0], value, (Kind::Float, like.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn steps_follow_the_formula() {
        let gradients = [
            Tensor::from_slice(&[0.5f32, 1.0]),
            Tensor::from_slice(&[-2.0f32]),
        ];
        for nesterov in [false, true] {
            let mut flat = Tensor::from_slice(&[1.0f32, -2.0, 4.0]);
            let mut sgd = Sgd {
                nesterov,
                ..Sgd::new(&flat, 0.5, 0.25)
            };
            let (mut p, mut m) = ([1.0f64, -2.0, 4.0], [0.0; 3]);
            for lr in [0.125, 0.25, 0.5] {
                sgd.step(&mut flat, &gradients, lr);
                for ((p, m), g) in p.iter_mut().zip(&mut m).zip([0.5, 1.0, -2.0]) {
                    let g = g + 0.25 * *p;
                    *m = 0.5 * *m + g;
                    *p -= lr * if nesterov { g + 0.5 * *m } else { *m };
                }
            }
            let found = Vec::<f64>::try_from(flat.to_kind(Kind::Double)).expect("three numbers");
            for (found, expected) in found.iter().zip(p) {
                assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
            }
            assert_eq!(sgd.momentum.device(), Device::Cpu);
        }
    }
}
