//! Measures the same work for Ringtalk and for its alternatives (peers), in one run, in turn, several times.
//!
//! Prints a table of medians with their ratios to Ringtalk's, and writes everything as JSON. Only one peer runs at a
//! time. Not here: the work of a member (`bench-member`), the transport of each peer (`peers/`).

mod change;
mod cluster;
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
use cluster::Cluster;
use peer::{PEERS, Peer};
use work::{Latency, TalkNumbers, Throughput, Workload};

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
    /// Measurements: a chat at a steady rate, talks as fast as it goes, changes of the membership
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
struct Measurement {
    peer: &'static str,
    members: usize,
    round: usize,
    idle_kib: Option<u64>,
    loaded_kib: Option<u64>,
    talks: Vec<(Workload, Throughput)>,
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
    let peers = choose(&args.peers)?;
    let programs = std::env::current_exe()?;
    let programs = programs.parent().context("this program is nowhere")?;
    let conditions = machine::conditions();
    println!("{conditions}");
    for peer in &peers {
        println!("{}: {}", peer.name, peer.setup);
    }
    let steps = args.rounds * args.members.len() * peers.len();
    let bar = ProgressBar::new(steps as u64);
    let style = "{bar:30} {pos}/{len} {msg} (about {eta} more)";
    bar.set_style(ProgressStyle::with_template(style)?);
    let mut all = Vec::new();
    for &members in &args.members {
        for round in 1..=args.rounds {
            // The order rotates, so that a drift of the machine affects all peers.
            let order = (0..peers.len()).map(|turn| peers[(turn + round) % peers.len()]);
            for peer in order {
                bar.set_message(format!("{}, {members} members", peer.name));
                all.push(measure(programs, peer, &args, members, round));
                write(&args, &conditions, &all)?;
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print!("{}", table::format(&all, &peers));
    Ok(())
}

/// Writes everything so far as JSON, if `--json` asks for it.
fn write(args: &Args, conditions: &str, all: &[Measurement]) -> Result<()> {
    let Some(path) = &args.json else {
        return Ok(());
    };
    let everything = serde_json::json!({ "conditions": conditions, "measured": all });
    std::fs::write(path, serde_json::to_string_pretty(&everything)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn choose(names: &[String]) -> Result<Vec<&'static Peer>> {
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

/// Measures a peer once. If it fails, the failure is noted, and the other peers are still measurement.
fn measure(
    programs: &Path,
    peer: &'static Peer,
    args: &Args,
    members: usize,
    round: usize,
) -> Measurement {
    let mut failures = Vec::new();
    let mut measurement = Measurement {
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
        note(
            "talking",
            measure_talks(&mut measurement, programs, peer, args),
        );
    }
    if args.parts.contains(&Part::Changes) {
        note(
            "coming and dying",
            measure_changes(&mut measurement, programs, peer),
        );
    }
    Measurement {
        failures,
        ..measurement
    }
}

fn measure_talks(
    measurement: &mut Measurement,
    programs: &Path,
    peer: &'static Peer,
    args: &Args,
) -> Result<()> {
    let mut cluster = Cluster::start(programs, peer, measurement.members).context("the start")?;
    let mut numbers = TalkNumbers::default();
    let length = Duration::from_secs_f64(args.seconds);
    measurement.idle_kib = Some(cluster.resident_kib()?);
    if args.parts.contains(&Part::Chat) {
        let chat = work::measure_latency(&mut cluster, &mut numbers).context("at a steady rate")?;
        measurement.chat = Some(chat);
    }
    let sizes = args
        .bytes
        .iter()
        .filter(|_| args.parts.contains(&Part::Talks));
    for all in [false, true] {
        for &bytes in sizes.clone() {
            let workload = Workload { all, bytes };
            let done = work::measure_throughput(&mut cluster, peer, workload, length, &mut numbers)
                .with_context(|| workload.to_string())?;
            measurement.talks.push((workload, done));
        }
    }
    measurement.loaded_kib = Some(cluster.resident_kib()?);
    Ok(())
}

fn measure_changes(
    measurement: &mut Measurement,
    programs: &Path,
    peer: &'static Peer,
) -> Result<()> {
    let newcomers = usize::from(peer.supports_join);
    let mut cluster =
        Cluster::start(programs, peer, measurement.members - newcomers).context("the start")?;
    if peer.supports_join {
        measurement.join_ms = Some(change::measure_join(&mut cluster).context("the newcomer")?);
    }
    measurement.death = change::measure_death(&mut cluster, peer).context("the death")?;
    Ok(())
}
