//! The Ringtalk protocol as pure state machines: ring, causal delivery, election, repair.
//!
//! A [`Node`] is fed [`Input`]s with the time at which they happened, and asked for [`Output`]s.
//! It knows no socket, no clock and no source of randomness, so a simulator runs the very same
//! code as the program. Not here: what travels (`ringtalk-wire`) and who moves it
//! (`ringtalk-node`).
//!
//! A *machine* (`machines`) has state and rules of its own, and knows nothing of any other. A *concern* (`concerns`) acts
//! in the `context`: the time, the view in force, the links and the way out. A *node* (`node`) is what goes through several
//! of them: it composes them, and passes values across.
#![no_std]

extern crate alloc;

mod concerns;
pub mod config;
mod context;
mod input;
mod load;
mod machines;
#[cfg(feature = "benchmarks")]
pub mod measuring;
mod node;
mod output;
mod planted;
mod signing;
mod time;
mod view;

pub use config::Config;
pub use input::{Input, LinkId};
pub use load::Load;
pub use machines::names::{is_blank, skeletons};
pub use machines::outbox::Draft;
pub use node::{Node, Registration};
pub use output::{Delivered, Event, JoiningStage, Output, Person, Trouble, Trust};
pub use planted::PlantedBug;
pub use signing::{Signer, Verifier};
pub use time::Time;
pub use view::{Change, Mismatch, View};
