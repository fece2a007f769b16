//! `aimclr-run health`.

use anyhow::{Context, bail};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use ureq::Agent;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where `aimclr-run stream --listen` serves
    #[arg(value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// Ask whether a frame was used yet, rather than whether it runs
    #[arg(long)]
    ready: bool,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run health
  aimclr-run health 127.0.0.1:9000 --ready

What it answers is printed; docs/sinks.md explains it. Exit code 0 means yes, 1 no, or no answer
within 5 seconds. No token is needed. For containers, where nothing else can ask.";

/// Time for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes.
const LONGEST: u64 = 65_536;

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = if args.ready { "ready" } else { "health" };
    let url = format!("http://{}/{path}", args.address);
    let agent = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        // The address is this machine's own.
        .proxy(None)
        .build()
        .new_agent();
    let mut answer = agent.get(&url).call().with_context(|| url.clone())?;
    let body = answer.body_mut().with_config().limit(LONGEST);
    let body = body.read_to_string().with_context(|| url.clone())?;
    if answer.status() != 200 {
        bail!("{url}: {}: {}", answer.status(), body.trim_end());
    }
    writeln!(std::io::stdout(), "{}", body.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
