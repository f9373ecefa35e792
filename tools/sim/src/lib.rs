//! The seeded simulator: whole rings of protocol cores in one thread, under virtual time, with
//! faults, and the invariants of `design.md` §4 checked after every step.
//!
//! A [`Scenario`] under a seed is a run; the same seed gives the same run, and a failed one says
//! how to repeat it. Not here: the command line (binary `sim`), and sockets and real time, which
//! the black-box tests have.

mod agenda;
mod director;
mod explore;
mod faults;
mod figures;
mod keys;
pub mod mutants;
mod network;
mod oracle;
mod process;
mod random;
mod runner;
mod scale;
mod scenario;
mod schedule;
mod shrink;
mod soak;
mod times;
mod trace;
mod world;

pub use explore::{Choice, Choices, Finding, Findings, Search, Strike, Subject};
pub use figures::{Counts, Figures, Peaks};
pub use ringtalk_proto::PlantedBug;
pub use runner::{Failure, Report, run_seeds};
pub use scale::{Joins, Rest, Ring, Scale, Talk, scale};
pub use scenario::Scenario;
pub use schedule::{Deed, Fault, Role, Schedule, Who};
pub use shrink::shrink;
pub use soak::Soak;
pub use times::Times;
pub use world::Options;
