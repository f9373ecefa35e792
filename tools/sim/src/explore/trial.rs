//! One run of a search: a ring, a subject, and what strikes in it; then the ring must come to rest.

use core::time::Duration;

use ringtalk_proto::Time;

use super::{Choice, Choices, Search, Subject};
use crate::oracle::{Check, Violation};
use crate::runner::caught;
use crate::world::{Record, Step, World};

/// How often the run is checked for its end.
const LOOK: Duration = Duration::from_millis(20);
/// The subject ends when the ring has been whole for longer than a heartbeat.
const THROUGH: Duration = Duration::from_millis(450);
/// The subject ends after this time, whole or not.
const LONGEST: Duration = Duration::from_secs(10);
/// How long the ring may take to be whole once nothing strikes any more. A newcomer whom nobody is left to admit
/// founds when the director has forgotten the dead, after 15 s.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a message that is sent then may take to reach everybody (C5).
const ARRIVAL: Duration = Duration::from_secs(5);
/// How long the ring must then stay as it is.
const REST: Duration = Duration::from_secs(1);

/// The course of a run.
#[derive(Debug)]
pub(super) struct Course {
    /// The steps at which something may strike.
    pub(super) steps: Vec<Step>,
    /// The hash of the trace; equal for equal runs.
    pub(super) trace: u64,
    /// How long the ring took to be whole, from the beginning of the subject.
    pub(super) took: Duration,
}

/// Runs one list of choices.
pub(super) fn run(search: &Search, choices: &Choices) -> Result<Course, Violation> {
    caught(|| {
        let mut world = World::new(search.seed, search.options, Record::default());
        play(&mut world, search, choices)
    })
}

fn play(world: &mut World, search: &Search, choices: &Choices) -> Result<Course, Violation> {
    search.subject.prepare(world, search.nodes)?;
    world.lie_in_wait(choices);
    let begun = world.time();
    search.subject.begin(world)?;
    let whole = until_through(world)?;
    let steps = world.take_steps();
    world.call_off()?;
    all_struck(world)?;
    world.at_rest_within(PATIENCE)?;
    if search.subject != Subject::Merge {
        world.no_two_reigned_at_once()?;
    }
    let took = whole.unwrap_or_else(|| world.time()) - begun;
    everybody_is_heard(world)?;
    Ok(Course {
        steps,
        trace: world.trace(),
        took,
    })
}

/// Runs until the subject ends, and returns since when the ring has been whole.
fn until_through(world: &mut World) -> Result<Option<Time>, Violation> {
    let end = world.time() + LONGEST;
    let mut whole = None;
    while world.time() < end && world.alive() > 0 {
        world.run_for(LOOK)?;
        whole = match whole {
            _ if !world.is_whole() => None,
            None => Some(world.time()),
            Some(since) if world.time() - since >= THROUGH => return Ok(whole),
            since => since,
        };
    }
    Ok(whole)
}

/// Checks that a message of every node reaches everybody, and that nothing else happens.
fn everybody_is_heard(world: &mut World) -> Check {
    for index in 0..world.processes() {
        world.paste(index, 1)?;
    }
    world.at_rest_within(ARRIVAL)?;
    world.run_for(REST)?;
    world.at_rest_within(Duration::ZERO)
}

/// Checks that every choice has struck; one that could not would have shown nothing.
fn all_struck(world: &World) -> Check {
    match world.unspent() {
        None => Ok(()),
        Some(Choice { step, strike }) => Violation::of(
            "choices",
            format!("there is no step {step} that a {strike} could strike"),
        ),
    }
}
