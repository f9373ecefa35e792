//! The answers that wait until an earlier message is sent.
//!
//! A program gets its answers in the order of its commands, and the answer to `say` comes only when the message is
//! sent. Rooms send independently of each other, so a later message may be sent before an earlier one.

use std::collections::VecDeque;

use ringtalk_wire::{MessageId, RingId};

use crate::{CommandError, Reply, Requester};

/// The maximum number of answers that may wait for an earlier message: many more than one draft has messages.
const ANSWERS: usize = 16_384;
/// Their maximum size in bytes, besides the fixed part of each: some 16 transcripts of a long discussion.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The answer to a command.
#[derive(Debug)]
pub(crate) struct DueAnswer {
    pub(crate) command: &'static str,
    pub(crate) requester: Requester,
    pub(crate) result: Result<Reply, CommandError>,
}

/// An entry in the queue.
#[derive(Debug)]
enum Entry {
    /// This many typed messages in a room. Nobody waits for an answer to them.
    Typed(RingId, u64),
    /// The answer to the `say` command that sends a message in a room.
    Say(RingId, Requester),
    /// The answer to another command, or to a `say` command whose message is sent.
    Answer(DueAnswer),
}

impl Entry {
    /// Returns true if it waits for a message in this room.
    fn waits_in(&self, room: &RingId) -> bool {
        match self {
            Self::Typed(one, _) | Self::Say(one, _) => one == room,
            Self::Answer(_) => false,
        }
    }
}

/// The queue of answers, in the order of their commands.
#[derive(Debug, Default)]
pub(crate) struct PendingAnswers {
    entries: VecDeque<Entry>,
    /// The bytes that the answers take, besides their fixed part.
    bytes: usize,
}

impl PendingAnswers {
    /// Returns true unless too many answers wait.
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < ANSWERS && self.bytes < ANSWER_BYTES
    }

    /// Returns true if no answer waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Records that `requester` sends a message in a room.
    pub(crate) fn push_say(&mut self, room: RingId, requester: Requester) {
        match (requester, self.entries.back_mut()) {
            (Requester::Typist, Some(Entry::Typed(one, count))) if *one == room => *count += 1,
            (Requester::Typist, _) => self.entries.push_back(Entry::Typed(room, 1)),
            (requester, _) => self.entries.push_back(Entry::Say(room, requester)),
        }
    }

    /// Records the answer to a later command.
    pub(crate) fn push(&mut self, answer: DueAnswer) {
        self.bytes += answer.bytes();
        self.entries.push_back(Entry::Answer(answer));
    }

    /// Records that the next message in a room is sent.
    pub(crate) fn note_sent(&mut self, room: RingId, id: MessageId) {
        let Some(at) = self.entries.iter().position(|entry| entry.waits_in(&room)) else {
            return;
        };
        if let Entry::Typed(_, count) = &mut self.entries[at]
            && *count > 1
        {
            *count -= 1;
            return;
        }
        self.finish(at, Ok(Reply::Sent { room, id }));
    }

    /// Records that a room has ended: what waits to be sent there never is.
    pub(crate) fn note_ended(&mut self, room: &RingId, error: &CommandError) {
        while let Some(at) = self.entries.iter().position(|entry| entry.waits_in(room)) {
            self.finish(at, Err(error.clone()));
        }
    }

    /// Ends the wait of an entry.
    fn finish(&mut self, at: usize, result: Result<Reply, CommandError>) {
        let entry = self.entries.remove(at);
        if let Some(Entry::Say(_, requester)) = entry {
            let answer = DueAnswer {
                command: "say",
                requester,
                result,
            };
            self.bytes += answer.bytes();
            self.entries.insert(at, Entry::Answer(answer));
        }
    }

    /// Takes the next answer, unless it waits for a message.
    pub(crate) fn next(&mut self) -> Option<DueAnswer> {
        match self.entries.pop_front()? {
            Entry::Answer(answer) => {
                self.bytes -= answer.bytes();
                Some(answer)
            }
            waiting => {
                self.entries.push_front(waiting);
                None
            }
        }
    }

    /// Takes all answers. A message that has not been sent by this time is never sent.
    pub(crate) fn take_all(&mut self) -> Vec<DueAnswer> {
        self.bytes = 0;
        let entries = std::mem::take(&mut self.entries).into_iter();
        let answers = entries.filter_map(|entry| match entry {
            Entry::Typed(..) => None,
            Entry::Say(_, requester) => Some(DueAnswer {
                command: "say",
                requester,
                result: Err(CommandError::ended()),
            }),
            Entry::Answer(answer) => Some(answer),
        });
        answers.collect()
    }
}

impl DueAnswer {
    /// Returns the bytes that it takes, besides its fixed part.
    fn bytes(&self) -> usize {
        match &self.result {
            Ok(Reply::Transcript { ids, .. }) => size_of_val(ids.as_slice()),
            Ok(Reply::Rooms(rooms)) => size_of_val(rooms.as_slice()),
            Ok(_) => 0,
            Err(error) => error.message.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::NodeId;

    use super::*;
    use crate::Tag;

    const ONE: RingId = RingId::from_bytes([1; 16]);
    const OTHER: RingId = RingId::from_bytes([2; 16]);

    fn program(tag: &str) -> Requester {
        Requester::Program(Some(Tag::Text(tag.to_owned())))
    }

    fn message(seq: u64) -> MessageId {
        let author = NodeId::from_bytes([1; 16]);
        MessageId { author, seq }
    }

    /// Takes the answers that are due, as tags.
    fn due(pending: &mut PendingAnswers) -> Vec<(String, bool)> {
        let answers = std::iter::from_fn(|| pending.next());
        let answers = answers.map(|answer| match answer.requester {
            Requester::Program(Some(Tag::Text(tag))) => (tag, answer.result.is_ok()),
            other => panic!("{other:?}"),
        });
        answers.collect()
    }

    fn pending() -> PendingAnswers {
        let mut pending = PendingAnswers::default();
        pending.push_say(ONE, program("1"));
        pending.push_say(OTHER, Requester::Typist);
        pending.push_say(OTHER, Requester::Typist);
        pending.push_say(OTHER, program("2"));
        pending.push(DueAnswer {
            command: "who",
            requester: program("3"),
            result: Ok(Reply::Accepted),
        });
        pending
    }

    #[test]
    fn answers_come_in_order_though_rooms_send_in_another() {
        let mut pending = pending();
        for seq in 1..=3 {
            pending.note_sent(OTHER, message(seq));
            assert_eq!(due(&mut pending), [], "the first one waits");
        }
        pending.note_sent(ONE, message(1));
        let all = [("1", true), ("2", true), ("3", true)];
        assert_eq!(due(&mut pending), all.map(|(tag, ok)| (tag.to_owned(), ok)));
        assert!(pending.is_empty() && pending.bytes == 0);
    }

    #[test]
    fn what_waits_in_a_room_that_ends_is_refused_and_the_rest_goes_on() {
        let mut pending = pending();
        pending.note_ended(&ONE, &CommandError::ended());
        assert_eq!(due(&mut pending), [("1".to_owned(), false)]);
        pending.note_sent(OTHER, message(1));
        assert_eq!(due(&mut pending), []);
        pending.note_ended(&OTHER, &CommandError::ended());
        let rest = [("2", false), ("3", true)];
        assert_eq!(
            due(&mut pending),
            rest.map(|(tag, ok)| (tag.to_owned(), ok))
        );
        assert!(pending.is_empty() && pending.bytes == 0);
    }
}
