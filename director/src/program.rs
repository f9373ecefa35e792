//! The program `director`: signals, exit status, and what it says when it starts.
//!
//! Not here: the command line (`program/args`), what a director does (the other modules).

mod args;
mod contact;
mod log;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{Director, healthcheck, open_files, pages, serve};
use args::Task;
use log::RateLimitedStderr;

/// Runs a director as the command line says, and returns the exit status of `director`.
pub fn run() -> ExitCode {
    let result = match Task::from_command_line() {
        Task::Print(page) => return pages::print(args::NAME, &page),
        Task::Check(listen) => {
            healthcheck(listen).with_context(|| format!("no healthy director at {listen}"))
        }
        Task::Serve {
            listen,
            circuits,
            log,
        } => run_director(listen, circuits, *log),
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
async fn run_director(address: SocketAddr, circuits: u16, log: EnvFilter) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(RateLimitedStderr::new())
        .init();
    open_files::prepare(2 * u64::from(circuits))?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle signals")?;
    let shutdown = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let listener = listen(address).await?;
    let address = listener.local_addr().context("cannot determine the port")?;
    // A closed stdout is no reason to stop, and neither is a closed stderr.
    let _ = writeln!(io::stdout(), "director listening on http://{address}");
    let _ = writeln!(io::stderr(), "{}", contact::invitation(address));
    if circuits > 0 {
        let _ = writeln!(
            io::stderr(),
            "members who are behind routers can reach each other: up to {circuits} links are carried"
        );
    }
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow!("cannot get random numbers from the system: {error}"))?;
    let director = Director::with_circuits(seed, circuits.into());
    serve(listener, director, shutdown).await;
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
