//! The inbox: what happens to a node, queued by the tasks around it for the one task that owns the core.
//!
//! Not here: what follows from it (`driver`).

use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_proto::{LinkId, MemberEntrance};
use ringtalk_wire::{Frame, NodeId};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::address::Whereabouts;
use crate::link::dialler::DialFailure;
use crate::link::{Link, LinkError, Written};

/// The capacity of the inbox. Senders wait beyond that, so a peer that floods this node fills its own TCP connection.
pub(crate) const INBOX: usize = 256;
/// The most bytes of frames in the inbox, of all links together: as much as 64 of the longest frames.
pub(crate) const INBOX_BYTES: usize = 16 * 1024 * 1024;

/// The queue to the task that owns the core.
pub(crate) type Inbox = mpsc::Sender<DriverEvent>;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum DriverEvent {
    /// A handshake has finished.
    Linked {
        /// The link.
        link: Box<Link>,
        /// Whether this node dialled.
        dialled: bool,
    },
    /// A dial has failed.
    DialFailed {
        /// The peer that was dialled.
        peer: NodeId,
        /// The reason; one of them if several addresses were tried.
        failure: DialFailure,
    },
    /// The last link to a peer was made over a circuit that a director carries.
    CarriedByDirector {
        /// The peer.
        peer: NodeId,
        /// The director.
        director: Address,
    },
    /// A circuit that this node carried has ended, or did not come about.
    CircuitOver {
        /// Its number.
        number: u64,
    },
    /// A circuit that this node carries has carried much.
    HeavyCircuit {
        /// Its ends.
        nodes: [NodeId; 2],
    },
    /// A search for this node's own addresses has ended.
    Located {
        /// The addresses, and the network that they are on.
        whereabouts: Box<Whereabouts>,
    },
    /// Entrances that members named were tried.
    EntrancesTried {
        /// Those where the member answered, in their order.
        found: Vec<MemberEntrance>,
    },
    /// A node was looked for at the addresses that it tells.
    Checked {
        /// The node.
        peer: NodeId,
        /// The address at which it answered.
        at: Option<String>,
    },
    /// A frame arrived.
    Frame {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: Frame,
        /// Its part of [`INBOX_BYTES`], which is released once the frame has been handled.
        #[expect(
            dead_code,
            reason = "it is held, and gives the room back when it is dropped"
        )]
        room: OwnedSemaphorePermit,
    },
    /// A part of a frame has come over a link.
    Part {
        /// The link.
        link: LinkId,
        /// How long the frame has been arriving.
        taking: Duration,
    },
    /// Bytes of frames have left a link's queue.
    Written {
        /// The link.
        link: LinkId,
        /// The number of bytes.
        bytes: Written,
    },
    /// A link can no longer be read or written.
    Broken {
        /// The link.
        link: LinkId,
        /// The reason; `None` if the peer closed it.
        error: Option<LinkError>,
    },
}
