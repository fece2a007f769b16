//! Learns an encoder of skeleton sequences without labels, as AimCLR does it, and measures what
//! was learnt.
//!
//! Guo, Liu, Chen, Liu, Wang, Ding: "Contrastive Learning from Extremely Augmented Skeleton
//! Sequences for Self-supervised Action Recognition", AAAI 2022, arXiv 2112.03590.
//!
//! The way of a batch: [`data`] holds the normalised clips on the device; [`augment`] makes three
//! views of each; [`streams`] turns them into bones or motion; [`aimclr`] runs the query and key
//! [`encoder`]s, [`eadm`] and the [`losses`]; [`sgd`] updates the weights. [`pretrain`] repeats
//! that, [`checkpoint`] and [`keeping`] keep it. [`evaluate`] has the protocols, [`reproduce`] runs
//! a series of all that, [`report`] shows what came out.

pub mod aimclr;
pub mod augment;
pub mod best;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod eadm;
pub mod encoder;
pub mod error;
pub mod evaluate;
pub mod keeping;
pub mod losses;
pub mod metrics;
pub mod monitor;
pub mod parameters;
pub mod pretrain;
pub mod probe;
pub mod report;
pub mod reproduce;
pub mod seeds;
pub mod settings;
pub mod sgd;
pub mod spectral;
pub mod streams;
pub mod tally;

pub use error::TrainError;
