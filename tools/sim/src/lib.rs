//! The seeded simulator: whole rings of protocol cores in one thread, in virtual time, with faults.
//!
//! It checks the invariants of `DESIGN.md` after every step. A [`Scenario`] under a seed is a run; the same seed
//! gives the same run, and a failed run says how to repeat it. Not here: the command line (binary `sim`), sockets
//! and real time (the black-box tests).

mod director;
mod event_queue;
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
pub use runner::{Failure, RunReport, run_seeds};
pub use scale::{Joins, Rest, RingSpec, Scale, Talk, scale};
pub use scenario::Scenario;
pub use schedule::{Action, Fault, Role, Schedule, Target};
pub use shrink::shrink;
pub use soak::{Account, Soak, Summary};
pub use times::{Percentiles, Times};
pub use world::Options;
