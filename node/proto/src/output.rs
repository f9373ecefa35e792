//! What the core asks its driver to do, and what it tells the user. Not here: what it can be told
//! (`input`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;
use bytestring::ByteString;
use ringtalk_wire::{Addresses, Epoch, MessageId, NodeId, Ticket, VectorClock};

use crate::LinkId;
use crate::view::View;

/// Something for the driver to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Dial a node; the answer is `LinkUp` with that very peer, or `DialFailed`: within 5 s, or within 10 s if this node
    /// does not want the link itself.
    Dial {
        /// Who should answer.
        peer: NodeId,
        /// Where.
        addresses: Addresses,
        /// How far the addresses are to be trusted.
        trust: Trust,
    },
    /// Make a link to a node over a circuit that another one carries; the answer is `LinkUp` with that very peer,
    /// within 5 s, or none.
    Circuit {
        /// What tells the circuit apart.
        ticket: Ticket,
        /// Where the relay is dialled; nothing where it dials this node.
        relay: Option<Addresses>,
        /// Who is at the far end.
        peer: NodeId,
        /// True where this node dials over the circuit.
        dials: bool,
    },
    /// Carry what two nodes say to each other; `CircuitOver` follows when that has ended.
    Splice {
        /// What tells the circuit apart.
        ticket: Ticket,
        /// The two, and where each is dialled; nothing where it dials this node. The first dials over the circuit.
        ends: Box<[(NodeId, Option<Addresses>); 2]>,
    },
    /// Carry what goes over a circuit no longer.
    Unsplice {
        /// Its number.
        number: u64,
    },
    /// Find out whether a node is where it says; the answer is `Checked`, within 3.5 s.
    Check {
        /// Which node.
        peer: NodeId,
        /// Where it says that it is.
        addresses: Addresses,
    },
    /// Queue an encoded frame on a link.
    Send {
        /// Which link.
        link: LinkId,
        /// The frame, without its length prefix.
        bytes: Bytes,
    },
    /// Write out what is queued on a link, then close it. `LinkDown` need not follow.
    Close {
        /// Which link.
        link: LinkId,
        /// For the log.
        reason: &'static str,
    },
    /// A coordinator is needed: ask the director (again), and answer with `Found` or `Contact`.
    AskDirector,
    /// Something for the user to know.
    Event(Event),
    /// The node has left: nothing more will come.
    Left {
        /// How many of this node's own messages no other member has taken.
        unhanded: u64,
    },
}

/// How far an address is to be trusted: who wants the dial, and who says where the node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// This node wants the link itself.
    Own,
    /// Somebody else does, at addresses that a view names.
    Known,
    /// Somebody else does, and says where the node is: a director of a newcomer, or a peer of somebody who is in no
    /// view. What is nearer to this node than whoever says it is not dialled.
    Hearsay {
        /// The host of whoever says it, if that is known.
        teller: Option<IpAddr>,
    },
}

/// Something for the user to know: `contract.md` calls them events too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A step of the way in; none follows [`Event::Ready`].
    Joining(JoiningStage),
    /// Where this node's clock starts: what lies before is not kept by anybody any more. Comes
    /// before the first message, so that a face can keep the clock by itself.
    Start {
        /// The clock before the first message.
        base: VectorClock,
    },
    /// In the ring, and the discussion so far is fetched. Once.
    Ready {
        /// The name that the coordinator gave this node.
        name: String,
    },
    /// A message is delivered.
    Message(Delivered),
    /// A new view is in force.
    View(Arc<View>),
    /// The neighbours changed; none where the node is alone.
    Neighbours {
        /// Counter-clockwise.
        predecessor: Option<NodeId>,
        /// Clockwise.
        successor: Option<NodeId>,
    },
    /// Another coordinator, or another epoch of the same one.
    Coordinator {
        /// The epoch, with the coordinator's id.
        epoch: Epoch,
    },
    /// A member came.
    Joined(Person),
    /// A member left properly.
    Left(Person),
    /// A member was found dead.
    Failed(Person),
    /// A member has another name now.
    Renamed {
        /// With the new name.
        person: Person,
        /// The name before.
        previous: String,
    },
    /// Somebody who is no member looks at the ring.
    Observed {
        /// From where; nothing where a relay hides it.
        host: Option<IpAddr>,
    },
    /// Two rings became one.
    Merged {
        /// How many members the one ring has.
        members: usize,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Everybody who is waited for has delivered one's own messages `first..=last`. It comes again where somebody
    /// has who was not waited for.
    Reached {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// How many members have, this node among them.
        members: u64,
    },
    /// Messages `from..=to` of an author cannot be had now.
    Gap {
        /// The author.
        author: NodeId,
        /// The first missing message.
        from: u64,
        /// The last missing message.
        to: u64,
        /// True where the clock passes them: they were delivered elsewhere, and are kept no more.
        passed: bool,
    },
    /// Something is wrong that the user should know; the node goes on.
    Error {
        /// What is wrong.
        trouble: Trouble,
        /// For people: what happened, and what to do.
        message: String,
    },
}

/// What can go wrong that a user should know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trouble {
    /// A member signed two different messages as one.
    AuthorForked,
    /// The ring has no more room.
    Full,
    /// A Lamport time cannot be right.
    LamportTime,
    /// What a member sent is invalid.
    Refused,
    /// A member takes in messages too slowly.
    SlowMember,
    /// A member cannot prove that it is the coordinator.
    UnprovenCoordinator,
    /// Others cannot reach this node.
    UnreachableAddress,
}

/// How far the way in has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoiningStage {
    /// A director was asked where the coordinator is.
    AskingDirector,
    /// A link is being made to the node that gives places.
    Linking {
        /// Which node.
        peer: NodeId,
        /// Where it is, to be shown.
        address: String,
    },
    /// That node was asked for a place.
    AskingForPlace {
        /// Which node.
        peer: NodeId,
        /// Where it is, to be shown.
        address: String,
    },
    /// This node is a member, and the discussion so far comes.
    FetchingHistory {
        /// How many of its messages have been delivered.
        done: u64,
        /// How many it has; 0 until a neighbour has said so. What nobody has any more never comes.
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
    /// The author's clock, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// What it says: a part of the bundle that it came in, which stays in memory as long as this does.
    pub text: ByteString,
    /// Its Lamport time.
    pub lamport: u64,
    /// What it depends on directly; none where that is the author's message before, with which it came.
    pub heads: Option<Vec<MessageId>>,
    /// True for what lies before this node's join cut.
    pub history: bool,
}

impl Delivered {
    /// Its direct causal dependencies.
    pub fn depends_on(&self) -> Vec<MessageId> {
        let previous = MessageId {
            seq: self.id.seq - 1,
            ..self.id
        };
        let heads = self.heads.as_ref();
        heads.map_or_else(|| Vec::from([previous]), Clone::clone)
    }
}
