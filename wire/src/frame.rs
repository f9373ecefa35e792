//! The frames: everything that one node says to another over a link.
//!
//! `PROTOCOL.md` has them in a table with their meaning; here are their shapes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limit::{self, BROUGHT, FINGERS, NAME_BYTES, PAGE_ITEMS, REASON_BYTES, SUSPECTS};
use crate::{
    Addresses, Alive, Brief, Call, Checked, Circuit, Contact, Cut, Digest, Has, MessageId,
    NetworkId, NodeId, Opening, Probe, Pull, PullEnd, Reach, RingKey, Sealed, ViewPage, ViewTag,
    ViewUpdate,
};

/// One frame. A node answers an unknown one by closing the link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// The last frame of an end: why it sends no more.
    Close(Close),
    /// "Are you alive?"
    Ping(u64),
    /// "I am", with the ping's number.
    Pong(u64),
    /// Life, and a short form of what the node knows.
    Heartbeat(Heartbeat),

    /// A newcomer, or somebody who was evicted, asks the coordinator for a place in the ring.
    Join(Join),
    /// "Not I, or not now: ask there."
    Later(Option<Contact>),
    /// "Give me your view": with the tag of one's own, if there is one.
    PullView(Option<ViewTag>),
    /// A page of a full view.
    View(Box<ViewPage>),
    /// A view update for somebody who has missed it: as it went round the ring, but for the receiver
    /// alone.
    Update(Sealed),
    /// A member wishes another name.
    Rename(Name),
    /// A member goes; with the sequence number of its last message.
    Leave(u64),
    /// The coordinator goes: the receiver opens the next epoch.
    HandOver(HandOver),

    /// A bundle or an announcement on its way round the ring.
    #[serde(rename = "s")]
    Spread(Spread),
    /// A bundle on its way round the ring, with the authors of its heads named shortly.
    #[serde(rename = "b")]
    Brief(Brief),
    /// "I have these, and have taken their intervals over."
    #[serde(rename = "r")]
    Receipt(Items),
    /// "So many members have delivered these": it stands for a receipt too.
    #[serde(rename = "k")]
    Ack(Acks),
    /// Bundles whose interval another child did not take: who lacks one pulls it.
    Offer(Offer),
    /// "Send me these, of those that were offered."
    Want(Items),

    /// What changed in a clock since the last exchange over this link.
    Digest(Digest),
    /// "Send me these ranges."
    Pull(Pull),
    /// A bundle that was pulled.
    #[serde(rename = "p")]
    Pulled(Sealed),
    /// One of two bundles that show that their author said different things to different members;
    /// the other one follows, or came before.
    Evidence(Sealed),
    /// The end of the answer to a pull.
    PullEnd(PullEnd),
    /// A newcomer asks where the discussion so far begins and ends.
    Fetch,
    /// The answer: a causally closed cut.
    Cut(Cut),
    /// "Can you give me this message, or had you delivered it?"
    WhoHas(MessageId),
    /// The answer.
    Has(Has),

    /// A member seems dead.
    Suspect(Suspect),
    /// "Is that member alive?", to the member, or to somebody who passes it on.
    Probe(Probe),
    /// The answer, to the judge, or to somebody who passes it on.
    Alive(Alive),
    /// To a more senior member: "the coordinator is dead, will you take over?"
    Election(ViewTag),
    /// "I am alive and more senior."
    Answer(ViewTag),
    /// "The coordinator is dead: will you stand for this with me?"; or the answer: "I do."
    Stand(Opening),

    /// One coordinator to another of the same discussion: how large its ring is.
    Meet(Meet),
    /// The coordinator of the larger ring to that of the smaller: "let us be one".
    Invite(Meet),
    /// Before the answer: "I stand for this with you."
    Pledge(Opening),
    /// The answer: a page of the view of the smaller ring, which changes no more until then.
    Accept(Box<ViewPage>),
    /// A member to its coordinator: "there is another ring of this discussion".
    Foreign(Contact),

    /// "I do not reach that node: bring the two of us together."
    Reach(Reach),
    /// "That node does not reach you: dial it."
    Call(Call),
    /// "I carry what the two of you say to each other: here is your end."
    Circuit(Circuit),
    /// "Do you reach me where I say that I am?"
    Check,
    /// The answer.
    Checked(Checked),

    /// Anybody asks: "who is next to you, as you see it?"
    Observe,
    /// The answer.
    Report(Report),
}

impl Frame {
    /// How many bytes it carries of what somebody has encoded before.
    pub(crate) fn carried_bytes(&self) -> usize {
        match self {
            Self::Spread(spread) => match &spread.item {
                Item::Bundle(sealed) | Item::Announcement(sealed) => sealed.weight(),
            },
            Self::Brief(brief) => brief.weight(),
            Self::Update(sealed) | Self::Pulled(sealed) | Self::Evidence(sealed) => sealed.weight(),
            _ => 0,
        }
    }

    /// What it carries, where that is the only string of bytes in it that is of any length.
    pub(crate) const fn carried_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Spread(spread) => match &mut spread.item {
                Item::Bundle(sealed) | Item::Announcement(sealed) => Some(&mut sealed.raw),
            },
            Self::Update(sealed) | Self::Pulled(sealed) | Self::Evidence(sealed) => {
                Some(&mut sealed.raw)
            }
            _ => None,
        }
    }
}

/// Why an end closes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Close {
    /// For people and logs.
    #[serde(deserialize_with = "limit::short_text::<_, REASON_BYTES>")]
    pub reason: String,
}

/// Sent to both neighbours every 400 ms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The view that the node follows.
    pub tag: ViewTag,
    /// The hash of its clock.
    pub clock: u64,
}

/// What a newcomer says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Join {
    /// The name that it would like.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
    /// Where others dial it.
    pub addresses: Addresses,
    /// The network that it is on, as far as it can tell.
    pub network: NetworkId,
    /// The view that it followed last, where it was a member before: it believes only a higher
    /// epoch, or a later view of the same.
    pub tag: Option<ViewTag>,
}

/// A name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Name {
    /// As the user typed it.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
}

/// Which way round the ring.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// Towards growing keys.
    #[serde(rename = "c")]
    Clockwise,
    /// Towards shrinking keys.
    #[serde(rename = "w")]
    Counterclockwise,
}

/// The part of the ring that the receiver of an item is responsible for: from its own place, in
/// one direction, up to and including `limit` clockwise, or down to and *not* including it
/// counter-clockwise. So the two halves of a ring share a limit and overlap nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interval {
    /// Which way.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// How far, as a key: members may differ in their views.
    #[serde(rename = "k")]
    pub limit: RingKey,
    /// The layout in which `limit` was read.
    #[serde(rename = "y", deserialize_with = "limit::counter")]
    pub layout: u64,
}

/// An item on its way, and how far the receiver is to carry it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The receiver's part of the ring.
    #[serde(rename = "i")]
    pub interval: Interval,
    /// What is spread.
    #[serde(rename = "t")]
    pub item: Item,
}

/// What is spread to everybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Item {
    /// Messages: a sealed [`Bundle`](crate::Bundle).
    #[serde(rename = "b")]
    Bundle(Sealed),
    /// News of the ring: a sealed [`Announcement`].
    #[serde(rename = "a")]
    Announcement(Sealed),
}

/// News of the ring, from its coordinator to everybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Announcement {
    /// The next view; with a new epoch it tells of the new coordinator too.
    View(ViewUpdate),
    /// A page of a full view: two rings have become one.
    Page(ViewPage),
}

impl Announcement {
    /// Its id on its way round the ring.
    pub const fn item_id(&self) -> ItemId {
        match self {
            Self::View(update) => ItemId::of_view(ItemKind::View, &update.tag, update.tag.number),
            Self::Page(page) => ItemId::of_view(ItemKind::Page, &page.tag, page.page as u64),
        }
    }

    /// The view that it leads to.
    pub const fn tag(&self) -> &ViewTag {
        match self {
            Self::View(update) => &update.tag,
            Self::Page(page) => &page.tag,
        }
    }
}

/// What kind of item an id names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ItemKind {
    /// A bundle.
    #[serde(rename = "b")]
    Bundle,
    /// A view update.
    #[serde(rename = "v")]
    View,
    /// A page of a full view.
    #[serde(rename = "p")]
    Page,
}

/// Names an item while it spreads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ItemId {
    /// Its kind.
    #[serde(rename = "k")]
    pub kind: ItemKind,
    /// Whose it is.
    #[serde(rename = "o")]
    pub origin: NodeId,
    /// A bundle's first sequence number; of a view, 20 bits of its epoch's number and 32 of its own,
    /// or of the page's.
    #[serde(rename = "n", deserialize_with = "limit::counter")]
    pub number: u64,
}

impl ItemId {
    /// The id of news about a view: a coordinator may use a number again under another epoch, so
    /// 20 bits of the epoch's are in it.
    const fn of_view(kind: ItemKind, tag: &ViewTag, number: u64) -> Self {
        let epoch = tag.epoch.number & 0xf_ffff;
        Self {
            kind,
            origin: tag.epoch.coordinator,
            number: (epoch << 32) | (number & 0xffff_ffff),
        }
    }
}

/// Ids of items.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Items {
    /// The ids.
    #[serde(rename = "i", deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub items: Vec<ItemId>,
}

/// Bundles that have been delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Acks {
    /// Each with how many members have delivered it, as far as its receiver was not told before.
    #[serde(rename = "a", deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub acks: Vec<Ack>,
}

/// A bundle that the child and everybody below it has delivered, but for those given up on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The bundle.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// How many members that is.
    #[serde(rename = "m", deserialize_with = "limit::counter")]
    pub members: u64,
    /// True where the reader of one of them is behind, and the author is to slow down.
    #[serde(rename = "b", default, skip_serializing_if = "core::ops::Not::not")]
    pub behind: bool,
}

/// Items that the receiver is to take over, or to pull first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The receiver's part of the ring, for each of them.
    pub interval: Interval,
    /// Their ids.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub items: Vec<ItemId>,
}

/// The coordinator's office, for its successor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandOver {
    /// The last view of the coordinator that goes.
    pub tag: ViewTag,
    /// The successor's epoch, for which the coordinator that goes stands.
    pub opening: Opening,
}

/// Who seems dead, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Suspect {
    /// Who.
    pub member: NodeId,
    /// The reporter's view.
    pub tag: ViewTag,
}

/// What decides which of two rings goes on: `PROTOCOL.md` §8.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meet {
    /// The ring's view.
    pub tag: ViewTag,
    /// How many members it has.
    pub members: u64,
    /// The coordinator's seniority.
    #[serde(deserialize_with = "limit::counter")]
    pub seniority: u64,
    /// Where the coordinator is dialled.
    pub addresses: Addresses,
}

/// A node's place in the ring, as it sees that itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The view that the node follows.
    pub tag: ViewTag,
    /// Its neighbour counter-clockwise, if it has one.
    pub predecessor: Option<NodeId>,
    /// Its neighbour clockwise, if it has one.
    pub successor: Option<NodeId>,
    /// The members to whom a link for speed is up.
    #[serde(deserialize_with = "limit::at_most::<_, _, FINGERS>")]
    pub fingers: Vec<NodeId>,
    /// The members that it suspects, or has found dead.
    #[serde(default, deserialize_with = "limit::at_most::<_, _, SUSPECTS>")]
    pub suspects: Vec<NodeId>,
    /// What has come from its neighbours and over its fingers.
    #[serde(default, deserialize_with = "limit::at_most::<_, _, BROUGHT>")]
    pub brought: Vec<Brought>,
}

/// How much a member has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brought {
    /// Who.
    pub member: NodeId,
    /// How many messages that were new here have come over links to it; it begins anew where there was
    /// no link for a while.
    #[serde(deserialize_with = "limit::counter")]
    pub messages: u64,
}
