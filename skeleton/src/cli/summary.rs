//! `aimclr-data summary`.

use super::grouped;
use super::progress::Progress;
use super::table::table;
use crate::dataset::{Dataset, Part};
use crate::sequence::{CHANNELS, SequenceRef};
use anyhow::Context;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data set's folder
    dataset: PathBuf,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data summary motions
  aimclr-data summary motions --json | jq .splits

Every number of the data set is read. The exit code is 1 where one of them is NaN or infinite:
nothing can be trained on that.";

/// What is in a data set.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    license: String,
    citation: String,
    layout: String,
    joints: usize,
    bodies: usize,
    fps: f64,
    samples: usize,
    frames: usize,
    seconds: f64,
    bytes: u64,
    classes: Vec<Class>,
    columns: BTreeMap<String, Column>,
    splits: BTreeMap<String, Split>,
    /// Bodies present, over all frames.
    bodies_present: usize,
    /// Joints of present bodies that lie at (0, 0, 0): the sensor had lost them.
    missing_joints: usize,
    /// Those joints of the layout that are missing anywhere, the most often missing first.
    missing: Vec<Missing>,
    /// Coordinates that are NaN or infinite.
    not_finite: usize,
    /// Where the first of these is.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_not_finite: Option<String>,
}

/// How often a joint is missing.
#[derive(Debug, Serialize)]
struct Missing {
    joint: String,
    count: usize,
    /// Of the bodies present, 0 to 1.
    share: f64,
}

/// Most joints that are printed as missing.
const MISSING: usize = 8;

#[derive(Debug, Serialize)]
struct Class {
    label: usize,
    name: String,
    samples: usize,
    /// Shortest, median and longest sample; absent for a class without samples.
    frames: Option<Lengths>,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Lengths {
    min: usize,
    median: usize,
    max: usize,
}

/// A column of `samples.csv`: how many samples have each value, or only how many values there are
/// where these are many.
#[derive(Debug, Serialize)]
struct Column {
    distinct: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<String, usize>>,
}

/// Most values of a column that are listed.
const LISTED: usize = 64;

#[derive(Debug, Serialize)]
struct Split {
    column: String,
    train: usize,
    test: usize,
    /// People on both sides, where samples.csv has a column `subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    train_subjects: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_subjects: Option<usize>,
    /// Classes that only one of the parts has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_in_train: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_in_test: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    let summary = summarise(&dataset)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&summary)?)?,
        false => print(&summary, &mut out)?,
    }
    out.flush()?;
    match summary.first_not_finite {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => {
            let count = grouped(summary.not_finite);
            eprintln!("error: {count} coordinates are no finite numbers, the first in {first}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn summarise(dataset: &Dataset) -> anyhow::Result<Summary> {
    let meta = dataset.meta();
    let samples = dataset.samples();
    let frames: usize = samples.iter().map(|s| s.frames).sum();
    let mut bytes = 0;
    for file in ["dataset.toml", "samples.csv", "joints.npy"] {
        let path = dataset.folder().join(file);
        bytes += std::fs::metadata(&path)
            .with_context(|| path.display().to_string())?
            .len();
    }
    let counts = scan(dataset)?;
    let mut splits = BTreeMap::new();
    for (name, rule) in &meta.splits {
        splits.insert(name.clone(), split(dataset, name, &rule.column)?);
    }
    Ok(Summary {
        name: meta.name.clone(),
        license: meta.license.clone(),
        citation: meta.citation.clone(),
        layout: meta.layout.clone(),
        joints: dataset.layout().len(),
        bodies: meta.bodies,
        fps: meta.fps,
        samples: samples.len(),
        frames,
        seconds: frames as f64 / meta.fps,
        bytes,
        classes: classes(dataset),
        columns: columns(dataset),
        splits,
        bodies_present: counts.present,
        missing_joints: counts.missing.iter().sum(),
        missing: missing(dataset, &counts),
        not_finite: counts.not_finite,
        first_not_finite: counts.first,
    })
}

fn missing(dataset: &Dataset, counts: &Counts) -> Vec<Missing> {
    let joints = dataset.layout().joints.iter().zip(&counts.missing);
    let mut missing: Vec<Missing> = joints
        .filter(|(_, count)| **count > 0)
        .map(|(joint, count)| Missing {
            joint: joint.clone(),
            count: *count,
            share: *count as f64 / counts.present.max(1) as f64,
        })
        .collect();
    missing.sort_by_key(|joint| std::cmp::Reverse(joint.count));
    missing
}

fn classes(dataset: &Dataset) -> Vec<Class> {
    let meta = dataset.meta();
    let mut lengths: Vec<Vec<usize>> = vec![Vec::new(); meta.classes.len()];
    for sample in dataset.samples() {
        lengths[sample.label].push(sample.frames);
    }
    let class = |(label, mut lengths): (usize, Vec<usize>)| {
        lengths.sort_unstable();
        Class {
            label,
            name: meta.classes[label].clone(),
            samples: lengths.len(),
            frames: lengths_of(&lengths),
            seconds: lengths.iter().sum::<usize>() as f64 / meta.fps,
        }
    };
    lengths.into_iter().enumerate().map(class).collect()
}

/// Of sorted numbers.
fn lengths_of(sorted: &[usize]) -> Option<Lengths> {
    Some(Lengths {
        min: *sorted.first()?,
        median: sorted[sorted.len() / 2],
        max: *sorted.last()?,
    })
}

fn columns(dataset: &Dataset) -> BTreeMap<String, Column> {
    let mut values: BTreeMap<&String, BTreeMap<&String, usize>> = BTreeMap::new();
    for sample in dataset.samples() {
        for (column, value) in &sample.columns {
            *values.entry(column).or_default().entry(value).or_default() += 1;
        }
    }
    let column = |values: BTreeMap<&String, usize>| Column {
        distinct: values.len(),
        values: (values.len() <= LISTED)
            .then(|| values.into_iter().map(|(v, n)| (v.clone(), n)).collect()),
    };
    values
        .into_iter()
        .map(|(name, values)| (name.clone(), column(values)))
        .collect()
}

fn split(dataset: &Dataset, name: &str, column: &str) -> anyhow::Result<Split> {
    let (train, test) = (
        dataset.part(name, Part::Train)?,
        dataset.part(name, Part::Test)?,
    );
    let labels = |part: &[usize]| -> BTreeSet<usize> {
        part.iter().map(|i| dataset.samples()[*i].label).collect()
    };
    let subjects = |part: &[usize]| -> Option<usize> {
        let subject = |i: &usize| dataset.samples()[*i].columns.get("subject");
        let subjects: Option<BTreeSet<&String>> = part.iter().map(subject).collect();
        subjects.map(|subjects| subjects.len())
    };
    let (in_train, in_test) = (labels(&train), labels(&test));
    let named = |labels: Vec<&usize>| -> Vec<String> {
        labels
            .into_iter()
            .map(|l| dataset.meta().classes[*l].clone())
            .collect()
    };
    Ok(Split {
        column: column.into(),
        train: train.len(),
        test: test.len(),
        train_subjects: subjects(&train),
        test_subjects: subjects(&test),
        missing_in_train: named(in_test.difference(&in_train).collect()),
        missing_in_test: named(in_train.difference(&in_test).collect()),
    })
}

/// What reading every number finds.
#[derive(Debug, Default)]
struct Counts {
    present: usize,
    /// By joint.
    missing: Vec<usize>,
    not_finite: usize,
    first: Option<String>,
}

fn scan(dataset: &Dataset) -> anyhow::Result<Counts> {
    let mut counts = Counts {
        missing: vec![0; dataset.layout().len()],
        ..Counts::default()
    };
    let mut start = 0;
    let mut progress = Progress::new("reading", dataset.samples().len());
    for (i, sample) in dataset.samples().iter().enumerate() {
        match dataset.sequence(i) {
            Ok(sequence) => counts.add(sequence),
            Err(error) => {
                counts.first.get_or_insert_with(|| {
                    // The message begins with the file, as every message does.
                    error.to_string()
                });
                let data = raw(dataset, start, sample.frames)?;
                counts.add(SequenceRef {
                    frames: sample.frames,
                    bodies: dataset.meta().bodies,
                    joints: dataset.layout().len(),
                    data: &data,
                });
            }
        }
        start += sample.frames;
        progress.set(i);
    }
    Ok(counts)
}

impl Counts {
    fn add(&mut self, sequence: SequenceRef<'_>) {
        for t in 0..sequence.frames {
            for m in (0..sequence.bodies).filter(|m| !sequence.is_absent(t, *m)) {
                self.present += 1;
                for v in 0..sequence.joints {
                    let joint = sequence.joint(t, m, v);
                    self.missing[v] += usize::from(joint == [0.0; 3]);
                    self.not_finite += joint.iter().filter(|x| !x.is_finite()).count();
                }
            }
        }
    }
}

/// The numbers of a sequence that [`Dataset::sequence`] refuses. They are the file's last bytes.
fn raw(dataset: &Dataset, start: usize, frames: usize) -> anyhow::Result<Vec<f32>> {
    let path = dataset.folder().join("joints.npy");
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(&path)?;
        let frame = (dataset.meta().bodies * dataset.layout().len() * CHANNELS * 4) as u64;
        let all: usize = dataset.samples().iter().map(|s| s.frames).sum();
        let header = file.metadata()?.len().saturating_sub(all as u64 * frame);
        file.seek(SeekFrom::Start(header + start as u64 * frame))?;
        let mut bytes = Vec::new();
        file.take(frames as u64 * frame).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| path.display().to_string())?;
    let numbers = bytes.chunks_exact(4);
    Ok(numbers
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect())
}

fn print(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", summary.name)?;
    let mut line = |key: &str, value: String| match value.is_empty() {
        true => Ok(()),
        false => writeln!(out, "  {key:<10}{value}"),
    };
    line("licence", summary.license.clone())?;
    line("cite", summary.citation.clone())?;
    let bodies = if summary.bodies == 1 {
        "body"
    } else {
        "bodies"
    };
    line(
        "layout",
        format!(
            "{}: {} joints, {} {bodies}, {} frames a second",
            summary.layout, summary.joints, summary.bodies, summary.fps
        ),
    )?;
    line(
        "size",
        format!(
            "{} samples, {} frames, {}, {}",
            grouped(summary.samples),
            grouped(summary.frames),
            duration(summary.seconds),
            megabytes(summary.bytes)
        ),
    )?;
    line("joints", health(summary))?;
    line("missing", most_missing(summary))?;
    writeln!(out)?;
    write!(out, "{}", class_table(summary))?;
    if !summary.columns.is_empty() {
        writeln!(out)?;
        let columns = summary.columns.iter();
        let rows: Vec<Vec<String>> = columns
            .map(|(name, column)| vec![name.clone(), grouped(column.distinct), listed(column)])
            .collect();
        write!(out, "{}", table(&["column", " values", ""], &rows))?;
    }
    if !summary.splits.is_empty() {
        writeln!(out)?;
        write!(out, "{}", split_table(summary))?;
    }
    Ok(())
}

fn class_table(summary: &Summary) -> String {
    let head = [
        " label",
        "class",
        " samples",
        " total",
        " shortest",
        " median",
        " longest",
    ];
    let mut rows = Vec::new();
    for class in &summary.classes {
        let length = |pick: fn(&Lengths) -> usize| match &class.frames {
            Some(lengths) => {
                let frames = pick(lengths);
                format!("{} ({:.1} s)", grouped(frames), frames as f64 / summary.fps)
            }
            None => "–".into(),
        };
        rows.push(vec![
            class.label.to_string(),
            class.name.clone(),
            grouped(class.samples),
            duration(class.seconds),
            length(|l| l.min),
            length(|l| l.median),
            length(|l| l.max),
        ]);
    }
    table(&head, &rows)
}

fn split_table(summary: &Summary) -> String {
    let mut rows = Vec::new();
    for (name, split) in &summary.splits {
        let mut remarks = Vec::new();
        for (part, missing) in [
            ("train", &split.missing_in_train),
            ("test", &split.missing_in_test),
        ] {
            if !missing.is_empty() {
                remarks.push(format!("not in {part}: {}", missing.join(", ")));
            }
        }
        rows.push(vec![
            name.clone(),
            split.column.clone(),
            grouped(split.train),
            grouped(split.test),
            match split.train_subjects.zip(split.test_subjects) {
                Some((train, test)) => format!("{train} / {test}"),
                None => String::new(),
            },
            remarks.join("; "),
        ]);
    }
    table(&["split", "by", " train", " test", " subjects", ""], &rows)
}

fn health(summary: &Summary) -> String {
    let all = summary.bodies_present * summary.joints;
    let missing = match summary.missing_joints {
        0 => "none missing".to_string(),
        n => {
            let percent = 100.0 * n as f64 / all.max(1) as f64;
            let percent = match percent < 0.01 {
                true => "under 0.01 %".to_string(),
                false => format!("{percent:.2} %"),
            };
            format!("{} missing ({percent})", grouped(n))
        }
    };
    let finite = match summary.not_finite {
        0 => "every number finite".to_string(),
        n => format!("{} coordinates not finite", grouped(n)),
    };
    format!("{missing}, {finite}")
}

/// The joints that are missing most, and how often.
fn most_missing(summary: &Summary) -> String {
    let percent = |share: f64| match 100.0 * share {
        p if p < 0.1 => "under 0.1 %".to_string(),
        p => format!("{p:.1} %"),
    };
    let shown = summary.missing.iter().take(MISSING);
    let mut shown: Vec<String> = shown
        .map(|missing| format!("{} {}", missing.joint, percent(missing.share)))
        .collect();
    if summary.missing.len() > MISSING {
        shown.push("…".into());
    }
    shown.join(", ")
}

fn listed(column: &Column) -> String {
    const ROOM: usize = 60;
    let Some(values) = &column.values else {
        return String::new();
    };
    let mut names: Vec<&String> = values.keys().collect();
    // Numbers in their own order, not 1, 10, 2.
    names.sort_by_key(|name| (name.parse::<i64>().unwrap_or(i64::MAX), name.as_str()));
    let mut line = String::new();
    for name in names {
        if line.chars().count() + name.chars().count() > ROOM {
            return format!("{line}, …");
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name);
    }
    line
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        b if b < 10_000_000_000 => format!("{:.1} MB", b as f64 / 1e6),
        b => format!("{:.1} GB", b as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{FORMAT, Meta, Sample, Split, Writer};
    use crate::sequence::Sequence;

    /// Three recordings of two frames in coco17; joint 4 is lost in half of them, joint 9 in one.
    fn dataset() -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().expect("folder");
        let meta = Meta {
            format: FORMAT.into(),
            name: "lost".into(),
            license: "CC0-1.0".into(),
            citation: String::new(),
            units: "pixel".into(),
            fps: 30.0,
            layout: "coco17".into(),
            bodies: 1,
            classes: vec!["wave".into()],
            splits: [("xsub".to_string(), Split::by_test("subject", [3]))].into(),
        };
        let mut writer = Writer::create(folder.path(), meta).expect("created");
        for i in 0..3 {
            let mut joints = Sequence::zeros(2, 1, 17);
            joints.data.fill(0.5);
            joints.set_joint(0, 0, 4, [0.0; 3]);
            if i == 2 {
                joints.set_joint(1, 0, 9, [0.0; 3]);
            }
            let sample = Sample {
                name: format!("s{i}"),
                frames: 2,
                label: 0,
                columns: [("subject".to_string(), (i + 1).to_string())].into(),
            };
            writer.push(&sample, joints.view()).expect("pushed");
        }
        writer.finish().expect("finished");
        let dataset = Dataset::open(folder.path()).expect("opened");
        (folder, dataset)
    }

    #[test]
    fn lost_joints_and_people_of_a_split_are_counted() {
        let (_folder, dataset) = dataset();
        let summary = summarise(&dataset).expect("summed up");
        assert_eq!(summary.missing_joints, 4);
        let missing = summary.missing.iter().map(|m| (m.joint.as_str(), m.count));
        assert_eq!(
            missing.collect::<Vec<_>>(),
            [("right ear", 3), ("left wrist", 1)]
        );
        assert_eq!(summary.missing[0].share, 0.5);
        let split = &summary.splits["xsub"];
        assert_eq!(
            (split.train_subjects, split.test_subjects),
            (Some(2), Some(1))
        );
        let mut text = Vec::new();
        print(&summary, &mut text).expect("printed");
        let text = String::from_utf8(text).expect("UTF-8");
        for part in [
            "coco17: 17 joints",
            "right ear 50.0 %, left wrist 16.7 %",
            "2 / 1",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
