//! What the Lamport time of a bundle is worth.
//!
//! `PROTOCOL.md` §4.3. Not here: how the transcript is sorted by them (`log`).

use ringtalk_wire::{Bundle, MessageId};

use super::Causal;
use crate::config::LAMPORT_AHEAD;

/// Of so many messages at most the Lamport times may be others elsewhere: more would let a liar use all
/// numbers up.
const DOUBTFUL: u64 = 255;

/// All authors together that nobody has named may be so far ahead of those that have a name. It is less than [`LAMPORT_AHEAD`]:
/// whoever has heard them is not to be too far ahead for those who have not.
const NAMELESS_AHEAD: u64 = LAMPORT_AHEAD / 2;

/// What the Lamport time of a bundle is worth. Wherever it stands, the bundle is sorted by the time that
/// its author has signed: so all sort it alike, whatever else they were told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lamport {
    /// One more than the greatest of what the bundle depends on, as far as that is known.
    Due,
    /// Another one. Its author may have lied, or have heard the other half of somebody else's fork.
    Odd,
    /// So far ahead that it would use the numbers up: the bundle is not delivered.
    TooFar,
}

impl Causal {
    /// A Lamport time is one more than the greatest of what the message depends on.
    pub(super) fn judge(
        &self,
        bundle: &Bundle,
        lamport_of: impl Fn(MessageId) -> Option<u64>,
        doubtful: u64,
    ) -> Lamport {
        // Each message of a fork may be so far ahead elsewhere: its heirs are not to blame for that.
        let leaps = 1 + doubtful.min(DOUBTFUL);
        let most = if self.authors.is_asked(&bundle.author) {
            self.named_lamport.max(self.horizon) + NAMELESS_AHEAD
        } else {
            self.lamport.max(self.horizon) + leaps * LAMPORT_AHEAD
        };
        if bundle.lamport > most {
            return Lamport::TooFar;
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
            Lamport::Due
        } else {
            Lamport::Odd
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reception;
    use super::super::test_support::*;
    use super::*;

    #[test]
    fn nobody_is_ahead_by_what_others_may_never_hear() {
        let mut causal = causal();
        causal.admit_asked(id(9));
        give(&mut causal, &bundle(9, 1, LAMPORT_AHEAD / 2, &[]));
        give(&mut causal, &bundle(9, 2, LAMPORT_AHEAD, &[]));
        let worth = |causal: &mut Causal| causal.next(|_| None, 0).map(|(_, worth)| worth);
        assert_eq!(worth(&mut causal), Some(Lamport::Odd));
        assert_eq!(worth(&mut causal), Some(Lamport::TooFar));
        let (_, lamport) = causal.heads(8);
        assert!(lamport <= LAMPORT_AHEAD, "others take what this one says");
    }

    /// What becomes of an answer of 2 to what 1 has said at this Lamport time.
    fn answered(question: u64, answer: u64, doubtful: u64) -> Lamport {
        let mut causal = causal();
        causal.deliver(&bundle(1, 1, question, &[]));
        give(&mut causal, &bundle(2, 1, answer, &[(1, 1)]));
        let (_, worth) = causal.next(|_| None, doubtful).unwrap();
        let there = causal.clock().get(&id(2)) == 1;
        assert_eq!(there, worth != Lamport::TooFar);
        assert_eq!(
            give(&mut causal, &bundle(2, 2, 1, &[])),
            Reception::New,
            "nobody is muted"
        );
        worth
    }

    #[test]
    fn an_odd_lamport_time_mutes_nobody_and_one_too_far_ahead_is_not_delivered() {
        assert_eq!(answered(5, 6, 0), Lamport::Due);
        assert_eq!(answered(5, 9, 0), Lamport::Odd, "1 told it something else");
        assert_eq!(answered(5, 2, 0), Lamport::Odd);
        assert_eq!(answered(5, 5 + LAMPORT_AHEAD, 0), Lamport::Odd);
        assert_eq!(answered(5, 6 + LAMPORT_AHEAD, 0), Lamport::TooFar);
        assert_eq!(
            answered(5, 6 + LAMPORT_AHEAD, 1),
            Lamport::Odd,
            "1 has forked"
        );
    }
}
