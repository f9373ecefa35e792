//! A link: frames to and from one peer, whatever carries them.
//!
//! Everything above this module sees frames and ids of nodes; only this module sees a transport.
//! Not here: which links there should be, and what their frames mean (`ringtalk-proto`).
//!
//! A connection begins with the preface of each end, in clear. Then the end that was dialled says
//! its hello, and the dialler answers with its own only once it has found the node that it wants.
//! So a dialler that tries several addresses of a node side by side completes one link and no
//! more, and the other end never takes a connection that was given up for a newer link.

mod codec;
mod error;
mod frames;
mod handshake;

pub use error::LinkError;
pub use frames::{FrameReader, FrameWriter};
pub use handshake::{Greeted, HANDSHAKE_TIME, greet, greet_whoever, welcome};

use std::net::SocketAddr;

use ringtalk_wire::NodeId;

/// A link that is ready: both ends know who the other is.
#[derive(Debug)]
pub struct Link {
    /// Who is at the far end.
    pub peer: NodeId,
    /// Where the far end is, for the log.
    pub address: SocketAddr,
    /// What it says.
    pub reader: FrameReader,
    /// What it is told.
    pub writer: FrameWriter,
}
