//! The errors of links: why there is none, or none any more.

use std::io;

use ringtalk_wire::limit::FRAME_BYTES;
use ringtalk_wire::{DecodeError, NodeId, PrefaceError};

/// The reason why there is no link, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The transport failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The far end speaks another protocol, or another version of this one.
    #[error("{0}")]
    Preface(#[from] PrefaceError),
    /// A frame is longer than frames may be.
    #[error("a frame of {0} bytes; at most {FRAME_BYTES} are allowed")]
    TooLong(u32),
    /// A frame cannot be decoded.
    #[error("an invalid frame: {0}")]
    Decode(#[from] DecodeError),
    /// A record cannot be decrypted.
    #[error("a record that is damaged or out of order")]
    Record,
    /// The handshake did not finish in time.
    #[error("no answer during the handshake")]
    Silent,
    /// The far end closed the connection during the handshake.
    #[error("it closed the connection during the handshake")]
    HungUp,
    /// The dialler does not have the discussion's secret.
    #[error("it has another secret, or is in another discussion")]
    Secret,
    /// The dialled end closed the connection at the first message of the handshake.
    #[error("it refused the handshake: it has another secret, or no room for another connection")]
    Refused,
    /// The first message of a handshake came a second time.
    #[error("it replays a recorded handshake")]
    Replay,
    /// A message of the handshake cannot be read.
    #[error("its handshake was corrupted, or is not a Ringtalk handshake")]
    Handshake,
    /// The far end shows a key that it cannot sign with.
    #[error("it claims to be node {0}, but cannot prove it")]
    Impostor(NodeId),
    /// Another node answers than the one that was dialled.
    #[error("another node answers there: {0}")]
    OtherNode(NodeId),
    /// This node itself answers.
    #[error("it has this node's own id")]
    Myself,
}

impl LinkError {
    /// Returns a description for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Io(error) => error.kind().to_string(),
            error => error.to_string(),
        }
    }

    /// Returns true if the node that was dialled cannot be there: nobody listens, or another node does.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            Self::Preface(PrefaceError::Version(_)) | Self::OtherNode(_) | Self::Myself => true,
            // Garbage and closed connections may be the fault of the network, or of somebody on the path, so they
            // prove nothing. A node that has no room closes connections too.
            Self::Preface(PrefaceError::Foreign)
            | Self::TooLong(_)
            | Self::Decode(_)
            | Self::Record
            | Self::Silent
            | Self::HungUp
            | Self::Secret
            | Self::Refused
            | Self::Replay
            | Self::Handshake
            | Self::Impostor(_) => false,
        }
    }
}
