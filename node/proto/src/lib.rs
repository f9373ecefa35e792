//! The Ringtalk protocol as pure state machines: ring, causal delivery, election, repair.
//!
//! The driver passes [`Input`]s with their times to a [`Host`] and polls it for [`Output`]s. The crate uses no
//! socket, clock or source of randomness, so the simulator runs the same code as the program. Not here: frames and
//! their encoding (`ringtalk-wire`), sockets and timers (`ringtalk-node`).
//!
//! A *machine* (`machines`) has its own state and rules and knows no other machine. A *concern* (`concerns`) acts in
//! the `context`: the time, the view in force, the links and the way out. The *node* (`node`) composes concerns,
//! passes values between them, and holds the flows that cross several of them. The *host* (`host`) has one node for
//! each ring that the process is in.
#![no_std]

extern crate alloc;

#[cfg(feature = "benchmarks")]
pub mod bench_api;
mod concerns;
pub mod config;
mod context;
mod host;
mod input;
mod load;
mod machines;
mod node;
mod output;
mod planted;
mod ranking;
mod signing;
mod time;
mod view;

pub use config::Config;
pub use host::{Host, RingOutput, RoomError};
pub use input::{Input, LinkId};
pub use load::Load;
pub use machines::names::{is_blank, skeletons};
pub use machines::outbox::Draft;
pub use node::{Node, Registration};
pub use output::{
    Delivered, DeliveredControl, ErrorKind, Event, JoiningStage, MemberEntrance, Output, Person,
    Trust,
};
pub use planted::PlantedBug;
pub use signing::{Signer, Verifier};
pub use time::Time;
pub use view::{Change, Mismatch, View};
