//! Reading Python's pickles without running them.
//!
//! A pickle is a small program: it puts together values and may call any function by name. This
//! reader keeps calls as data ([`Object`]), and refuses at once every name that is not on the
//! reader's list. Protocols 0 to 5, of Python 2 and 3. What is taken is bounded by the number of
//! values; bytes and texts stay where they are in the input.

mod array;
mod error;
mod machine;
mod value;

pub use array::{ARRAYS, Array};
pub use error::PickleError;
pub use value::{Kind, Object, Value, Values};

use machine::{Machine, Node};
use value::Id;

/// What a pickle may hold.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    /// Functions and classes whose calls are kept, as "module.name".
    pub names: &'r [&'r str],
    /// Most values, the parts of lists and dicts included; about 40 bytes of memory each.
    pub values: usize,
}

/// A pickle that was read; `B` holds its bytes.
#[derive(Debug)]
pub struct Pickle<B> {
    input: B,
    nodes: Vec<Node>,
    root: Id,
    length: usize,
}

impl<B: AsRef<[u8]>> Pickle<B> {
    /// Reads the pickle at the start of `input`. Nothing in it is run.
    ///
    /// # Errors
    /// The pickle is damaged, too large, or asks for a name that is not on the list.
    pub fn read(input: B, rules: Rules<'_>) -> Result<Self, PickleError> {
        Self::read_through(input, rules, |_, _| {})
    }

    /// The same for a large input: `passed` is told again and again which part of it has been read
    /// and won't be looked at until the end.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_through(
        input: B,
        rules: Rules<'_>,
        passed: impl Fn(&B, &[u8]),
    ) -> Result<Self, PickleError> {
        let bytes = input.as_ref();
        let machine = Machine::run(bytes, rules, |part| passed(&input, part))?;
        Ok(Self {
            nodes: machine.nodes,
            root: machine.root,
            length: machine.length,
            input,
        })
    }

    /// What the pickle was read from.
    pub fn input(&self) -> &B {
        &self.input
    }

    /// Bytes of the pickle; what follows belongs to something else.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The value that the pickle stands for.
    pub fn root(&self) -> Value<'_> {
        self.value(self.root)
    }

    /// All values, wherever they hang.
    pub fn values(&self) -> impl Iterator<Item = Value<'_>> {
        (0..self.nodes.len() as Id).map(|id| self.value(id))
    }

    /// A value by its [`identity`](Value::identity) in this pickle.
    ///
    /// # Panics
    /// The identity is not from this pickle.
    pub fn value(&self, id: u32) -> Value<'_> {
        Value {
            input: self.input.as_ref(),
            nodes: &self.nodes,
            id,
        }
    }
}

/// A text from a file, fit for a message.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
