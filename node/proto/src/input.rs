//! Inputs from the driver to the core. Not here: the core's outputs (`output`).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Channel, Contact, Frame, FrameClass, NetworkId, NodeId};

use crate::machines::outbox::Draft;

/// Identifies a link between this node and a peer: a channel of a connection. The lobby has the channel that every
/// connection has, and each room one of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId {
    /// The number of the connection. The driver chooses it, and never uses one twice.
    pub connection: u64,
    /// The channel on which this end sends; for a frame that has come, the one on which the peer sent it.
    pub channel: Channel,
}

impl LinkId {
    /// Returns the lobby's link over a connection.
    pub const fn lobby(connection: u64) -> Self {
        Self {
            connection,
            channel: Channel::LOBBY,
        }
    }
}

/// Something that happened to the node.
#[derive(Debug)]
pub enum Input {
    /// The time that `poll_timeout` returned has come. Harmless at any other time.
    Timer,
    /// A link is ready: its handshake is complete.
    LinkUp {
        /// The identifier of the link.
        link: LinkId,
        /// The peer at the far end.
        peer: NodeId,
        /// True if this node dialled.
        dialled: bool,
        /// The host of the peer; `None` if the link is a circuit.
        host: Option<IpAddr>,
    },
    /// A link is down, for whatever reason. Frames queued on it are lost.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A dial that the core asked for has failed.
    DialFailed {
        /// The peer that was dialled.
        peer: NodeId,
        /// The hosts dialled, if every address refused the connection or another node answered there: a peer that was
        /// at one of these hosts is gone. Otherwise empty.
        refused: Vec<IpAddr>,
    },
    /// A circuit that this node carried has ended, or was never established.
    CircuitOver {
        /// The number of the circuit.
        number: u64,
    },
    /// The result of a check whether a node can be dialled.
    Checked {
        /// The node.
        peer: NodeId,
        /// The address at which it answered, one of those that were to be checked; `None` if it did not.
        at: Option<String>,
    },
    /// A frame arrived.
    Frame {
        /// The link on which it arrived.
        link: LinkId,
        /// The frame. It is decoded, so it respects all limits of `wire`.
        frame: Frame,
    },
    /// A part of a frame has come, while the frame takes long: the peer is alive. The driver sends it now and then.
    Part {
        /// The link.
        link: LinkId,
        /// How long the frame has been arriving.
        taking: Duration,
    },
    /// Bytes of sent frames have been written to the socket.
    Written {
        /// The link.
        link: LinkId,
        /// The class of the frames.
        class: FrameClass,
        /// How many, as counted in [`Output::Send`](crate::Output::Send).
        bytes: usize,
    },

    /// How far the reader of this node's events is behind. The driver sends it now and then while more than
    /// [`UNREAD`](crate::config::UNREAD) events wait, and once when that is over.
    Read {
        /// How many events wait to be read.
        unread: u64,
    },
    /// The user sends a message. Only while [`Node::accepts_input`](crate::Node::accepts_input).
    Say(Draft),
    /// The user asks for another name.
    Rename {
        /// The name as typed.
        name: String,
    },
    /// Find out at which addresses newcomers can reach members; the answer is
    /// [`Output::Entrances`](crate::Output::Entrances), within 0.5 s.
    AskEntrances,
    /// This machine has other addresses now: this node tells the others, and has them check it again.
    Moved {
        /// The addresses at which others can dial this node.
        addresses: Addresses,
        /// The network that it is on.
        network: NetworkId,
    },
    /// The user leaves. [`Output::Finished`](crate::Output::Finished) follows within 2 s.
    Leave,

    /// The director says that this node is the first: it founds the discussion.
    Found,
    /// The director says where the coordinator is.
    Contact {
        /// The coordinator.
        coordinator: Contact,
        /// Members that help newcomers who do not reach the coordinator.
        doors: Vec<Contact>,
        /// Other coordinators of this discussion that are registered, or were a moment ago.
        candidates: Vec<Contact>,
    },
    /// The director tells this node, the coordinator, that a newcomer is on its way.
    Expected {
        /// The newcomer.
        newcomer: NodeId,
        /// Where to dial the newcomer if it does not get through.
        addresses: Addresses,
        /// The host of the director, if known.
        director: Option<IpAddr>,
    },
    /// The director says that another ring of this discussion is registered, with this coordinator.
    Foreign(Contact),
}
