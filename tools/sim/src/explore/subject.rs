//! The subjects of a search, and how each begins. Not here: what strikes in it (`search`), what is demanded of its
//! end (`trial`).

use core::time::Duration;

use crate::oracle::Check;
use crate::scenario::{gather, the_coordinator};
use crate::world::World;

/// How long a frame takes: always the same, so that only choices change the order of events.
const LATENCY: Duration = Duration::from_millis(10);
/// How long nothing may happen before a ring counts as at rest.
const QUIET: Duration = Duration::from_secs(1);
/// How long a ring is torn: by then its parts have found their coordinators.
const TORN: Duration = Duration::from_secs(6);

/// The subject of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The coordinator of a ring dies.
    Election,
    /// A newcomer joins a ring with one node less.
    Join,
    /// A member dies that is not the coordinator.
    Repair,
    /// A ring that was torn in two heals.
    Merge,
}

impl Subject {
    /// All subjects.
    pub const ALL: [Self; 4] = [Self::Election, Self::Join, Self::Repair, Self::Merge];

    /// Returns the name of the subject.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Election => "election",
            Self::Join => "join",
            Self::Repair => "repair",
            Self::Merge => "merge",
        }
    }

    /// Brings a ring to the moment at which the subject begins.
    pub(super) fn prepare(self, world: &mut World, nodes: u64) -> Check {
        world.set_latency([LATENCY; 2]);
        let first = if self == Self::Join { nodes - 1 } else { nodes };
        gather(world, first)?;
        world.run_for(QUIET)?;
        if self == Self::Merge {
            world.partition(|index| u8::from((index as u64) < nodes / 2));
            world.run_for(TORN)?;
        } else {
            world.expect_failed(&[]);
            world.expect_the_most_senior();
        }
        Ok(())
    }

    /// Begins the subject.
    pub(super) fn begin(self, world: &mut World) -> Check {
        match self {
            Self::Election => {
                let coordinator = the_coordinator(world)?;
                world.kill(coordinator);
            }
            Self::Join => {
                let newcomer = world.start();
                world.expect_failed(&[newcomer]);
            }
            Self::Repair => {
                let coordinator = the_coordinator(world)?;
                if let Some(victim) = world.successor(coordinator) {
                    world.kill(victim);
                }
            }
            Self::Merge => world.partition(|_| 0),
        }
        Ok(())
    }
}
