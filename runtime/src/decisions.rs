//! The file of decisions: TOML that says when an action is trusted; `docs/decisions.md` has it.

use crate::decide::{Rule, Rules};
use aimclr_skeleton::cli::hint::meant;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::{Table, Value};

/// Longest time in a file, seconds.
const LONGEST: f64 = 3600.0;

/// Keys of a file outside `[actions]`.
const KEYS: [&str; 9] = [
    "ignore",
    "smoothing.seconds",
    "threshold.start",
    "threshold.stay",
    "segment.shortest",
    "segment.cool_down",
    "unknown.probability",
    "unknown.distance",
    "unknown.shortest",
];

/// Keys of each action.
const ACTION_KEYS: [&str; 4] = ["start", "stay", "shortest", "cool_down"];

/// Why a file of decisions can't be used.
#[derive(Debug, Error)]
pub enum DecisionsError {
    /// It can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is not as it must be.
    #[error("{origin}: {reason}")]
    Wrong {
        /// Which file.
        origin: String,
        /// What, and what would be right.
        reason: String,
    },
}

/// What a file says; where it is silent, what holds without one does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Decisions {
    #[serde(skip)]
    origin: String,
    ignore: Vec<String>,
    smoothing: Smoothing,
    threshold: Threshold,
    segment: Segment,
    unknown: Unknown,
    actions: BTreeMap<String, Action>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Smoothing {
    seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Threshold {
    start: Option<f64>,
    stay: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Segment {
    shortest: f64,
    cool_down: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Unknown {
    probability: f64,
    distance: Option<f64>,
    shortest: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Action {
    start: Option<f64>,
    stay: Option<f64>,
    shortest: Option<f64>,
    cool_down: Option<f64>,
}

impl Decisions {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, DecisionsError> {
        let text = std::fs::read_to_string(path).map_err(|source| DecisionsError::Io {
            path: path.into(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Takes a file's text; `origin` names it in messages.
    pub fn parse(origin: &str, text: &str) -> Result<Self, DecisionsError> {
        let fail = |reason: String| DecisionsError::Wrong {
            origin: origin.into(),
            reason,
        };
        let table: Table =
            toml::from_str(text).map_err(|error| fail(error.to_string().trim_end().into()))?;
        refuse_unknown(&table).map_err(fail)?;
        let decisions: Self = serde_path_to_error::deserialize(Value::Table(table))
            .map_err(|error| fail(format!("{}: {}", error.path(), error.inner())))?;
        decisions.check().map_err(fail)?;
        Ok(Self {
            origin: origin.into(),
            ..decisions
        })
    }

    /// A window that is farther from every enrolled action is nothing that is known; 1 is the
    /// distance that was fitted for an action. `gallery`: whether there is one.
    ///
    /// # Errors
    /// The file has a limit, and there is no gallery.
    pub fn distance(&self, gallery: bool) -> Result<f64, DecisionsError> {
        match self.unknown.distance {
            Some(_) if !gallery => Err(DecisionsError::Wrong {
                origin: self.origin.clone(),
                reason: "unknown.distance: there is no gallery to measure it in; expected \
                         --gallery, too"
                    .into(),
            }),
            limit => Ok(limit.unwrap_or(f64::INFINITY)),
        }
    }

    /// The rules for actions of these names; `plain` holds where the file is silent.
    ///
    /// # Errors
    /// The file names an action that is not among them, or one may stay only where it could start.
    pub fn rules(&self, names: &[String], plain: &Rules) -> Result<Rules, DecisionsError> {
        let fail = |reason: String| DecisionsError::Wrong {
            origin: self.origin.clone(),
            reason,
        };
        for (key, name) in self
            .ignore
            .iter()
            .map(|name| ("ignore", name))
            .chain(self.actions.keys().map(|name| ("actions", name)))
        {
            if !names.contains(name) {
                let hint = hint(name, names.iter().map(String::as_str));
                return Err(fail(format!("{key}: no action \"{name}\" here; {hint}")));
            }
        }
        let mut rules = Rules {
            smoothing: self.smoothing.seconds.unwrap_or(plain.smoothing),
            unknown: self.unknown.shortest,
            actions: Vec::new(),
        };
        for (name, plain) in names.iter().zip(&plain.actions) {
            let own = self.actions.get(name).copied().unwrap_or_default();
            let floor = self.unknown.probability;
            let start = own.start.or(self.threshold.start).unwrap_or(plain.start);
            // A general value for going on gives way to an action's own for beginning.
            let stay = own
                .stay
                .unwrap_or_else(|| self.threshold.stay.map_or(start, |stay| stay.min(start)));
            if stay > start {
                return Err(fail(format!(
                    "actions.\"{name}\".stay: expected at most {start}, the value of start, found {stay}"
                )));
            }
            rules.actions.push(Rule {
                start: start.max(floor),
                stay: stay.max(floor),
                shortest: own.shortest.unwrap_or(self.segment.shortest),
                cool_down: own.cool_down.unwrap_or(self.segment.cool_down),
                ignored: self.ignore.contains(name),
            });
        }
        Ok(rules)
    }

    fn check(&self) -> Result<(), String> {
        let probability = |key: &str, value: Option<f64>| match value {
            Some(p) if !(0.0..=1.0).contains(&p) => {
                Err(format!("{key}: expected 0 to 1, found {p}"))
            }
            _ => Ok(()),
        };
        let seconds = |key: &str, value: Option<f64>| match value {
            Some(t) if !(0.0..=LONGEST).contains(&t) => Err(format!(
                "{key}: expected seconds, 0 to {LONGEST}, found {t}"
            )),
            _ => Ok(()),
        };
        let Threshold { start, stay } = self.threshold;
        seconds("smoothing.seconds", self.smoothing.seconds)?;
        probability("threshold.start", start)?;
        probability("threshold.stay", stay)?;
        if let (Some(start), Some(stay)) = (start, stay)
            && stay > start
        {
            return Err(format!(
                "threshold.stay: expected at most {start}, the value of start, found {stay}"
            ));
        }
        seconds("segment.shortest", Some(self.segment.shortest))?;
        seconds("segment.cool_down", Some(self.segment.cool_down))?;
        probability("unknown.probability", Some(self.unknown.probability))?;
        seconds("unknown.shortest", Some(self.unknown.shortest))?;
        if let Some(distance) = self.unknown.distance
            && !(distance > 0.0 && distance.is_finite())
        {
            return Err(format!(
                "unknown.distance: expected more than 0, found {distance}"
            ));
        }
        for (name, action) in &self.actions {
            let key = |key: &str| format!("actions.\"{name}\".{key}");
            probability(&key("start"), action.start)?;
            probability(&key("stay"), action.stay)?;
            seconds(&key("shortest"), action.shortest)?;
            seconds(&key("cool_down"), action.cool_down)?;
        }
        Ok(())
    }
}

/// Checks each key of a file.
fn refuse_unknown(table: &Table) -> Result<(), String> {
    for (key, value) in table {
        match value {
            Value::Table(actions) if key == "actions" => {
                for (name, action) in actions {
                    for inner in action.as_table().into_iter().flat_map(Table::keys) {
                        if !ACTION_KEYS.contains(&inner.as_str()) {
                            let hint = hint(inner, ACTION_KEYS);
                            return Err(format!("unknown key \"actions.{name}.{inner}\"; {hint}"));
                        }
                    }
                }
            }
            Value::Table(section) => {
                for inner in section.keys() {
                    known(&format!("{key}.{inner}"))?;
                }
                let prefix = format!("{key}.");
                if section.is_empty() && !KEYS.iter().any(|known| known.starts_with(&prefix)) {
                    known(key)?;
                }
            }
            // A section that is no table is told by the reader of values.
            _ if key == "actions" || KEYS.iter().any(|k| k.starts_with(&format!("{key}."))) => {}
            _ => known(key)?,
        }
    }
    Ok(())
}

fn known(key: &str) -> Result<(), String> {
    match KEYS.contains(&key) {
        true => Ok(()),
        false => Err(format!("unknown key \"{key}\"; {}", hint(key, KEYS))),
    }
}

/// What may have been meant by a name that is unknown.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    meant(name, &known).unwrap_or_else(|| {
        let quoted: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        format!("known are {}", quoted.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["drink water", "fall", "wave"].map(String::from).into()
    }

    fn rules(text: &str) -> Result<Rules, String> {
        let plain = Rules::plain(0.5, 0.6, 3);
        let decisions = Decisions::parse("d.toml", text).map_err(|error| error.to_string())?;
        decisions
            .rules(&names(), &plain)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_file_in_packages_is_right_with_and_without_its_comments() {
        let text = include_str!("../../packaging/decisions.toml");
        let all = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(key) if key.starts_with(['[', 's']) => key,
            _ => line,
        });
        let all: Vec<&str> = all.collect();
        for text in [text, &all.join("\n")] {
            assert!(rules(text).is_ok(), "{:?}", rules(text).err());
        }
        assert!(all.contains(&"[threshold]"));
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(rules(""), Ok(Rules::plain(0.5, 0.6, 3)));
    }

    #[test]
    fn an_action_s_own_values_count_more_than_the_general_ones() {
        let rules = rules(
            "ignore = [\"wave\"]\nsmoothing.seconds = 1\n[threshold]\nstart = 0.7\nstay = 0.5\n\
             [segment]\nshortest = 0.3\ncool_down = 2.0\n[unknown]\nprobability = 0.4\n\
             shortest = 0.2\n[actions.\"drink water\"]\nstart = 0.8\n[actions.fall]\n\
             start = 0.3\nshortest = 0.0\ncool_down = 0",
        )
        .expect("rules");
        assert_eq!((rules.smoothing, rules.unknown), (1.0, 0.2));
        let rule = |start, stay, shortest, cool_down, ignored| Rule {
            start,
            stay,
            shortest,
            cool_down,
            ignored,
        };
        let expected = [
            rule(0.8, 0.5, 0.3, 2.0, false),
            rule(0.4, 0.4, 0.0, 0.0, false),
            rule(0.7, 0.5, 0.3, 2.0, true),
        ];
        assert_eq!(rules.actions, expected);
    }

    #[test]
    fn every_key_and_value_is_checked() {
        for (text, part) in [
            (
                "[threshold]\nstrat = 0.5",
                "did you mean \"threshold.start\"?",
            ),
            ("cool_down = 1.0", "did you mean \"segment.cool_down\"?"),
            ("ignored = []", "did you mean \"ignore\"?"),
            ("[thresholds]", "unknown key \"thresholds\""),
            (
                "[actions.fall]\nstrt = 0.1",
                "\"actions.fall.strt\"; did you mean \"start\"?",
            ),
            ("[actions.drnk]", "known are \"drink water\", \"fall\""),
            ("ignore = [\"drink wter\"]", "did you mean \"drink water\"?"),
            (
                "[threshold]\nstart = 1.5",
                "threshold.start: expected 0 to 1, found 1.5",
            ),
            (
                "[threshold]\nstart = \"a\"",
                "threshold.start: invalid type",
            ),
            ("threshold = 0.5", "threshold: invalid type"),
            (
                "[threshold]\nstart = 0.5\nstay = 0.6",
                "threshold.stay: expected at most 0.5",
            ),
            (
                "[actions.fall]\nstay = 0.9",
                "actions.\"fall\".stay: expected at most 0.6",
            ),
            (
                "[segment]\nshortest = nan",
                "segment.shortest: expected seconds, 0 to 3600",
            ),
            (
                "[unknown]\ndistance = 0.0",
                "unknown.distance: expected more than 0",
            ),
            ("[threshold", "TOML parse error at line 1"),
        ] {
            let message = rules(text).expect_err(text);
            assert!(message.starts_with("d.toml: "), "{message}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
