//! The Ringtalk protocol as pure state machines: ring, causal delivery, election, repair.
//!
//! A [`Node`] is fed [`Input`]s with the time at which they happened, and asked for [`Output`]s.
//! It knows no socket, no clock and no source of randomness, so a simulator runs the very same
//! code as the program. Not here: what travels (`ringtalk-wire`) and who moves it
//! (`ringtalk-node`).
//!
//! The machines (`causal`, `spread`, `election`, …) know nothing of each other; `node` composes
//! them and passes values across.
#![no_std]

extern crate alloc;

mod acks;
mod admission;
mod candidates;
mod causal;
mod circuits;
pub mod config;
mod context;
mod detector;
mod detour;
mod doubt;
mod election;
mod fingers;
mod heirs;
mod input;
mod joining;
mod links;
mod load;
mod log;
mod lost;
#[cfg(feature = "benchmarks")]
pub mod measuring;
mod merge;
mod names;
mod newcomers;
mod node;
mod outbox;
mod output;
mod pace;
mod parking;
mod planted;
mod progress;
mod proof;
mod reading;
mod renames;
mod repair;
mod search;
mod signing;
mod spread;
mod time;
mod trial;
mod view;
mod window;

pub use config::Config;
pub use input::{Input, LinkId};
pub use load::Load;
pub use names::{is_blank, skeletons};
pub use node::{Node, Registration};
pub use outbox::Draft;
pub use output::{Delivered, Event, JoiningStage, Output, Person, Trouble, Trust};
pub use planted::PlantedBug;
pub use signing::{Signer, Verifier};
pub use time::Time;
pub use view::{Change, Mismatch, View};
