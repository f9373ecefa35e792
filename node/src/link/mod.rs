//! A link: frames to and from one peer, over any transport.
//!
//! Everything above this module sees frames and node ids; only this module sees a transport and its encryption. Not
//! here: which links there should be, what their frames mean (`ringtalk-proto`).
//!
//! A connection begins with the preface of each end, in clear, the dialler's first. Then the dialler proves that it has the discussion's
//! secret, and the dialled end shows who it is. The dialler shows who it is only once it has found the node that it
//! wants. So a dialler that tries several addresses of a node in parallel completes exactly one link, and the other
//! end never takes an abandoned connection for a newer link.

mod buffer;
mod codec;
mod credentials;
pub(crate) mod dialler;
mod error;
mod first_bytes;
mod frames;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handshake;
mod noise;
mod record;
mod replay_filter;
mod resolver;
pub(crate) mod slots;
#[cfg(test)]
pub(crate) mod test_support;
mod writer;

pub use credentials::Credentials;
pub use error::LinkError;
pub use first_bytes::FirstBytes;
pub use frames::{FrameReader, Incoming};
pub use handshake::{
    HANDSHAKE_TIME, HalfOpenLink, InboundConnection, accept, accept_after, accept_over_circuit,
    connect, connect_any, connect_over_circuit,
};
pub use replay_filter::ReplayFilter;
pub use writer::{FrameWriter, Socket, Written};

use std::net::SocketAddr;

use ringtalk_wire::{NodeId, PublicKey};

/// A link that is ready: both ends know who the other is.
#[derive(Debug)]
pub struct Link {
    /// The node at the far end.
    pub peer: NodeId,
    /// The key that the far end has proved to own; its id follows from it.
    pub key: PublicKey,
    /// The address of the far end, or of the node that carries the link.
    pub address: SocketAddr,
    /// Whether another node carries the link.
    pub carried: bool,
    /// The half that reads frames.
    pub reader: FrameReader,
    /// The half that writes frames.
    pub writer: FrameWriter,
}
