//! Settings beside the published ones.

use super::text;
use crate::config::Config;
use serde::Serialize;
use serde_json::{Map, Value};

/// A setting of a run or of a protocol.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// As on the command line, without dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The published value; empty for a setting that this version doesn't have.
    pub published: String,
}

/// All of `settings`, those of a configuration's `section`: first those that differ from the
/// published ones, then the others, each by name. The second number says how many differ.
pub(super) fn compared(settings: &Map<String, Value>, section: &str) -> (Vec<Setting>, usize) {
    let published = published(section);
    let mut settings: Vec<Setting> = settings
        .iter()
        .map(|(key, value)| Setting {
            name: key.replace('_', "-"),
            value: text::value(value),
            published: published.get(key).map(text::value).unwrap_or_default(),
        })
        .collect();
    settings.sort_by_key(|setting| setting.value == setting.published);
    let differ = settings.iter().filter(|s| s.value != s.published).count();
    (settings, differ)
}

/// The published values of a configuration's section.
pub(super) fn published(section: &str) -> Map<String, Value> {
    let config = serde_json::to_value(Config::default());
    match config.map(|mut config| config[section].take()) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    }
}
