//! Figures in Prometheus' text format, version 0.0.4.
//!
//! Its grammar: <https://prometheus.io/docs/instrumenting/exposition_formats/>. Written here,
//! since the counts are the pipeline's and the sinks': a library would want to keep them itself.

use super::board::Board;
use super::hub::Hub;
use crate::latency::{BOUNDS, Histogram};
use std::fmt::{Display, Write};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text that grows family by family.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Begins a family of samples; `help` is one line without backslashes.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (i, (label, value)) in labels.iter().enumerate() {
            let before = if i == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(value));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
            sum += count;
            self.sample(&bucket, &[("le", &bound.to_string())], sum);
        }
        self.sample(&bucket, &[("le", "+Inf")], histogram.count);
        self.sample(&format!("{name}_sum"), &[], histogram.seconds);
        self.sample(&format!("{name}_count"), &[], histogram.count);
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// All figures.
pub(super) fn text(board: &Board, hub: &Hub) -> String {
    let now = board.now();
    let counts = &now.counts;
    let mut text = Text::default();
    let info = "What runs, as labels.";
    text.family("aimclr_info", "gauge", info);
    let labels = [
        ("model", board.about.model.as_str()),
        ("backend", &board.about.backend),
        ("provider", board.provider().unwrap_or_default()),
    ];
    text.sample("aimclr_info", &labels, 1);
    text.single(
        "aimclr_uptime_seconds",
        "gauge",
        "Since the start.",
        board.uptime(),
    );
    if let Some(frame) = now.frame {
        let age = frame.elapsed().as_secs_f64();
        text.single(
            "aimclr_last_frame_seconds",
            "gauge",
            "Since a frame was used.",
            age,
        );
    }
    let frames = &counts.frames;
    text.single(
        "aimclr_frames_in_total",
        "counter",
        "Frames that came.",
        frames.seen,
    );
    text.single(
        "aimclr_frames_used_total",
        "counter",
        "Frames that were used.",
        frames.used,
    );
    let name = "aimclr_frames_dropped_total";
    text.family(name, "counter", "Frames that were not used, by reason.");
    for (reason, count) in &frames.dropped {
        text.sample(name, &[("reason", reason)], count);
    }
    let name = "aimclr_queue_frames";
    text.family(name, "gauge", "Frames that wait, by input.");
    for (input, count) in &now.waiting {
        text.sample(name, &[("input", input)], count);
    }
    text.single(
        "aimclr_people",
        "gauge",
        "People who are there.",
        now.people,
    );
    text.single(
        "aimclr_windows_total",
        "counter",
        "Windows through the model.",
        counts.windows,
    );
    text.single(
        "aimclr_windows_skipped_total",
        "counter",
        "Windows that fell out for want of a frame or of time.",
        counts.skipped,
    );
    let (name, reloads) = ("aimclr_reloads_total", &counts.reloads);
    text.family(name, "counter", "Times that files were read again.");
    for (result, count) in [("done", reloads.done), ("failed", reloads.failed)] {
        text.sample(name, &[("result", result)], count);
    }
    let (name, events) = ("aimclr_events_total", &counts.events);
    text.family(name, "counter", "Events, by kind.");
    for (kind, count) in [
        ("start", events.start),
        ("update", events.update),
        ("end", events.end),
    ] {
        text.sample(name, &[("kind", kind)], count);
    }
    sinks(&mut text, board);
    text.single(
        "aimclr_subscribers",
        "gauge",
        "Clients that subscribed.",
        hub.subscribers(),
    );
    text.single(
        "aimclr_subscribers_refused_total",
        "counter",
        "Clients that found no room.",
        hub.refused(),
    );
    let help = "One call of the engine.";
    text.histogram("aimclr_inference_seconds", help, &now.inference);
    let help = "From the arrival of a frame to its last event.";
    text.histogram("aimclr_latency_seconds", help, &now.latency);
    text.0
}

fn sinks(text: &mut Text, board: &Board) {
    let tallies = board.sinks();
    let reports: Vec<_> = tallies.iter().map(|t| (&t.name, t.report())).collect();
    let name = "aimclr_sink_events_total";
    text.family(name, "counter", "Events meant for a sink.");
    for (sink, report) in &reports {
        text.sample(name, &[("sink", sink)], report.seen);
    }
    let name = "aimclr_sink_delivered_total";
    text.family(name, "counter", "Events that a sink took.");
    for (sink, report) in &reports {
        text.sample(name, &[("sink", sink)], report.delivered);
    }
    let name = "aimclr_sink_dropped_total";
    text.family(
        name,
        "counter",
        "Events that a sink did not get, by reason.",
    );
    for (sink, report) in &reports {
        for (reason, count) in &report.dropped {
            text.sample(name, &[("sink", sink), ("reason", reason)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::About;
    use crate::sink::tally::{Loss, Tally};
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    /// Reads a text as its grammar has it: every sample's family, type and labels.
    fn parsed(text: &str) -> BTreeMap<String, (String, String)> {
        let mut kinds = BTreeMap::new();
        let mut samples = BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(kinds.insert(name, kind).is_none(), "{name} twice");
                continue;
            }
            if line.starts_with("# HELP ") {
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            value.parse::<f64>().expect("a number");
            let name = sample.split('{').next().expect("a name");
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            let suffixes = ["_bucket", "_sum", "_count"];
            let base = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
            let kind = match base.and_then(|base| kinds.get(base)) {
                Some(kind) => kind,
                None => kinds
                    .get(name)
                    .unwrap_or_else(|| panic!("{name} has no type")),
            };
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
            let before = samples.insert(sample.into(), (kind.to_string(), value.into()));
            assert!(before.is_none(), "{sample} twice");
        }
        samples
    }

    #[test]
    fn every_sample_has_a_type_and_labels_are_escaped() {
        let tally = Arc::new(Tally::new("a \"file\"\\\n.ndjson"));
        (0..5).for_each(|_| tally.offer());
        tally.deliver(2);
        tally.lose(Loss::Full, 3);
        let about = About {
            model: "m.onnx".into(),
            backend: "tract".into(),
        };
        let board = Board::new(about);
        board.show_sinks(vec![tally]);
        let samples = parsed(&text(&board, &Hub::new("hub".into())));
        let value = |sample: &str| samples[sample].1.as_str();
        let sink = r#"sink="a \"file\"\\\n.ndjson""#;
        assert_eq!(value(&format!("aimclr_sink_events_total{{{sink}}}")), "5");
        let dropped = format!("aimclr_sink_dropped_total{{{sink},reason=\"full\"}}");
        assert_eq!(value(&dropped), "3");
        assert_eq!(value("aimclr_subscribers"), "0");
        assert_eq!(value("aimclr_events_total{kind=\"start\"}"), "0");
        assert_eq!(samples["aimclr_latency_seconds_count"].0, "histogram");
    }

    #[test]
    fn buckets_add_up() {
        let mut histogram = Histogram::default();
        for ms in [0.5, 1.0, 3.0, 40.0, 60_000.0] {
            histogram.add(Duration::from_secs_f64(ms / 1e3));
        }
        let mut text = Text::default();
        text.histogram("h", "Help.", &histogram);
        let samples = parsed(&text.0);
        let bucket = |le: &str| samples[&format!("h_bucket{{le=\"{le}\"}}")].1.clone();
        assert_eq!(bucket("0.001"), "2");
        assert_eq!(bucket("0.005"), "3");
        assert_eq!(bucket("0.05"), "4");
        assert_eq!(bucket("10"), "4");
        assert_eq!(bucket("+Inf"), "5");
        let sum: f64 = samples["h_sum"].1.parse().expect("a number");
        assert!((sum - 60.0445).abs() < 1e-9, "{sum}");
        assert_eq!(samples["h_count"].1, "5");
    }
}
