//! Runs of entries that belong together: the head of an entry repeats nothing that the one before it says.
//!
//! Not here: the layout of heads (`layout`).

use super::transcript::{Entry, MessageEntry, Tone};

/// The longest pause between two messages of a run, in milliseconds. After a longer one, the name stands again.
const MAX_PAUSE_MS: u64 = 5 * 60 * 1_000;

/// The parts of an entry's head that are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) has_time: bool,
    pub(super) has_name: bool,
}

impl Head {
    /// The head of an entry that begins a run.
    pub(super) const WHOLE: Self = Self {
        has_time: true,
        has_name: true,
    };

    /// Returns the head of an entry behind another.
    pub(super) fn after(previous: Option<&Entry>, entry: &Entry) -> Self {
        match (previous, entry) {
            (Some(Entry::Message(before)), Entry::Message(message)) if belongs(message, before) => {
                Self {
                    has_time: before.time != message.time,
                    has_name: false,
                }
            }
            (None | Some(Entry::Message(_)), _) | (_, Entry::Message(_)) => Self::WHOLE,
            // Remarks: their sign always stands, because it tells a problem from anything else.
            (Some(before), remark) => Self {
                has_time: before.time() != remark.time(),
                has_name: true,
            },
        }
    }
}

/// Returns true if a message continues the run of the one before it.
fn belongs(message: &MessageEntry, before: &MessageEntry) -> bool {
    // A mention highlights the name, and an action has a sign before it.
    let is_plain = message.tone != Tone::Mention && !message.is_action && !before.is_action;
    let same_author = message.author == before.author && message.name == before.name;
    let is_soon = message.said_ms.abs_diff(before.said_ms) <= MAX_PAUSE_MS;
    is_plain && same_author && is_soon
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::NodeId;

    use super::*;

    fn message(author: u8, minute: u64) -> MessageEntry {
        MessageEntry {
            author: NodeId::from_bytes([author; 16]),
            name: "ann".to_owned(),
            time: format!("12:{minute:02}"),
            said_ms: minute * 60_000,
            text: "text".to_owned(),
            original: None,
            is_action: false,
            is_mine: false,
            tone: Tone::Usual,
            delivery: None,
        }
    }

    fn head(before: MessageEntry, message: MessageEntry) -> (bool, bool) {
        let head = Head::after(Some(&Entry::Message(before)), &Entry::Message(message));
        (head.has_time, head.has_name)
    }

    #[test]
    fn a_name_stands_once_in_a_run() {
        assert_eq!(head(message(1, 0), message(1, 0)), (false, false));
        assert_eq!(head(message(1, 0), message(1, 5)), (true, false));
        assert_eq!(head(message(1, 0), message(1, 6)), (true, true), "a pause");
        assert_eq!(head(message(1, 0), message(2, 0)), (true, true));
        let other = MessageEntry {
            name: "anna".to_owned(),
            ..message(1, 0)
        };
        assert_eq!(head(message(1, 0), other), (true, true), "another name");
    }

    #[test]
    fn a_mention_and_an_action_begin_a_run() {
        for (is_action, tone) in [(true, Tone::Usual), (false, Tone::Mention)] {
            let special = MessageEntry {
                is_action,
                tone,
                ..message(1, 0)
            };
            assert_eq!(head(message(1, 0), special), (true, true));
        }
    }

    #[test]
    fn a_remark_ends_a_run() {
        let remark = |time: &str| Entry::Notice {
            time: time.to_owned(),
            text: "remark".to_owned(),
        };
        let said = Entry::Message(message(1, 0));
        assert_eq!(Head::after(Some(&remark("12:00")), &said), Head::WHOLE);
        assert_eq!(Head::after(Some(&said), &remark("12:00")), Head::WHOLE);
        assert_eq!(Head::after(None, &said), Head::WHOLE);
        let next = Head::after(Some(&remark("12:00")), &remark("12:00"));
        assert!(!next.has_time && next.has_name);
        let later = Head::after(Some(&remark("12:00")), &remark("12:01"));
        assert_eq!(later, Head::WHOLE);
    }
}
