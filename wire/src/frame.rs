//! The frames: everything that one node sends to another over a link.
//!
//! `PROTOCOL.md` has a table of them and of their meaning. Not here: the bodies that other modules of this crate
//! define, and what a node does with a frame (`ringtalk-proto`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limit::{self, BROUGHT, FINGERS, NAME_BYTES, PAGE_ITEMS, REASON_BYTES, SUSPECTS};
use crate::{
    Addresses, Alive, Brief, Call, Checked, Circuit, Contact, Cut, Digest, Entrance, Has,
    MessageId, NetworkId, NodeId, Opening, Probe, Pull, PullEnd, Reach, RingId, RingKey, Sealed,
    ViewPage, ViewTag, ViewUpdate,
};

/// One frame. A node that receives an unknown one closes the link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// The first frame on a channel: the ring that the channel stands for.
    Enter(RingId),
    /// The last frame on a channel.
    Exit,
    /// Answers `enter` on the lobby's channel: this node is not in that ring.
    Absent(RingId),

    /// The last frame from one end: why it closes the link.
    Close(Close),
    /// Asks whether the receiver is alive.
    Ping(u64),
    /// Answers a ping, with its number.
    Pong(u64),
    /// A sign of life, with a summary of what the node knows.
    Heartbeat(Heartbeat),

    /// Asks the coordinator to admit a newcomer, or a member that was evicted.
    Join(Join),
    /// Answers a join that the node cannot grant (yet), with the coordinator's contact if it knows one.
    Later(Option<Contact>),
    /// Asks for the receiver's view, with the tag of the sender's own view if it has one.
    PullView(Option<ViewTag>),
    /// A page of a full view.
    View(Box<ViewPage>),
    /// A view update for a node that missed it: as it went round the ring, but for the receiver alone.
    Update(Sealed),
    /// Asks the coordinator to rename the member.
    Rename(Name),
    /// Announces that a member leaves, with the sequence number of its last message.
    Leave(u64),
    /// Announces that the coordinator leaves: the receiver opens the next epoch.
    HandOver(HandOver),

    /// A bundle or an announcement on its way round the ring.
    #[serde(rename = "s")]
    Spread(Spread),
    /// A bundle on its way round the ring, with abbreviated heads.
    #[serde(rename = "b")]
    Brief(Brief),
    /// Confirms that the node has these items and has taken over their intervals.
    #[serde(rename = "r")]
    Receipt(Items),
    /// Acknowledges that members have delivered these bundles; also stands for a receipt.
    #[serde(rename = "k")]
    Ack(Acks),
    /// Offers bundles whose interval another child did not take over; the receiver requests those that it lacks.
    Offer(Offer),
    /// Requests some of the items that were offered.
    Want(Items),

    /// The changes in a clock since the last exchange over this link.
    Digest(Digest),
    /// Requests ranges of messages.
    Pull(Pull),
    /// A bundle that was requested by a pull.
    #[serde(rename = "p")]
    Pulled(Sealed),
    /// One of two bundles that prove that their author told members different things. The other one comes before or
    /// after it.
    Evidence(Sealed),
    /// The end of the answer to a pull.
    PullEnd(PullEnd),
    /// Asks where the discussion so far begins and ends, as a newcomer.
    Fetch,
    /// Answers a fetch: a causally closed cut.
    Cut(Cut),
    /// Asks whether the receiver can give this message, or had delivered it.
    WhoHas(MessageId),
    /// Answers a who-has.
    Has(Has),

    /// Reports that a member seems dead.
    Suspect(Suspect),
    /// Asks whether a member is alive; sent to that member, or to one that forwards it.
    Probe(Probe),
    /// Answers a probe; sent to the judge, or to a member that forwards it.
    Alive(Alive),
    /// Asks a more senior member to take over from a dead coordinator.
    Election(ViewTag),
    /// Answers an election: the sender is alive and more senior.
    Answer(ViewTag),
    /// Asks a member to back a new epoch, since the coordinator is dead; or answers that it does.
    Stand(Opening),

    /// Tells the coordinator of another ring of the same discussion how large this ring is.
    Meet(Meet),
    /// Invites the coordinator of the smaller ring to merge with the larger one.
    Invite(Meet),
    /// Precedes the answer to an invite: the sender backs the merged epoch.
    Pledge(Opening),
    /// Answers an invite: a page of the smaller ring's view, which stays fixed until the merge.
    Accept(Box<ViewPage>),
    /// Tells the sender's coordinator of another ring of this discussion.
    Foreign(Contact),

    /// Asks for help to reach a node that the sender cannot reach.
    Reach(Reach),
    /// Asks the receiver to dial a node that cannot reach it.
    Call(Call),
    /// Tells one end of a circuit that the sender relays it.
    Circuit(Circuit),
    /// Asks whether the receiver can reach the sender at the addresses that it announces.
    Check,
    /// Answers a check.
    Checked(Checked),
    /// Asks at which addresses newcomers can reach the receiver.
    AskEntrance,
    /// Answers that.
    Entrance(Entrance),

    /// Asks who the receiver's neighbours are, as it sees them; open to anybody.
    Observe,
    /// Answers an observe.
    Report(Report),
}

impl Frame {
    /// Returns the size of what the frame carries in encoded form already, in bytes.
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

    /// Returns the bytes that the frame carries, if they are its only byte string of any length.
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

/// The reason why one end closes the link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Close {
    /// The reason in plain text, for users and logs.
    #[serde(deserialize_with = "limit::short_text::<_, REASON_BYTES>")]
    pub reason: String,
}

/// A heartbeat, sent to both neighbours every 400 ms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The view that the node follows.
    pub tag: ViewTag,
    /// The hash of the node's clock.
    pub clock: u64,
}

/// The request of a newcomer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Join {
    /// The name that it asks for.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
    /// The addresses at which others can dial it.
    pub addresses: Addresses,
    /// The network that it is on, as far as it can tell.
    pub network: NetworkId,
    /// The view that it last followed, if it was a member before. It believes only a higher epoch, or a later view
    /// of the same epoch.
    pub tag: Option<ViewTag>,
}

/// A name that a member asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Name {
    /// The name as the user typed it.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
}

/// A direction round the ring.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// Towards higher keys.
    #[serde(rename = "c")]
    Clockwise,
    /// Towards lower keys.
    #[serde(rename = "w")]
    Counterclockwise,
}

/// The part of the ring that the receiver of an item covers. It runs from the receiver in one direction: clockwise
/// up to and including `limit`, counter-clockwise down to `limit`, which it does *not* include. So the two halves
/// of a ring share a limit and do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interval {
    /// The direction.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// The end of the interval. It is a key, since members may differ in their views.
    #[serde(rename = "k")]
    pub limit: RingKey,
    /// The layout under which `limit` was chosen.
    #[serde(rename = "y", deserialize_with = "limit::counter")]
    pub layout: u64,
}

/// An item on its way round the ring, and the interval that the receiver covers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The part of the ring that the receiver covers.
    #[serde(rename = "i")]
    pub interval: Interval,
    /// The item.
    #[serde(rename = "t")]
    pub item: Item,
}

/// Content that goes to every member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Item {
    /// Messages: a sealed [`Bundle`](crate::Bundle).
    #[serde(rename = "b")]
    Bundle(Sealed),
    /// News about the ring: a sealed [`Announcement`].
    #[serde(rename = "a")]
    Announcement(Sealed),
}

/// News about the ring, from its coordinator to every member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Announcement {
    /// The next view. Under a new epoch it also announces the new coordinator.
    View(ViewUpdate),
    /// A page of a full view, after two rings have merged.
    Page(ViewPage),
}

impl Announcement {
    /// Returns the id under which it spreads.
    pub const fn item_id(&self) -> ItemId {
        match self {
            Self::View(update) => ItemId::of_view(ItemKind::View, &update.tag, update.tag.number),
            Self::Page(page) => ItemId::of_view(ItemKind::Page, &page.tag, page.page as u64),
        }
    }

    /// Returns the tag of the view that it leads to.
    pub const fn tag(&self) -> &ViewTag {
        match self {
            Self::View(update) => &update.tag,
            Self::Page(page) => &page.tag,
        }
    }
}

/// The kind of an item.
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

/// The id of an item while it spreads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ItemId {
    /// The kind of item.
    #[serde(rename = "k")]
    pub kind: ItemKind,
    /// The node that issued it: a bundle's author, or a view's coordinator.
    #[serde(rename = "o")]
    pub origin: NodeId,
    /// The first sequence number of a bundle. For a view, 20 bits of its epoch's number and 32 bits of its own
    /// number, or of the page's.
    #[serde(rename = "n", deserialize_with = "limit::counter")]
    pub number: u64,
}

impl ItemId {
    /// Returns the id of news about a view. It contains 20 bits of the epoch's number, since a coordinator may
    /// reuse a view number under another epoch.
    const fn of_view(kind: ItemKind, tag: &ViewTag, number: u64) -> Self {
        let epoch = tag.epoch.number & 0xf_ffff;
        Self {
            kind,
            origin: tag.epoch.coordinator,
            number: (epoch << 32) | (number & 0xffff_ffff),
        }
    }
}

/// A list of item ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Items {
    /// The ids.
    #[serde(rename = "i", deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub items: Vec<ItemId>,
}

/// Acknowledgements of delivered bundles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Acks {
    /// The short hash of the view that the sender follows.
    #[serde(rename = "v")]
    pub view: u32,
    /// Each bundle with the number of members that have delivered it, except those that were reported before.
    #[serde(rename = "a", deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub acks: Vec<Ack>,
}

/// A bundle that the child and all members below it have delivered, except those that were given up on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The bundle.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// The number of those members.
    #[serde(rename = "m", deserialize_with = "limit::counter")]
    pub members: u64,
    /// True if the reader of one of them is behind, and the author should slow down.
    #[serde(rename = "b", default, skip_serializing_if = "core::ops::Not::not")]
    pub behind: bool,
    /// True if they did not all follow the same view: then a member may be counted that the author's view does not
    /// list.
    #[serde(rename = "x", default, skip_serializing_if = "core::ops::Not::not")]
    pub mixed: bool,
}

/// Items that the receiver should take over, and pull first if it lacks them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The part of the ring that the receiver covers, for each of them.
    pub interval: Interval,
    /// The ids of the items.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub items: Vec<ItemId>,
}

/// The office of coordinator, handed to its successor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandOver {
    /// The last view of the leaving coordinator.
    pub tag: ViewTag,
    /// The opening of the successor's epoch, with the leaving coordinator's seal.
    pub opening: Opening,
}

/// A member that seems dead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Suspect {
    /// The suspected member.
    pub member: NodeId,
    /// The reporter's view.
    pub tag: ViewTag,
}

/// The values that decide which of two rings is the higher one: `PROTOCOL.md` §8.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meet {
    /// The ring's view.
    pub tag: ViewTag,
    /// The number of members of the ring.
    pub members: u64,
    /// The coordinator's seniority.
    #[serde(deserialize_with = "limit::counter")]
    pub seniority: u64,
    /// The addresses at which the coordinator can be dialled.
    pub addresses: Addresses,
}

/// A node's neighbours and links, as the node itself sees them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The view that the node follows.
    pub tag: ViewTag,
    /// Its neighbour counter-clockwise, if it has one.
    pub predecessor: Option<NodeId>,
    /// Its neighbour clockwise, if it has one.
    pub successor: Option<NodeId>,
    /// The members beyond the neighbours to which a link is up.
    #[serde(deserialize_with = "limit::at_most::<_, _, FINGERS>")]
    pub fingers: Vec<NodeId>,
    /// The members that it suspects, or knows to be dead.
    #[serde(default, deserialize_with = "limit::at_most::<_, _, SUSPECTS>")]
    pub suspects: Vec<NodeId>,
    /// The messages that its neighbours and fingers have brought.
    #[serde(default, deserialize_with = "limit::at_most::<_, _, BROUGHT>")]
    pub brought: Vec<Brought>,
}

/// The amount that a member has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brought {
    /// The member.
    pub member: NodeId,
    /// The number of messages new to this node that came over links to the member. It restarts from 0 after a while
    /// without a link.
    #[serde(deserialize_with = "limit::counter")]
    pub messages: u64,
}
