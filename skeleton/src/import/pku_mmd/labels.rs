//! What is done when in a recording: `class,start,end,confidence` a line, all counted from 1.

use crate::import::ImportError;
use crate::import::text::{Line, Lines};
use std::ops::Range;

/// A stretch of a recording in which one action is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    /// Label, from 0.
    pub(super) label: usize,
    /// Frames, from 0: `[start - 1, end)` of the file's numbers, and none after the last one.
    pub(super) frames: Range<usize>,
}

/// Most actions of a recording; the authors' have some twenty.
const MAX_ACTIONS: usize = 10_000;

/// How many actions may be done at once on average, which in part II are two at times.
const OVERLAP: usize = 2;

/// Reads a label file; `item` is its name for messages, `frames` the recording's length.
///
/// # Errors
/// There is no action; a line has other fields, or numbers that don't fit the recording or the classes.
pub(super) fn parse(
    item: &str,
    text: &[u8],
    classes: usize,
    frames: usize,
) -> Result<Vec<Action>, ImportError> {
    let mut actions = Vec::new();
    let mut cut = 0;
    for line in Lines::new(item, text).filter(|line| !line.is_blank()) {
        let action = action(&line, classes, frames)?;
        cut += action.frames.len();
        // Each becomes a clip of its own, whose joints are copied.
        if actions.len() == MAX_ACTIONS || cut > OVERLAP * frames {
            let reason = format!(
                "expected at most {MAX_ACTIONS}, together at most {OVERLAP} times as long as the \
                 recording of {frames} frames"
            );
            return Err(line.error("actions", reason));
        }
        actions.push(action);
    }
    match actions.is_empty() {
        false => Ok(actions),
        true => Err(ImportError::item(
            item,
            "actions: expected at least one, found none",
        )),
    }
}

fn action(line: &Line<'_>, classes: usize, frames: usize) -> Result<Action, ImportError> {
    let fields: Vec<&[u8]> = line.text.split(|byte| *byte == b',').collect();
    let ([class, start, end] | [class, start, end, _]) = fields[..] else {
        let found = fields.len();
        let reason = format!("expected class,start,end,confidence, found {found} fields");
        return Err(line.error("action", reason));
    };
    let number = |name: &str, text: &[u8], range: Range<usize>| {
        let text = text.trim_ascii();
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            let what = format!("a whole number from {} to {}", range.start, range.end - 1);
            line.expected(name, &what, text)
        })
    };
    let class = number("class", class, 1..classes + 1)?;
    let start = number("start", start, 1..frames + 1)?;
    let end = number("end", end, start..usize::MAX)?;
    Ok(Action {
        label: class - 1,
        frames: start - 1..end.min(frames),
    })
}
