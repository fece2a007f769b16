//! Signals, as flags that are looked at between frames.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Whether the user wants an end: Ctrl-C, SIGTERM, or a terminal that was closed.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Catches the signals from now on. The second one ends the process at once.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let stop = Self(Arc::default());
        stop.on(SIGINT)?;
        stop.on(SIGTERM)?;
        Ok(stop)
    }

    /// A closed terminal (SIGHUP) ends the run, too.
    pub(super) fn on_hangup(&self) -> anyhow::Result<()> {
        #[cfg(unix)]
        self.on(signal_hook::consts::SIGHUP)?;
        Ok(())
    }

    fn on(&self, signal: i32) -> anyhow::Result<()> {
        // In this order, so that it takes a second signal to see the flag of the first.
        flag::register_conditional_shutdown(signal, INTERRUPTED, self.0.clone())?;
        flag::register(signal, self.0.clone())?;
        Ok(())
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether settings are to be read again: SIGHUP, as daemons have it.
#[derive(Debug)]
pub(super) struct Hangup(Arc<AtomicBool>);

impl Hangup {
    /// Catches the signal from now on.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let flag: Arc<AtomicBool> = Arc::default();
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGHUP, flag.clone())?;
        Ok(Self(flag))
    }

    /// True once for each time it came.
    pub(super) fn came(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
