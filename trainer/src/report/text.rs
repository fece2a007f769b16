//! Names and values from files, made fit for a page or a terminal: nothing in them is trusted.

pub use aimclr_skeleton::cli::grouped;
use serde_json::Value;

/// For HTML and SVG, between tags and in quoted attributes alike.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            _ => out.push(letter),
        }
    }
    out
}

/// For a terminal: control characters, which could move the cursor, and marks that turn the
/// direction of writing become �.
pub fn plain(text: &str) -> String {
    let harmful = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(harmful, "\u{fffd}")
}

/// At most so many letters; what was cut off shows as two dots.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 2).chain("..".chars()).collect(),
        false => text.into(),
    }
}

/// A setting's value as one would type it.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(self::value).collect();
            values.join(", ")
        }
        other => other.to_string(),
    }
}

/// A number without the dust that computing left on it, such as that of a learning rate.
pub fn short_number(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// A length of time, with two units at most.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_quotes_and_escape_sequences_lose_their_power() {
        let hostile = "<script a='1'>\"&\u{1b}[2J\u{202e}";
        assert_eq!(
            html(hostile),
            "&lt;script a=&#39;1&#39;&gt;&quot;&amp;\u{fffd}[2J\u{fffd}"
        );
        assert_eq!(plain("a\u{1b}\n\tä"), "a\u{fffd}\u{fffd}\u{fffd}ä");
    }

    #[test]
    fn values_read_as_one_would_type_them() {
        let json = serde_json::json!([30, "bf16", 0.1, true]);
        assert_eq!(value(&json), "30, bf16, 0.1, true");
        assert_eq!(short("inline lunge", 8), "inline..");
        assert_eq!(short("lunge", 5), "lunge");
        assert_eq!(short_number(0.1 * 0.1 * 0.1), "0.001");
        let times = [59.4, 61.0, 7260.0, 90_000.0].map(duration);
        assert_eq!(times, ["59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]);
    }
}
