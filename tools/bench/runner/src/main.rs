//! The same work for Ringtalk and for what people would pick instead, in one run, in turn, several times.
//!
//! Prints a table of medians with their ratios to Ringtalk's, and writes everything as JSON. Only one peer
//! runs at a time. Not here: what a member does (`bench-member`), and how each peer carries messages
//! (`peers/`).

mod crew;
mod machine;
mod peer;
mod table;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crew::Crew;
use peer::{PEERS, Peer};
use work::{Latency, Numbers, Speech, Throughput};

/// Measures Ringtalk beside its peers
#[derive(Debug, Parser)]
struct Args {
    /// Which peers, by name; all of them otherwise
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// How many members
    #[arg(long, value_delimiter = ',', default_values_t = [4, 8, 16, 32])]
    members: Vec<usize>,
    /// How long messages are, in bytes
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1_024, 16_384])]
    bytes: Vec<usize>,
    /// How often everything is done
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each talk takes, in seconds, about
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Where everything is written as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One peer, once, with so many members.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    peer: &'static str,
    members: usize,
    round: usize,
    idle_kib: u64,
    loaded_kib: u64,
    talks: Vec<(Speech, Throughput)>,
    chat: Latency,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let peers = chosen(&args.peers)?;
    let programs = std::env::current_exe()?;
    let programs = programs.parent().context("this program is nowhere")?;
    let conditions = machine::conditions();
    println!("{conditions}");
    for peer in &peers {
        println!("{}: {}", peer.name, peer.how);
    }
    let steps = args.rounds * args.members.len() * peers.len();
    let bar = ProgressBar::new(steps as u64);
    let style = "{bar:30} {pos}/{len} {msg} (about {eta} more)";
    bar.set_style(ProgressStyle::with_template(style)?);
    let mut all = Vec::new();
    for &members in &args.members {
        for round in 1..=args.rounds {
            // In another order each time: what drifts hits all of them.
            let order = (0..peers.len()).map(|place| peers[(place + round) % peers.len()]);
            for peer in order {
                bar.set_message(format!("{}, {members} members", peer.name));
                let mut crew = Crew::start(programs, peer, members)
                    .with_context(|| format!("{} with {members} members", peer.name))?;
                let measured = measure(&mut crew, peer, &args, round);
                all.push(measured.with_context(|| format!("{}, {members}", peer.name))?);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print!("{}", table::of(&all, &peers));
    if let Some(path) = &args.json {
        let everything = serde_json::json!({ "conditions": conditions, "measured": all });
        std::fs::write(path, serde_json::to_string_pretty(&everything)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Peer>> {
    for name in names {
        let known = PEERS.iter().any(|peer| peer.name == name);
        let all: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
        ensure!(known, "there is no peer {name:?}; there are {all:?}");
    }
    let chosen = PEERS.iter();
    Ok(chosen
        .filter(|peer| names.is_empty() || names.iter().any(|name| name == peer.name))
        .collect())
}

fn measure(crew: &mut Crew, peer: &Peer, args: &Args, round: usize) -> Result<Measured> {
    let mut numbers = Numbers::default();
    let length = Duration::from_secs_f64(args.seconds);
    let idle_kib = crew.resident_kib()?;
    let chat = work::latency(crew, &mut numbers)?;
    let mut talks = Vec::new();
    for all in [false, true] {
        for &bytes in &args.bytes {
            let speech = Speech { all, bytes };
            let done = work::throughput(crew, peer, speech, length, &mut numbers)?;
            talks.push((speech, done));
        }
    }
    Ok(Measured {
        peer: peer.name,
        members: crew.len(),
        round,
        idle_kib,
        loaded_kib: crew.resident_kib()?,
        talks,
        chat,
    })
}
