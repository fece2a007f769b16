//! An encoder's tensors: what is learnt lies in one flat buffer, so that an update of all of it
//! is one operation.

use aimclr_model::plan::{Head, Plan, TensorSpec};
use aimclr_model::weights::{Data, WeightsError};
use aimclr_model::{Tensor as StoredTensor, Weights};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// How the weights start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// PyTorch's default: uniform in ±1/√(inputs); the key encoder is a copy of the query encoder.
    Default,
    /// The released trainer's: N(0, 0.02) for convolutions and linear layers, N(1, 0.02) for the
    /// scale of batch norms, drawn for each encoder on its own.
    Released,
}

/// Tensors of an encoder by name, without prefix.
pub struct Parameters {
    specs: Vec<TensorSpec>,
    tensors: BTreeMap<String, Tensor>,
    /// Every learnt value. The learnt tensors are views of it.
    pub flat: Tensor,
}

impl Parameters {
    /// Tensors for a plan, all zero but the variances.
    pub fn zeros(plan: &Plan, head: Head, device: Device) -> Self {
        let specs = plan.tensors(head);
        let learnt = plan.parameters(head) as i64;
        let flat = Tensor::zeros([learnt], (Kind::Float, device));
        let mut tensors = BTreeMap::new();
        let mut start = 0;
        for spec in &specs {
            let shape: Vec<i64> = spec.shape.iter().map(|n| *n as i64).collect();
            let tensor = if spec.learnt {
                let length = shape.iter().product::<i64>();
                let view = flat.narrow(0, start, length).view(&shape[..]).detach();
                start += length;
                view.set_requires_grad(true)
            } else if spec.name.ends_with("running_var") {
                Tensor::ones(&shape[..], (Kind::Float, device))
            } else {
                Tensor::zeros(&shape[..], (Kind::Float, device))
            };
            tensors.insert(spec.name.clone(), tensor);
        }
        Self {
            specs,
            tensors,
            flat,
        }
    }

    /// A tensor that shares its memory with this one.
    pub fn get(&self, name: &str) -> Tensor {
        self.tensors[name].shallow_clone()
    }

    /// The learnt tensors, in the order of the flat buffer.
    pub fn learnt(&self) -> Vec<Tensor> {
        let learnt = self.specs.iter().filter(|spec| spec.learnt);
        learnt.map(|spec| self.get(&spec.name)).collect()
    }

    /// Draws first values from torch's generator, which the caller has seeded. `adjacency` is A.
    pub fn init(&self, init: Init, adjacency: &[f32]) {
        tch::no_grad(|| {
            for spec in &self.specs {
                let mut tensor = self.get(&spec.name);
                let is = |suffix: &str| spec.name.ends_with(suffix);
                if spec.name == "A" {
                    tensor.copy_(&Tensor::from_slice(adjacency).view_as(&tensor));
                } else if spec.name.starts_with("edge_importance") {
                    let _ = tensor.fill_(1.0);
                } else if self.is_batch_norm(&spec.name) {
                    match (init, is("weight")) {
                        (Init::Default, true) => _ = tensor.fill_(1.0),
                        (Init::Released, true) => _ = tensor.normal_(1.0, 0.02),
                        _ => {}
                    }
                } else if is("weight") || is("bias") {
                    let weight = spec.name.replace(".bias", ".weight");
                    match init {
                        Init::Default => {
                            let bound = 1.0 / (self.inputs(&weight) as f64).sqrt();
                            let _ = tensor.uniform_(-bound, bound);
                        }
                        Init::Released if is("weight") => _ = tensor.normal_(0.0, 0.02),
                        Init::Released => _ = tensor.zero_(),
                    }
                }
            }
        });
    }

    /// Values that one output of a layer is made of.
    fn inputs(&self, weight: &str) -> i64 {
        self.tensors[weight].size()[1..].iter().product()
    }

    fn is_batch_norm(&self, name: &str) -> bool {
        let layer = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        self.tensors.contains_key(&format!("{layer}.running_mean"))
    }

    /// Takes the values of another encoder of the same plan; what only one of them has, such as the
    /// head, stays.
    pub fn copy_from(&self, other: &Parameters) {
        tch::no_grad(|| {
            for (name, tensor) in &self.tensors {
                if let Some(value) = other.tensors.get(name) {
                    tensor.shallow_clone().copy_(value);
                }
            }
        });
    }

    /// Everything that training changes: the flat buffer and the batch norms' statistics.
    pub fn changed(&self) -> Vec<Tensor> {
        let statistics = self.specs.iter().filter(|spec| !spec.learnt);
        let statistics = statistics.map(|spec| self.get(&spec.name));
        std::iter::once(self.flat.shallow_clone())
            .chain(statistics)
            .collect()
    }

    /// Takes the values of the encoder under `prefix`, whose shapes must have been checked.
    pub fn load(&self, weights: &Weights, prefix: &str) -> Result<(), WeightsError> {
        for (name, tensor) in &self.tensors {
            let values = Tensor::from_slice(weights.values(&format!("{prefix}.{name}"))?);
            tch::no_grad(|| tensor.shallow_clone().copy_(&values.view_as(tensor)));
        }
        Ok(())
    }

    /// Puts the values under `prefix`.
    pub fn store(&self, weights: &mut Weights, prefix: &str) {
        for (name, tensor) in &self.tensors {
            weights
                .tensors
                .insert(format!("{prefix}.{name}"), stored(tensor));
        }
    }
}

/// A tensor's values, in a form that can be written.
pub fn stored(tensor: &Tensor) -> StoredTensor {
    let shape = tensor.size().iter().map(|n| *n as usize).collect();
    let flat = tensor
        .detach()
        .to_device(Device::Cpu)
        .contiguous()
        .view([-1]);
    let data = match tensor.kind() {
        Kind::Int64 => Data::I64(Vec::try_from(flat).expect("flat, on the CPU, of this kind")),
        _ => Data::F32(
            Vec::try_from(flat.to_kind(Kind::Float)).expect("flat, on the CPU, of this kind"),
        ),
    };
    StoredTensor { shape, data }
}
