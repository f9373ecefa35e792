//! A search of everything that can go wrong, within bounds, while a small ring elects, admits, repairs or merges.
//! It goes choice by choice, not by chance.
//!
//! A run follows from its [`Choices`] alone. For every further choice it is run again from its beginning: no state
//! of a ring is kept. Leaving these out loses nothing:
//!
//! - Choices are made in the order of their steps, so each list is run once.
//! - A host vanishes only after a step in which, or before which, it gave a sign of life since the step before.
//!   Otherwise it would look the same to everybody as if it had vanished at that earlier step.
//! - Bytes that leave are a step only if others follow on the same link: the step separates what a dying process
//!   had sent from what it had not.
//!
//! These bound the search, beside the numbers of nodes, failures and delays:
//!
//! - A node dies at its own steps. Between two of them it does nothing that others could see; they would only hear
//!   of its death a little later.
//! - One step is struck once, and only until the ring has been whole for a heartbeat.
//! - Frames take the same time on all paths, and one seed decides which node starts when.
//!
//! Not here: the counting of steps and the strikes (`world/step_injector`).

mod choice;
mod findings;
mod search;
mod subject;
mod trial;

pub use choice::{Choice, Choices, Strike};
pub use findings::{Finding, Findings};
pub use search::Search;
pub use subject::Subject;
