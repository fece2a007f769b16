//! Weight files: safetensors with PyTorch's tensor names, and the model card in the metadata.

use crate::card::{Card, CardError};
use crate::pytorch;
use aimclr_skeleton::files::write_atomically;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Metadata key under which the card lies, here and in an .onnx file.
pub const CARD_KEY: &str = "aimclr";

/// Largest file that is read: weights of one stream are under 10 MB.
const MAX_FILE: u64 = 1 << 30;

/// What can be wrong with a weight file.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{}: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor that the model needs is not in the file.
    #[error("{}: tensor \"{tensor}\" is missing; is this an AimCLR encoder?", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
    },
    /// A tensor has another shape than the model needs.
    #[error("{}: tensor \"{tensor}\": expected shape {expected}, found {found}", path.display())]
    Shape {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
        /// The shape that would be right.
        expected: String,
        /// The shape that it has.
        found: String,
    },
    /// A tensor holds a value that no training leaves behind.
    #[error("{}: tensor \"{tensor}\", value {index}: expected {expected}, found {found}", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
        /// Which of its values, in C order.
        index: usize,
        /// What would be right.
        expected: &'static str,
        /// What is there.
        found: f32,
    },
    /// The model card in the metadata can't be used.
    #[error("{}: {source}", path.display())]
    Card {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: CardError,
    },
}

/// Numbers of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Learnt values and statistics.
    F32(Vec<f32>),
    /// Counters.
    I64(Vec<i64>),
}

/// A tensor by value, C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Data,
}

impl Tensor {
    /// An f32 tensor.
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        Self {
            shape: shape.to_vec(),
            data: Data::F32(data),
        }
    }

    /// The values as f32; empty for a tensor of counters.
    pub fn values(&self) -> &[f32] {
        match &self.data {
            Data::F32(values) => values,
            Data::I64(_) => &[],
        }
    }

    fn dtype(&self) -> Dtype {
        match self.data {
            Data::F32(_) => Dtype::F32,
            Data::I64(_) => Dtype::I64,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::I64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// What a weight file holds.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// Where the weights come from; for messages.
    pub path: PathBuf,
    /// Tensors by PyTorch's names.
    pub tensors: BTreeMap<String, Tensor>,
    /// The model card; files from elsewhere have none.
    pub card: Option<Card>,
    /// Metadata beside the card.
    pub metadata: BTreeMap<String, String>,
}

impl Weights {
    /// Reads a .safetensors file, the `weights.safetensors` in a run folder, or a PyTorch checkpoint,
    /// whose every choice is left at its default; [`pytorch::import`] has them, and says what of a
    /// checkpoint found no place. The content decides, not the file's name.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = match path.as_ref() {
            folder if folder.is_dir() => folder.join("weights.safetensors"),
            file => file.to_path_buf(),
        };
        let format = |reason: String| WeightsError::Format {
            path: path.clone(),
            reason,
        };
        let bytes = read_bounded(&path)?;
        if pytorch::is_checkpoint(&bytes) {
            let options = pytorch::Options::default();
            return Ok(pytorch::import_bytes(&path, &bytes, &options)?.weights);
        }
        let damaged = |error| {
            format(format!(
                "not a whole .safetensors file ({error}); was it cut off while copied?"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let mut metadata: BTreeMap<String, String> = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let card = match metadata.remove(CARD_KEY) {
            None => None,
            Some(json) => {
                let card = Card::from_json(&json);
                Some(card.map_err(|source| WeightsError::Card {
                    path: path.clone(),
                    source,
                })?)
            }
        };
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let tensor = read_tensor(&view).ok_or_else(|| {
                let dtype = view.dtype();
                format(format!(
                    "tensor \"{name}\": dtype {dtype:?}; expected F32 or I64"
                ))
            })?;
            tensors.insert(name.to_string(), tensor);
        }
        Ok(Self {
            path,
            tensors,
            card,
            metadata,
        })
    }

    /// Writes a .safetensors file; it appears whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), WeightsError> {
        let fail = |reason: String| WeightsError::Format {
            path: path.into(),
            reason,
        };
        let mut metadata: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        if let Some(card) = &self.card {
            metadata.insert(CARD_KEY.into(), card.to_json());
        }
        let bytes: Vec<(&String, &Tensor, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name, tensor, tensor.bytes()))
            .collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (name, tensor, bytes) in &bytes {
            let view = TensorView::new(tensor.dtype(), tensor.shape.clone(), bytes)
                .map_err(|error| fail(format!("tensor \"{name}\": {error}")))?;
            views.push((name.as_str(), view));
        }
        let file = safetensors::serialize(views, Some(metadata))
            .map_err(|error| fail(error.to_string()))?;
        write_atomically(path, |out| out.write_all(&file)).map_err(|source| WeightsError::Io {
            path: path.into(),
            source,
        })
    }

    /// A tensor by its whole name.
    pub fn get(&self, name: &str) -> Result<&Tensor, WeightsError> {
        self.tensors.get(name).ok_or_else(|| WeightsError::Missing {
            path: self.path.clone(),
            tensor: name.into(),
        })
    }

    /// A tensor's f32 values.
    ///
    /// # Errors
    /// The tensor is missing, or holds counters.
    pub fn values(&self, name: &str) -> Result<&[f32], WeightsError> {
        match &self.get(name)?.data {
            Data::F32(values) => Ok(values),
            Data::I64(_) => Err(WeightsError::Format {
                path: self.path.clone(),
                reason: format!("tensor \"{name}\": expected dtype F32, found I64"),
            }),
        }
    }

    /// A tensor's f32 values, all finite, and none negative where they are variances.
    pub(crate) fn sound_values(&self, name: &str) -> Result<&[f32], WeightsError> {
        let values = self.values(name)?;
        let variance = name.ends_with("running_var");
        let sound = |x: f32| x.is_finite() && (!variance || x >= 0.0);
        match values.iter().position(|x| !sound(*x)) {
            None => Ok(values),
            Some(index) => Err(WeightsError::Value {
                path: self.path.clone(),
                tensor: name.into(),
                index,
                expected: match variance {
                    true => "a variance, 0 or more",
                    false => "a finite number",
                },
                found: values[index],
            }),
        }
    }

    pub(crate) fn shape_of(&self, name: &str) -> String {
        self.tensors
            .get(name)
            .map_or("nothing".into(), |t| format!("{:?}", t.shape))
    }
}

/// A whole file, if it isn't too large for weights.
pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.into(),
        source,
    };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_FILE {
        return Err(WeightsError::Format {
            path: path.into(),
            reason: format!("{size} bytes are too many for weights"),
        });
    }
    std::fs::read(path).map_err(io)
}

fn read_tensor(view: &TensorView<'_>) -> Option<Tensor> {
    let bytes = view.data();
    let data = match view.dtype() {
        Dtype::F32 => {
            let number = |b: &[u8; 4]| f32::from_le_bytes(*b);
            Data::F32(bytes.as_chunks().0.iter().map(number).collect())
        }
        Dtype::I64 => {
            let number = |b: &[u8; 8]| i64::from_le_bytes(*b);
            Data::I64(bytes.as_chunks().0.iter().map(number).collect())
        }
        _ => return None,
    };
    Some(Tensor {
        shape: view.shape().to_vec(),
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let tensors = [
            (
                "a".to_string(),
                Tensor::f32(&[2, 3], vec![1.0, -2.0, 0.5, 1e-9, f32::MAX, 0.1]),
            ),
            (
                "n".to_string(),
                Tensor {
                    shape: vec![],
                    data: Data::I64(vec![7]),
                },
            ),
        ];
        let metadata = [("epoch".to_string(), "3".to_string())].into();
        Weights {
            path: "w".into(),
            tensors: tensors.into(),
            card: None,
            metadata,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("weights.safetensors");
        weights().write(&path).expect("written");
        for place in [path.as_path(), folder.path()] {
            let read = Weights::read(place).expect("read");
            assert_eq!(read.tensors, weights().tensors);
            assert_eq!(read.metadata, weights().metadata);
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("weights.safetensors");
        weights().write(&path).expect("written");
        let whole = std::fs::read(&path).expect("bytes");
        for cut in [0, 4, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).expect("written");
            let message = Weights::read(&path).expect_err("damaged").to_string();
            assert!(message.contains("weights.safetensors"), "{message}");
        }
        std::fs::write(&path, b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").expect("written");
        assert!(Weights::read(&path).is_err(), "a header of 2^63 bytes");
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let message = weights()
            .get("encoder_q.A")
            .expect_err("missing")
            .to_string();
        assert!(message.contains("encoder_q.A"), "{message}");
    }
}
