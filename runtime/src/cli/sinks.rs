//! Where events go, as `aimclr-run stream` is asked for it.

use super::numbers::megabytes;
use crate::event::Summary;
use crate::net::{self, Access};
use crate::server::{About, Board};
use crate::sink::{Address, Options, Rotation, Sinks};
use anyhow::bail;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct SinkArgs {
    /// Where events go: - is standard output; FILE.ndjson, which is replaced; mqtt://host/prefix;
    /// http://host/path, to be posted. May be given several times
    #[arg(long, value_name = "ADDRESS", default_value = "-")]
    out: Vec<Address>,
    #[command(flatten)]
    pub(super) rotation: RotationArgs,
    /// Serve events (/events, /ws), /metrics, /health and /ready over HTTP. Beyond 127.0.0.1,
    /// AIMCLR_TOKEN has to hold a token that clients must know
    #[arg(long, value_name = "HOST:PORT", value_parser = net::host_and_port)]
    listen: Option<String>,
}

/// How files are kept from growing without end.
#[derive(Debug, clap::Args)]
pub(super) struct RotationArgs {
    /// Begin a new file before one grows beyond this, and keep full ones as FILE.1, FILE.2, …
    #[arg(long, value_name = "MB", value_parser = megabytes)]
    rotate_size: Option<u64>,
    /// How many full files are kept
    #[arg(long, value_name = "N", default_value_t = 5, requires = "rotate_size",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rotate_keep: u32,
}

impl RotationArgs {
    pub(super) fn rotation(&self) -> Option<Rotation> {
        self.rotate_size.map(|size| Rotation {
            size,
            keep: self.rotate_keep,
        })
    }
}

impl SinkArgs {
    /// True where standard error may show a line that changes: nothing else goes to the terminal.
    pub(super) fn leave_the_terminal(&self) -> bool {
        !self.out.contains(&Address::Stdout) || !io::stdout().is_terminal()
    }

    /// Refuses to write into what is read.
    pub(super) fn keep_off(&self, input: &Path) -> anyhow::Result<()> {
        for address in &self.out {
            if let Address::File(out) = address {
                keep_off("--out", out, input)?;
            }
        }
        Ok(())
    }

    /// Starts the server where one is asked for.
    pub(super) fn listen(
        &self,
        sinks: &mut Sinks,
        about: About,
    ) -> anyhow::Result<Option<Arc<Board>>> {
        let Some(at) = &self.listen else {
            return Ok(None);
        };
        let board = sinks.listen(at, Access::of_environment(), about)?;
        if let Some(address) = sinks.listens_at() {
            eprintln!("http://{address}: /events, /ws, /metrics, /health, /ready");
        }
        Ok(Some(board))
    }

    /// Opens all sinks. `live` as in [`Options`].
    pub(super) fn open(&self, sinks: &mut Sinks, live: bool) -> anyhow::Result<()> {
        let rotation = self.rotation.rotation();
        Ok(sinks.add(&self.out, Options { live, rotation })?)
    }
}

/// Refuses to write into what is read; `option` names what is written.
pub(super) fn keep_off(option: &str, out: &Path, input: &Path) -> anyhow::Result<()> {
    if matches!((out.canonicalize(), input.canonicalize()), (Ok(a), Ok(b)) if a == b) {
        bail!(
            "{option}: {} is the recording that --input reads; expected another file",
            out.display()
        );
    }
    Ok(())
}

/// Says which sinks did not get everything.
pub(super) fn print_losses(summary: &Summary) {
    for (sink, delivery) in &summary.sinks {
        let lost: u64 = delivery.dropped.values().sum();
        if lost > 0 {
            let reasons = delivery.dropped.iter();
            let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} {reason}")).collect();
            eprintln!(
                "warning: {sink}: {lost} of {} events did not get there ({})",
                delivery.seen,
                reasons.join(", ")
            );
        }
    }
}
