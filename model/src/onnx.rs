//! The part of ONNX's file format that the project writes and reads.
//!
//! Protobuf messages with the field numbers of `onnx.proto3` (ONNX, Apache-2.0). Fields that are
//! not named here are skipped when a file is read, as protobuf has it.

mod signature;

use crate::card::{Card, CardError};
use crate::weights::CARD_KEY;
use prost::Message;
use std::path::{Path, PathBuf};
use thiserror::Error;

pub use signature::{State, shape_of};

/// Largest .onnx file that is read.
const MAX_FILE: u64 = 1 << 30;

/// `TensorProto.DataType`: f32.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType`: u8.
pub const UINT8: i32 = 2;
/// `TensorProto.DataType`: i8.
pub const INT8: i32 = 3;
/// `TensorProto.DataType`: i32.
pub const INT32: i32 = 6;
/// `TensorProto.DataType`: i64.
pub const INT64: i32 = 7;
/// `TensorProto.DataType`: f16.
pub const FLOAT16: i32 = 10;

/// What can be wrong with an .onnx file.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an .onnx file.
    #[error("{}: not a whole .onnx file: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An .onnx file without a model card.
    #[error(
        "{}: no model card (metadata \"{CARD_KEY}\"); only files written by `aimclr-export onnx` \
         can be run",
        path.display()
    )]
    NoCard {
        /// Which file.
        path: PathBuf,
    },
    /// The model card can't be used.
    #[error("{}: {source}", path.display())]
    Card {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: CardError,
    },
    /// The graph's inputs or outputs are not those of `docs/model.md`.
    #[error("{}: {reason}", path.display())]
    Graph {
        /// Which file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
}

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Which program wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// A text for people.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Which operators, in which version.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Named texts; the card is one of them.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// A set of operators.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    /// Empty for ONNX's own.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Its version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A named text.
#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    /// Name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Text.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A computation.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// Operations, each after those that it needs.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// What goes in.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// What comes out.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

/// An operation.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// Names of the values that it takes.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the values that it gives.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Which operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Settings.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// A setting of an operation.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A number.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// A whole number.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Whole numbers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of the fields counts: 1 `f`, 2 `i`, 7 `ints`.
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// A constant.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// [`FLOAT`], [`INT64`] or another of the numbers above.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Values, little-endian, C order.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
    /// A text for people.
    #[prost(string, tag = "3")]
    pub doc_string: String,
}

/// Type of a value; only tensors occur.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// A tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// Type of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    /// [`FLOAT`] or [`INT64`].
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// Shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// Dimensions.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// One dimension, fixed or named.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// Its size, or its name where the size is free.
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub value: Option<DimensionValue>,
}

/// Size or name of a dimension.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum DimensionValue {
    /// A fixed size.
    #[prost(int64, tag = "1")]
    Size(i64),
    /// A free size's name.
    #[prost(string, tag = "2")]
    Name(String),
}

/// A model file that was read: its bytes for an engine, its card for everybody else.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The decoded graph and metadata.
    pub model: ModelProto,
    /// The model card.
    pub card: Card,
}

impl ModelFile {
    /// A model in memory, as it would be read from `path`; nothing is checked.
    pub fn of(path: &Path, model: ModelProto, card: &Card) -> Self {
        Self {
            path: path.into(),
            bytes: model.encode_to_vec(),
            model,
            card: card.clone(),
        }
    }

    /// Reads an .onnx file and its card, and checks that inputs and outputs are those that
    /// `aimclr-export` writes.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let path = path.as_ref().to_path_buf();
        let io = |source| OnnxError::Io {
            path: path.clone(),
            source,
        };
        let format = |reason: String| OnnxError::Format {
            path: path.clone(),
            reason,
        };
        let size = std::fs::metadata(&path).map_err(io)?.len();
        if size > MAX_FILE {
            return Err(format(format!("{size} bytes are too many")));
        }
        let bytes = std::fs::read(&path).map_err(io)?;
        let model = ModelProto::decode(&bytes[..]).map_err(|error| format(error.to_string()))?;
        if model.graph.is_none() {
            return Err(format("it holds no graph".into()));
        }
        let json = model
            .metadata_props
            .iter()
            .find(|entry| entry.key == CARD_KEY);
        let json = json.ok_or_else(|| OnnxError::NoCard { path: path.clone() })?;
        let card = Card::from_json(&json.value).map_err(|source| OnnxError::Card {
            path: path.clone(),
            source,
        })?;
        let file = Self {
            path,
            bytes,
            model,
            card,
        };
        file.check_graph()?;
        Ok(file)
    }

    /// What the graph remembers of a body from step to step, in the order of its inputs; nothing of
    /// the windowed form.
    pub fn states(&self) -> Vec<State> {
        let graph = self.model.graph.as_ref();
        graph.map(signature::states).unwrap_or_default()
    }

    fn check_graph(&self) -> Result<(), OnnxError> {
        let fail = |reason| {
            Err(OnnxError::Graph {
                path: self.path.clone(),
                reason,
            })
        };
        let graph = self.model.graph.as_ref().expect("checked by the reader");
        for tensor in graph
            .initializer
            .iter()
            .filter(|tensor| tensor.data_type == FLOAT)
        {
            let bytes = tensor.raw_data.as_chunks().0;
            let mut values = bytes.iter().map(|b: &[u8; 4]| f32::from_le_bytes(*b));
            if let Some(index) = values.position(|x| !x.is_finite()) {
                return fail(format!(
                    "constant \"{}\", value {index}: expected a finite number, found NaN or \
                     infinity",
                    tensor.name
                ));
            }
        }
        signature::check(graph, &self.card).or_else(fail)
    }
}
