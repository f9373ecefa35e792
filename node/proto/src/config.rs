//! The configuration of a node, and the protocol's times and limits with their trade-offs.

use alloc::string::String;
use core::time::Duration;

use ringtalk_wire::{Addresses, NetworkId, NodeId, RingId};

/// The configuration of a node, fixed when it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id.
    pub id: NodeId,
    /// The ring that it joins.
    pub ring: RingId,
    /// What this ring is for its process.
    pub kind: RingKind,
    /// The name that the user asks for.
    pub name: String,
    /// Where others dial this node.
    pub addresses: Addresses,
    /// The network that this node is on.
    pub network: NetworkId,
    /// How many delivered messages the node keeps.
    pub retention: Retention,
    /// The heartbeat interval and what follows from it.
    pub tempo: Tempo,
    /// Whether large rings use fingers. Without them, a message takes half as many hops as the ring has members.
    pub fingers: bool,
}

/// What a ring is for its process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RingKind {
    /// The first ring. Its node makes the links of the process, and asks directors and other members for ways to peers.
    Lobby,
    /// A room. Its links are channels of the lobby's links, so its node asks the host for them and nobody else.
    Room,
}

/// How many delivered messages a node keeps, for latecomers and for members that missed some.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// How many messages latecomers get at least: 0 to 1,000,000. More history costs memory at every node.
    pub history: usize,
    /// How many more messages are kept: a member may lack the newest, and a newcomer may be fetching the oldest while
    /// others keep talking.
    pub spare: usize,
    /// The maximum number of bytes of all kept messages.
    pub bytes: usize,
    /// How many of these bytes are spare, for the same reason.
    pub spare_bytes: usize,
}

impl Retention {
    /// Returns a retention with this history and the usual spare.
    pub const fn of(history: usize) -> Self {
        Self {
            history,
            spare: LOG_SPARE,
            bytes: LOG_BYTES,
            spare_bytes: LOG_SPARE_BYTES,
        }
    }
}

/// How often neighbours exchange heartbeats, and after what silence one is suspected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tempo {
    /// How often a neighbour gets a heartbeat, traffic or not. Shorter finds the dead sooner, and costs frames.
    pub heartbeat: Duration,
    /// How often a finger gets this node's clock, one finger after another.
    pub finger_beat: Duration,
    /// The silence that makes a suspect: three heartbeats, so that one lost or late heartbeat has no effect.
    pub suspicion: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            heartbeat: HEARTBEAT,
            finger_beat: Duration::from_secs(1),
            suspicion: HEARTBEAT * 3,
        }
    }
}

/// How often neighbours exchange heartbeats if the ring has no other tempo.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// How long a suspect is probed before it counts as dead: a stall of 1 s that begins with the trial, plus the travel
/// time of the answer, is not a death. Longer finds the dead later.
pub const PROBE: Duration = Duration::from_millis(1_250);
/// How many members help the coordinator to probe.
pub const PROBE_HELPERS: usize = 3;
/// A node whose loop overslept by more than this doubts itself before it doubts others.
pub const OVERSLEPT: Duration = Duration::from_secs(1);
/// The ring size at which fingers start: in smaller rings, messages arrive soon enough without.
pub const FINGERS_FROM: usize = 17;
/// The ring size below which fingers stop.
pub const FINGERS_BELOW: usize = 12;
/// A node whose loop was late by more than this gives others more time.
pub const LATE: Duration = Duration::from_millis(100);
/// How many members beyond a silent neighbour are asked for a sign of life at once: members next to it may have died
/// with it.
pub const SCOUTED: usize = 8;
/// How many of the most senior members are ready to succeed the coordinator.
pub const DEPUTIES: usize = 5;
/// How long the deputy of rank r waits: r times this, so that usually there is only one candidate.
pub const DEPUTY_WAIT: Duration = Duration::from_millis(300);
/// How long a deputy waits for the new coordinator after a more senior member has answered.
pub const ELECTION_WAIT: Duration = Duration::from_millis(1_500);
/// How long an election waits for answers of more senior members.
pub const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// How long a receipt waits for an acknowledgement that makes it redundant: a third of the time that its parent
/// waits.
pub const RECEIPT_DELAY: Duration = Duration::from_millis(80);
/// How long an acknowledgement of a lone message waits for others at most, from the arrival of the message: no member
/// waits for it, and alone it would cost as much as the message. Less than [`RECEIPT_DELAY`], to save the receipt.
pub const ACK_PACE: Duration = Duration::from_millis(50);
/// A child whose receipt is missing for this long (or for three round trips, if that is longer) is silent, and its
/// interval goes to the next member. Shorter causes needless offers, longer causes delay.
pub const RECEIPT_WAIT: Duration = Duration::from_millis(250);
/// The maximum wait for a receipt, however slow the child was.
pub const RECEIPT_WAIT_MOST: Duration = Duration::from_secs(1);
/// The number of members beyond a possibly dead child to which links are made before its part is handed on: one in a
/// hundred of its neighbours may have died too.
pub const REPLACEMENTS: usize = 2;
/// The additional time for a child whose link has to be made first.
pub const DIAL_ALLOWANCE: Duration = Duration::from_millis(500);
/// The minimum wait for a child's acknowledgement. The wait grows with the number of members behind the child, up to
/// twice this, so that the member next to a stuck one gives up first.
pub const ACK_WAIT_LEAST: Duration = Duration::from_millis(950);
/// How many events may wait to be read before authors are slowed down. More would leave a reader far behind; fewer
/// would slow authors because of a reader that pauses now and then.
pub const UNREAD: u64 = 8_192;
/// How long a reader that is behind may take for the next [`READ_LEAST`] events before others stop waiting for it.
pub const READER_WAIT: Duration = Duration::from_millis(800);
/// How many events a reader has to read in that time. A lower rate would make pasted lines wait for minutes.
pub const READ_LEAST: u64 = 800;
/// The pause of a slowed author after each bundle for which it is told to slow down: then several authors together
/// say what one slow reader can read.
pub const SLOWED: Duration = Duration::from_millis(500);
/// How long clocks may differ before they are compared: under load they always differ a little.
pub const DIFFERENCE_WAIT: Duration = Duration::from_millis(800);
/// How long a message that is known to exist may be on its way before it is pulled.
pub const PULL_WAIT: Duration = Duration::from_millis(250);
/// How long a pull may take before another member is asked.
pub const PULL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a frame takes that shows that a line is slow: longer than 256 KiB take at 2 MB/s.
pub const SLOW_FRAME: Duration = Duration::from_millis(200);
/// How long a frame takes that is only offered to others: its sender waits for receipts for 1 s at most, and has handed the
/// interval on by then. At 2 Mbit/s and more, no frame takes so long.
pub const CRAWLING_FRAME: Duration = Duration::from_secs(1);
/// How long after a part of a slow frame nobody is asked for what may be arriving in it: parts come every 0.2 s, and
/// after 2.5 s if a line that has just become slow loses a whole burst. Longer finds what was lost later, shorter carries
/// it twice over a slow line.
pub const ARRIVAL_WAIT: Duration = Duration::from_secs(4);
/// How long parts may keep this node from asking for a message: a full bundle takes 25 s at 64 kbit/s, and a peer may send
/// parts for ever.
pub const ARRIVAL_WAIT_MOST: Duration = Duration::from_secs(30);
/// How much more patient a node is with all others while parts of a frame come: their heartbeats may wait in the same slow
/// line, and be lost there. Longer finds the dead later.
pub const SLOW_LINE: Duration = HEARTBEAT.saturating_mul(6);
/// How long an unneeded link is kept.
pub const LINK_REST: Duration = Duration::from_secs(10);
/// How long an answer may take while nothing else comes from the peer either. Then the peer is pinged, since it may have
/// had nothing to answer; after as long again the path is dead. Longer leaves members without messages for longer; shorter
/// would drop links that are merely slow.
pub const REPLY_WAIT: Duration = Duration::from_secs(5);
/// How long a dial to another network may stay unanswered before others are asked to help: longer than most
/// handshakes take, and short enough to close a ring soon.
pub const FAR_PATIENCE: Duration = Duration::from_millis(400);
/// The same for a dial within one network, where a peer that does not answer is more likely busy than unreachable.
pub const NEAR_PATIENCE: Duration = Duration::from_secs(2);
/// How long the more senior of two neighbours leaves the dialling to the other.
pub const DIAL_GRACE: Duration = Duration::from_millis(300);
/// How long links between a newcomer and its fingers are postponed: a newcomer relays nothing before that, and each
/// link costs both ends more than a hundred messages do.
pub const FINGER_GRACE: Duration = Duration::from_millis(500);
/// How long after the loss of a link a refused connection proves that the peer is dead.
pub const DEATH_PROOF: Duration = Duration::from_secs(5);
/// How soon a link that broke or could not be made is dialled again.
pub const REDIAL: Duration = Duration::from_millis(500);
/// How long a known view update may be on its way before the view is pulled.
pub const UPDATE_WAIT: Duration = HEARTBEAT;
/// How soon after a view that admitted newcomers the next one follows: newcomers in between share it. Longer means
/// fewer views for a crowd, and a longer wait for the second of two newcomers.
pub const ADMISSION: Duration = Duration::from_millis(20);
/// How long a new member relays nothing: longer than a view takes to reach every member.
pub const NEW_MEMBER_PERIOD: Duration = Duration::from_secs(1);
/// How soon after a view that evicted the dead the next one follows: members found dead in between share it. Longer
/// means fewer views when many die at once, and a later eviction of the second of two.
pub const EVICTION: Duration = Duration::from_millis(100);
/// How long a joining step may take before joining starts again.
pub const JOIN_WAIT: Duration = Duration::from_millis(1_500);
/// How long a leaving node waits until others have taken its last messages.
pub const LEAVE_WAIT: Duration = Duration::from_millis(1_500);
/// The queue size of a link, in bytes, beyond which it carries only what keeps the ring together.
pub const LINK_QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// The bytes of one author queued on one link beyond which that author's other bundles wait. Less makes others'
/// messages wait for less, more keeps a fast link busy. It fits more than one full bundle.
pub const SHARE_BYTES: usize = 256 * 1024;
/// The queue size of a link, in bytes, beyond which it is closed: the peer reads nothing at all.
pub const LINK_QUEUE_LIMIT: usize = 6 * 1024 * 1024;
/// The queue size, in bytes, beyond which the link of a peer that is not a member is closed.
pub const STRANGER_QUEUE_BYTES: usize = 256 * 1024;
/// The maximum number of this node's messages that not every member has acknowledged; beyond, the user waits. Eight
/// full bundles: fewer leave links idle between bundles.
pub const WINDOW_MESSAGES: usize = 8_192;
/// The maximum number of this node's bytes that not every member has acknowledged; beyond, the user waits.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// How many of this node's messages may be in flight before the first acknowledgement.
pub const WINDOW_FIRST: usize = 256;
/// How many of this node's messages may always be in flight, however late acknowledgements are.
pub const WINDOW_LEAST: usize = 64;
/// The delay of acknowledgements, beyond the shortest possible, at which the window shrinks. A longer one fills the
/// queues of slow links, where all messages wait; a shorter one leaves fast links idle.
pub const QUEUEING: Duration = Duration::from_millis(300);
/// How many messages a log keeps in addition to its history, if the ring has no other retention.
pub const LOG_SPARE: usize = 8_192;
/// The maximum size of the log in bytes, whatever the number of messages. All rings of a process share it, as they share
/// [`HELD_MESSAGES`], [`HELD_BYTES`] and [`UNLISTED_BYTES`].
pub const LOG_BYTES: usize = 32 * 1024 * 1024;
/// How many of these bytes are spare, for the same reason.
pub const LOG_SPARE_BYTES: usize = 4 * 1024 * 1024;
/// The maximum number of messages held back until their dependencies arrive: as many as eight authors have in flight.
/// Messages beyond it come again, but late.
pub const HELD_MESSAGES: usize = 65_536;
/// The maximum number of bytes held back.
pub const HELD_BYTES: usize = 16 * 1024 * 1024;
/// The maximum number of bytes in one answer to a pull.
pub const PULL_BYTES: usize = 256 * 1024;
/// The maximum number of links to peers that are not members (yet).
pub const STRANGERS: usize = 64;
/// The maximum number of bytes of frames of one peer that wait for a view that lists it.
pub const UNLISTED_BYTES_OF_PEER: usize = 256 * 1024;
/// The maximum number of bytes of such frames of all peers.
pub const UNLISTED_BYTES: usize = STRANGERS * UNLISTED_BYTES_OF_PEER;
/// How long a peer may stay a stranger.
pub const STRANGER_WAIT: Duration = Duration::from_secs(10);
/// The first pause between dials of lost members; it doubles up to [`LOST_PROBE`].
pub const LOST_FIRST_PROBE: Duration = Duration::from_secs(1);
/// The longest pause between dials of lost members. Shorter finds the other part of a torn ring sooner, and costs
/// dials that no member answers.
pub const LOST_PROBE: Duration = Duration::from_secs(8);
/// How long lost members are dialled.
pub const LOST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many lost members are remembered.
pub const LOST_MEMBERS: usize = 1_024;
/// How long an invitation to merge stands, and how long the other ring waits for the view.
pub const INVITATION: Duration = Duration::from_secs(5);
/// How far an epoch number may lie above this node's own: no ring holds that many elections.
pub const EPOCHS_AHEAD: u64 = 1 << 20;
/// How far a cut's Lamport time may lie ahead of the other cuts', and the most that it may gain with each message.
pub const LAMPORT_AHEAD: u64 = 1 << 20;
