//! Stochastic gradient descent over one flat buffer.
//!
//! Our own, as torch's can't be saved through tch, and a resumed run needs the momentum.

use tch::Tensor;

/// SGD with momentum and weight decay, as PyTorch computes it: g ← g + λ·p, m ← μ·m + g,
/// p ← p − η·m; with Nesterov's momentum p ← p − η·(g + μ·m).
pub struct Sgd {
    /// m, as long as the parameters.
    pub momentum: Tensor,
    /// μ.
    pub factor: f64,
    /// λ.
    pub weight_decay: f64,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
}

impl Sgd {
    /// For parameters in `flat`; starts at rest.
    pub fn new(flat: &Tensor, factor: f64, weight_decay: f64) -> Self {
        Self {
            momentum: flat.zeros_like(),
            factor,
            weight_decay,
            nesterov: false,
        }
    }

    /// Updates `flat` from the gradients of its parts, in their order, with learning rate `lr`.
    pub fn step(&mut self, flat: &mut Tensor, gradients: &[Tensor], lr: f64) {
        tch::no_grad(|| {
            let parts: Vec<Tensor> = gradients.iter().map(|g| g.reshape([-1])).collect();
            let mut gradient = Tensor::cat(&parts, 0);
            if self.weight_decay != 0.0 {
                gradient += &*flat * self.weight_decay;
            }
            self.momentum *= self.factor;
            self.momentum += &gradient;
            match self.nesterov {
                true => *flat -= (gradient + &self.momentum * self.factor) * lr,
                false => *flat -= &self.momentum * lr,
            }
        });
    }
}
