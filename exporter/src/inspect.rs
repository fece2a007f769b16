//! What lies in a model file.

use crate::ExportError;
use crate::source::Source;
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::continual::STEP;
use aimclr_model::onnx::{INT64, ModelFile, TensorProto};
use aimclr_model::plan::{Head, Plan, TAPS, TensorSpec};
use aimclr_skeleton::Stream;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What lies in a model file.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Which file.
    pub path: PathBuf,
    /// `onnx` or `safetensors`.
    pub format: &'static str,
    /// Size of the file.
    pub bytes: u64,
    /// The model card.
    pub card: Card,
    /// All learnt values (of an .onnx file: all constants; folding leaves fewer).
    pub parameters: usize,
    /// Multiply-accumulates of all encoders for one body and one window, or one step.
    pub macs: u64,
    /// The encoders' blocks, stream by stream; none where a graph's constants have other names.
    pub blocks: Vec<BlockSummary>,
    /// The graph; absent for weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphSummary>,
}

/// One block of an encoder.
#[derive(Debug, Clone, Serialize)]
pub struct BlockSummary {
    /// What the encoder looks at.
    pub stream: Stream,
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Stride over time.
    pub stride: usize,
    /// Frames out.
    pub frames: usize,
    /// Learnt values, or constants in an .onnx file.
    pub parameters: usize,
    /// Multiply-accumulates for one body and one window, or one step.
    pub macs: u64,
}

/// A graph in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct GraphSummary {
    /// Version of ONNX's operators.
    pub opset: i64,
    /// Version of the file format.
    pub ir_version: i64,
    /// Program that wrote the file, with its version.
    pub producer: String,
    /// How many nodes of each operator.
    pub operators: BTreeMap<String, usize>,
}

impl Summary {
    /// Looks into an .onnx file, a .safetensors file or a run folder.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        match path.extension().is_some_and(|end| end == "onnx") {
            true => Ok(Self::of_graph(&ModelFile::read(path)?)),
            false => Self::of_weights(&Source::read(path)?),
        }
    }

    fn of_weights(source: &Source) -> Result<Self, ExportError> {
        let [trained] = &source.streams[..] else {
            unreachable!("a weight file has one stream")
        };
        let head = match trained.classes() {
            0 => Head::None,
            classes => Head::Classifier {
                classes,
                pooled: trained.pooled,
            },
        };
        let plan = &trained.plan;
        let size = |spec: &TensorSpec| spec.shape.iter().product::<usize>();
        let learnt: Vec<TensorSpec> = plan.tensors(head);
        let learnt: Vec<TensorSpec> = learnt.into_iter().filter(|spec| spec.learnt).collect();
        let block = |i: usize| {
            let inside = [
                format!("st_gcn_networks.{i}."),
                format!("edge_importance.{i}"),
            ];
            let own = |spec: &&TensorSpec| match &inside {
                [tensors, importance] => spec.name.starts_with(tensors) || spec.name == *importance,
            };
            learnt.iter().filter(own).map(size).sum()
        };
        let path = trained.path.clone();
        let bytes = std::fs::metadata(&path).map_err(|source| ExportError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            format: "safetensors",
            bytes: bytes.len(),
            card: source.card.clone(),
            parameters: plan.parameters(head),
            macs: plan.macs(at_a_time(&source.card)).iter().sum(),
            blocks: blocks(plan, trained.stream, at_a_time(&source.card), block),
            graph: None,
        })
    }

    pub(crate) fn of_graph(file: &ModelFile) -> Self {
        let graph = file.model.graph.as_ref();
        let constants = graph
            .map(|graph| &graph.initializer[..])
            .unwrap_or_default();
        let numbers = || constants.iter().filter(|tensor| tensor.data_type != INT64);
        let size = |tensor: &TensorProto| {
            let sizes = tensor.dims.iter().map(|n| usize::try_from(*n).unwrap_or(0));
            sizes.product::<usize>()
        };
        let mut all = Vec::new();
        for stream in &file.card.streams {
            let Some(plan) = plan_of(file, constants, *stream) else {
                continue;
            };
            let parameters = |i: usize| {
                let part = format!("{stream}/block{i}/");
                let own = numbers().filter(|tensor| tensor.name.starts_with(&part));
                own.map(size).sum()
            };
            let mut blocks = blocks(&plan, *stream, at_a_time(&file.card), parameters);
            for (i, block) in blocks.iter_mut().enumerate() {
                block.macs = block.macs.saturating_sub(saved(file, constants, i, block));
            }
            all.append(&mut blocks);
        }
        let mut operators = BTreeMap::new();
        for node in graph.iter().flat_map(|graph| &graph.node) {
            *operators.entry(node.op_type.clone()).or_default() += 1;
        }
        let opset = file.model.opset_import.iter();
        let opset = opset.filter(|set| set.domain.is_empty());
        Self {
            path: file.path.clone(),
            format: "onnx",
            bytes: file.bytes.len() as u64,
            card: file.card.clone(),
            parameters: numbers().map(size).sum(),
            macs: all.iter().map(|block| block.macs).sum(),
            blocks: all,
            graph: Some(GraphSummary {
                opset: opset.map(|set| set.version).next().unwrap_or_default(),
                ir_version: file.model.ir_version,
                producer: format!(
                    "{} {}",
                    file.model.producer_name, file.model.producer_version
                ),
                operators,
            }),
        }
    }
}

/// Frames that the graph takes at a time.
fn at_a_time(card: &Card) -> usize {
    match card.form {
        Form::Windowed => card.frames,
        Form::Continual => STEP,
    }
}

fn blocks(
    plan: &Plan,
    stream: Stream,
    mut frames: usize,
    parameters: impl Fn(usize) -> usize,
) -> Vec<BlockSummary> {
    let blocks = plan.blocks().into_iter().zip(plan.macs(frames));
    blocks
        .enumerate()
        .map(|(i, (block, macs))| {
            frames = frames.div_ceil(block.stride);
            BlockSummary {
                stream,
                input: block.input,
                output: block.output,
                stride: block.stride,
                frames,
                parameters: parameters(i),
                macs,
            }
        })
        .collect()
}

/// Multiply-accumulates that a block is spared where its temporal convolution is computed through
/// spectra (`docs/model.md`): 9 products a frame become P in all, plus the two transforms.
fn saved(file: &ModelFile, constants: &[TensorProto], i: usize, block: &BlockSummary) -> u64 {
    let transform = || {
        let name = format!("{}/block{i}/temporal.analysis", block.stream);
        let tensor = constants.iter().find(|tensor| tensor.name == name)?;
        match tensor.dims[..] {
            [p, t] => Some((u64::try_from(p).ok()?, u64::try_from(t).ok()?)),
            _ => None,
        }
    };
    let (channels, joints) = (block.output as u64, file.card.layout.len() as u64);
    transform().map_or(0, |(products, frames)| {
        let direct = TAPS as u64 * frames * channels * channels * joints;
        let spectral = products * (channels + 2 * frames) * channels * joints;
        direct.saturating_sub(spectral)
    })
}

/// An encoder's widths, read off the graph's constants; none where they have other names.
fn plan_of(file: &ModelFile, constants: &[TensorProto], stream: Stream) -> Option<Plan> {
    let width = |block: usize| {
        let name = format!("{stream}/block{block}/spatial.weight");
        let named = |tensor: &&TensorProto| match tensor.name.strip_prefix(&name) {
            Some(rest) => matches!(rest, "" | ".bytes"),
            None => false,
        };
        let tensor = constants.iter().find(named)?;
        tensor.dims.first().and_then(|n| usize::try_from(*n).ok())
    };
    Some(Plan {
        hidden_channels: width(0)?,
        hidden_dim: width(9)?,
        ..Plan::paper(file.card.layout.len())
    })
}
