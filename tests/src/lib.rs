//! Black-box tests of the real binaries: the harness that drives them and the checker that judges
//! what they said.
//!
//! Everything here relies on the command lines, JSON events, HTTP answers and exit codes of the
//! contract alone. Nothing here links to the node or the director, but for the member that lies
//! (`liar`), which must be a true one otherwise.
//! What strangers say to a node is written from `wire/PROTOCOL.md` alone.

pub mod attack;
pub mod cage;
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
pub mod knob;
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
pub mod talk;
pub mod tap;
pub mod texts;
mod tool;
pub mod trace;
pub mod wait;
pub mod watch;
pub mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

/// Takes this test binary's turn: tests measure time, and two at once would measure each other.
///
/// A test holds what this returns in its first variable, which is therefore dropped last.
pub fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
