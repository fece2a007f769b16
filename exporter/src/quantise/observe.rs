//! What goes into every convolution and comes out of it.

use crate::ExportError;
use crate::graph::{Form, Ranges, Site, expose};
use crate::samples::batches;
use crate::source::Source;
use aimclr_engine::{Options, Windows, open};
use aimclr_model::onnx::ModelFile;
use std::collections::BTreeMap;

/// Values that are kept of each place; from them ranges are cut.
const KEPT: usize = 1 << 18;

/// What was seen at a convolution.
pub(super) struct Seen {
    pub name: String,
    pub macs: usize,
    input: Values,
    output: Values,
}

/// Some of the values at a place, evenly taken, and the lowest and the highest of all.
struct Values {
    low: f32,
    high: f32,
    some: Vec<f32>,
    /// One value of so many is kept.
    step: usize,
    next: usize,
}

impl Values {
    fn new(expected: usize) -> Self {
        Self {
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            some: Vec::new(),
            // Odd, so that it doesn't keep to the same joints.
            step: (expected / KEPT) | 1,
            next: 0,
        }
    }

    fn see(&mut self, values: &[f32]) {
        for x in values {
            self.low = self.low.min(*x);
            self.high = self.high.max(*x);
        }
        while let Some(x) = values.get(self.next) {
            self.some.push(*x);
            self.next += self.step;
        }
        self.next -= values.len();
    }

    /// The range that `share` of the values lie in, as many of the others above as below; with a
    /// share of 1 all of them.
    fn range(&self, share: f64) -> [f64; 2] {
        if share >= 1.0 || self.some.is_empty() {
            return [self.low.min(self.high), self.high].map(f64::from);
        }
        let mut some = self.some.clone();
        let last = some.len() - 1;
        let cut = ((1.0 - share) / 2.0 * last as f64).round() as usize;
        let mut at = |i: usize| f64::from(*some.select_nth_unstable_by(i, f32::total_cmp).1);
        [at(cut), at(last - cut)]
    }
}

/// Ranges at every convolution, cut to `share` of the values.
pub(super) fn ranges(observed: &[Seen], share: f64) -> BTreeMap<String, Ranges> {
    let of = |seen: &Seen| Ranges {
        input: seen.input.range(share),
        output: seen.output.range(share),
    };
    let named = observed.iter().map(|seen| (seen.name.clone(), of(seen)));
    named.collect()
}

/// What is seen at every convolution as the bodies of `windows` that are there go through the model
/// in f32.
pub(super) fn observe(
    source: &Source,
    windows: Windows<'_>,
    options: Options,
    mut progress: impl FnMut(f64),
) -> Result<Vec<Seen>, ExportError> {
    let sides = Sides::new(
        source,
        Form::quantised(BTreeMap::new(), BTreeMap::new()),
        windows,
    );
    let seen = |site: &Site| Seen {
        name: site.name.clone(),
        macs: site.macs,
        input: Values::new(site.input.1 * sides.bodies),
        output: Values::new(site.output.1 * sides.bodies),
    };
    let mut observed: Vec<Seen> = sides.sites.iter().map(seen).collect();
    sides.run(options, |site, [input, output], share| {
        observed[site].input.see(input);
        observed[site].output.see(output);
        progress(share);
    })?;
    Ok(observed)
}

/// How far rounding moves the mean of each channel, at every convolution on its own: what has to be
/// added to take that back. Means matter most, for what is pooled in the end is a mean, and what is
/// random about rounding is gone in it. After Nagel et al., "Data-Free Quantization Through Weight
/// Equalization and Bias Correction", 2019, with real data in place of its estimate.
pub(super) fn shifts(
    source: &Source,
    ranges: &BTreeMap<String, Ranges>,
    windows: Windows<'_>,
    options: Options,
) -> Result<BTreeMap<String, Vec<f64>>, ExportError> {
    let sides = Sides::new(source, Form::beside(ranges.clone()), windows);
    let mut shifts: Vec<Vec<f64>> = sides.sites.iter().map(|s| vec![0.0; s.channels]).collect();
    sides.run(options, |site, [exact, bytes], _| {
        let size = exact.len() / shifts[site].len();
        let channels = exact.chunks_exact(size).zip(bytes.chunks_exact(size));
        for (sum, (exact, bytes)) in shifts[site].iter_mut().zip(channels) {
            let apart = exact.iter().zip(bytes).map(|(a, b)| f64::from(a - b));
            *sum += apart.sum::<f64>() / (size * sides.bodies) as f64;
        }
    })?;
    let names = sides.sites.iter().map(|site| site.name.clone());
    Ok(names.zip(shifts).collect())
}

/// A graph that gives two sides of every convolution in place of the embedding, and windows of one
/// body for it.
struct Sides {
    model: ModelFile,
    sites: Vec<Site>,
    bodies: usize,
    data: Vec<f32>,
}

impl Sides {
    fn new(source: &Source, form: Form, windows: Windows<'_>) -> Self {
        let (model, sites) = expose::convolutions(source, form);
        let mut card = source.card.clone();
        card.embedding = sites.iter().map(|site| site.input.1 + site.output.1).sum();
        card.classes.clear();
        let body = windows.data.len() / (windows.n * windows.m).max(1);
        let bodies = windows.data.chunks_exact(body.max(1));
        let there = bodies.filter(|body| body.iter().any(|x| *x != 0.0));
        let data: Vec<f32> = there.flatten().copied().collect();
        Self {
            model: ModelFile::of(source.path(), model, &card),
            sites,
            bodies: data.len() / body.max(1),
            data,
        }
    }

    /// `take` gets, body by body, the number of each convolution and its two sides, and the share
    /// that is done.
    fn run(
        &self,
        options: Options,
        mut take: impl FnMut(usize, [&[f32]; 2], f64),
    ) -> Result<(), ExportError> {
        let mut engine = open(&self.model, options)?;
        let bodies = Windows {
            n: self.bodies,
            m: 1,
            data: &self.data,
        };
        batches(&mut *engine, bodies, |output, share| {
            for row in output.embedding.chunks_exact(self.model.card.embedding) {
                let mut rest = row;
                for (i, site) in self.sites.iter().enumerate() {
                    let (first, later) = rest.split_at(site.input.1);
                    let (second, later) = later.split_at(site.output.1);
                    rest = later;
                    take(i, [first, second], share);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_on_both_sides_alike() {
        let mut values = Values::new(1000);
        let all: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        // In parts, as batches come.
        for part in all.chunks(37) {
            values.see(part);
        }
        assert_eq!(values.some, all);
        assert_eq!(values.range(1.0), [0.0, 999.0]);
        assert_eq!(values.range(0.9), [50.0, 949.0]);
    }

    #[test]
    fn of_many_values_some_are_kept_and_the_ends_of_all_known() {
        let expected = 10 * KEPT;
        let mut values = Values::new(expected);
        let mut row = vec![0.5; expected / 16];
        row[1] = 7.0;
        for _ in 0..16 {
            values.see(&row);
        }
        assert!(
            (KEPT / 2..=KEPT).contains(&values.some.len()),
            "{}",
            values.some.len()
        );
        assert_eq!(values.range(1.0), [0.5, 7.0]);
        assert_eq!(values.range(0.99), [0.5, 0.5]);
    }
}
