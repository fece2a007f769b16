//! Putting an ONNX graph together, node by node.

use aimclr_model::onnx::{
    AttributeProto, Dimension, DimensionValue, FLOAT, FLOAT16, GraphProto, INT8, INT32, INT64,
    NodeProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, UINT8, ValueInfoProto,
};
use half::f16;

/// Name of a value in the graph.
pub(crate) type Value = String;

/// A graph in the making. Every node and constant is named after the part of the model that it
/// computes, `joint/block3/spatial`, so that a profile of any host can be read.
#[derive(Default)]
pub(crate) struct Builder {
    graph: GraphProto,
    /// Constants are written in half precision.
    half: bool,
}

/// A setting of a node.
pub(crate) enum Setting<'a> {
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(&'a [i64]),
}

/// One dimension of an input or output.
pub(crate) enum Size<'a> {
    /// Free, by its name.
    Free(&'a str),
    /// Fixed.
    Fixed(usize),
}

impl Builder {
    /// Goes on with a graph that is there.
    pub fn on(graph: GraphProto) -> Self {
        Self { graph, half: false }
    }

    /// Adds a node with one output, named `name`, and gives the output's name.
    pub fn node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&Value],
        settings: &[(&str, Setting<'_>)],
    ) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.into()],
            name: name.into(),
            op_type: operator.into(),
            attribute: settings.iter().map(attribute).collect(),
        });
        name.into()
    }

    /// Adds a node that gives `parts` equal parts of `input` along `axis`.
    pub fn split<const PARTS: usize>(
        &mut self,
        name: &str,
        input: &Value,
        axis: i64,
    ) -> [Value; PARTS] {
        let outputs: [Value; PARTS] = std::array::from_fn(|i| format!("{name}.{i}"));
        self.graph.node.push(NodeProto {
            input: vec![input.clone()],
            output: outputs.to_vec(),
            name: name.into(),
            op_type: "Split".into(),
            attribute: vec![attribute(&("axis", Setting::Int(axis)))],
        });
        outputs
    }

    /// Adds a constant of f32, or of f16 within [`half`](Self::half), rounded from `values`.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f64]) -> Value {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        if self.half {
            let bytes = values.iter().flat_map(|x| f16::from_f64(*x).to_le_bytes());
            return self.constant(name, FLOAT16, shape, bytes.collect());
        }
        let bytes = values.iter().flat_map(|x| (*x as f32).to_le_bytes());
        self.constant(name, FLOAT, shape, bytes.collect())
    }

    /// Adds a constant of i8.
    pub fn bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) -> Value {
        let bytes = values.iter().map(|x| x.cast_unsigned());
        self.constant(name, INT8, shape, bytes.collect())
    }

    /// Adds a constant of i32.
    pub fn words(&mut self, name: &str, shape: &[usize], values: &[i32]) -> Value {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        self.constant(name, INT32, shape, bytes.collect())
    }

    /// Adds a single u8.
    pub fn byte(&mut self, name: &str, value: u8) -> Value {
        self.constant(name, UINT8, &[], vec![value])
    }

    /// Brings f32 `x` to half precision, lets `part` compute with it, and brings back what it gives.
    pub fn half(&mut self, x: &Value, part: impl FnOnce(&mut Self, &Value) -> Value) -> Value {
        let to = |kind: i32| [("to", Setting::Int(i64::from(kind)))];
        let x = self.node(&format!("{x}.f16"), "Cast", &[x], &to(FLOAT16));
        self.half = true;
        let result = part(self, &x);
        self.half = false;
        self.node(&format!("{result}.f32"), "Cast", &[&result], &to(FLOAT))
    }

    /// Adds a constant of i64, such as a shape.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        self.constant(name, INT64, &[values.len()], bytes.collect())
    }

    fn constant(&mut self, name: &str, r#type: i32, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|n| *n as i64).collect(),
            data_type: r#type,
            name: name.into(),
            raw_data: bytes,
        });
        name.into()
    }

    /// `input` with another shape of the same size; one dimension may be −1.
    pub fn reshape(&mut self, name: &str, input: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(&format!("{name}.shape"), shape);
        self.node(name, "Reshape", &[input, &shape], &[])
    }

    /// The entries `range` of `input` along `axis`.
    pub fn slice(
        &mut self,
        name: &str,
        input: &Value,
        axis: i64,
        range: std::ops::Range<usize>,
    ) -> Value {
        let starts = self.ints(&format!("{name}.start"), &[range.start as i64]);
        let ends = self.ints(&format!("{name}.end"), &[range.end as i64]);
        let axes = self.ints(&format!("{name}.axis"), &[axis]);
        self.node(name, "Slice", &[input, &starts, &ends, &axes], &[])
    }

    /// A node of two operands without settings.
    pub fn binary(&mut self, name: &str, operator: &str, a: &Value, b: &Value) -> Value {
        self.node(name, operator, &[a, b], &[])
    }

    /// Declares an input of f32.
    pub fn input(&mut self, name: &str, shape: &[Size<'_>], doc: &str) -> Value {
        self.graph.input.push(info(name, shape, doc));
        name.into()
    }

    /// Declares `name`, which a node gives, an output of f32.
    pub fn output(&mut self, name: &str, shape: &[Size<'_>], doc: &str) {
        self.graph.output.push(info(name, shape, doc));
    }

    /// The finished graph.
    pub fn finish(mut self, name: &str) -> GraphProto {
        self.graph.name = name.into();
        self.graph
    }
}

fn attribute((name, setting): &(&str, Setting<'_>)) -> AttributeProto {
    let mut attribute = AttributeProto {
        name: name.to_string(),
        ..AttributeProto::default()
    };
    match setting {
        Setting::Int(value) => {
            attribute.i = *value;
            attribute.r#type = 2;
        }
        Setting::Ints(values) => {
            attribute.ints = values.to_vec();
            attribute.r#type = 7;
        }
    }
    attribute
}

fn info(name: &str, shape: &[Size<'_>], doc: &str) -> ValueInfoProto {
    let dim = |size: &Size<'_>| Dimension {
        value: Some(match size {
            Size::Free(name) => DimensionValue::Name(name.to_string()),
            Size::Fixed(size) => DimensionValue::Size(*size as i64),
        }),
    };
    let tensor = TensorTypeProto {
        elem_type: FLOAT,
        shape: Some(TensorShapeProto {
            dim: shape.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
        doc_string: doc.into(),
    }
}
