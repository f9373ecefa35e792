//! The host: all rings of a process, which share its connections.
//!
//! The first ring is the lobby. Its node makes the links, and asks directors and other members for ways to peers. Not
//! here: what happens in one ring (`node`).

use alloc::sync::Arc;

use ringtalk_wire::RingId;

use crate::node::Node;
use crate::{Config, Input, Output, Signer, Time, Verifier};

/// The rings of one process.
#[derive(Debug)]
pub struct Host {
    lobby: Node,
}

/// An output of one ring.
#[derive(Debug)]
pub struct RingOutput {
    /// The ring.
    pub ring: RingId,
    /// What it asks for, or tells.
    pub output: Output,
}

impl Host {
    /// Returns the host of a process that has just started; its lobby asks for the director at once. The id in
    /// `config` must follow from the signer's key.
    pub fn new(
        config: Config,
        signer: Arc<dyn Signer>,
        verifier: Arc<dyn Verifier>,
        now: Time,
    ) -> Self {
        Self {
            lobby: Node::new(config, signer, verifier, now),
        }
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.lobby.handle(now, input);
    }

    /// Returns the next output. Call it until it returns `None`, after each input or batch of inputs.
    pub fn poll_output(&mut self) -> Option<RingOutput> {
        let ring = self.lobby.ring();
        let output = self.lobby.poll_output()?;
        Some(RingOutput { ring, output })
    }

    /// Returns when `Input::Timer` is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.lobby.poll_timeout()
    }

    /// Returns the lobby's node, for a short cut or a mistake of a simulation.
    #[cfg(any(feature = "simulation", feature = "planted-bugs"))]
    pub const fn lobby_mut(&mut self) -> &mut Node {
        &mut self.lobby
    }

    /// Returns the lobby's node.
    pub const fn lobby(&self) -> &Node {
        &self.lobby
    }
}
