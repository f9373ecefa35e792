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
use log::Paced;

/// The examples and exit statuses of the help; `tests/tests/documents.rs` runs every example.
const EXAMPLES: &str = "\
Examples:
  director
      Serve everybody who reaches port 8080 of this machine
  director --listen 127.0.0.1:9000
      Serve this machine alone, at another port
  director --listen 127.0.0.1:9000 --healthcheck
      Say by the exit status whether that one is well

Exit status:
  0
      It was asked to stop by a signal, or is well
  1
      It cannot listen there, or is not well
  2
      The command line is wrong";

/// Points newcomers at the coordinator of a Ringtalk discussion.
///
/// It keeps nothing but leases of a few seconds, in memory: stop and restart it at any time.
///
/// It has one open discussion, which anybody joins by this address alone, and any number of private
/// ones, of which it sees ids and addresses, and never the secret, a name or a message.
#[derive(Debug, Parser)]
#[command(name = "director", version, max_term_width = 100, after_help = EXAMPLES)]
struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(
        long,
        value_name = "ADDR",
        env = "RINGTALK_DIRECTOR_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,

    /// Exit with 0 if a director of this host answers at the port of --listen, else with 1
    #[arg(long)]
    healthcheck: bool,

    /// What to log on stderr, as tracing filters
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
    let done = if args.healthcheck {
        healthcheck(args.listen).with_context(|| format!("no healthy director at {}", args.listen))
    } else {
        direct(args)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "director: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn direct(args: Args) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(args.log)
        .with_writer(Paced::new())
        .init();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for signals")?;
    let shutdown = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let listener = listen(args.listen).await?;
    let address = listener.local_addr().context("cannot tell the port")?;
    // A closed stdout is no reason to stop.
    let _ = writeln!(io::stdout(), "director listening on http://{address}");
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("no random numbers: {error}"))?;
    serve(listener, Director::new(seed), shutdown).await;
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        anyhow!(
            "cannot listen on {address}: {error}; stop what listens there, or choose another \
             address with --listen"
        )
    })
}
