//! One published number, or a table of them, from one command: all streams are pre-trained in
//! turn, measured with every protocol and fused, with as many seeds as wanted.
//!
//! Below the folder: `seed0/joint/` is a run, `seed0/joint/linear/` a result, `seed0/fused/linear/`
//! the fused result, `summary.json` the table. What is there already is not done again, so that a
//! broken series goes on where it stopped.

use crate::TrainError;
use crate::checkpoint::{RunFolder, RunInfo};
use crate::config::Config;
use crate::evaluate::fuse::{self, Weighting};
use crate::evaluate::{Epoch, Kind, Protocol, Result as Measurement, Spread, Trial};
use crate::pretrain::{self, Keeping, Place, Progress};
use aimclr_model::Weights;
use aimclr_skeleton::files::write_atomically;
use aimclr_skeleton::{Dataset, Stream};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What is to be reproduced.
pub struct Series {
    /// All settings; the seed is the first one.
    pub config: Config,
    /// Split of the data set.
    pub split: String,
    /// Streams, each pre-trained on its own.
    pub streams: Vec<Stream>,
    /// What is measured.
    pub protocols: Vec<Protocol>,
    /// Number of seeds.
    pub seeds: u64,
    /// Seeds of a protocol on a share of the labels, which draw other samples each: its result is
    /// their mean.
    pub draws: u64,
    /// Where everything goes.
    pub folder: PathBuf,
    /// How runs are kept.
    pub keeping: Keeping,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was measured, such as `linear` or `top1 at k=1` of `knn`.
    pub protocol: String,
    /// A stream, or `fused`.
    pub stream: String,
    /// Top-1 in percent over the seeds.
    pub top1: Spread,
    /// The published number, if the configuration has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
    /// How the model was chosen.
    pub selected_on: String,
}

/// Told what is being done.
pub trait Narrator {
    /// A run begins or goes on; its progress is to be told to what comes back.
    fn run(&mut self, name: &str, info: &RunInfo) -> Box<dyn Progress>;
    /// After an epoch of a protocol.
    fn protocol(&mut self, protocol: Protocol, epoch: &Epoch);
    /// A protocol's result is there.
    fn result(&mut self, name: &str, protocol: Protocol, result: &Measurement);
}

/// Name of the column of fused results.
const FUSED: &str = "fused";

impl Series {
    /// Does what is not done yet, and gives the table.
    pub fn run(
        &self,
        dataset: &Dataset,
        data: &Path,
        place: Place,
        narrator: &mut dyn Narrator,
        stop: &AtomicBool,
    ) -> Result<Vec<Row>, TrainError> {
        self.config.pretrain.check()?;
        self.keep_configuration()?;
        for seed in 0..self.seeds {
            for stream in &self.streams {
                self.stream(dataset, data, seed, *stream, place, narrator, stop)?;
            }
            if self.streams.len() > 1 {
                self.fuse(seed, narrator)?;
            }
        }
        let rows = self.table()?;
        let text = serde_json::to_string_pretty(&rows).expect("a table is JSON");
        self.put("summary.json", &text)?;
        Ok(rows)
    }

    fn seed_folder(&self, seed: u64) -> PathBuf {
        let seed = self.config.pretrain.seed + seed;
        self.folder.join(format!("seed{seed}"))
    }

    /// The configuration lies in the folder; another one there is refused, key by key.
    fn keep_configuration(&self) -> Result<(), TrainError> {
        std::fs::create_dir_all(&self.folder).map_err(|source| TrainError::Io {
            path: self.folder.clone(),
            source,
        })?;
        let mut config = self.config.clone();
        config.split = self.split.clone();
        let path = self.folder.join("config.toml");
        if path.exists() {
            let before = Config::load(&Config::default(), Some(&path), &[])?;
            let changes = config.differences(&before);
            if !changes.is_empty() {
                return Err(TrainError::Mismatch(format!(
                    "{}: the series there has other settings: {}. Take another --out, or the old \
                     settings",
                    self.folder.display(),
                    changes.join("; ")
                )));
            }
        }
        let text = toml::to_string(&config).expect("a configuration is TOML");
        self.put("config.toml", &text)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), TrainError> {
        let path = self.folder.join(name);
        write_atomically(&path, |out| out.write_all(text.as_bytes()))
            .map_err(|source| TrainError::Io { path, source })
    }

    #[allow(clippy::too_many_arguments)] // One step of `run`, whose arguments they are.
    fn stream(
        &self,
        dataset: &Dataset,
        data: &Path,
        seed: u64,
        stream: Stream,
        place: Place,
        narrator: &mut dyn Narrator,
        stop: &AtomicBool,
    ) -> Result<(), TrainError> {
        let mut settings = self.config.pretrain.clone();
        settings.seed += seed;
        settings.stream = stream;
        let folder = self.seed_folder(seed).join(stream.to_string());
        let run = RunFolder::new(&folder);
        let name = format!("seed {} {stream}", settings.seed);
        let info = RunInfo {
            dataset: dataset.meta().name.clone(),
            data: data.into(),
            split: self.split.clone(),
            settings,
        };
        if epochs_done(&run)? < Some(info.settings.epochs) {
            let keeping = Keeping {
                resume: true,
                ..self.keeping
            };
            let mut progress = narrator.run(&name, &info);
            pretrain::run(dataset, &info, &run, keeping, place, &mut *progress, stop)?;
        }
        let missing: Vec<Protocol> = self
            .protocols
            .iter()
            .copied()
            .filter(|protocol| !is_result(&folder.join(protocol.to_string())))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let weights = Weights::read(&folder)?;
        let cut = info.settings.cut();
        let trial = Trial::new(dataset, &self.split, &weights, cut, place.device)?;
        for protocol in missing {
            let draws = protocol.share.map_or(1, |_| self.draws);
            let epoch = &mut |_, epoch: &Epoch| narrator.protocol(protocol, epoch);
            let seed = info.settings.seed;
            let measured = protocol.run_seeds(&trial, &self.config, seed, draws, epoch)?;
            measured.write(&folder.join(protocol.to_string()))?;
            narrator.result(&name, protocol, &measured.result);
        }
        Ok(())
    }

    fn fuse(&self, seed: u64, narrator: &mut dyn Narrator) -> Result<(), TrainError> {
        let folder = self.seed_folder(seed);
        for protocol in &self.protocols {
            let out = folder.join(FUSED).join(protocol.to_string());
            if is_result(&out) {
                continue;
            }
            let results: Vec<PathBuf> = self
                .streams
                .iter()
                .map(|stream| folder.join(stream.to_string()).join(protocol.to_string()))
                .collect();
            let weighting = Weighting::Streams(self.config.fuse.clone());
            let measured = fuse::fuse(&results, &weighting)?;
            measured.write(&out)?;
            let name = format!("seed {} {FUSED}", self.config.pretrain.seed + seed);
            narrator.result(&name, *protocol, &measured.result);
        }
        Ok(())
    }

    fn table(&self) -> Result<Vec<Row>, TrainError> {
        let mut columns: Vec<String> = self.streams.iter().map(Stream::to_string).collect();
        if self.streams.len() > 1 {
            columns.push(FUSED.into());
        }
        let mut rows = Vec::new();
        for protocol in &self.protocols {
            for stream in &columns {
                let results: Vec<Measurement> = (0..self.seeds)
                    .map(|seed| {
                        let folder = self.seed_folder(seed).join(stream);
                        Measurement::read(&folder.join(protocol.to_string()))
                    })
                    .collect::<Result<_, _>>()?;
                let mut row = |name: String, of: &dyn Fn(&Measurement) -> f64| {
                    rows.push(Row {
                        published: self
                            .config
                            .published
                            .get(&format!("{name}.{stream}"))
                            .copied(),
                        protocol: name,
                        stream: stream.clone(),
                        top1: Spread::of(results.iter().map(of).collect()),
                        selected_on: results[0].selected_on.clone(),
                    });
                };
                row(protocol.to_string(), &|result| match &result.seeds {
                    Some(seeds) => seeds.top1.mean,
                    None => result.top1,
                });
                if protocol.kind == Kind::Knn && stream != FUSED {
                    for (i, (name, _)) in results[0].further.iter().enumerate() {
                        let name = name.replace("top1 at ", "knn, ");
                        row(name, &|result| result.further[i].1);
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// Whole epochs in a run's weights; `None` where there are no weights yet, which is less than any
/// number.
fn epochs_done(run: &RunFolder) -> Result<Option<usize>, TrainError> {
    if !run.weights().exists() {
        return Ok(None);
    }
    let card = Weights::read(run.weights())?.card;
    Ok(card.map(|card| card.provenance.epochs))
}

fn is_result(folder: &Path) -> bool {
    folder.join("result.json").exists()
}
