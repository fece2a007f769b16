//! AimCLR: query and key encoder, queue, and one training step.

use crate::encoder::{DROPOUT, Encoder, Mode, Precision};
use crate::losses::{self, Keys, Losses, Mining};
use crate::parameters::Init;
use crate::seeds::{self, Use};
use crate::sgd::Sgd;
use aimclr_model::plan::{self, Head, Plan};
use aimclr_model::weights::{Data, WeightsError};
use aimclr_model::{Tensor as StoredTensor, Weights};
use tch::{Device, Kind, Tensor};

/// What of the method can be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// Keys in the queue.
    pub queue_size: usize,
    /// τ.
    pub temperature: f64,
    /// How much of the key encoder stays in a step.
    pub key_momentum: f64,
    /// Dropout in training.
    pub dropout: f64,
    /// Whether EADM drops features; without it the dropped view equals the extreme one.
    pub eadm: bool,
    /// How several positives are summed.
    pub mining: Mining,
    /// Nearest neighbours of each view in stage 2.
    pub top: usize,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD's weight decay.
    pub weight_decay: f64,
    /// What the encoders compute in.
    pub precision: Precision,
}

impl Default for Method {
    fn default() -> Self {
        Self {
            queue_size: 32768,
            temperature: 0.07,
            key_momentum: 0.999,
            dropout: DROPOUT,
            eadm: true,
            mining: Mining::MeanOfLogs,
            top: 1,
            momentum: 0.9,
            weight_decay: 1e-4,
            precision: Precision::F32,
        }
    }
}

/// Which loss the normal view has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// InfoNCE against the key.
    Contrast,
    /// Against the key and mined neighbours.
    Mining,
}

/// The three views of a batch, as streams of shape (N, 3, T, V, M).
pub struct Views {
    /// T, for the query encoder.
    pub normal: Tensor,
    /// T′, for the query encoder.
    pub extreme: Tensor,
    /// T again, with other random numbers, for the key encoder.
    pub key: Tensor,
}

/// What a step computed, still on the device and attached to nothing.
pub struct Outcome {
    /// Whole loss, a scalar.
    pub loss: Tensor,
    /// Its parts.
    pub losses: Losses,
    /// Projections of the normal, extreme and dropped view, (3·N, D).
    pub projections: Tensor,
    /// Keys, (N, D).
    pub key: Tensor,
    /// Gradients of the query encoder's learnt tensors, in their order.
    pub gradients: Vec<Tensor>,
}

/// The whole state that training changes.
pub struct AimClr {
    /// Learns from gradients; evaluated and exported.
    pub query: Encoder,
    /// Follows the query encoder slowly.
    pub key: Encoder,
    /// Former keys, (D, K), L2-normed columns.
    pub queue: Tensor,
    /// Where the next keys go.
    pub pointer: usize,
    /// The optimiser.
    pub sgd: Sgd,
    /// What was chosen.
    pub method: Method,
}

impl AimClr {
    /// A new model; weights and queue are drawn from `seed`.
    pub fn new(
        plan: Plan,
        adjacency: &[f32],
        method: Method,
        init: Init,
        seed: u64,
        device: Device,
    ) -> Self {
        let encoder = || {
            let mut encoder = Encoder::new(plan, Head::Projection, device);
            encoder.precision = method.precision;
            encoder
        };
        let (query, key) = (encoder(), encoder());
        seeds::seed_torch(seed, Use::Init, 0);
        query.parameters.init(init, adjacency);
        key.parameters.copy_from(&query.parameters);
        if init == Init::Released {
            key.parameters.init(init, adjacency);
        }
        let shape = [plan.feature_dim as i64, method.queue_size as i64];
        let queue = Tensor::randn(shape, (Kind::Float, device));
        let queue = crate::encoder::unit(&queue.transpose(0, 1))
            .transpose(0, 1)
            .contiguous();
        let sgd = Sgd::new(&query.parameters.flat, method.momentum, method.weight_decay);
        Self {
            query,
            key,
            queue,
            pointer: 0,
            sgd,
            method,
        }
    }

    /// One step: forward, key encoder, losses, queue, backward, SGD. In train mode.
    pub fn step(&mut self, views: &Views, stage: Stage, lr: f64) -> Outcome {
        let mode = Mode::Train {
            dropout: self.method.dropout,
        };
        let normal = self.query.project(&views.normal, mode);
        let (extreme, dropped) = self
            .query
            .project_both(&views.extreme, mode, self.method.eadm);
        let key = tch::no_grad(|| {
            let weight = 1.0 - self.method.key_momentum;
            let _ = self
                .key
                .parameters
                .flat
                .lerp_(&self.query.parameters.flat, weight);
            self.key.project(&views.key, mode)
        });

        let projections = Tensor::cat(&[&normal, &extreme, &dropped], 0);
        let keys = Keys {
            own: &key,
            queue: &self.queue,
            temperature: self.method.temperature,
        };
        let mining = match stage {
            Stage::Contrast => None,
            Stage::Mining => Some((self.method.mining, self.method.top as i64)),
        };
        let losses = losses::losses(&projections, &keys, mining);
        let loss = &losses.contrast + (&losses.d3m_extreme + &losses.d3m_dropped) / 2.0;

        let learnt = self.query.parameters.learnt();
        // Autograd takes over with the losses' gradient by the projections.
        let pull = (&projections * &losses.gradient).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[pull], &learnt, false, false);
        self.enqueue(&key);
        self.sgd
            .step(&mut self.query.parameters.flat, &gradients, lr);
        Outcome {
            loss,
            losses,
            projections: projections.detach(),
            key,
            gradients,
        }
    }

    /// Overwrites the oldest keys, wrapping at the queue's end. Of a batch larger than the queue
    /// the last keys stay.
    fn enqueue(&mut self, key: &Tensor) {
        let size = self.method.queue_size;
        let batch = key.size()[0] as usize;
        let kept = batch.min(size);
        let columns = key
            .narrow(0, (batch - kept) as i64, kept as i64)
            .transpose(0, 1);
        let first = kept.min(size - self.pointer);
        let put = |from: usize, to: usize, count: usize| {
            if count > 0 {
                let source = columns.narrow(1, from as i64, count as i64);
                self.queue.narrow(1, to as i64, count as i64).copy_(&source);
            }
        };
        put(0, self.pointer, first);
        put(first, 0, kept - first);
        self.pointer = (self.pointer + kept) % size;
    }

    /// Puts both encoders and the queue into a weight file, under PyTorch's names.
    pub fn store(&self, weights: &mut Weights) {
        self.query.parameters.store(weights, plan::QUERY);
        self.key.parameters.store(weights, plan::KEY);
        weights
            .tensors
            .insert("queue".into(), crate::parameters::stored(&self.queue));
        let pointer = Data::I64(vec![self.pointer as i64]);
        let pointer = StoredTensor {
            shape: vec![1],
            data: pointer,
        };
        weights.tensors.insert("queue_ptr".into(), pointer);
    }

    /// Takes both encoders and the queue from a weight file.
    pub fn load(&mut self, weights: &Weights) -> Result<(), WeightsError> {
        for (encoder, prefix) in [(&self.query, plan::QUERY), (&self.key, plan::KEY)] {
            encoder.plan.check(weights, prefix, encoder.head)?;
            encoder.parameters.load(weights, prefix)?;
        }
        let shape = [self.query.plan.feature_dim, self.method.queue_size];
        let queue = weights.get("queue")?;
        if queue.shape != shape {
            return Err(WeightsError::Shape {
                path: weights.path.clone(),
                tensor: "queue".into(),
                expected: format!("{shape:?}"),
                found: format!("{:?}", queue.shape),
            });
        }
        let values = Tensor::from_slice(weights.values("queue")?).view_as(&self.queue);
        self.queue.copy_(&values);
        self.pointer = match &weights.get("queue_ptr")?.data {
            Data::I64(pointer) => pointer.first().map_or(0, |p| *p as usize) % shape[1],
            Data::F32(_) => 0,
        };
        Ok(())
    }
}
