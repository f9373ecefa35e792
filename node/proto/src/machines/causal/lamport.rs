//! Lamport times: what the one of a bundle is worth.
//!
//! `PROTOCOL.md` §4.3. Not here: the order of the transcript (`log`).

use alloc::collections::BTreeMap;

use ringtalk_wire::{Bundle, MessageId, NodeId};

use super::Causal;
use crate::Time;

/// How far ahead of all earlier messages a member's may be, and how much of that comes back each second. A liar takes
/// eight years to use up the 2⁵² numbers. A member that has heard liars may be ahead of those that have not, and must
/// not be muted there.
const MEMBER: Allowance = Allowance {
    most: 1 << 29,
    a_second: 1 << 24,
};
/// The same for everybody else: the 4,096 that there can be are together less far ahead than one member may be.
const OTHER: Allowance = Allowance {
    most: 1 << 16,
    a_second: 1 << 10,
};
/// How many authors that were ahead are remembered.
const REMEMBERED_AUTHORS: usize = 4_096;

/// How far an author may be ahead.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    most: u64,
    a_second: u64,
}

/// The authors that were ahead of everything before them, and how far.
#[derive(Debug, Default)]
pub(super) struct Advances(BTreeMap<NodeId, Advance>);

/// How far an author was ahead the last time, together with what was left of earlier times.
#[derive(Clone, Copy, Debug)]
struct Advance {
    at: Time,
    far: u64,
    allowance: Allowance,
}

impl Advance {
    /// Returns how much of it has not come back yet.
    fn left(&self, now: Time) -> u64 {
        let since = u64::try_from((now - self.at).as_millis()).unwrap_or(u64::MAX);
        let over = self.allowance.a_second.saturating_mul(since) / 1_000;
        self.far.saturating_sub(over)
    }
}

impl Advances {
    /// Charges an author for being `far` ahead. Returns how much it may be ahead: `far`, or less if that is too far.
    fn charge(&mut self, now: Time, author: NodeId, far: u64, is_member: bool) -> u64 {
        if far == 0 {
            return 0;
        }
        if self.0.len() >= REMEMBERED_AUTHORS {
            self.0.retain(|_, advance| advance.left(now) > 0);
        }
        let allowance = if is_member { MEMBER } else { OTHER };
        let before = self.0.get(&author).map_or(0, |advance| advance.left(now));
        let has_room = self.0.len() < REMEMBERED_AUTHORS || self.0.contains_key(&author);
        let most = if has_room { allowance.most } else { 0 };
        let taken = far.min(most.saturating_sub(before));
        if taken > 0 {
            let advance = Advance {
                at: now,
                far: before + taken,
                allowance,
            };
            self.0.insert(author, advance);
        }
        taken
    }
}

/// The judgement on a bundle's Lamport time. In any case the bundle is sorted by the time that its author signed,
/// so all members sort it alike, whatever else they were told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LamportVerdict {
    /// One more than the greatest of what the bundle depends on, as far as that is known.
    Due,
    /// Another one. Its author may lie, or have heard the other half of another author's fork.
    Odd,
    /// So far ahead that it would use the numbers up: the bundle is not delivered, and nothing waits for it.
    TooFar,
}

impl Causal {
    /// Compares a bundle's Lamport time with what it should be: one more than the greatest that the bundle depends
    /// on.
    pub(super) fn judge(
        &mut self,
        now: Time,
        bundle: &Bundle,
        is_member: bool,
        lamport_of: impl Fn(MessageId) -> Option<u64>,
    ) -> LamportVerdict {
        let known = self.lamport.max(self.horizon);
        let far = bundle.lamport.saturating_sub(known + 1);
        let taken = self.advances.charge(now, bundle.author, far, is_member);
        if taken < far {
            // Without this, whatever follows the bundle would be too far ahead for good.
            self.horizon = known + taken;
            return LamportVerdict::TooFar;
        }
        let previous = MessageId {
            author: bundle.author,
            seq: bundle.first - 1,
        };
        let mut greatest = 0;
        let mut all_known = true;
        let own = (previous.seq > 0).then_some(previous);
        for needed in bundle.heads.iter().copied().chain(own) {
            let recent = self.frontier.get(&needed.author);
            let lamport = recent
                .filter(|&&(seq, _)| seq == needed.seq)
                .map(|&(_, lamport)| lamport)
                .or_else(|| lamport_of(needed));
            match lamport {
                Some(lamport) => greatest = greatest.max(lamport),
                None => all_known = false,
            }
        }
        if bundle.lamport == greatest + 1 || !all_known && bundle.lamport > greatest {
            LamportVerdict::Due
        } else {
            LamportVerdict::Odd
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::Reception;
    use super::super::test_support::*;
    use super::*;

    /// Returns what an answer of author 2 is worth to a message of author 1, for these two Lamport times.
    fn answered(question: u64, answer: u64, is_member: bool) -> LamportVerdict {
        let mut causal = causal();
        causal.deliver(&bundle(1, 1, question, &[]));
        give(&mut causal, &bundle(2, 1, answer, &[(1, 1)]));
        let next = causal.next(Time::default(), |_| is_member, |_| None);
        let (_, worth) = next.unwrap();
        let there = causal.clock().get(&id(2)) == 1;
        assert_eq!(there, worth != LamportVerdict::TooFar);
        assert_eq!(
            give(&mut causal, &bundle(2, 2, 1, &[])),
            Reception::New,
            "nobody is muted"
        );
        worth
    }

    #[test]
    fn an_odd_lamport_time_mutes_no_author_and_one_too_far_ahead_is_not_delivered() {
        assert_eq!(answered(5, 6, false), LamportVerdict::Due);
        assert_eq!(
            answered(5, 9, false),
            LamportVerdict::Odd,
            "1 told it something else"
        );
        assert_eq!(answered(5, 2, false), LamportVerdict::Odd);
        assert_eq!(answered(5, 6 + OTHER.most, false), LamportVerdict::Odd);
        assert_eq!(answered(5, 7 + OTHER.most, false), LamportVerdict::TooFar);
        assert_eq!(answered(5, 7 + OTHER.most, true), LamportVerdict::Odd);
        assert_eq!(answered(5, 6 + MEMBER.most, true), LamportVerdict::Odd);
        assert_eq!(answered(5, u64::MAX, true), LamportVerdict::TooFar);
    }

    #[test]
    fn a_liar_uses_up_no_more_than_an_allowance() {
        let mut advances = Advances::default();
        let mut take = |millis, far| {
            let now = Time::default() + Duration::from_millis(millis);
            advances.charge(now, id(9), far, false)
        };
        assert_eq!(take(0, OTHER.most), OTHER.most);
        assert_eq!(take(0, 1), 0);
        assert_eq!(take(500, OTHER.most), OTHER.a_second / 2);
        assert_eq!(take(500, 1), 0);
        assert_eq!(take(120_000, u64::MAX), OTHER.most);
        for number in 0..2 * REMEMBERED_AUTHORS {
            let mut author = [7; 16];
            author[..8].copy_from_slice(&(number as u64).to_be_bytes());
            advances.charge(Time::default(), NodeId::from_bytes(author), 1 << 10, false);
        }
        assert_eq!(advances.0.len(), REMEMBERED_AUTHORS);
    }

    #[test]
    fn an_author_misled_by_liars_loses_at_most_one_bundle() {
        let mut causal = causal();
        // As many liars as there may be were heard, each as far ahead as it may be.
        let lamport = 4_096 * (OTHER.most + 1);
        give(&mut causal, &bundle(1, 1, lamport, &[]));
        give(
            &mut causal,
            &bundle(2, 1, lamport + MEMBER.most + 2, &[(1, 1)]),
        );
        give(&mut causal, &bundle(2, 2, lamport + MEMBER.most + 3, &[]));
        let mut now = Time::default();
        let next = || {
            now = now + Duration::from_millis(1);
            let (next, worth) = causal.next(now, |_| true, |_| None)?;
            causal.advance(next.bundle.last_id());
            Some(worth)
        };
        let worths = core::iter::from_fn(next);
        let worths: alloc::vec::Vec<LamportVerdict> = worths.collect();
        assert_eq!(
            worths,
            [
                LamportVerdict::Odd,
                LamportVerdict::TooFar,
                LamportVerdict::Due
            ],
            "one at most is lost"
        );
    }
}
