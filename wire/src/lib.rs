//! What travels between Ringtalk nodes: ids, the vector clock, frames, and the one strict way to
//! decode them. `PROTOCOL.md` beside this crate is the specification.
//!
//! Not here: what a node does with a frame (`ringtalk-proto`), and sockets (`ringtalk-node`).
#![no_std]

extern crate alloc;

mod id;
pub mod limit;

pub use id::{Epoch, MessageId, NodeId, RingKey, ViewHash, ViewTag};
