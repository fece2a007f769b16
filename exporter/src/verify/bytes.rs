//! Whether a graph in bytes was made of the weights: it is another function than they are, so its
//! constants are looked at in place of its results.

use crate::ExportError;
use crate::graph::{self, Form, Ranges};
use crate::source::Source;
use aimclr_model::onnx::{FLOAT, INT8, ModelFile, ModelProto, TensorProto};
use std::collections::BTreeMap;

/// Constants of a convolution in bytes that come from what goes through it and not from the weights.
const OF_RANGES: [&str; 3] = [".scale", ".zero", ".words"];

/// How far a constant may be off, as a share of the largest of its tensor: another processor may
/// round sums otherwise.
const OFF: f64 = 1e-5;

/// Writes the graph anew and compares all constants that don't depend on ranges.
///
/// # Errors
/// Names the first constant that is missing or another one.
pub fn check_constants(model: &ModelFile, source: &Source) -> Result<(), ExportError> {
    let found = constants(&model.model);
    let bytes = found
        .keys()
        .filter_map(|name| name.strip_suffix(".weight.bytes"));
    let any = Ranges {
        input: [0.0, 1.0],
        output: [0.0, 1.0],
    };
    let ranges = bytes.map(|name| (name.to_string(), any)).collect();
    let anew = graph::model(source, &Form::quantised(ranges, BTreeMap::new()));
    let of_weights = |name: &str| {
        name.ends_with(".weight.scale") || !OF_RANGES.iter().any(|end| name.ends_with(end))
    };
    for (name, expected) in constants(&anew) {
        if of_weights(name) && !found.get(name).is_some_and(|found| same(expected, found)) {
            return Err(ExportError::Apart {
                model: model.path.clone(),
                weights: source.path().into(),
                reason: format!(
                    "constant \"{name}\" is not what the weights give; export them again"
                ),
            });
        }
    }
    Ok(())
}

fn constants(model: &ModelProto) -> BTreeMap<&str, &TensorProto> {
    let tensors = model.graph.iter().flat_map(|graph| &graph.initializer);
    tensors.map(|tensor| (&tensor.name[..], tensor)).collect()
}

fn same(a: &TensorProto, b: &TensorProto) -> bool {
    if a.data_type != b.data_type || a.dims != b.dims || a.raw_data.len() != b.raw_data.len() {
        return false;
    }
    let values = |tensor: &TensorProto| -> Vec<f64> {
        let raw = &tensor.raw_data;
        match tensor.data_type {
            FLOAT => {
                let words = raw.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
                words.map(|b| f64::from(f32::from_le_bytes(b))).collect()
            }
            _ => raw.iter().map(|b| f64::from(*b as i8)).collect(),
        }
    };
    let (a_values, b_values) = (values(a), values(b));
    let largest = a_values.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let off = match a.data_type {
        // What lies between two bytes may become either.
        INT8 => 1.0,
        _ => OFF * largest,
    };
    let mut pairs = a_values.iter().zip(&b_values);
    pairs.all(|(a, b)| (a - b).abs() <= off)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use aimclr_model::plan::Head;
    use aimclr_skeleton::Stream;

    #[test]
    fn bytes_of_other_weights_are_told_from_ones_own() {
        let source =
            |seed| fixtures::source(fixtures::narrow(), Stream::Joint, Head::classifier(4), seed);
        let (own, other) = (source(1), source(2));
        let ranges = |high: f64| Ranges {
            input: [-high, high],
            output: [0.0, high],
        };
        let names = ["joint/block3/temporal", "joint/block7/residual"];
        let ranges = names.map(|name| (name.to_string(), ranges(3.0)));
        let shifts = BTreeMap::from([(names[0].to_string(), vec![0.1; 8])]);
        let form = Form::quantised(BTreeMap::from(ranges), shifts);
        let file = |source: &Source| {
            ModelFile::of(source.path(), graph::model(source, &form), &source.card)
        };
        check_constants(&file(&own), &own).expect("its own");
        let error = check_constants(&file(&other), &own).expect_err("other weights");
        assert!(error.to_string().contains("constant \""), "{error}");
        let mut spoiled = file(&own);
        let graph = spoiled.model.graph.as_mut().expect("a graph");
        let named = |tensor: &&mut TensorProto| tensor.name == "joint/block3/temporal.weight.bytes";
        let tensor = graph.initializer.iter_mut().find(named).expect("in bytes");
        tensor.raw_data[0] = tensor.raw_data[0].wrapping_add(5);
        let error = check_constants(&spoiled, &own).expect_err("spoiled");
        assert!(
            error.to_string().contains("block3/temporal.weight.bytes"),
            "{error}"
        );
    }
}
