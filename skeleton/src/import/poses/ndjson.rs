//! Native pose streams (`docs/frame.md`): with a file of labels, or a folder for each class.

use super::folder::{Folder, Form};
use super::lines::{BoundedFile, Lines};
use super::people::{Crowd, LIMIT, Seen};
use super::{About, Clip, ImportError, Source};
use crate::convert::Ways;
use crate::dataset::{Meta, Sample, Split};
use crate::frame::Frame;
use crate::import::room::{Room, clip_bytes, most_frames};
use crate::import::{LeftOut, checksum};
use crate::layout::Layout;
use crate::resize::between;
use crate::sequence::Sequence;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Longest time between two frames that is bridged, seconds.
const GAP: f64 = 0.5;

/// A part of a stream that becomes a sequence.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    name: String,
    /// Seconds in the stream's own time; where there are none it is the whole stream.
    time: Option<(f64, f64)>,
    label: usize,
    columns: BTreeMap<String, String>,
}

/// Recorded pose streams.
pub struct Streams {
    files: Vec<(PathBuf, Vec<Segment>)>,
    left_out: Vec<LeftOut>,
    meta: Meta,
    layout: Layout,
}

/// Streams in folders, one for each class, as [`super::folder`] has it. Frames are brought onto
/// `layout`; those that don't say theirs are in it.
///
/// # Errors
/// There are none, or the folder can't be listed.
pub fn in_folders(root: &Path, about: About, layout: Layout) -> Result<Streams, ImportError> {
    let form = Form {
        files: &["ndjson", "jsonl"],
        frames: &[],
    };
    let folder = Folder::find(root, form)?;
    let meta = about.meta(root, &layout, folder.classes.clone(), folder.splits());
    let whole = |item: super::folder::Item| {
        let segment = Segment {
            name: item.name,
            time: None,
            label: item.label,
            columns: item.columns,
        };
        (item.path, vec![segment])
    };
    Ok(Streams {
        files: folder.items.into_iter().map(whole).collect(),
        left_out: folder.left_out,
        meta,
        layout,
    })
}

/// Streams named in a CSV file: a row for each sequence, with the columns `file` (beside the CSV
/// file), `label`, where only a part is meant `start` and `end` in seconds of the stream's own
/// time, and any others, which go along. There is a split `xsub` where a column `subject` has
/// whole numbers, with the odd ones for training.
///
/// # Errors
/// The file can't be read, or a row is not as it should be; line and column are named.
pub fn with_labels(labels: &Path, about: About, layout: Layout) -> Result<Streams, ImportError> {
    let rows = read_labels(labels)?;
    let classes: BTreeSet<(Option<u64>, &str)> = rows
        .iter()
        .map(|row| (row.label.parse().ok(), row.label.as_str()))
        .collect();
    let classes: Vec<String> = classes.into_iter().map(|(_, name)| name.into()).collect();
    let folder = labels.parent().unwrap_or_else(|| Path::new(""));
    let mut files: Vec<(PathBuf, Vec<Segment>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let segment = Segment {
            name: row.name,
            time: row.time,
            label: classes.iter().position(|c| *c == row.label).unwrap_or(0),
            columns: row.columns,
        };
        let place = *places.entry(row.file.clone()).or_insert_with(|| {
            files.push((folder.join(&row.file), Vec::new()));
            files.len() - 1
        });
        if let Some((_, segments)) = files.get_mut(place) {
            segments.push(segment);
        }
    }
    let subjects = files.iter().flat_map(|(_, segments)| segments);
    let subjects: BTreeSet<Option<i64>> = subjects
        .map(|s| s.columns.get("subject").and_then(|n| n.trim().parse().ok()))
        .collect();
    let mut splits = BTreeMap::new();
    if !subjects.contains(&None) && subjects.iter().flatten().any(|n| n % 2 == 0) {
        let test = subjects.into_iter().flatten().filter(|n| n % 2 == 0);
        splits.insert("xsub".to_string(), Split::by_test("subject", test));
    }
    Ok(Streams {
        files,
        left_out: Vec::new(),
        meta: about.meta(labels, &layout, classes, splits),
        layout,
    })
}

/// A row of the labels file.
struct Row {
    file: String,
    name: String,
    time: Option<(f64, f64)>,
    label: String,
    columns: BTreeMap<String, String>,
}

/// Most bytes of a labels file: a million rows.
const MOST_LABELS: u64 = 64 << 20;

const FIXED: [&str; 4] = ["file", "start", "end", "label"];

fn read_labels(path: &Path) -> Result<Vec<Row>, ImportError> {
    let item = path.display().to_string();
    let mut reader = csv::Reader::from_reader(BoundedFile::open(path, MOST_LABELS)?);
    let fail = |line: u64, reason: String| ImportError::at(&item, format!("line {line}"), reason);
    let header = reader
        .headers()
        .map_err(|e| fail(1, e.to_string()))?
        .clone();
    for needed in ["file", "label"] {
        if !header.iter().any(|name| name == needed) {
            let reason = format!("column \"{needed}\" is missing; expected file,start,end,label,…");
            return Err(fail(1, reason));
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut names = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            fail(
                error.position().map_or(0, csv::Position::line),
                error.to_string(),
            )
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |name: &str| {
            let mut fields = header.iter().zip(record.iter());
            let found = fields.find(|(column, _)| *column == name);
            found.map_or("", |(_, value)| value.trim())
        };
        let seconds = |name: &str| match (field(name), field(name).parse::<f64>()) {
            ("", _) => Ok(None),
            (_, Ok(seconds)) if seconds.is_finite() => Ok(Some(seconds)),
            (found, _) => Err(fail(
                line,
                format!("{name}: expected seconds, found \"{found}\""),
            )),
        };
        for needed in ["file", "label"] {
            if field(needed).is_empty() {
                return Err(fail(
                    line,
                    format!("{needed}: expected text, found nothing"),
                ));
            }
        }
        let time = match (seconds("start")?, seconds("end")?) {
            (None, None) => None,
            (Some(start), Some(end)) if start < end => Some((start, end)),
            (Some(_), Some(_)) => {
                return Err(fail(line, "end: expected seconds behind start".into()));
            }
            _ => return Err(fail(line, "expected both start and end, or neither".into())),
        };
        let file = field("file").to_string();
        let stem = Path::new(&file).with_extension("");
        let stem = stem.to_string_lossy();
        let name = time.map_or(stem.to_string(), |(start, _)| format!("{stem}@{start}"));
        if !names.insert(name.clone()) {
            return Err(fail(line, format!("\"{name}\" occurs twice")));
        }
        let further = header.iter().zip(record.iter());
        rows.push(Row {
            label: field("label").to_string(),
            columns: further
                .filter(|(column, _)| !FIXED.contains(column))
                .map(|(column, value)| (column.to_string(), value.to_string()))
                .collect(),
            file,
            name,
            time,
        });
    }
    if rows.is_empty() {
        return Err(ImportError::item(
            item,
            "expected at least one row, found none",
        ));
    }
    Ok(rows)
}

impl Source for Streams {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn name(&self, item: usize) -> String {
        let file = self.files.get(item);
        file.map_or_else(String::new, |(path, _)| path.display().to_string())
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let Some((path, segments)) = self.files.get(item) else {
            return Ok(Vec::new());
        };
        let mut cuts: Vec<Cut> = segments
            .iter()
            .map(|segment| {
                let name = match segment.time {
                    None => path.display().to_string(),
                    Some((start, end)) => {
                        format!("{}: seconds {start} to {end}", path.display())
                    }
                };
                Cut {
                    item: name.clone(),
                    segment,
                    crowd: Crowd::new(&name, self.meta.bodies, self.layout.len(), room),
                    times: Vec::new(),
                }
            })
            .collect();
        self.frames(path, &mut cuts)?;
        let clip = |cut| self.clip(cut, room);
        cuts.into_iter().map(clip).collect()
    }

    fn settings(&self) -> Value {
        let segments = self.files.iter().flat_map(|(_, segments)| segments);
        json!({"labels": checksum(segments.map(|segment| format!("{segment:?}")))})
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// A segment on its way out of its stream.
struct Cut<'a> {
    item: String,
    segment: &'a Segment,
    crowd: Crowd<'a>,
    times: Vec<f64>,
}

impl Streams {
    fn frames(&self, path: &Path, cuts: &mut [Cut<'_>]) -> Result<(), ImportError> {
        let mut lines = Lines::open(path)?;
        let mut ways = Ways::onto(&self.layout);
        let mut last: Option<(f64, String)> = None;
        let mut taken = 0;
        loop {
            let frame = match lines.next()? {
                None => return Ok(()),
                Some(line) => Frame::parse(line),
            };
            let frame = frame.map_err(|error| lines.fail(error.to_string()))?;
            if let Some((t, source)) = &last {
                if frame.t <= *t {
                    let reason = format!("t: expected more than {t}, found {}", frame.t);
                    return Err(lines.fail(reason));
                }
                if frame.source != *source {
                    let found = &frame.source;
                    let reason = format!("source: expected \"{source}\" alone, found \"{found}\"");
                    return Err(lines.fail(reason));
                }
            }
            let within = |cut: &&mut Cut<'_>| {
                let time = cut.segment.time;
                time.is_none_or(|(start, end)| (start..end).contains(&frame.t))
            };
            let way = ways.from(frame.layout.as_deref());
            let way = way.map_err(|error| lines.fail(error.to_string()))?;
            let mut people = Vec::new();
            for (i, person) in frame.people.iter().enumerate() {
                let places = way.places(&person.joints);
                let places = places.map_err(|e| lines.fail(format!("people[{i}].{e}")))?;
                people.push(Seen::new(person.id, &person.joints, places));
            }
            for cut in cuts.iter_mut().filter(within) {
                // They are all in memory until the file has been read.
                taken += people.len().max(1);
                if taken > LIMIT {
                    let reason = format!(
                        "at most {LIMIT} frames and people of a file are taken, those of all \
                         rows together; divide it"
                    );
                    return Err(lines.fail(reason));
                }
                cut.crowd.push(people.clone())?;
                cut.times.push(frame.t);
            }
            last = Some((frame.t, frame.source));
        }
    }

    fn clip(&self, cut: Cut<'_>, room: &Room<'_>) -> Result<Clip, ImportError> {
        let seen = cut.crowd.choose()?;
        let (start, frames) = regular(&cut.times, cut.segment.time, self.meta.fps);
        let most = most_frames(seen.bodies, seen.joints);
        if frames > most {
            let place = format!("sample \"{}\"", cut.segment.name);
            let fps = self.meta.fps;
            let reason = format!("{frames} frames at {fps} a second; at most {most} are taken");
            return Err(ImportError::at(&cut.item, place, reason));
        }
        room.take(clip_bytes(frames, seen.bodies, seen.joints));
        let joints = at_regular_times(&seen, &cut.times, start, frames, self.meta.fps);
        let sample = Sample {
            name: cut.segment.name.clone(),
            frames: joints.frames,
            label: cut.segment.label,
            columns: cut.segment.columns.clone(),
        };
        Ok(Clip { sample, joints })
    }
}

/// When a clip whose frames have `times` starts, and how many frames it has at `fps` a second.
fn regular(times: &[f64], time: Option<(f64, f64)>, fps: f64) -> (f64, usize) {
    let (first, last) = times.first().zip(times.last()).unwrap_or((&0.0, &0.0));
    // Each frame of a whole stream stands for the time around it.
    let half = match times.len() {
        0 | 1 => 0.5 / fps,
        n => (last - first) / (n - 1) as f64 / 2.0,
    };
    let (start, end) = time.unwrap_or((first - half, last + half));
    // Not more than the stream's own frames would fill at most: a stray time takes no memory.
    let most = times.len() as f64 * (2.0 * GAP * fps).max(2.0) + 1.0;
    (
        start,
        ((end - start) * fps).round().clamp(1.0, most) as usize,
    )
}

/// A clip whose frames have `times` as one whose frame i stands for start + (i + ½)/fps. A gap of
/// more than [`GAP`] seconds is not bridged: in it there is nobody, but close to its ends.
fn at_regular_times(
    clip: &Sequence,
    times: &[f64],
    start: f64,
    frames: usize,
    fps: f64,
) -> Sequence {
    let mut regular = Sequence::zeros(frames, clip.bodies, clip.joints);
    let mut next = 0;
    for i in 0..frames {
        let t = start + (i as f64 + 0.5) / fps;
        while times.get(next).is_some_and(|time| *time < t) {
            next += 1;
        }
        let after = next.min(times.len().saturating_sub(1));
        let before = next.saturating_sub(1).min(after);
        let (Some(a), Some(b)) = (times.get(before), times.get(after)) else {
            break;
        };
        let share = if b > a {
            ((t - a) / (b - a)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let near = (t - a).abs().min((t - b).abs()) <= GAP / 2.0;
        if !near {
            continue;
        }
        // Over a long gap only the nearer end counts.
        let share = if b - a > GAP { share.round() } else { share };
        for m in 0..clip.bodies {
            for v in 0..clip.joints {
                let ends = [before, after].map(|t| clip.joint(t, m, v));
                let joint = match share {
                    0.0 => ends[0],
                    1.0 => ends[1],
                    share => between(ends, share),
                };
                regular.set_joint(i, m, v, joint);
            }
        }
    }
    regular
}
