//! `aimclr-data stream`.

use super::{grouped, write_file};
use crate::dataset::{Dataset, Part, Sample};
use crate::frame::{Frame, Joint, Person};
use crate::resize;
use crate::truth::{self, Segment};
use anyhow::bail;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data set's folder
    dataset: PathBuf,
    /// Take one side of this split only
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Which side of the split
    #[arg(long, value_enum, requires = "split", default_value_t = Side::Test)]
    part: Side,
    /// Take only recordings with this value in a column of samples.csv, or this name or action;
    /// of several, those about one column are alternatives, and all columns must fit
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = condition)]
    conditions: Vec<(String, String)>,
    /// Where the stream goes; - is standard output
    #[arg(long, value_name = "FILE.ndjson|-")]
    out: PathBuf,
    /// Also write what was done when
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Nobody is there for so long between two recordings; then somebody new comes
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = gap)]
    gap: f64,
    /// Frames a second of the stream; movements are interpolated [default: the data set's]
    #[arg(long, value_name = "F", value_parser = rate)]
    fps: Option<f64>,
    /// Name of the source in each frame [default: the data set folder's name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data stream mars --split xsub --out unseen.ndjson --truth unseen.truth.csv
  aimclr-data stream mars --where subject=3 --where action=squat --out - | head -3
  aimclr-data stream motions --split xsub --gap 2 --out visitors.ndjson
  aimclr-data stream mars --split xsub --fps 12 --out slow-camera.ndjson

Each line of the stream is a frame as docs/frame.md has it, with regular time stamps. Without --gap the recordings join into one, as if the same people stayed: body
number 1 has id 1 throughout. With --gap each recording has people with ids of their own.";

/// A side of a split.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Side {
    Train,
    Test,
}

fn condition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, value)) if !column.is_empty() => Ok((column.into(), value.into())),
        _ => Err("expected COLUMN=VALUE, such as subject=3".into()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fps) if (1.0..=1000.0).contains(&fps) => Ok(fps),
        _ => Err("expected frames a second, 1 to 1000".into()),
    }
}

fn gap(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds, 0 to 86400".into()),
    }
}

/// The time stamp of a frame: the middle of its share of a second, to the microsecond.
pub(super) fn instant(frame: f64, fps: f64) -> f64 {
    ((frame + 0.5) / fps * 1e6).round() / 1e6
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    let chosen = choose(&dataset, args)?;
    let source = match &args.source {
        Some(name) => name.clone(),
        None => folder_name(&dataset),
    };
    let to_stdout = args.out.as_os_str() == "-";
    let mut joined = Joined {
        dataset: &dataset,
        source,
        fps: args.fps.unwrap_or(dataset.meta().fps),
        gap: args.gap,
        frames: 0,
        seconds: 0.0,
        segments: Vec::new(),
    };
    if to_stdout {
        let mut out = BufWriter::new(std::io::stdout().lock());
        joined.write(&chosen, &mut out)?;
        out.flush()?;
    } else {
        write_file(&args.out, |out| joined.write(&chosen, out))?;
    }
    if let Some(path) = &args.truth {
        truth::write(path, &joined.segments)?;
    }
    let done = format!(
        "{}: {} frames, {:.1} s, {} recordings joined",
        args.out.display(),
        grouped(joined.frames),
        joined.seconds,
        grouped(chosen.len())
    );
    match to_stdout {
        true => eprintln!("{done}"),
        false => writeln!(std::io::stdout(), "{done}")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn folder_name(dataset: &Dataset) -> String {
    let folder = dataset.folder();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "dataset".into())
}

/// Indices of the recordings that fit every condition, in storage order.
fn choose(dataset: &Dataset, args: &Args) -> anyhow::Result<Vec<usize>> {
    let part = match args.part {
        Side::Train => Part::Train,
        Side::Test => Part::Test,
    };
    let mut chosen = match &args.split {
        Some(split) => dataset.part(split, part)?,
        None => (0..dataset.samples().len()).collect(),
    };
    let classes = &dataset.meta().classes;
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (column, value) in &args.conditions {
        wanted.entry(column).or_default().push(value);
    }
    for (column, values) in wanted {
        let value = |sample: &Sample| match column {
            "name" => Some(sample.name.clone()),
            "action" => classes.get(sample.label).cloned(),
            "label" => Some(sample.label.to_string()),
            _ => sample.columns.get(column).cloned(),
        };
        if let Some(first) = dataset.samples().first()
            && value(first).is_none()
        {
            let known: Vec<&str> = first.columns.keys().map(String::as_str).collect();
            bail!(
                "--where: unknown column \"{column}\"; known: name, action, label, {}",
                known.join(", ")
            );
        }
        chosen.retain(|i| {
            value(&dataset.samples()[*i]).is_some_and(|v| values.contains(&v.as_str()))
        });
    }
    if chosen.is_empty() {
        bail!(
            "{}: no recording fits --split, --part and --where",
            args.dataset.display()
        );
    }
    Ok(chosen)
}

/// Recordings one after the other.
struct Joined<'a> {
    dataset: &'a Dataset,
    source: String,
    /// Frames a second of the stream.
    fps: f64,
    gap: f64,
    /// Frames written so far.
    frames: usize,
    /// Where the last recording ended.
    seconds: f64,
    segments: Vec<Segment>,
}

impl Joined<'_> {
    fn write(&mut self, chosen: &[usize], out: &mut dyn Write) -> anyhow::Result<()> {
        let meta = self.dataset.meta();
        for (place, &index) in chosen.iter().enumerate() {
            let sample = &self.dataset.samples()[index];
            let stored = self.dataset.sequence(index)?;
            let resampled;
            let sequence = match self.fps == meta.fps {
                true => stored,
                false => {
                    resampled = resize::to_rate(stored, meta.fps, self.fps, self.dataset.layout());
                    resampled.view()
                }
            };
            // A frame between two stored ones has nobody who is in one of them only.
            let sources = |t: usize| {
                let (lower, share) = resize::source(t, stored.frames, sequence.frames);
                lower + usize::from(share == 1.0)..=lower + usize::from(share > 0.0)
            };
            let waited = place as f64 * self.gap;
            let first_id = match self.gap > 0.0 {
                true => (place * sequence.bodies) as u64 + 1,
                false => 1,
            };
            let start = self.frames as f64 / self.fps + waited;
            for t in 0..sequence.frames {
                let people = (0..sequence.bodies)
                    .filter(|m| sources(t).all(|t| !stored.is_absent(t, *m)))
                    .map(|m| Person {
                        id: Some(first_id + m as u64),
                        joints: (0..sequence.joints)
                            .map(|v| Joint::of_data(sequence.joint(t, m, v), self.dataset.layout()))
                            .collect(),
                    });
                let frame = Frame {
                    t: instant((self.frames + t) as f64 + waited * self.fps, self.fps),
                    source: self.source.clone(),
                    layout: Some(meta.layout.clone()),
                    people: people.collect(),
                };
                writeln!(out, "{}", frame.to_line())?;
            }
            self.frames += sequence.frames;
            self.seconds = self.frames as f64 / self.fps + waited;
            let round = |t: f64| (t * 1e6).round() / 1e6;
            self.segments.push(Segment {
                start: round(start),
                end: round(self.seconds),
                action: meta.classes[sample.label].clone(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{FORMAT, Meta, Writer};
    use crate::layout::Layout;
    use crate::sequence::Sequence;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// Two recordings of four frames; the second body is absent but in the last frame.
    fn dataset() -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().expect("folder");
        let meta = Meta {
            format: FORMAT.into(),
            name: "test".into(),
            license: "CC0-1.0".into(),
            citation: String::new(),
            units: "metre".into(),
            fps: 10.0,
            layout: "ntu25".into(),
            bodies: 2,
            classes: vec!["wave".into(), "bow".into()],
            splits: BTreeMap::new(),
        };
        let mut writer = Writer::create(folder.path(), meta).expect("created");
        for (label, subject) in [(0, "1"), (1, "2")] {
            let mut joints = Sequence::zeros(4, 2, 25);
            (0..4).for_each(|t| joints.set_joint(t, 0, 3, [0.1, 0.2, t as f32]));
            joints.set_joint(3, 1, 3, [1.0, 0.0, 0.0]);
            let sample = Sample {
                name: format!("s{label}"),
                frames: 4,
                label,
                columns: [("subject".to_string(), subject.to_string())].into(),
            };
            writer.push(&sample, joints.view()).expect("pushed");
        }
        writer.finish().expect("finished");
        let dataset = Dataset::open(folder.path()).expect("opened");
        (folder, dataset)
    }

    fn joined(fps: f64, gap: f64) -> (Vec<Frame>, Vec<Segment>) {
        let (_folder, dataset) = dataset();
        let mut joined = Joined {
            dataset: &dataset,
            source: "cam".into(),
            fps,
            gap,
            frames: 0,
            seconds: 0.0,
            segments: Vec::new(),
        };
        let mut out = Vec::new();
        joined.write(&[0, 1], &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        let frames = text.lines().map(|l| Frame::parse(l).expect("a frame"));
        (frames.collect(), joined.segments)
    }

    fn ids(frame: &Frame) -> Vec<Option<u64>> {
        frame.people.iter().map(|p| p.id).collect()
    }

    #[test]
    fn joined_recordings_look_like_people_who_stay() {
        let (frames, segments) = joined(10.0, 0.0);
        let times: Vec<f64> = frames.iter().map(|f| f.t).collect();
        assert_eq!(times, [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75]);
        assert_eq!(ids(&frames[0]), [Some(1)]);
        assert_eq!(ids(&frames[3]), [Some(1), Some(2)]);
        assert_eq!(ids(&frames[4]), [Some(1)]);
        assert_eq!(
            frames[2].people[0].joints[3].position(),
            Some([0.1, 0.2, 2.0])
        );
        assert_eq!((segments[0].start, segments[0].end), (0.0, 0.4));
        assert_eq!((segments[1].start, segments[1].end), (0.4, 0.8));
        assert_eq!(segments[1].action, "bow");
    }

    #[test]
    fn after_a_gap_somebody_new_comes() {
        let (frames, segments) = joined(10.0, 2.0);
        assert_eq!(frames[4].t, 2.45);
        assert_eq!(ids(&frames[7]), [Some(3), Some(4)]);
        assert_eq!((segments[1].start, segments[1].end), (2.4, 2.8));
    }

    #[test]
    fn another_rate_is_the_same_movement_in_the_same_time() {
        let (frames, segments) = joined(20.0, 0.0);
        assert_eq!(
            (frames.len(), frames[0].t, frames[15].t),
            (16, 0.025, 0.775)
        );
        // Half way between the stored frames 1 and 2.
        let depth = |at: usize| frames[at].people[0].joints[3].position().map(|[.., z]| z);
        assert_eq!((depth(3), depth(4)), (Some(1.25), Some(1.75)));
        assert_eq!((segments[0].end, segments[1].end), (0.4, 0.8));
        // The second body is in the last stored frame, and only in what is made of it alone.
        let two: Vec<usize> = (0..16).filter(|at| frames[*at].people.len() == 2).collect();
        assert_eq!(two, [7, 15]);
    }

    #[test]
    fn conditions_choose() {
        let (_folder, dataset) = dataset();
        let chosen = |conditions: &[&str]| {
            let mut line = vec!["stream", "data", "--out", "-"];
            conditions.iter().for_each(|c| line.extend(["--where", c]));
            choose(&dataset, &Line::parse_from(line).args)
        };
        assert_eq!(chosen(&[]).expect("all"), [0, 1]);
        assert_eq!(chosen(&["subject=2"]).expect("one"), [1]);
        assert_eq!(chosen(&["subject=2", "subject=1"]).expect("both"), [0, 1]);
        assert!(chosen(&["subject=2", "action=wave"]).is_err());
        let message = chosen(&["camera=1"]).expect_err("unknown").to_string();
        assert!(
            message.contains("camera") && message.contains("subject"),
            "{message}"
        );
    }

    #[test]
    fn joints_of_2d_layouts_come_back_from_a_frame() {
        let layout = Layout::by_name("coco17").expect("known");
        let way = crate::convert::Way::find("coco17", &layout).expect("itself");
        let mut body = vec![[0.0; 3]; layout.len()];
        body[3] = [320.0, 0.0, 0.5];
        body[4] = [0.0, 12.0, 1.0];
        let joints: Vec<Joint> = body.iter().map(|at| Joint::of_data(*at, &layout)).collect();
        assert_eq!(joints[0], Joint(None));
        assert_eq!(way.places(&joints).expect("17 joints"), body);
        assert_eq!(
            Joint::of_data([1.0, 2.0, -3.0], &Layout::ntu25()),
            Joint::at([1.0, 2.0, -3.0])
        );
    }
}
