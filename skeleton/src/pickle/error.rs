//! What can be wrong with a pickle.

use thiserror::Error;

/// What can be wrong with a pickle. Whoever opened the file says which it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PickleError {
    /// It ends too early.
    #[error("byte {at}: the pickle ends in the middle of {what}; was it cut off while copied?")]
    Cut {
        /// Where the piece begins.
        at: usize,
        /// What is cut.
        what: &'static str,
    },
    /// No instruction of a pickle that stands on its own.
    #[error("byte {at}: expected an instruction of pickle protocols 0 to 5, found 0x{found:02x}{}",
        if why.is_empty() { String::new() } else { format!(" ({why})") })]
    Opcode {
        /// Where.
        at: usize,
        /// The byte.
        found: u8,
        /// What it would be.
        why: &'static str,
    },
    /// It names a function or class that is not among those whose meaning is known.
    #[error("byte {at}: the pickle asks to call `{name}`; only arrays and tensors are read")]
    Call {
        /// Where.
        at: usize,
        /// Module and name.
        name: String,
    },
    /// An instruction does not fit what stands ahead of it.
    #[error("byte {at}: {reason}")]
    Malformed {
        /// Where.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// More values than are taken.
    #[error("byte {at}: more than {limit} values")]
    TooMany {
        /// Where the limit was reached.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// A value is not of the kind that is needed.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What would be right.
        expected: String,
        /// What is there.
        found: String,
    },
}
