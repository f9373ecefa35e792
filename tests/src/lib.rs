//! Black-box tests of the real binaries: the harness that runs them, and the checker that judges their events.
//!
//! The tests rely only on the command lines, JSON events, HTTP answers and exit codes of the contract. Of the
//! modules here only `liar`, `impostor`, `attack` and `registrant` link to the crates of the node, and none to the
//! director: a lying member must otherwise run the real protocol. The handshake of strangers (`handshake`) is
//! written from `wire/PROTOCOL.md` alone.

pub mod attack;
pub mod bad_http;
pub mod checker;
pub mod cluster;
pub mod compose;
pub mod director;
pub mod documents;
pub mod event;
pub mod flood;
pub mod handshake;
pub mod http;
pub mod id;
pub mod impostor;
pub mod journal;
pub mod liar;
pub mod measure;
pub mod network;
pub mod node;
pub mod picture;
pub mod process;
pub mod raw;
pub mod registrant;
pub mod resources;
pub mod ring_viz;
pub mod sandbox;
pub mod settings;
pub mod talk;
pub mod tap;
pub mod texts;
pub mod tmux;
mod tool;
pub mod trace;
pub mod wait;
pub mod watch;
pub mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

/// Waits until no other test of this binary runs: tests measure time, and two at once would measure each other.
///
/// A test keeps the returned guard in its first variable, which is dropped last.
pub fn wait_for_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
