//! One run of a search: a ring, a subject, and what strikes in it; then the ring must come to rest.

use core::time::Duration;

use ringtalk_proto::Time;

use super::{Choice, Choices, Search, Subject};
use crate::oracle::{Check, Violation};
use crate::runner::catch_panic;
use crate::world::{FaultRecord, POLL_INTERVAL, Step, World};

/// The subject ends when the ring has been whole for longer than a heartbeat.
const STABLE: Duration = Duration::from_millis(450);
/// The subject ends after this time, whole or not.
const LONGEST: Duration = Duration::from_secs(10);
/// How long the ring may take to be whole once nothing strikes any more. A newcomer whom nobody is left to admit
/// founds when the director has forgotten the dead, after 15 s.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a message that is sent then may take to reach everybody (C5).
const ARRIVAL: Duration = Duration::from_secs(5);
/// How long the ring must then stay as it is.
const REST: Duration = Duration::from_secs(1);

/// The result of a run.
#[derive(Debug)]
pub(super) struct TrialResult {
    /// The steps at which something may strike.
    pub(super) steps: Vec<Step>,
    /// The hash of the trace; equal for equal runs.
    pub(super) trace: u64,
    /// How long the ring took to be whole, from the beginning of the subject.
    pub(super) took: Duration,
}

/// Runs one list of choices.
pub(super) fn run(search: &Search, choices: &Choices) -> Result<TrialResult, Violation> {
    catch_panic(|| {
        let mut world = World::new(search.seed, search.options, FaultRecord::default());
        play(&mut world, search, choices)
    })
}

fn play(world: &mut World, search: &Search, choices: &Choices) -> Result<TrialResult, Violation> {
    search.subject.prepare(world, search.nodes)?;
    world.arm_choices(choices);
    let begun = world.time();
    search.subject.begin(world)?;
    let whole = run_subject(world)?;
    let steps = world.take_steps();
    world.disarm_choices()?;
    check_all_struck(world)?;
    world.at_rest_within(PATIENCE)?;
    if search.subject != Subject::Merge {
        world.check_one_coordinator_per_number()?;
    }
    let took = whole.unwrap_or_else(|| world.time()) - begun;
    check_messages_reach_all(world)?;
    Ok(TrialResult {
        steps,
        trace: world.trace(),
        took,
    })
}

/// Runs until the subject ends, and returns since when the ring has been whole.
fn run_subject(world: &mut World) -> Result<Option<Time>, Violation> {
    let end = world.time() + LONGEST;
    let mut whole = None;
    while world.time() < end && world.alive() > 0 {
        world.run_for(POLL_INTERVAL)?;
        whole = match whole {
            _ if !world.is_whole() => None,
            None => Some(world.time()),
            Some(since) if world.time() - since >= STABLE => return Ok(whole),
            since => since,
        };
    }
    Ok(whole)
}

/// Checks that a message of every node reaches everybody, and that nothing else happens.
fn check_messages_reach_all(world: &mut World) -> Check {
    for index in 0..world.processes() {
        world.send_lines(index, 1)?;
    }
    world.at_rest_within(ARRIVAL)?;
    world.run_for(REST)?;
    world.at_rest_within(Duration::ZERO)
}

/// Checks that every choice has struck; one that could not would have shown nothing.
fn check_all_struck(world: &World) -> Check {
    match world.first_unused_choice() {
        None => Ok(()),
        Some(Choice { step, strike }) => Violation::of(
            "choices",
            format!("step {step} does not exist, or a {strike} cannot apply to it"),
        ),
    }
}
