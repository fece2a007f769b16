//! `aimclr-data import`: what each kind of source is told on the command line.

pub mod about;
pub mod aimclr_npy;
pub mod ctr_gcn_npz;
pub mod pyskl;
