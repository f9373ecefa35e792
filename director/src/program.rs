//! The program `director`: command line, signals, exit status.
//!
//! Not here: what a director does (the other modules).

mod log;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{Director, healthcheck, serve};
use log::RateLimitedStderr;

/// The examples and exit statuses of the help; `tests/tests/documents.rs` runs every example.
const EXAMPLES: &str = "\
Examples:
  director
      Serve everyone who can reach port 8080 of this machine
  director --listen 127.0.0.1:9000
      Serve this machine only, on another port
  director --listen 127.0.0.1:9000 --healthcheck
      Exit with 0 if that director is healthy

Exit status:
  0
      Stopped by a signal; with --healthcheck: healthy
  1
      Cannot listen; with --healthcheck: not healthy
  2
      Invalid command line";

/// Points newcomers at the coordinator of a Ringtalk discussion.
///
/// It keeps leases of a few seconds in memory and nothing else, so it can be restarted at any time.
///
/// It serves one open discussion, which anyone who can reach it may join, and many private ones. Of
/// those it sees ids and addresses, never a secret, a name or a message.
#[derive(Debug, Parser)]
#[command(name = "director", version, max_term_width = 100, after_help = EXAMPLES)]
struct Args {
    /// Address to listen on; port 0 picks a free port
    #[arg(
        long,
        value_name = "ADDR",
        env = "RINGTALK_DIRECTOR_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,

    /// Exit with 0 if a director on this host answers at the port of --listen, else with 1
    #[arg(long)]
    healthcheck: bool,

    /// Diagnostics to log to stderr, as tracing filters
    #[arg(
        long,
        value_name = "FILTER",
        env = "RINGTALK_LOG",
        default_value = "warn"
    )]
    log: EnvFilter,
}

/// Runs a director as the command line says, and returns the exit status of `director`.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let result = if args.healthcheck {
        healthcheck(args.listen).with_context(|| format!("no healthy director at {}", args.listen))
    } else {
        run_director(args)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "director: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run_director(args: Args) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(args.log)
        .with_writer(RateLimitedStderr::new())
        .init();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle signals")?;
    let shutdown = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let listener = listen(args.listen).await?;
    let address = listener.local_addr().context("cannot determine the port")?;
    // A closed stdout is no reason to stop.
    let _ = writeln!(io::stdout(), "director listening on http://{address}");
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow!("cannot get random numbers from the system: {error}"))?;
    serve(listener, Director::new(seed), shutdown).await;
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        anyhow!(
            "cannot listen on {address}: {error}. Stop the program that uses it, or choose another \
             address with --listen"
        )
    })
}
