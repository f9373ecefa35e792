//! What the core can be told. Not here: what it says in return (`output`).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ringtalk_wire::{Addresses, Contact, Frame, NodeId};

use crate::machines::outbox::Draft;

/// Names a link between this node and a peer; chosen by the driver, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// Something that happened to the node.
#[derive(Debug)]
pub enum Input {
    /// The time that `poll_timeout` named has come. Harmless at any other time.
    Timer,
    /// A link is ready: both hellos were exchanged.
    LinkUp {
        /// Its name from now on.
        link: LinkId,
        /// Who is at the far end.
        peer: NodeId,
        /// True where this node dialled.
        dialled: bool,
        /// Where the far end is; nothing where another node carries the link.
        host: Option<IpAddr>,
    },
    /// A link is gone, for whatever reason, and takes what was queued on it along.
    LinkDown {
        /// Which one.
        link: LinkId,
    },
    /// A dial that was asked for came to nothing.
    DialFailed {
        /// Who was dialled.
        peer: NodeId,
        /// The hosts that were dialled, where every address refused the connection, or somebody else answered:
        /// if the node was at one of them, it is gone. Else nothing.
        refused: Vec<IpAddr>,
    },
    /// A circuit that this node carried has ended, or did not come about.
    CircuitOver {
        /// Its number.
        number: u64,
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
        /// On this link.
        link: LinkId,
        /// Decoded, so within all limits of `wire`.
        frame: Frame,
    },
    /// Bytes that were sent have left the link's queue for the socket.
    Written {
        /// Which link.
        link: LinkId,
        /// How many, as counted in [`Output::Send`](crate::Output::Send).
        bytes: usize,
    },

    /// How far whoever reads this node's events is behind. Is to be said, now and then, while more than
    /// [`UNREAD`](crate::config::UNREAD) of them wait, and once when that is over.
    Read {
        /// How many of all events so far wait to be read.
        unread: u64,
    },
    /// The user says something. Only while [`Node::accepts_input`](crate::Node::accepts_input).
    Say(Draft),
    /// The user wishes another name.
    Rename {
        /// As typed.
        name: String,
    },
    /// The user leaves. [`Output::Left`](crate::Output::Left) follows within 2 s.
    Leave,

    /// The director says that this node is the first: it founds the discussion.
    Found,
    /// The director says where the coordinator is.
    Contact {
        /// The coordinator.
        coordinator: Contact,
        /// Members that help those who do not reach it.
        doors: Vec<Contact>,
        /// Other coordinators of this discussion that are registered or were a moment ago.
        candidates: Vec<Contact>,
    },
    /// The director says that somebody is on its way to this node, the coordinator.
    Expected {
        /// Who.
        newcomer: NodeId,
        /// Where it can be dialled, should it not get through.
        addresses: Addresses,
        /// The host of the director, if that is known.
        director: Option<IpAddr>,
    },
    /// The director says that another ring of this discussion is registered there.
    Foreign(Contact),
}
