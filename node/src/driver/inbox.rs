//! What happens to a node, on its way from the tasks around it to the one task that owns the core.
//!
//! Not here: what follows from it (`driver`).

use ringtalk_proto::LinkId;
use ringtalk_wire::{Frame, NodeId};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::link::dialler::DialFailure;
use crate::link::{Link, LinkError};

/// How many happenings wait at most. Their senders wait beyond that, so that a peer who floods
/// this node fills its own TCP connection.
pub(crate) const INBOX: usize = 256;
/// How many bytes of frames wait at most, of all links together: as much as 64 of the longest.
pub(crate) const INBOX_BYTES: usize = 16 * 1024 * 1024;

/// The way to the task that owns the core.
pub(crate) type Inbox = mpsc::Sender<Happening>;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A handshake is done.
    Linked {
        /// The link.
        link: Box<Link>,
        /// True where this node dialled.
        dialled: bool,
    },
    /// A dial came to nothing.
    Undialled {
        /// Who was dialled.
        peer: NodeId,
        /// Why; one of the reasons where several addresses were tried.
        failure: DialFailure,
    },
    /// A circuit that this node carried has ended, or did not come about.
    CircuitOver {
        /// Its number.
        number: u64,
    },
    /// A circuit that this node carries has much to carry.
    CarriesMuch {
        /// Its ends.
        nodes: [NodeId; 2],
    },
    /// Whether a node was found where it says that it is.
    Checked {
        /// Which node.
        peer: NodeId,
        /// True where it was.
        reached: bool,
    },
    /// A frame arrived.
    Frame {
        /// On which link.
        link: LinkId,
        /// What it says.
        frame: Frame,
        /// Its part of [`INBOX_BYTES`], given back once the frame has been handled.
        #[expect(
            dead_code,
            reason = "it is held, and gives the room back when it is dropped"
        )]
        room: OwnedSemaphorePermit,
    },
    /// Bytes of frames have left a link's queue.
    Written {
        /// Which link.
        link: LinkId,
        /// How many bytes.
        bytes: usize,
    },
    /// A link can be read or written no more.
    Broken {
        /// Which link.
        link: LinkId,
        /// Why; nothing where the peer closed it.
        error: Option<LinkError>,
    },
}
