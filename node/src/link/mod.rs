//! A link: frames to and from one peer, whatever carries them.
//!
//! Everything above this module sees frames and ids of nodes; only this module sees a transport and
//! its encryption. Not here: which links there should be, and what their frames mean
//! (`ringtalk-proto`).
//!
//! A connection begins with the preface of each end, in clear. Then the dialler proves that it has
//! the discussion's secret, the dialled end shows who it is, and the dialler does so in return only
//! once it has found the node that it wants. So a dialler that tries several addresses of a node
//! side by side completes one link and no more, and the other end never takes a connection that was
//! given up for a newer link.

mod buffer;
mod codec;
mod credentials;
pub(crate) mod dialler;
mod error;
mod frames;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handshake;
mod noise;
mod openings;
mod record;
mod resolver;
mod shape;
pub(crate) mod slots;
#[cfg(test)]
pub(crate) mod test_support;

pub use credentials::Credentials;
pub use error::LinkError;
pub use frames::{FrameReader, FrameWriter};
pub use handshake::{
    Greeted, HANDSHAKE_TIME, Welcomed, greet, greet_over, greet_whoever, welcome, welcome_over,
};
pub use openings::Openings;
pub(crate) use shape::{Sender, Shape};

use std::net::SocketAddr;

use ringtalk_wire::{NodeId, PublicKey};

/// A link that is ready: both ends know who the other is.
#[derive(Debug)]
pub struct Link {
    /// Who is at the far end.
    pub peer: NodeId,
    /// The key that the far end has proved to own, from which its id follows.
    pub key: PublicKey,
    /// Where the far end is, or who carries the link to it.
    pub address: SocketAddr,
    /// True where another node carries the link.
    pub relayed: bool,
    /// What it says.
    pub reader: FrameReader,
    /// What it is told.
    pub writer: FrameWriter,
}
