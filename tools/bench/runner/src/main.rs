//! Measures the same work for Ringtalk and for its alternatives (peers), in one run, in turn, several times.
//!
//! Prints a table of medians with their ratios to Ringtalk's, and writes everything as JSON. Only one peer runs at a
//! time. Not here: the work of a member (`bench-member`), the transport of each peer (`peers/`).

mod change;
mod crew;
mod machine;
mod peer;
mod table;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use change::Death;
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
    /// What is measured: a chat at a steady rate, talks as fast as it goes, changes of the membership
    #[arg(long, value_delimiter = ',', default_value = "chat,talks,changes")]
    parts: Vec<Part>,
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

/// The figures of one peer with one number of members in one round, as far as it came.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    peer: &'static str,
    members: usize,
    round: usize,
    idle_kib: Option<u64>,
    loaded_kib: Option<u64>,
    talks: Vec<(Speech, Throughput)>,
    chat: Option<Latency>,
    join_ms: Option<f64>,
    death: Option<Death>,
    /// The reasons why some figures are missing.
    failures: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    Chat,
    Talks,
    Changes,
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
            // The order rotates, so that a drift of the machine affects all peers.
            let order = (0..peers.len()).map(|place| peers[(place + round) % peers.len()]);
            for peer in order {
                bar.set_message(format!("{}, {members} members", peer.name));
                all.push(measure(programs, peer, &args, members, round));
                write(&args, &conditions, &all)?;
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print!("{}", table::of(&all, &peers));
    Ok(())
}

/// Writes everything so far as JSON, if `--json` asks for it.
fn write(args: &Args, conditions: &str, all: &[Measured]) -> Result<()> {
    let Some(path) = &args.json else {
        return Ok(());
    };
    let everything = serde_json::json!({ "conditions": conditions, "measured": all });
    std::fs::write(path, serde_json::to_string_pretty(&everything)?)
        .with_context(|| format!("cannot write {}", path.display()))
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

/// Measures a peer once. If it fails, the failure is noted, and the other peers are still measured.
fn measure(
    programs: &Path,
    peer: &'static Peer,
    args: &Args,
    members: usize,
    round: usize,
) -> Measured {
    let mut failures = Vec::new();
    let mut measured = Measured {
        peer: peer.name,
        members,
        round,
        idle_kib: None,
        loaded_kib: None,
        talks: Vec::new(),
        chat: None,
        join_ms: None,
        death: None,
        failures: Vec::new(),
    };
    let mut note = |what: &str, done: Result<()>| {
        if let Err(error) = done {
            failures.push(format!("{what}: {error:#}"));
        }
    };
    if args.parts.contains(&Part::Chat) || args.parts.contains(&Part::Talks) {
        note("talking", talking(&mut measured, programs, peer, args));
    }
    if args.parts.contains(&Part::Changes) {
        note("coming and dying", changing(&mut measured, programs, peer));
    }
    Measured {
        failures,
        ..measured
    }
}

fn talking(
    measured: &mut Measured,
    programs: &Path,
    peer: &'static Peer,
    args: &Args,
) -> Result<()> {
    let mut crew = Crew::start(programs, peer, measured.members).context("the start")?;
    let mut numbers = Numbers::default();
    let length = Duration::from_secs_f64(args.seconds);
    measured.idle_kib = Some(crew.resident_kib()?);
    if args.parts.contains(&Part::Chat) {
        let chat = work::latency(&mut crew, &mut numbers).context("at a steady rate")?;
        measured.chat = Some(chat);
    }
    let sizes = args
        .bytes
        .iter()
        .filter(|_| args.parts.contains(&Part::Talks));
    for all in [false, true] {
        for &bytes in sizes.clone() {
            let speech = Speech { all, bytes };
            let done = work::throughput(&mut crew, peer, speech, length, &mut numbers)
                .with_context(|| speech.to_string())?;
            measured.talks.push((speech, done));
        }
    }
    measured.loaded_kib = Some(crew.resident_kib()?);
    Ok(())
}

fn changing(measured: &mut Measured, programs: &Path, peer: &'static Peer) -> Result<()> {
    let newcomers = usize::from(peer.takes_newcomers);
    let mut crew =
        Crew::start(programs, peer, measured.members - newcomers).context("the start")?;
    if peer.takes_newcomers {
        measured.join_ms = Some(change::join(&mut crew).context("the newcomer")?);
    }
    measured.death = change::death(&mut crew, peer).context("the death")?;
    Ok(())
}
