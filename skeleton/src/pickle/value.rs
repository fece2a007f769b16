//! The values of a pickle, as data.

use super::PickleError;
use super::machine::Node;
use std::borrow::Cow;

/// Where a value lies among all.
pub(super) type Id = u32;

/// A value and what hangs on it. Values may be shared and may contain themselves: whoever walks
/// them takes a known number of steps.
#[derive(Clone, Copy)]
pub struct Value<'p> {
    pub(super) input: &'p [u8],
    pub(super) nodes: &'p [Node],
    pub(super) id: Id,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'p> {
    /// None.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond 64 bits.
    Wide(i128),
    /// A float.
    Float(f64),
    /// Bytes, or a text of Python 2.
    Bytes(&'p [u8]),
    /// A text.
    Text(&'p str),
    /// A list.
    List(Values<'p>),
    /// A tuple.
    Tuple(Values<'p>),
    /// A set.
    Set(Values<'p>),
    /// A dict: keys and values in turn.
    Dict(Values<'p>),
    /// Module and name of a function or class, joined by a dot.
    Global(&'p str),
    /// What a call would give.
    Object(Object<'p>),
    /// What stands for something outside the pickle.
    Persistent(Value<'p>),
}

/// A call that is not made: what would be called, with what, and what would be put into the result.
#[derive(Debug, Clone, Copy)]
pub struct Object<'p> {
    /// Module and name of what would be called.
    pub callable: &'p str,
    /// The arguments, a tuple.
    pub args: Value<'p>,
    /// What the result would be told as its state.
    pub state: Option<Value<'p>>,
    /// What would be appended to it.
    pub items: Values<'p>,
    /// Keys and values in turn, which would be set in it.
    pub pairs: Values<'p>,
}

/// Several values.
#[derive(Clone, Copy)]
pub struct Values<'p> {
    pub(super) input: &'p [u8],
    pub(super) nodes: &'p [Node],
    pub(super) ids: &'p [Id],
}

impl<'p> Values<'p> {
    /// How many.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True for none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<Value<'p>> {
        let id = *self.ids.get(index)?;
        Some(Value {
            input: self.input,
            nodes: self.nodes,
            id,
        })
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Value<'p>> {
        (0..self.len()).filter_map(move |i| self.get(i))
    }
}

impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.len())
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.in_words())
    }
}

impl<'p> Value<'p> {
    /// The same for the same value, wherever it hangs.
    pub fn identity(self) -> u32 {
        self.id
    }

    fn other(self, id: Id) -> Self {
        Self { id, ..self }
    }

    fn values(self, ids: &'p [Id]) -> Values<'p> {
        Values {
            input: self.input,
            nodes: self.nodes,
            ids,
        }
    }

    /// What it is.
    pub fn kind(self) -> Kind<'p> {
        match &self.nodes[self.id as usize] {
            Node::None => Kind::None,
            Node::Bool(x) => Kind::Bool(*x),
            Node::Int(x) => Kind::Int(*x),
            Node::Wide(x) => Kind::Wide(**x),
            Node::Float(x) => Kind::Float(*x),
            Node::Bytes(bytes) => Kind::Bytes(bytes.of(self.input)),
            // Checked to be UTF-8 when it was read.
            Node::Text(bytes) => {
                Kind::Text(std::str::from_utf8(bytes.of(self.input)).unwrap_or_default())
            }
            Node::List(ids) => Kind::List(self.values(ids)),
            Node::Tuple(ids) => Kind::Tuple(self.values(ids)),
            Node::Set(ids) => Kind::Set(self.values(ids)),
            Node::Dict(ids) => Kind::Dict(self.values(ids)),
            Node::Global(name) => Kind::Global(name),
            Node::Object(object) => Kind::Object(Object {
                callable: match &self.nodes[object.callable as usize] {
                    Node::Global(name) => name,
                    _ => "",
                },
                args: self.other(object.args),
                state: object.state.map(|id| self.other(id)),
                items: self.values(&object.items),
                pairs: self.values(&object.pairs),
            }),
            Node::Persistent(id) => Kind::Persistent(self.other(*id)),
        }
    }

    /// What it is, for messages.
    pub fn in_words(self) -> String {
        match self.kind() {
            Kind::None => "None".into(),
            Kind::Bool(x) => if x { "True" } else { "False" }.into(),
            Kind::Int(x) => x.to_string(),
            Kind::Wide(x) => x.to_string(),
            Kind::Float(x) => x.to_string(),
            Kind::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Kind::Text(text) => format!("\"{}\"", super::shown(text)),
            Kind::List(values) => format!("a list of {}", values.len()),
            Kind::Tuple(values) => format!("a tuple of {}", values.len()),
            Kind::Set(values) => format!("a set of {}", values.len()),
            Kind::Dict(values) => format!("a dict of {}", values.len() / 2),
            Kind::Global(name) => format!("`{name}`"),
            Kind::Object(object) => format!("the result of `{}`", object.callable),
            Kind::Persistent(_) => "a reference to outside the pickle".into(),
        }
    }

    /// That it is not what is needed.
    pub fn unlike(self, expected: impl Into<String>) -> PickleError {
        PickleError::Kind {
            expected: expected.into(),
            found: self.in_words(),
        }
    }

    /// A text, Python 2's included where it is UTF-8.
    pub fn text(self) -> Result<&'p str, PickleError> {
        match self.kind() {
            Kind::Text(text) => Some(text),
            Kind::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
        .ok_or_else(|| self.unlike("a text"))
    }

    /// Bytes. Python 3 writes them for protocols up to 2 as a text in Latin-1 that is to be encoded,
    /// and none at all as a call without arguments.
    pub fn bytes(self) -> Result<Cow<'p, [u8]>, PickleError> {
        let latin1 = |object: Object<'p>| {
            let Kind::Tuple(args) = object.args.kind() else {
                return None;
            };
            if object.callable == "__builtin__.bytes" && args.is_empty() {
                return Some(Vec::new());
            }
            let text = args.get(0)?.text().ok()?;
            let encoding = args.get(1)?.text().ok()?;
            let byte = |c: char| u8::try_from(c).ok();
            match (object.callable, encoding) {
                ("_codecs.encode", "latin1") => text.chars().map(byte).collect::<Option<_>>(),
                _ => None,
            }
        };
        match self.kind() {
            Kind::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Kind::Object(object) => latin1(object).map(Cow::<[u8]>::Owned),
            _ => None,
        }
        .ok_or_else(|| self.unlike("bytes"))
    }

    /// Where [`bytes`](Self::bytes) come from in the input.
    pub(super) fn raw(self) -> &'p [u8] {
        match self.kind() {
            Kind::Bytes(bytes) => bytes,
            Kind::Object(object) => {
                let text = object.args.items().ok().and_then(|args| args.get(0));
                text.and_then(|text| text.text().ok())
                    .unwrap_or_default()
                    .as_bytes()
            }
            _ => &[],
        }
    }

    /// A whole number; a truth value is 0 or 1.
    pub fn int(self) -> Result<i64, PickleError> {
        match self.kind() {
            Kind::Int(x) => Ok(x),
            Kind::Bool(x) => Ok(x.into()),
            _ => Err(self.unlike("a whole number")),
        }
    }

    /// A whole number of at least 0.
    pub fn size(self) -> Result<usize, PickleError> {
        let size = self.int().ok().and_then(|x| usize::try_from(x).ok());
        size.ok_or_else(|| self.unlike("a whole number of at least 0"))
    }

    /// The values of a list or tuple.
    pub fn items(self) -> Result<Values<'p>, PickleError> {
        match self.kind() {
            Kind::List(values) | Kind::Tuple(values) => Ok(values),
            _ => Err(self.unlike("a list or tuple")),
        }
    }

    /// The values of a tuple or list of just this length.
    pub fn array<const N: usize>(self) -> Result<[Value<'p>; N], PickleError> {
        let values = self.items()?;
        let array: Vec<_> = values.iter().collect();
        array
            .try_into()
            .map_err(|_| self.unlike(format!("{N} values")))
    }

    /// The entries of a dict or ordered dict in their order; where a key occurs twice, the last
    /// counts.
    pub fn pairs(self) -> Result<Vec<(Value<'p>, Value<'p>)>, PickleError> {
        let two = |values: Values<'p>| {
            let at = |i| values.get(i);
            (0..values.len() / 2)
                .filter_map(|i| at(2 * i).zip(at(2 * i + 1)))
                .collect::<Vec<_>>()
        };
        match self.kind() {
            Kind::Dict(values) => Ok(two(values)),
            Kind::Object(object)
                if matches!(
                    object.callable,
                    "collections.OrderedDict" | "collections.defaultdict"
                ) =>
            {
                // Python 2 gives the entries as an argument: a list of pairs.
                let given = object.args.items().ok().and_then(|args| args.get(0));
                let given = given.and_then(|list| list.items().ok());
                let mut pairs = Vec::new();
                for pair in given.into_iter().flat_map(Values::iter) {
                    let [key, value] = pair.array()?;
                    pairs.push((key, value));
                }
                pairs.extend(two(object.pairs));
                Ok(pairs)
            }
            _ => Err(self.unlike("a dict")),
        }
    }

    /// The value of a key in a dict.
    pub fn get(self, key: &str) -> Result<Option<Value<'p>>, PickleError> {
        let pairs = self.pairs()?.into_iter().rev();
        Ok(pairs
            .into_iter()
            .find(|(k, _)| k.text() == Ok(key))
            .map(|(_, value)| value))
    }
}
