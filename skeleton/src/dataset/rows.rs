//! Rows of `samples.csv` on their way there, packed: a data set may have millions.

use super::Sample;
use std::collections::BTreeSet;
use std::io;

/// Samples in the order in which they were pushed, as text: a tenth of the memory that they take as
/// [`Sample`]s.
#[derive(Debug, Default)]
pub struct Rows {
    text: Vec<u8>,
    count: usize,
    frames: usize,
    columns: BTreeSet<String>,
}

impl Rows {
    /// Adds a sample.
    pub fn push(&mut self, sample: &Sample) {
        for column in sample.columns.keys() {
            if !self.columns.contains(column) {
                self.columns.insert(column.clone());
            }
        }
        self.count += 1;
        self.frames += sample.frames;
        // Memory takes everything, and a sample has nothing that JSON has not.
        let _ = serde_json::to_writer(&mut self.text, sample);
        self.text.push(b'\n');
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Frames of all samples.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Columns that any of them has.
    pub(super) fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// The samples, one by one.
    ///
    /// # Errors
    /// None that this type's own text gives.
    pub fn iter(&self) -> impl Iterator<Item = io::Result<Sample>> {
        let lines = self.text.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| Ok(serde_json::from_slice(line)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_they_were() {
        let sample = |name: &str, columns: &[(&str, &str)]| Sample {
            name: name.into(),
            frames: 3,
            label: 7,
            columns: columns
                .iter()
                .map(|(c, v)| (c.to_string(), v.to_string()))
                .collect(),
        };
        let samples = [
            sample("a\n\"b\", c", &[("subject", "1")]),
            sample("ü", &[("view", "L\r\n"), ("subject", "")]),
            sample("", &[]),
        ];
        let mut rows = Rows::default();
        assert!(rows.is_empty());
        samples.iter().for_each(|sample| rows.push(sample));
        let back: Vec<Sample> = rows.iter().collect::<io::Result<_>>().expect("whole");
        assert_eq!(back, samples);
        assert_eq!((rows.len(), rows.frames()), (3, 9));
        assert_eq!(
            rows.columns().iter().collect::<Vec<_>>(),
            ["subject", "view"]
        );
    }
}
