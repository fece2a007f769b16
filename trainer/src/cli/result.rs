//! A result on standard output.

use crate::evaluate::Result as Measured;
use anyhow::Result;
use std::io::Write;

/// A table, or one JSON object.
pub(super) fn print(result: &Measured, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(result)?)?;
        return Ok(());
    }
    let streams: Vec<String> = result.streams.iter().map(ToString::to_string).collect();
    let on = format!("{} ({})", result.dataset, result.split);
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<22} {value}");
    line("protocol", &result.protocol)?;
    line("streams", &streams.join(", "))?;
    line("measured on", &on)?;
    if result.pretrained_on != on {
        line("pre-trained on", &result.pretrained_on)?;
    }
    line("training samples", &result.training.to_string())?;
    line("test samples", &result.samples.to_string())?;
    if let Some(epoch) = result.epoch {
        line(
            "model",
            &format!("epoch {epoch}, chosen by: {}", result.selected_on),
        )?;
    }
    if let Some(share) = result.validation_top1 {
        line("top-1, held out", &format!("{share:.2} %"))?;
    }
    line("top-1", &format!("{:.2} %", result.top1))?;
    line("top-5", &format!("{:.2} %", result.top5))?;
    if let Some(seeds) = &result.seeds {
        for (name, spread) in [("top-1", &seeds.top1), ("top-5", &seeds.top5)] {
            let text = format!("{:.2} ± {:.2} %", spread.mean, spread.deviation);
            line(&format!("{name}, {} seeds", spread.runs.len()), &text)?;
        }
    }
    for (name, value) in &result.further {
        line(name, &format!("{value:.2}"))?;
    }
    writeln!(out)?;
    let names = result.per_class.iter().map(|(name, _)| name);
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for (label, (class, share)) in result.per_class.iter().enumerate() {
        let Some(share) = share else {
            writeln!(out, "{class:<width$}        –")?;
            continue;
        };
        let taken = worst(&result.confusion[label], label).map(|(other, count)| {
            let name = &result.per_class[other].0;
            format!("   {count}× taken for {name}")
        });
        let taken = taken.unwrap_or_default();
        writeln!(out, "{class:<width$} {share:>7.2} %{taken}")?;
    }
    Ok(())
}

/// The class that a row's samples are most often mistaken for.
fn worst(row: &[u64], label: usize) -> Option<(usize, u64)> {
    row.iter()
        .copied()
        .enumerate()
        .filter(|(other, count)| *other != label && *count > 0)
        .max_by_key(|(other, count)| (*count, usize::MAX - other))
}
