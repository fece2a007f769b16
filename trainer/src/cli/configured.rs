//! Options that every command with settings has.

use crate::config::Config;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Configured {
    /// TOML file with settings, such as one of configs/; may be repeated, a later one overrides
    /// those before it, and other options override it.
    #[arg(long = "config", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Set any key of a configuration file, as in linear.lr=24; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) changes: Vec<String>,
    /// Split of the data set, if the configuration does not name it: its training part is learnt
    /// from, its test part is measured.
    #[arg(long, value_name = "NAME")]
    pub(super) split: Option<String>,
}

impl Configured {
    /// The configuration, defaults where nothing is given.
    pub(super) fn load(&self) -> Result<Config> {
        self.load_over(&Config::default())
    }

    /// The configuration, `base` where nothing is given.
    pub(super) fn load_over(&self, base: &Config) -> Result<Config> {
        let mut config = base.clone();
        for file in &self.files {
            config = Config::load(&config, Some(file), &[])?;
        }
        Ok(Config::load(&config, None, &self.changes)?)
    }

    /// The split asked for.
    pub(super) fn split<'a>(&'a self, config: &'a Config) -> Result<&'a str> {
        match self.split.as_deref().unwrap_or(&config.split) {
            "" => bail!(
                "--split: expected the name of a split of the data set, or a --config with one"
            ),
            split => Ok(split),
        }
    }
}
