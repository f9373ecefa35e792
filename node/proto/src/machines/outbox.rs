//! The outbox: the user's messages that the ring has not confirmed yet.
//!
//! A bundle is closed as soon as the links are idle; while they are busy the next bundle fills.
//! Not here: the spreading of bundles (`spread`).

mod window;

use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::vec::Vec;

use ringtalk_wire::limit::{BUNDLE_BODY_BYTES, BUNDLE_MESSAGES, TEXT_BYTES};
use ringtalk_wire::{Body, BundleMessage};

use crate::Time;
use window::Window;

/// The cost of each message in a bundle beside its body.
const MESSAGE_BYTES: usize = 16;

/// What the user says at once: no more than one bundle takes, each text at most [`TEXT_BYTES`] long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Draft {
    messages: Vec<BundleMessage>,
    bytes: usize,
}

impl Draft {
    /// Adds a message, or returns it as the error if there is no more room.
    pub fn push(&mut self, message: BundleMessage) -> Result<(), BundleMessage> {
        debug_assert!(
            matches!(message.body, Body::Control { .. }) || message.body.len() <= TEXT_BYTES,
            "nobody would take it"
        );
        let bytes = self.bytes + weight(&message);
        let fits = bytes <= BUNDLE_BODY_BYTES && self.messages.len() < BUNDLE_MESSAGES;
        if !fits {
            return Err(message);
        }
        self.bytes = bytes;
        self.messages.push(message);
        Ok(())
    }

    /// Returns true if the draft has no messages.
    pub const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl From<BundleMessage> for Draft {
    fn from(message: BundleMessage) -> Self {
        let mut draft = Self::default();
        let pushed = draft.push(message);
        debug_assert!(pushed.is_ok(), "one message always has room");
        draft
    }
}

/// Messages that wait for the next bundle, and closed bundles that wait to be confirmed.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: VecDeque<BundleMessage>,
    pending_bytes: usize,
    /// Closed bundles, by the sequence number of their first message.
    in_flight: BTreeMap<u64, InFlightBundle>,
    in_flight_messages: usize,
    in_flight_bytes: usize,
    last_seq: u64,
    window: Window,
    /// The first and the last message that no other member has taken, as far as is known.
    untaken: Option<(u64, u64)>,
}

#[derive(Debug)]
struct InFlightBundle {
    closed_at: Time,
    messages: usize,
    bytes: usize,
    /// How many children have not confirmed it.
    children: usize,
    taken: bool,
    acked: bool,
}

impl Outbox {
    /// Returns true if there is room for another message beside those of a draft.
    pub(crate) fn has_room(&self, draft: &Draft) -> bool {
        let messages = self.pending.len() + self.in_flight_messages + draft.messages.len();
        let bytes = self.pending_bytes + self.in_flight_bytes + draft.bytes;
        self.window.has_room(messages, bytes)
    }

    /// Adds what the user says.
    pub(crate) fn push(&mut self, draft: Draft) {
        self.pending_bytes += draft.bytes;
        self.pending.extend(draft.messages);
    }

    /// Returns true if nothing waits for the next bundle.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Returns true if a whole bundle waits: it need not wait for idle links.
    pub(crate) fn is_full(&self) -> bool {
        let (messages, bytes) = self.window.bundle();
        self.pending.len() >= messages || self.pending_bytes >= bytes
    }

    /// Returns true if less than half of the window is on its way. Beyond that each acknowledgement makes room for
    /// only a few more messages. These go in full bundles, since each bundle costs a signature, and every member a
    /// check.
    pub(crate) const fn has_little_in_flight(&self) -> bool {
        self.in_flight_messages < self.window.messages() / 2
    }

    /// Returns true while messages wait because readers are behind.
    pub(crate) const fn is_slowed(&self) -> bool {
        self.window.slowed_until().is_some()
    }

    /// Returns until when they wait.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.window.slowed_until()
    }

    /// Ends the wait if it is over.
    pub(crate) fn expire(&mut self, now: Time) {
        self.window.expire(now);
    }

    /// Returns the sequence number of the last message in a closed bundle.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Goes on after this message, which an earlier node of the same process said.
    pub(crate) const fn resume(&mut self, last_seq: u64) {
        debug_assert!(self.last_seq == 0, "it has said nothing");
        self.last_seq = last_seq;
    }

    /// Counts from 1 again: a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn restart(&mut self) {
        self.last_seq = 0;
    }

    /// Takes out the messages of the next bundle. The first one has the sequence number `last_seq() + 1` as it was
    /// before.
    pub(crate) fn close_bundle(&mut self) -> Vec<BundleMessage> {
        let (most, most_bytes) = self.window.bundle();
        let mut messages = Vec::new();
        let mut bytes = 0;
        while let Some(text) = self.pending.front() {
            bytes += weight(text);
            let fits = bytes <= most_bytes && messages.len() < most;
            if !fits && !messages.is_empty() {
                break;
            }
            self.pending_bytes -= weight(text);
            messages.extend(self.pending.pop_front());
        }
        debug_assert!(
            !self.pending.is_empty() || self.pending_bytes == 0,
            "what waits is counted"
        );
        self.last_seq += messages.len() as u64;
        messages
    }

    /// Notes that a closed bundle is on its way to so many children.
    pub(crate) fn track(
        &mut self,
        now: Time,
        first: u64,
        messages: &[BundleMessage],
        children: usize,
    ) {
        debug_assert!(!messages.is_empty(), "a bundle says something");
        let open = InFlightBundle {
            closed_at: now,
            messages: messages.len(),
            bytes: messages.iter().map(weight).sum(),
            children,
            taken: false,
            acked: false,
        };
        if children > 0 {
            self.in_flight_messages += open.messages;
            self.in_flight_bytes += open.bytes;
            self.in_flight.insert(first, open);
        } else {
            self.mark_untaken(first, self.last_seq);
        }
    }

    /// Returns true if others may lack the bundle that starts with this message.
    pub(crate) fn is_in_flight(&self, first: u64) -> bool {
        self.in_flight.contains_key(&first)
    }

    /// Notes that another member has these messages.
    pub(crate) fn note_held_elsewhere(&mut self, from: u64, up_to: u64) {
        if self.untaken.is_some_and(|(first, _)| from <= first) {
            self.untaken = self
                .untaken
                .filter(|&(_, to)| to > up_to)
                .map(|(first, to)| (first.max(up_to + 1), to));
        }
    }

    /// Settles one child's part of a bundle: a member took it, or nobody is left to take it.
    pub(crate) fn settle_child(&mut self, first: u64, taken: bool) {
        if let Some(open) = self.in_flight.get_mut(&first) {
            open.taken |= taken;
            open.children = open.children.saturating_sub(1);
            self.remove_if_done(first);
        }
    }

    /// Notes that all members have delivered a bundle, except those that are not waited for; called again when some
    /// of these have too.
    pub(crate) fn note_acked(&mut self, now: Time, first: u64, behind: bool) {
        let Some(open) = self.in_flight.get_mut(&first) else {
            return;
        };
        if core::mem::replace(&mut open.acked, true) {
            return;
        }
        // The acknowledgements of lone messages may be late, and say nothing of how much the ring takes.
        if open.messages > 1 {
            self.window.note_acked(now, open.closed_at, open.messages);
            if behind {
                self.window.slow_down(now);
            }
        }
        self.remove_if_done(first);
    }

    /// Returns how many messages no other member has taken yet.
    pub(crate) fn untaken_count(&self) -> u64 {
        let open = self.in_flight.values().filter(|open| !open.taken);
        debug_assert!(
            self.untaken.is_none_or(|(from, to)| from <= to),
            "a range is not empty"
        );
        let untaken = self.untaken.map_or(0, |(from, to)| to + 1 - from);
        untaken + (self.pending.len() + open.map(|open| open.messages).sum::<usize>()) as u64
    }

    fn remove_if_done(&mut self, first: u64) {
        let done = |open: &InFlightBundle| open.acked && open.children == 0;
        if let Entry::Occupied(entry) = self.in_flight.entry(first)
            && done(entry.get())
        {
            let open = entry.remove();
            self.in_flight_messages -= open.messages;
            self.in_flight_bytes -= open.bytes;
            if !open.taken {
                self.mark_untaken(first, first + open.messages as u64 - 1);
            }
        }
    }

    /// Notes that no other member took these messages.
    fn mark_untaken(&mut self, from: u64, to: u64) {
        debug_assert!(from <= to, "messages are numbered upwards");
        let (first, last) = self.untaken.unwrap_or((from, to));
        self.untaken = Some((first.min(from), last.max(to)));
    }
}

fn weight(message: &BundleMessage) -> usize {
    message.body.len() + MESSAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> BundleMessage {
        BundleMessage::text(0, "x".repeat(bytes))
    }

    #[test]
    fn a_bundle_keeps_its_bounds() {
        let mut outbox = Outbox::default();
        let (most, _) = outbox.window.bundle();
        for _ in 0..=most {
            outbox.push(text(1).into());
        }
        assert!(outbox.is_full());
        assert_eq!(outbox.close_bundle().len(), most);
        assert_eq!(outbox.close_bundle().len(), 1);
        for _ in 0..4 {
            outbox.push(text(16 * 1024).into());
        }
        assert_eq!(outbox.close_bundle().len(), 2, "three would be over 48 KiB");
    }

    #[test]
    fn the_window_opens_when_all_members_have_acknowledged() {
        let mut outbox = Outbox::default();
        while outbox.has_room(&Draft::default()) {
            outbox.push(text(1_000).into());
        }
        let said = outbox.untaken_count();
        let mut bundles = Vec::new();
        while !outbox.is_empty() {
            let first = outbox.last_seq() + 1;
            let messages = outbox.close_bundle();
            outbox.track(Time::default(), first, &messages, 2);
            bundles.push((first, messages.len() as u64));
        }
        let [one, other, ..] = bundles[..] else {
            panic!("they do not fit into one bundle")
        };
        assert!(!outbox.has_room(&Draft::default()));
        assert_eq!(outbox.untaken_count(), said);
        outbox.settle_child(one.0, true);
        outbox.settle_child(one.0, false);
        assert!(!outbox.has_room(&Draft::default()), "not everybody has it");
        outbox.note_acked(Time::default(), one.0, false);
        assert!(outbox.has_room(&Draft::default()));
        assert_eq!(outbox.untaken_count(), said - one.1);
        outbox.note_acked(Time::default(), other.0, false);
        outbox.settle_child(other.0, false);
        outbox.settle_child(other.0, false);
        assert_eq!(
            outbox.untaken_count(),
            said - one.1,
            "nobody took the second"
        );
    }

    #[test]
    fn the_outbox_knows_when_little_is_in_flight() {
        let mut outbox = Outbox::default();
        let half = outbox.window.messages() / 2;
        for said in 0..half {
            assert!(outbox.has_little_in_flight(), "{said}");
            outbox.push(text(1).into());
            let messages = outbox.close_bundle();
            outbox.track(Time::default(), said as u64 + 1, &messages, 1);
        }
        assert!(!outbox.has_little_in_flight());
        outbox.note_acked(Time::default(), 1, false);
        outbox.settle_child(1, true);
        assert!(outbox.has_little_in_flight());
    }

    #[test]
    fn messages_sent_alone_count_as_untaken_until_a_member_has_them() {
        let mut outbox = Outbox::default();
        for _ in 0..3 {
            let first = outbox.last_seq() + 1;
            outbox.push(text(1).into());
            let messages = outbox.close_bundle();
            outbox.track(Time::default(), first, &messages, 0);
        }
        assert_eq!(outbox.untaken_count(), 3);
        outbox.note_held_elsewhere(1, 2);
        assert_eq!(outbox.untaken_count(), 1);
        outbox.note_held_elsewhere(2, 3);
        assert_eq!(outbox.untaken_count(), 0);
    }
}
