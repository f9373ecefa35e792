//! Requests of the core to its driver, and events for the user. Not here: inputs from the driver (`input`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use ringtalk_wire::{
    Addresses, Control, Epoch, FrameClass, MessageId, NodeId, Ticket, VectorClock,
};

use crate::LinkId;
use crate::view::View;

/// A request to the driver. The driver carries requests out in order.
#[derive(Debug)]
pub enum Output {
    /// Dial a node; the answer is `LinkUp` with that very peer, or `DialFailed`: within 5 s, or within 10 s if this
    /// node does not want the link itself.
    Dial {
        /// The node that should answer.
        peer: NodeId,
        /// The addresses to dial.
        addresses: Addresses,
        /// How far to trust the addresses.
        trust: Trust,
    },
    /// Make a link to a node over a circuit that a third node carries; the answer is `LinkUp` with that very peer
    /// within 5 s, or none.
    Circuit {
        /// Identifies the circuit.
        ticket: Ticket,
        /// Where to dial the carrier; `None` if the carrier dials this node.
        carrier: Option<Addresses>,
        /// The node at the far end.
        peer: NodeId,
        /// True if this node is the dialler over the circuit.
        dials: bool,
    },
    /// Carry a circuit between two nodes; `CircuitOver` follows when it has ended.
    Splice {
        /// Identifies the circuit.
        ticket: Ticket,
        /// The two ends, and where to dial each; `None` if that end dials this node. The first is the dialler over
        /// the circuit.
        ends: Box<[(NodeId, Option<Addresses>); 2]>,
    },
    /// Stop carrying a circuit.
    Unsplice {
        /// The number of the circuit.
        number: u64,
    },
    /// Find out whether a node can be dialled at the addresses that it gives; the answer is `Checked`, within 3.5 s.
    Check {
        /// The node to check.
        peer: NodeId,
        /// The addresses that it gives.
        addresses: Addresses,
    },
    /// Queue an encoded frame on a link.
    Send {
        /// The link.
        link: LinkId,
        /// The class of the frame: urgent frames are written before others that wait.
        class: FrameClass,
        /// The frame, without its length prefix.
        bytes: Bytes,
    },
    /// Flush the queue of a link, then close it. `LinkDown` need not follow.
    Close {
        /// The link.
        link: LinkId,
        /// For the log.
        reason: &'static str,
    },
    /// A coordinator is needed: ask the director (again), and answer with `Found` or `Contact`.
    AskDirector,
    /// The addresses at which newcomers can reach members, as others have checked: first one member of each network.
    /// Empty if nobody has checked any.
    Entrances(Vec<MemberEntrance>),
    /// Tell the user.
    Event(Event),
    /// The node has left; no output follows.
    Finished {
        /// How many of this node's own messages no other member has taken.
        untaken: u64,
    },
}

/// An address at which newcomers can reach a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberEntrance {
    /// The member.
    pub member: NodeId,
    /// The address.
    pub address: String,
}

/// How far to trust an address: which node wants the dial, and which node names the address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// This node wants the link itself.
    Own,
    /// Another node wants the link, to addresses that a view lists.
    Known,
    /// Another node wants the link and names the addresses: a director for a newcomer, or a peer for a node that is
    /// in no view. An address nearer to this node than its teller is not dialled.
    Hearsay {
        /// The host of the teller, if known.
        teller: Option<IpAddr>,
    },
}

/// Something for the user to know; `CONTRACT.md` calls them events too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The node has taken a step of joining. No step follows [`Event::Ready`].
    Joining(JoiningStage),
    /// The clock at which this node starts; no member keeps earlier messages any more. It precedes the first message,
    /// so that a face can keep the clock by itself.
    Start {
        /// The clock before the first message.
        base: VectorClock,
    },
    /// This node is a member and has fetched the history. It happens once.
    Ready {
        /// The name that the coordinator gave this node.
        name: String,
    },
    /// A message is delivered.
    Message(Delivered),
    /// A message between programs is delivered, or one that has no meaning in this version.
    Control(DeliveredControl),
    /// A new view is in force.
    View(Arc<View>),
    /// The neighbours changed; both are `None` if the node is alone.
    Neighbours {
        /// Counter-clockwise.
        predecessor: Option<NodeId>,
        /// Clockwise.
        successor: Option<NodeId>,
    },
    /// The coordinator changed, or its epoch did.
    Coordinator {
        /// The epoch, with the coordinator's id.
        epoch: Epoch,
    },
    /// A member joined.
    Joined(Person),
    /// A member left properly.
    Left(Person),
    /// A member was found dead.
    Failed(Person),
    /// A member was renamed.
    Renamed {
        /// The member, with its new name.
        person: Person,
        /// Its previous name.
        previous: String,
    },
    /// A peer that is not a member observes the ring.
    Observed {
        /// Its host; `None` if a circuit hides it.
        host: Option<IpAddr>,
    },
    /// Two rings merged.
    Merged {
        /// How many members the merged ring has.
        members: usize,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Members have delivered this node's messages `first..=last`. The event is repeated when more of them have, and
    /// when all have. A message that was said alone has reached nobody until somebody comes and has it.
    Reached {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// How many members have delivered them, this node included.
        members: u64,
        /// True if every member of the view has them, and it is not alone. It stays true, whoever comes.
        complete: bool,
    },
    /// This node was stopped, or cut off from everyone, and has caught up, or is still catching up.
    WasAway {
        /// How long it was away.
        lasted: Duration,
        /// How many messages of others have come since.
        messages: u64,
    },
    /// Messages `from..=to` of an author are unavailable.
    Gap {
        /// The author.
        author: NodeId,
        /// The first missing message.
        from: u64,
        /// The last missing message.
        to: u64,
        /// True if the clock passes them: other members delivered them, and no member keeps them any more.
        passed: bool,
    },
    /// Something is wrong that the user should know; the node continues.
    Error {
        /// The kind of error.
        kind: ErrorKind,
        /// A text for the user: what happened, and what to do.
        message: String,
    },
}

/// A kind of error that a user should know of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ErrorKind {
    /// A member signed two different messages under one sequence number.
    AuthorForked,
    /// The ring is full.
    Full,
    /// A Lamport time cannot be right.
    LamportTime,
    /// A member sent something invalid.
    Refused,
    /// A member accepts messages too slowly.
    SlowMember,
    /// A member cannot prove that it is the coordinator.
    UnprovenCoordinator,
    /// Other members cannot reach this node.
    UnreachableAddress,
}

/// How far this node has got in joining.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoiningStage {
    /// It asked a director where the coordinator is.
    AskingDirector,
    /// It is connecting to the node that admits newcomers.
    Linking {
        /// That node.
        peer: NodeId,
        /// Its address, for display.
        address: String,
    },
    /// It asked that node to admit it.
    AskingForPlace {
        /// That node.
        peer: NodeId,
        /// Its address, for display.
        address: String,
    },
    /// It is a member, and is fetching the history.
    FetchingHistory {
        /// How many messages of the history have been delivered.
        done: u64,
        /// How many messages the history has; 0 until a neighbour has told it. Some of them may never arrive, because
        /// no member keeps them any more.
        total: u64,
    },
}

/// A member as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
}

/// A delivered message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// Author and sequence number.
    pub id: MessageId,
    /// The author's name, as far as it is known.
    pub name: Arc<str>,
    /// The author's wall clock, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The text: a slice of the received bundle, which stays in memory as long as this slice does.
    pub text: ByteString,
    /// Its Lamport time.
    pub lamport: u64,
    /// Its heads; `None` if its only head is the author's previous message, in the same bundle.
    pub heads: Option<Vec<MessageId>>,
    /// True if the message lies before this node's join cut.
    pub history: bool,
}

/// A delivered message that is not shown as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveredControl {
    /// Author and sequence number.
    pub id: MessageId,
    /// The author's name, as far as it is known.
    pub name: Arc<str>,
    /// What it says; `None` if it has no meaning here.
    pub control: Option<Control>,
    /// True if the message lies before this node's join cut.
    pub history: bool,
}

impl Delivered {
    /// Returns its direct causal dependencies.
    pub fn depends_on(&self) -> Vec<MessageId> {
        let previous = MessageId {
            seq: self.id.seq - 1,
            ..self.id
        };
        let heads = self.heads.as_ref();
        heads.map_or_else(|| Vec::from([previous]), Clone::clone)
    }
}
