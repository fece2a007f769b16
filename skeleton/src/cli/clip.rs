//! A clip to draw, from a data set or from a recorded pose stream.

use crate::convert::Ways;
use crate::dataset::Dataset;
use crate::draw::upright;
use crate::frame::{Frame, MAX_LINE};
use crate::layout::Layout;
use crate::sequence::Sequence;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A stretch of a recording, ready to draw.
pub(super) struct Clip {
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) layout: Layout,
    pub(super) sequence: Sequence,
    pub(super) fps: f64,
    /// Second of the recording at which the stretch begins.
    pub(super) start: f64,
    /// There was more than the stretch that was asked for.
    pub(super) cut: bool,
}

/// Which part of a recording, in seconds from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) start: f64,
    pub(super) length: f64,
}

/// Most people of a pose stream that are drawn.
const MAX_BODIES: usize = 16;

/// A stretch of a data set's sample.
pub(super) fn of_sample(dataset: &Dataset, index: usize, stretch: Stretch) -> anyhow::Result<Clip> {
    let sample = &dataset.samples()[index];
    let meta = dataset.meta();
    let sequence = dataset.sequence(index)?;
    let from = (stretch.start * meta.fps).round() as usize;
    if from >= sequence.frames {
        bail!(
            "--start: sample \"{}\" lasts {:.1} s only",
            sample.name,
            sequence.frames as f64 / meta.fps
        );
    }
    let length = ((stretch.length * meta.fps).round() as usize).max(1);
    let to = from.saturating_add(length).min(sequence.frames);
    Ok(Clip {
        title: meta.classes[sample.label].clone(),
        caption: sample.name.clone(),
        layout: dataset.layout().clone(),
        sequence: upright(sequence.slice(from..to), dataset.layout()),
        fps: meta.fps,
        start: from as f64 / meta.fps,
        cut: to < sequence.frames,
    })
}

/// A stretch of a recorded pose stream. People are told apart by their ids, and where they have
/// none by their order.
pub(super) fn of_stream(path: &Path, stretch: Stretch) -> anyhow::Result<Clip> {
    let name = path.display();
    let file = File::open(path).with_context(|| name.to_string())?;
    let mut reader = BufReader::new(file);
    let mut frames: Vec<Frame> = Vec::new();
    let mut first = None;
    let mut cut = false;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let limit = MAX_LINE as u64 + 1;
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
        if read.with_context(|| name.to_string())? == 0 {
            break;
        }
        if line.len() > MAX_LINE {
            bail!("{name}: line {number}: longer than {MAX_LINE} bytes");
        }
        let text = std::str::from_utf8(&line)
            .with_context(|| format!("{name}: line {number}: expected UTF-8"))?;
        if text.trim().is_empty() {
            continue;
        }
        let frame = match Frame::parse(text.trim()) {
            Ok(frame) => frame,
            // A recognised stream may carry events, or end in the middle of a line; a picture of
            // the rest is worth more than none.
            Err(error) if !frames.is_empty() => {
                eprintln!("warning: {name}: line {number}: {error}; left out");
                continue;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{name}: line {number}"));
            }
        };
        let start = *first.get_or_insert(frame.t) + stretch.start;
        if frame.t >= start + stretch.length {
            cut = true;
            break;
        }
        if frame.t >= start && frames.last().is_none_or(|last| last.t < frame.t) {
            frames.push(frame);
        }
    }
    let (Some(head), Some(tail)) = (frames.first(), frames.last()) else {
        bail!("{name}: no frame from second {} on", stretch.start);
    };
    let layout = match &head.layout {
        Some(name) => Layout::by_name(name)?,
        None => Layout::ntu25(),
    };
    let fps = match frames.len() {
        1 => 30.0,
        n => (n - 1) as f64 / (tail.t - head.t),
    };
    let title = match head.source.as_str() {
        "" => "pose stream".into(),
        source => source.to_string(),
    };
    Ok(Clip {
        title,
        caption: String::new(),
        sequence: upright(bodies(&frames, &layout)?.view(), &layout),
        layout,
        fps: fps.clamp(0.1, 1000.0),
        start: stretch.start,
        cut,
    })
}

/// Each person's place among the bodies is kept throughout.
fn bodies(frames: &[Frame], layout: &Layout) -> anyhow::Result<Sequence> {
    let mut ways = Ways::onto(layout);
    let mut ids: Vec<u64> = Vec::new();
    for frame in frames {
        for (place, person) in frame.people.iter().enumerate() {
            let id = person.id.unwrap_or(place as u64);
            if !ids.contains(&id) && ids.len() < MAX_BODIES {
                ids.push(id);
            }
        }
    }
    let mut sequence = Sequence::zeros(frames.len(), ids.len().max(1), layout.len());
    for (t, frame) in frames.iter().enumerate() {
        let way = ways.from(frame.layout.as_deref())?;
        for (place, person) in frame.people.iter().enumerate() {
            let id = person.id.unwrap_or(place as u64);
            let Some(m) = ids.iter().position(|known| *known == id) else {
                continue;
            };
            let places = way.places(&person.joints);
            let places = places.with_context(|| format!("frame at {} s", frame.t))?;
            for (v, joint) in places.into_iter().enumerate() {
                sequence.set_joint(t, m, v, joint);
            }
        }
    }
    Ok(sequence)
}
