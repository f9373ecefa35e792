//! What encryption and signatures cost: the same work with and without them, in turn.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, REST};
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{IN_TIME, Launch};
use ringtalk_tests::process::{binary, in_folder};
use ringtalk_tests::{alone, knob, resources};

const NODES: usize = 8;
const MESSAGE_BYTES: usize = 256;
const ROUNDS: usize = 3;

/// How long one run may take, on a machine that has other work too.
const RUN: Duration = Duration::from_secs(60);

/// The most that a delivery may cost, as a multiple of what it costs without protection.
const MOST: f64 = 2.0;

/// What a node without protection says on stderr.
const WARNING: &str = "NOTHING IS ENCRYPTED OR SIGNED";

#[test]
#[ignore = "needs a build that is not protected: `cargo xtask costs`"]
fn encryption_and_signatures_take_at_most_half_of_the_processor() {
    let _alone = alone();
    let folder =
        std::env::var_os("RINGTALK_UNPROTECTED_BIN_DIR").expect("`cargo xtask costs` sets it");
    let (protected, unprotected) = (binary("node"), in_folder(Path::new(&folder), "node"));
    report("conditions", conditions());
    let ratios = [1, NODES].map(|authors| compare(authors, &protected, &unprotected));
    assert!(
        ratios.iter().all(|ratio| *ratio <= MOST),
        "over {MOST}: {ratios:?}"
    );
}

/// Runs both in turn, and returns how many times as much processor time a protected delivery takes.
fn compare(authors: usize, protected: &Path, unprotected: &Path) -> f64 {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        costs[0].push(run(protected, authors, true));
        costs[1].push(run(unprotected, authors, false));
    }
    let [with, without] = costs.map(median);
    report(
        &format!(
            "{authors} authors: processor time of all nodes, seconds for a million deliveries"
        ),
        format!(
            "{with:.2} with, {without:.2} without, ratio {:.2}",
            with / without
        ),
    );
    with / without
}

/// Has the authors type as fast as it is taken, and awaits that everybody has everything. Returns the
/// processor time of all nodes, in seconds for a million deliveries.
fn run(node: &Path, authors: usize, is_protected: bool) -> f64 {
    let mut cluster = Cluster::empty();
    for number in 1..=NODES {
        let launch = Launch::by(&format!("n{number}"), Command::new(node));
        let launch = launch.join(&cluster.director.place());
        cluster.adopt(launch.start()).ready(IN_TIME);
    }
    cluster.one_ring(REST);
    let nodes = cluster.live();
    for node in &nodes {
        node.wait_for("is the build that was asked for", IN_TIME, |journal| {
            (journal.stderr_text().contains(WARNING) != is_protected).then_some(())
        });
    }
    let processor = || -> Duration {
        nodes
            .iter()
            .map(|node| resources::processor_time(node.process()))
            .sum()
    };
    let each = knob::costs_messages() / authors;
    let (before, since) = (processor(), Instant::now());
    for author in &nodes[..authors] {
        author.paste(&lines(author.process().label(), each));
    }
    cluster.everything_everywhere(RUN);
    let (wall, spent) = (since.elapsed(), processor().saturating_sub(before));
    let millions = (each * authors * NODES) as f64 / 1e6;
    let cost = spent.as_secs_f64() / millions;
    report(
        &format!("{authors} authors, protected: {is_protected}"),
        format!("{cost:.2} s for a million, run of {wall:.1?}"),
    );
    cost
}

fn lines(label: &str, count: usize) -> Vec<String> {
    let line = |number| format!("{:.<MESSAGE_BYTES$}", format!("{label} says {number} "));
    (0..count).map(line).collect()
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_unstable_by(f64::total_cmp);
    costs[ROUNDS / 2]
}

/// What a figure means nothing without.
fn conditions() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{NODES} nodes on the loopback, {} messages of {MESSAGE_BYTES} bytes, {cores} cores, load before {}",
        knob::costs_messages(),
        load.trim()
    )
}
