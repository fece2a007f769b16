//! Which bodies of a recording are kept.

use serde::{Deserialize, Serialize};

/// Which bodies of a recording are kept, and in which place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Bodies {
    /// The first ones of each frame, in the file's order, as the released code has it
    #[default]
    Released,
    /// The people who move most, each in one place throughout
    Tracked,
}
