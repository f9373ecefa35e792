//! The seeded simulator: whole rings of protocol cores in one thread, under virtual time, with
//! faults, and the invariants of `design.md` §4 checked after every step.
//!
//! `RINGTALK_SIM_SEED` runs one seed only, `RINGTALK_SIM_TRACE=1` shows every step of it, and
//! `RINGTALK_SIM_SEEDS` says how many seeds `random_faults` runs. Not here: sockets and real time,
//! which the tests of the binaries have.

mod agenda;
mod director;
mod faults;
mod figures;
mod network;
mod oracle;
mod process;
mod random;
mod runner;
mod scenario;
mod trace;
mod world;

use std::thread;

use figures::Figures;

/// How many seeds each named scenario runs.
const SEEDS: u64 = 12;
/// How many seeds `random_faults` runs, unless the environment says.
const RANDOM_SEEDS: u64 = 60;

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let figures = runner::run_seeds(stringify!($name), 0..SEEDS, scenario::$name);
                println!("{}\n{figures}", stringify!($name));
            }
        )*
    };
}

scenarios! {
    three_nodes_talk
    eight_join_at_once
    twenty_talk
    pasted_lines_arrive
    latecomer_gets_everything_before_ready
    short_history_is_no_gap
    coordinator_killed
    newcomer_while_coordinator_is_dead
    ordinary_killed
    both_neighbours_killed
    two_adjacent_killed
    all_but_one_killed
    coordinator_paused_20_s
    ordinary_paused
    short_pause_evicts_nobody
    link_resets_lose_nothing
    what_a_broken_link_swallowed_is_back_in_two_seconds
    two_founders_become_one
    everyone_leaves_in_turn
    coordinator_leaves
    director_restart_with_newcomer
    partition_heals
    newcomers_while_rings_merge
    coordinator_wakes_up_alone
    a_gap_closes_when_its_holder_is_back
    words_said_alone_are_handed_over
    coming_and_going_leaves_no_links
}

/// Two halves of the seeds side by side: the longest of the tests.
#[test]
fn random_faults() {
    let seeds = runner::number_from("RINGTALK_SIM_SEEDS").unwrap_or(RANDOM_SEEDS);
    let run = |seeds| runner::run_seeds("random_faults", seeds, scenario::random_faults);
    let one = runner::number_from("RINGTALK_SIM_SEED").is_some();
    let figures = if one {
        run(0..1)
    } else {
        in_two_threads(seeds, run)
    };
    println!("random_faults\n{figures}");
    assert!(
        figures.effective_faults() > 0,
        "H1: no fault took effect, so nothing was tried"
    );
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |seed| match runner::run(seed, scenario::random_faults) {
        Ok(figures) => figures.trace,
        Err(failure) => panic!("seed {seed}: {failure}"),
    };
    assert_eq!(trace(1), trace(1));
    assert_eq!(trace(2), trace(2));
    assert_ne!(trace(1), trace(2));
}

fn in_two_threads(seeds: u64, run: impl Fn(std::ops::Range<u64>) -> Figures + Sync) -> Figures {
    thread::scope(|scope| {
        let later = scope.spawn(|| run(seeds / 2..seeds));
        let mut figures = run(0..seeds / 2);
        match later.join() {
            Ok(others) => figures.add(&others),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        figures
    })
}
