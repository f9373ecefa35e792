//! A search of everything that may go wrong, within bounds, while a small ring elects, admits,
//! repairs or merges: not by chance, but choice by choice.
//!
//! A run is told by its [`Choices`] alone, and is run again from its beginning for every further
//! choice: no state of a ring is kept. What is left out is no loss:
//!
//! - Choices are made in the order of their steps: each list is run once.
//! - A host vanishes only after a step in which, or before which, it gave a sign of life since the
//!   step before: vanished there, it would have looked the same to everybody else.
//! - Bytes that leave are a step only where others follow on the same link: they part what a dying
//!   process had said from what it had not.
//!
//! What bounds the search, beside the numbers of nodes, failures and delays:
//!
//! - A node dies at its own steps. Between two of them it does nothing that others could see, but
//!   they would hear of its death a little later.
//! - One step is struck once, and only until the ring has been whole for a heartbeat.
//! - Frames take the same time on all ways, and who starts when is told by one seed.
//!
//! Not here: the counting of steps and the striking (`world/ambush`).

mod choice;
mod findings;
mod search;
mod subject;
mod trial;

pub use choice::{Choice, Choices, Strike};
pub use findings::{Finding, Findings};
pub use search::Search;
pub use subject::Subject;
