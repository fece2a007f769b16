//! The stack machine that a pickle is written for, without the calls.

use super::value::Id;
use super::{PickleError, Rules, shown};
use std::collections::HashMap;

/// A value; what it holds lies elsewhere among the nodes.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Wide(Box<i128>),
    Float(f64),
    Bytes(Span),
    Text(Span),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    /// Keys and values in turn.
    Dict(Vec<Id>),
    Global(Box<str>),
    Object(Box<Call>),
    Persistent(Id),
}

/// A call that is not made.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) callable: Id,
    pub(super) args: Id,
    pub(super) state: Option<Id>,
    pub(super) items: Vec<Id>,
    pub(super) pairs: Vec<Id>,
}

/// Bytes in the input, or, where they were escaped there, on their own.
#[derive(Debug)]
pub(super) enum Span {
    Input { start: usize, length: usize },
    Own(Box<[u8]>),
}

impl Span {
    pub(super) fn of<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Input { start, length } => &input[*start..start + length],
            Self::Own(bytes) => bytes,
        }
    }
}

/// What a run leaves behind.
pub(super) struct Outcome {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
    pub(super) length: usize,
}

pub(super) struct Machine<'i> {
    input: &'i [u8],
    at: usize,
    /// Where the instruction began; for messages.
    start: usize,
    rules: Rules<'i>,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Height of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// Values pushed, marks and memo entries: all that takes memory.
    taken: usize,
}

/// Bytes after which the caller is told that they have been read.
const TOLD_EVERY: usize = 16 << 20;

/// Longest text: it is looked at whole, and NumPy's numbers are one where Python 3 wrote protocol 2.
const LONGEST_TEXT: usize = 256 << 20;

type Result<T> = std::result::Result<T, PickleError>;

impl<'i> Machine<'i> {
    pub(super) fn run(
        input: &'i [u8],
        rules: Rules<'i>,
        passed: impl Fn(&'i [u8]),
    ) -> Result<Outcome> {
        let mut machine = Machine {
            input,
            at: 0,
            start: 0,
            rules,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            taken: 0,
        };
        let mut told = 0;
        while !machine.step()? {
            if machine.at - told > TOLD_EVERY {
                passed(&input[told..machine.at]);
                told = machine.at;
            }
        }
        let root = machine.pop()?;
        Ok(Outcome {
            nodes: machine.nodes,
            root,
            length: machine.at,
        })
    }

    /// One instruction; true at the end.
    fn step(&mut self) -> Result<bool> {
        self.start = self.at;
        let opcode = self.bytes(1, "the list of instructions")?[0];
        match opcode {
            b'.' => return Ok(true),
            0x80 => self.protocol()?,
            // Frames only help to read ahead.
            0x95 => {
                self.number::<8>("a frame")?;
            }
            b'(' => {
                self.take()?;
                self.marks.push(self.stack.len());
            }
            b'0' => {
                if self.stack.len() > self.floor() {
                    self.pop()?;
                } else {
                    self.take_marked()?;
                }
            }
            b'1' => {
                self.take_marked()?;
            }
            b'2' => {
                let top = self.top()?;
                self.put_on_stack(top)?;
            }
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'I' | b'L' => self.decimal()?,
            b'F' => {
                let text = self.text_line("a float")?;
                let x = text.parse().map_err(|_| self.bad("a float", text))?;
                self.push(Node::Float(x))?;
            }
            b'G' => {
                let x = f64::from_be_bytes(self.fixed("a float")?);
                self.push(Node::Float(x))?;
            }
            b'J' => {
                let x = i32::from_le_bytes(self.fixed("a whole number")?);
                self.push(Node::Int(x.into()))?;
            }
            b'K' => {
                let x = self.number::<1>("a whole number")?;
                self.push(Node::Int(x as i64))?;
            }
            b'M' => {
                let x = self.number::<2>("a whole number")?;
                self.push(Node::Int(x as i64))?;
            }
            0x8a => self.long::<1>()?,
            0x8b => self.long::<4>()?,
            b'S' => self.quoted()?,
            b'V' => self.escaped()?,
            b'U' | b'C' => self.counted::<1>(Node::Bytes)?,
            b'T' | b'B' => self.counted::<4>(Node::Bytes)?,
            0x8e | 0x96 => self.counted::<8>(Node::Bytes)?,
            0x8c => self.counted::<1>(Node::Text)?,
            b'X' => self.counted::<4>(Node::Text)?,
            0x8d => self.counted::<8>(Node::Text)?,
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x8f => self.push(Node::Set(Vec::new()))?,
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub((opcode - 0x84).into());
                let from = from.filter(|from| *from >= self.floor());
                let parts = self.stack.split_off(from.ok_or_else(|| self.short())?);
                self.push(Node::Tuple(parts))?;
            }
            b't' => self.push_marked(Node::Tuple)?,
            b'l' => self.push_marked(Node::List)?,
            b'd' => {
                let parts = self.take_marked()?;
                self.even(&parts)?;
                self.push(Node::Dict(parts))?;
            }
            0x91 => self.push_marked(Node::Set)?,
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let parts = self.take_marked()?;
                self.append(parts)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let parts = self.take_marked()?;
                self.set(parts)?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    b'p' => self.key_line()?,
                    b'q' => self.number::<1>("a memo number")?,
                    b'r' => self.number::<4>("a memo number")?,
                    _ => self.memo.len() as u64,
                };
                let top = self.top()?;
                self.take()?;
                self.memo.insert(key, top);
            }
            b'g' | b'h' | b'j' => {
                let key = match opcode {
                    b'g' => self.key_line()?,
                    b'h' => self.number::<1>("a memo number")?,
                    _ => self.number::<4>("a memo number")?,
                };
                let id = self.memo.get(&key).copied();
                let id = id.ok_or_else(|| self.malformed(format!("nothing is kept as {key}")))?;
                self.put_on_stack(id)?;
            }
            b'c' => {
                let module = self.text_line("a name")?;
                let name = self.text_line("a name")?;
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.name(module)?, self.name(name)?);
                self.global(&module, &name)?;
            }
            b'R' | 0x81 => {
                let (args, callable) = (self.pop()?, self.pop()?);
                self.call(callable, args)?;
            }
            b'i' => {
                let module = self.text_line("a name")?;
                let name = self.text_line("a name")?;
                let args = self.take_marked()?;
                self.global(module, name)?;
                let callable = self.pop()?;
                let args = self.node(Node::Tuple(args))?;
                self.call(callable, args)?;
            }
            b'o' => {
                let mut parts = self.take_marked()?.into_iter();
                let callable = parts.next().ok_or_else(|| self.short())?;
                let args = self.node(Node::Tuple(parts.collect()))?;
                self.call(callable, args)?;
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                match &mut self.nodes[object as usize] {
                    Node::Object(object) => object.state = Some(state),
                    _ => return Err(self.malformed("a state for what can't have one".into())),
                }
            }
            b'P' => {
                let start = self.at;
                let length = self.line("a reference")?.len();
                let id = self.node(Node::Bytes(Span::Input { start, length }))?;
                self.push(Node::Persistent(id))?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            0x82..=0x84 => return Err(self.opcode(opcode, "a number for a name kept elsewhere")),
            0x92 => return Err(self.opcode(opcode, "a call with named arguments")),
            0x97 | 0x98 => return Err(self.opcode(opcode, "data outside the pickle")),
            _ => return Err(self.opcode(opcode, "")),
        }
        Ok(false)
    }

    fn protocol(&mut self) -> Result<()> {
        match self.number::<1>("the protocol's number")? {
            0..=5 => Ok(()),
            found => Err(self.malformed(format!("expected protocol 0 to 5, found {found}"))),
        }
    }

    // What is read from the input.

    fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'i [u8]> {
        let input = self.input;
        let end = self.at.checked_add(count);
        let bytes = end.and_then(|end| input.get(self.at..end));
        let cut = PickleError::Cut {
            at: self.start,
            what,
        };
        let bytes = bytes.ok_or(cut)?;
        self.at += count;
        Ok(bytes)
    }

    fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let bytes = self.bytes(N, what)?;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    /// An unsigned number of N bytes, little endian.
    fn number<const N: usize>(&mut self, what: &'static str) -> Result<u64> {
        let bytes = self.bytes(N, what)?;
        let number = bytes.iter().rev();
        Ok(number.fold(0, |x, byte| (x << 8) | u64::from(*byte)))
    }

    fn line(&mut self, what: &'static str) -> Result<&'i [u8]> {
        let rest = &self.input[self.at..];
        let length = rest.iter().position(|b| *b == b'\n');
        let length = length.ok_or(PickleError::Cut {
            at: self.start,
            what,
        })?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    fn text_line(&mut self, what: &'static str) -> Result<&'i str> {
        let line = self.line(what)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line)
            .map_err(|_| self.malformed(format!("{what}: expected UTF-8 text")))
    }

    fn key_line(&mut self) -> Result<u64> {
        let text = self.text_line("a memo number")?;
        text.parse().map_err(|_| self.bad("a memo number", text))
    }

    /// `I` and `L`: digits, with an L at the end or not; 00 and 01 are truth values.
    fn decimal(&mut self) -> Result<()> {
        let text = self.text_line("a whole number")?;
        let node = match text {
            "00" => Node::Bool(false),
            "01" => Node::Bool(true),
            _ => {
                let digits = text.strip_suffix('L').unwrap_or(text);
                let number = digits.parse::<i128>();
                whole(number.map_err(|_| self.bad("a whole number of at most 128 bits", text))?)
            }
        };
        self.push(node)
    }

    /// A number of N-byte length in two's complement, little endian.
    fn long<const N: usize>(&mut self) -> Result<()> {
        let length = self.number::<N>("a whole number")? as usize;
        let bytes = self.bytes(length, "a whole number")?;
        let mut wide = match bytes.last() {
            Some(128..) => [0xff; 16],
            _ => [0; 16],
        };
        match wide.get_mut(..length) {
            Some(place) => place.copy_from_slice(bytes),
            None => {
                let reason = format!("a whole number of {length} bytes; expected at most 16");
                return Err(self.malformed(reason));
            }
        }
        self.push(whole(i128::from_le_bytes(wide)))
    }

    /// Bytes or a text after its length of N bytes.
    fn counted<const N: usize>(&mut self, node: fn(Span) -> Node) -> Result<()> {
        let length = self.number::<N>("a text's length")?;
        // More than the address space holds is more than is there.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let start = self.at;
        let bytes = self.bytes(length, "a text")?;
        let node = node(Span::Input { start, length });
        if matches!(node, Node::Text(_)) && length > LONGEST_TEXT {
            let reason = format!("a text of {length} bytes; expected at most {LONGEST_TEXT}");
            return Err(self.malformed(reason));
        }
        if matches!(node, Node::Text(_)) && std::str::from_utf8(bytes).is_err() {
            return Err(self.malformed("a text: expected UTF-8".into()));
        }
        self.push(node)
    }

    /// Python 2's text with its quotes and escapes.
    fn quoted(&mut self) -> Result<()> {
        let line = self.line("a text")?;
        let inner = match line.trim_ascii() {
            [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
            _ => return Err(self.malformed("a text: expected quotes around it".into())),
        };
        let mut out = Vec::new();
        let mut rest = inner.iter().copied();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            out.push(match rest.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'x') => {
                    let mut digit = || (rest.next()? as char).to_digit(16);
                    match digit().zip(digit()) {
                        Some((high, low)) => (16 * high + low) as u8,
                        None => return Err(self.malformed("a text: a broken \\x".into())),
                    }
                }
                Some(same @ (b'\\' | b'\'' | b'"')) => same,
                _ => return Err(self.malformed("a text: an unknown escape".into())),
            });
        }
        self.push(Node::Bytes(Span::Own(out.into())))
    }

    /// Protocol 0's text: Latin-1, anything else as \u and \U.
    fn escaped(&mut self) -> Result<()> {
        let line = self.line("a text")?;
        let mut out = String::new();
        let mut rest = line;
        while let [byte, after @ ..] = rest {
            rest = after;
            let digits = match (byte, after) {
                (b'\\', [b'u', ..]) => 4,
                (b'\\', [b'U', ..]) => 8,
                _ => {
                    out.push(char::from(*byte));
                    continue;
                }
            };
            let code = after.get(1..=digits).and_then(|d| str::from_utf8(d).ok());
            let code = code.and_then(|d| u32::from_str_radix(d, 16).ok());
            let character = code.and_then(char::from_u32);
            out.push(character.ok_or_else(|| self.malformed("a text: a broken \\u".into()))?);
            rest = &after[digits + 1..];
        }
        self.push(Node::Text(Span::Own(out.into_bytes().into())))
    }

    // The stack.

    /// Counts something that takes memory.
    fn take(&mut self) -> Result<()> {
        self.taken += 1;
        match self.taken > self.rules.values {
            false => Ok(()),
            true => Err(PickleError::TooMany {
                at: self.start,
                limit: self.rules.values,
            }),
        }
    }

    fn node(&mut self, node: Node) -> Result<Id> {
        self.take()?;
        let id = Id::try_from(self.nodes.len());
        let id = id.map_err(|_| self.malformed("too many values".into()))?;
        self.nodes.push(node);
        Ok(id)
    }

    fn push(&mut self, node: Node) -> Result<()> {
        let id = self.node(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn put_on_stack(&mut self, id: Id) -> Result<()> {
        self.take()?;
        self.stack.push(id);
        Ok(())
    }

    /// Height of the stack at the last mark: what lies below belongs to others.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id> {
        let top = self.stack.get(self.floor()..).and_then(<[Id]>::last);
        top.copied().ok_or_else(|| self.short())
    }

    fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn take_marked(&mut self) -> Result<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.malformed("an end without a beginning".into())),
        }
    }

    fn push_marked(&mut self, node: fn(Vec<Id>) -> Node) -> Result<()> {
        let parts = self.take_marked()?;
        self.push(node(parts))
    }

    fn append(&mut self, mut parts: Vec<Id>) -> Result<()> {
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::List(items) | Node::Set(items) => items.append(&mut parts),
            Node::Object(object) => object.items.append(&mut parts),
            _ => return Err(self.malformed("values for what is no list".into())),
        }
        Ok(())
    }

    fn set(&mut self, mut parts: Vec<Id>) -> Result<()> {
        self.even(&parts)?;
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::Dict(pairs) => pairs.append(&mut parts),
            Node::Object(object) => object.pairs.append(&mut parts),
            _ => return Err(self.malformed("keys for what is no dict".into())),
        }
        Ok(())
    }

    fn even(&self, parts: &[Id]) -> Result<()> {
        match parts.len().is_multiple_of(2) {
            true => Ok(()),
            false => Err(self.malformed("a key without a value".into())),
        }
    }

    // Names and calls.

    fn name(&self, id: Id) -> Result<String> {
        match &self.nodes[id as usize] {
            Node::Text(text) | Node::Bytes(text) => {
                Ok(String::from_utf8_lossy(text.of(self.input)).into_owned())
            }
            _ => Err(self.malformed("a name that is no text".into())),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let whole = format!("{module}.{name}");
        if !self.rules.names.contains(&whole.as_str()) {
            return Err(PickleError::Call {
                at: self.start,
                name: shown(&whole),
            });
        }
        self.push(Node::Global(whole.into()))
    }

    fn call(&mut self, callable: Id, args: Id) -> Result<()> {
        match (&self.nodes[callable as usize], &self.nodes[args as usize]) {
            (Node::Global(_), Node::Tuple(_)) => {}
            _ => return Err(self.malformed("a call of what has no name".into())),
        }
        self.push(Node::Object(Box::new(Call {
            callable,
            args,
            state: None,
            items: Vec::new(),
            pairs: Vec::new(),
        })))
    }

    // What is wrong.

    fn malformed(&self, mut reason: String) -> PickleError {
        if self.start == 0 {
            reason.insert_str(0, "this is no pickle: ");
        }
        PickleError::Malformed {
            at: self.start,
            reason,
        }
    }

    fn short(&self) -> PickleError {
        self.malformed("a value is missing".into())
    }

    fn bad(&self, expected: &str, found: &str) -> PickleError {
        self.malformed(format!("expected {expected}, found \"{}\"", shown(found)))
    }

    fn opcode(&self, found: u8, why: &'static str) -> PickleError {
        PickleError::Opcode {
            at: self.start,
            found,
            why,
        }
    }
}

fn whole(number: i128) -> Node {
    match i64::try_from(number) {
        Ok(number) => Node::Int(number),
        Err(_) => Node::Wide(Box::new(number)),
    }
}
