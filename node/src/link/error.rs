//! Why there is no link, or none any more.

use std::io;

use ringtalk_wire::limit::FRAME_BYTES;
use ringtalk_wire::{DecodeError, NodeId, PrefaceError};

/// Why there is no link, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The transport failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The far end speaks another protocol, or another version of this one.
    #[error("{0}")]
    Preface(#[from] PrefaceError),
    /// A frame longer than frames may be at this point.
    #[error("a frame of {0} bytes was announced; {FRAME_BYTES} are allowed, fewer in a handshake")]
    TooLong(u32),
    /// A frame that cannot be read.
    #[error("a bad frame: {0}")]
    Decode(#[from] DecodeError),
    /// The handshake did not come to its end in time.
    #[error("silent during the handshake")]
    Silent,
    /// The far end closed the connection during the handshake.
    #[error("it hung up during the handshake")]
    HungUp,
    /// Something else than a hello came first.
    #[error("it did not say hello first")]
    NoHello,
    /// The far end closed the link, and says why.
    #[error("it closed the link: {0:?}")]
    Closed(String),
    /// The far end takes part in another discussion.
    #[error("it takes part in another discussion")]
    OtherDiscussion,
    /// Another node answers than the one that was dialled.
    #[error("another node answers there, {0}")]
    OtherNode(NodeId),
    /// This very node answers.
    #[error("it has this node's own id")]
    Myself,
}

impl LinkError {
    /// True where the node that was dialled cannot be there: nobody listens, or somebody else.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            Self::Preface(PrefaceError::Version(_))
            | Self::OtherDiscussion
            | Self::OtherNode(_)
            | Self::Myself => true,
            // Garbage may be the network's fault, and is no proof of anything.
            Self::Preface(PrefaceError::Foreign)
            | Self::TooLong(_)
            | Self::Decode(_)
            | Self::Silent
            | Self::HungUp
            | Self::NoHello
            | Self::Closed(_) => false,
        }
    }
}
