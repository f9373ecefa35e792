//! What a node is told once, when it starts, and the protocol's times with what each trades.

use alloc::string::String;
use core::time::Duration;

use ringtalk_wire::{Addresses, NetworkId, NodeId};

/// What a node is told once, when it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id.
    pub id: NodeId,
    /// The name that the user would like.
    pub name: String,
    /// Where others dial this node.
    pub addresses: Addresses,
    /// The network that this node is on.
    pub network: NetworkId,
    /// How much of what was delivered is kept.
    pub retention: Retention,
    /// How often neighbours hear from each other.
    pub tempo: Tempo,
    /// Whether links to members beyond the neighbours speed messages up where there are many.
    /// Without, a message takes as many hops as half the ring has members.
    pub fingers: bool,
}

/// How much of what was delivered is kept, for those who come late or missed something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// How many messages latecomers get at least: 0 to 1,000,000. More history costs memory at every node.
    pub history: usize,
    /// How many messages are kept beside them: somebody may not have the newest yet, and whoever comes may be fetching
    /// the oldest while more is said.
    pub spare: usize,
    /// How many bytes all of them have at most.
    pub bytes: usize,
    /// How many of these bytes are spare in the same way.
    pub spare_bytes: usize,
}

impl Retention {
    /// So many messages for latecomers, and what a ring needs beside them.
    pub const fn of(history: usize) -> Self {
        Self {
            history,
            spare: LOG_SPARE,
            bytes: LOG_BYTES,
            spare_bytes: LOG_SPARE_BYTES,
        }
    }
}

/// How often neighbours hear from each other, and after what silence one is suspected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tempo {
    /// How often a neighbour hears from this node, traffic or not: sooner finds the dead sooner, and costs frames.
    pub heartbeat: Duration,
    /// How often one finger after another is told of this node's clock.
    pub finger_beat: Duration,
    /// Silence that makes a suspect: three heartbeats, so that one lost or late is nothing.
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

/// How often neighbours hear from each other where a ring has no other tempo.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// How long a suspect is probed before it is dead: a stall of 1 s that begins with the trial, and the
/// way of the answer, are no death. Longer means to find the dead later.
pub const PROBE: Duration = Duration::from_millis(1_250);
/// How many members help the coordinator to probe.
pub const PROBE_HELPERS: usize = 3;
/// A loop that slept longer than this doubts itself before it doubts others.
pub const OVERSLEPT: Duration = Duration::from_secs(1);
/// From so many members on there are fingers: fewer reach each other soon enough without.
pub const FINGERS_FROM: usize = 17;
/// Below so many members there are none any more.
pub const FINGERS_BELOW: usize = 12;
/// A loop that was late by more than this has the more patience with others.
pub const LATE: Duration = Duration::from_millis(100);
/// How many members beyond a silent neighbour are asked for a sign of life at once: those next to it
/// may have died with it.
pub const SCOUTED: usize = 8;
/// How many of the most senior members stand by to succeed the coordinator.
pub const DEPUTIES: usize = 5;
/// How long deputy r waits: r times this, so that usually only one runs.
pub const DEPUTY_WAIT: Duration = Duration::from_millis(300);
/// How long a deputy that was answered by a more senior one waits for the new coordinator.
pub const ELECTION_WAIT: Duration = Duration::from_millis(1_500);
/// How long an election waits for an answer of more senior members.
pub const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// How long a receipt waits for the acknowledgement that may spare it: a third of what its parent waits for it.
pub const RECEIPT_DELAY: Duration = Duration::from_millis(80);
/// How long the acknowledgement of a lone message waits for others at most, from when the message came: nobody waits
/// for it, and by itself it would cost as much as the message. Less than [`RECEIPT_DELAY`], so that it spares the receipt.
pub const ACK_PACE: Duration = Duration::from_millis(50);
/// A child whose receipt is missing this long (or three round trips, where that is longer) is
/// silent, and its interval goes to the next. Sooner means needless offers, later means delay.
pub const RECEIPT_WAIT: Duration = Duration::from_millis(250);
/// The longest patience with a child, however slow it was.
pub const RECEIPT_WAIT_MOST: Duration = Duration::from_secs(1);
/// To how many members beyond a child that may be dead links are made before its part is handed on: of those next to
/// it one in a hundred may have died too.
pub const HEIRS: usize = 2;
/// What a child whose link has to be made first may take beside.
pub const DIAL_ALLOWANCE: Duration = Duration::from_millis(500);
/// How long a child's acknowledgement is waited for at least; and for so much longer, up to twice
/// this, as there are members behind it, so that whoever is next to a stuck one gives up first.
pub const ACK_WAIT_LEAST: Duration = Duration::from_millis(950);
/// How many events may wait to be read before authors are slowed down. More would leave a reader far behind, fewer would
/// slow others for one that pauses now and then.
pub const UNREAD: u64 = 8_192;
/// How long a reader that is behind may take for the next [`READ_LEAST`] events before others wait for it no longer.
pub const READER_WAIT: Duration = Duration::from_millis(800);
/// How many events a reader has to read in that time. Less would have pasted lines wait for minutes.
pub const READ_LEAST: u64 = 800;
/// How long an author that is to slow down waits after each bundle that it is told so for: several authors say then what one
/// slow reader reads.
pub const SLOWED: Duration = Duration::from_millis(500);
/// How long clocks may differ before they are compared: under load they always differ a little.
pub const DIFFERENCE_WAIT: Duration = Duration::from_millis(800);
/// How long a message that is known to exist may be on its way before it is pulled.
pub const PULL_WAIT: Duration = Duration::from_millis(250);
/// How long a pull may take before another member is asked.
pub const PULL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a link that nobody needs is kept.
pub const LINK_REST: Duration = Duration::from_secs(10);
/// How long a dial to another network may stay without an answer, before others are asked to help: longer than most
/// handshakes take, short enough that a ring closes soon.
pub const FAR_PATIENCE: Duration = Duration::from_millis(400);
/// The same for the own network, where whoever does not answer is busy rather than out of reach.
pub const NEAR_PATIENCE: Duration = Duration::from_secs(2);
/// How long the more senior of two neighbours leaves the dialling to the other.
pub const DIAL_GRACE: Duration = Duration::from_millis(300);
/// How long a link between a newcomer and its fingers is put off: a newcomer carries nothing on before that, and each link costs both ends
/// more than a hundred messages do.
pub const FINGER_GRACE: Duration = Duration::from_millis(500);
/// A refused connection is proof of death for so long after a link to that peer was lost.
pub const DEATH_PROOF: Duration = Duration::from_secs(5);
/// How soon a link that broke or could not be made is dialled again.
pub const REDIAL: Duration = Duration::from_millis(500);
/// How long a view update that is known of may be on its way before the view is pulled.
pub const UPDATE_WAIT: Duration = HEARTBEAT;
/// How soon after a view that admitted newcomers the next one does: whoever comes meanwhile shares it.
/// Longer means fewer views for a crowd, and a longer wait for the second of two newcomers.
pub const ADMISSION: Duration = Duration::from_millis(20);
/// How long a new member carries nothing on for others: longer than a view takes to reach everybody.
pub const SETTLING: Duration = Duration::from_secs(1);
/// How soon after a view without the dead the next one follows: whoever is found dead meanwhile shares it.
/// Longer means fewer views where many die at once, and a later end for the second of two.
pub const EVICTION: Duration = Duration::from_millis(100);
/// How long a joining step may take before it is tried again from the start.
pub const JOIN_WAIT: Duration = Duration::from_millis(1_500);
/// How long a leaving node waits until its last messages are taken.
pub const LEAVE_WAIT: Duration = Duration::from_millis(1_500);
/// Bytes queued on one link, beyond which it carries only what keeps the ring together.
pub const LINK_QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one author queued on one link, beyond which what else comes of it waits: less means that
/// others' messages wait for less, more that a fast link is never idle. One full bundle and more.
pub const SHARE_BYTES: usize = 256 * 1024;
/// Bytes queued on one link, beyond which it is closed: the peer reads nothing at all.
pub const LINK_QUEUE_LIMIT: usize = 6 * 1024 * 1024;
/// Bytes queued on the link of a peer that is no member, beyond which it is closed.
pub const STRANGER_QUEUE_BYTES: usize = 256 * 1024;
/// Own messages that not everybody has acknowledged, at most; beyond, the user waits. Eight full bundles: fewer leave
/// links idle between them.
pub const WINDOW_MESSAGES: usize = 8_192;
/// Own bytes that not everybody has acknowledged, at most; beyond, the user waits.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Own messages that may be on their way before anything was acknowledged.
pub const WINDOW_FIRST: usize = 256;
/// Own messages that may be on their way however late acknowledgements come.
pub const WINDOW_LEAST: usize = 64;
/// How much later than it could an acknowledgement may come before less is sent: more fills the queues
/// of slow links, and all messages wait in them; less leaves fast ones idle.
pub const QUEUEING: Duration = Duration::from_millis(300);
/// Messages that a log keeps beside its history, where a ring has no other retention.
pub const LOG_SPARE: usize = 8_192;
/// Bytes of the log, beside the number of messages.
pub const LOG_BYTES: usize = 32 * 1024 * 1024;
/// So many of these are spare in the same way.
pub const LOG_SPARE_BYTES: usize = 4 * 1024 * 1024;
/// Messages held back until what they depend on has come: as many as eight authors have on their way at once.
/// What is over it comes again, but late.
pub const HELD_MESSAGES: usize = 65_536;
/// Bytes held back.
pub const HELD_BYTES: usize = 16 * 1024 * 1024;
/// Bytes in one answer to a pull.
pub const PULL_BYTES: usize = 256 * 1024;
/// Links to peers that are no members (yet).
pub const STRANGERS: usize = 64;
/// How long a peer may stay a stranger.
pub const STRANGER_WAIT: Duration = Duration::from_secs(10);
/// How soon members that were lost are dialled at first; the pause doubles up to [`LOST_PROBE`].
pub const LOST_FIRST_PROBE: Duration = Duration::from_secs(1);
/// How often members that were lost are dialled at last: oftener finds a torn ring's other part
/// sooner, and costs dials that nobody answers.
pub const LOST_PROBE: Duration = Duration::from_secs(8);
/// How long lost members are dialled.
pub const LOST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many lost members are remembered.
pub const LOST_MEMBERS: usize = 1_024;
/// How long an invitation to become one ring stands, and how long the other ring waits for the view.
pub const INVITATION: Duration = Duration::from_secs(5);
/// An epoch number may lie this far above one's own: nobody holds that many elections.
pub const EPOCHS_AHEAD: u64 = 1 << 20;
/// A Lamport time may lie this far ahead of what is known, where its heads are unknown.
pub const LAMPORT_AHEAD: u64 = 1 << 20;
