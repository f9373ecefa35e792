//! The messages and remarks, as they are shown: the newest last, up to a limit.
//!
//! Everything in it is already harmless. Not here: the visible part (`scroll`), and the rendering (`layout`).

use std::borrow::Cow;
use std::collections::VecDeque;

use ringtalk_wire::NodeId;

use super::deliveries::Delivery;
use super::presence::PresenceRow;
use crate::folded::find_folded;
use crate::tty::width;

/// The maximum number of entries that are kept, so that the user can scroll back to them.
const MAX_ENTRIES: usize = 100_000;
/// The maximum number of bytes of text that they may have together: as many as may wait for a reader of plain text.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// An entry of the transcript.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A message.
    Message(MessageEntry),
    /// A remark, with its time of day.
    Notice { time: String, text: String },
    /// A remark about a problem.
    Warning { time: String, text: String },
    /// Members who came and went.
    Presence(PresenceRow),
    /// The beginning of a day.
    Day(String),
    /// A command for the shell, to be copied. It starts in the first column, and may be as wide as the window.
    Command(String),
    /// Rows that are shown unchanged.
    Picture(Vec<String>),
}

/// A message, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MessageEntry {
    pub(super) author: NodeId,
    pub(super) name: String,
    /// The time of day that is shown.
    pub(super) time: String,
    /// The same time, in milliseconds since 1970.
    pub(super) said_ms: u64,
    /// The text, with its line ends.
    pub(super) text: String,
    /// The text as its author sent it, if that is another one. It is not harmless.
    pub(super) original: Option<Box<str>>,
    /// True if the text says what the author does (`/me`).
    pub(super) is_action: bool,
    pub(super) is_mine: bool,
    pub(super) tone: Tone,
    /// The delivery of the message, if it is the user's own.
    pub(super) delivery: Option<Delivery>,
}

/// The sign of an action before its author's name. A remark has only a sign there, and no name has one, so neither looks
/// like an action. The blank is one at which the name is not wrapped.
const ACTION_SIGN: &str = "*\u{a0}";

impl MessageEntry {
    /// Returns the text as its author sent it. It is not harmless.
    pub(super) fn original(&self) -> &str {
        self.original.as_deref().unwrap_or(&self.text)
    }

    /// Returns what stands before the text: the author's name, with a sign if the text is an action.
    pub(super) fn head(&self) -> Cow<'_, str> {
        if self.is_action {
            Cow::Owned(format!("{ACTION_SIGN}{}", self.name))
        } else {
            Cow::Borrowed(&self.name)
        }
    }
}

/// The emphasis of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Usual,
    /// It was said before this node joined.
    History,
    /// It mentions this node.
    Mention,
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => {
                let original = message.original.as_ref().map_or(0, |text| text.len());
                message.name.len() + message.text.len() + original
            }
            Self::Picture(rows) => rows.iter().map(String::len).sum(),
            remark => remark.text().len(),
        }
    }

    /// Returns the text that a search goes through.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Message(message) => &message.text,
            Self::Notice { text, .. }
            | Self::Warning { text, .. }
            | Self::Day(text)
            | Self::Command(text) => text,
            Self::Presence(presence) => &presence.text,
            Self::Picture(_) => "",
        }
    }

    /// Returns the time of day that is shown with the entry; empty if none is.
    pub(super) fn time(&self) -> &str {
        match self {
            Self::Message(message) => &message.time,
            Self::Notice { time, .. } | Self::Warning { time, .. } => time,
            Self::Presence(presence) => &presence.time,
            Self::Day(_) | Self::Command(_) | Self::Picture(_) => "",
        }
    }
}

/// The entries. Each keeps its number when older ones are dropped.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    entries: VecDeque<Entry>,
    first: u64,
    bytes: usize,
    /// The width of the widest head of a message since the last [`Self::clear`], in columns.
    widest_head: usize,
}

impl Transcript {
    /// Adds an entry, and returns its number.
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        self.bytes += entry.bytes();
        if let Entry::Message(message) = &entry {
            self.widest_head = self.widest_head.max(width(&message.head()));
        }
        self.entries.push_back(entry);
        while self.entries.len() > MAX_ENTRIES || (self.bytes > MAX_BYTES && self.entries.len() > 1)
        {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.bytes();
                self.first += 1;
            }
        }
        self.end() - 1
    }

    /// Adds entries.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.push(entry);
        }
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.bytes = 0;
        self.widest_head = 0;
        self.entries.clear();
    }

    /// Returns the number of the oldest entry.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number of the next entry.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(self.index(number)?)
    }

    /// Returns all entries, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Returns the newest entry.
    pub(super) fn newest(&self) -> Option<&Entry> {
        self.entries.back()
    }

    /// Changes the newest entry if it is about members who came and went, and `takes` is true for it. Returns false if
    /// there is no such entry.
    pub(super) fn extend_presence(
        &mut self,
        takes: impl FnOnce(&PresenceRow) -> bool,
        extend: impl FnOnce(&mut PresenceRow),
    ) -> bool {
        let Some(entry) = self.entries.back_mut() else {
            return false;
        };
        let before = entry.bytes();
        match entry {
            Entry::Presence(presence) if takes(presence) => extend(presence),
            _ => return false,
        }
        self.bytes = self.bytes - before + entry.bytes();
        true
    }

    /// Returns the width of the widest head of a message, in columns.
    pub(super) const fn widest_head(&self) -> usize {
        self.widest_head
    }

    /// Sets the delivery of one of the user's own messages.
    pub(super) fn set_delivery(&mut self, number: u64, delivery: Delivery) {
        if let Some(index) = self.index(number)
            && let Some(Entry::Message(message)) = self.entries.get_mut(index)
        {
            message.delivery = Some(delivery);
        }
    }

    /// Returns the newest message before `end`.
    pub(super) fn message_before(&self, end: u64) -> Option<u64> {
        let mut numbers = (self.first..end.min(self.end())).rev();
        numbers.find(|number| self.message(*number).is_some())
    }

    /// Returns the oldest message from `start` on.
    pub(super) fn message_from(&self, start: u64) -> Option<u64> {
        let mut numbers = start.max(self.first)..self.end();
        numbers.find(|number| self.message(*number).is_some())
    }

    /// Returns an entry that is a message.
    pub(super) fn message(&self, number: u64) -> Option<&MessageEntry> {
        match self.get(number)? {
            Entry::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Returns the newest entry before `end` that contains `text`, in any case. `text` is in lower case.
    pub(super) fn find_before(&self, end: u64, text: &str) -> Option<u64> {
        let mut numbers = (self.first..end.min(self.end())).rev();
        numbers.find(|number| self.contains(*number, text))
    }

    /// Returns the oldest entry from `start` on that contains `text`, like [`Self::find_before`].
    pub(super) fn find_from(&self, start: u64, text: &str) -> Option<u64> {
        let mut numbers = start.max(self.first)..self.end();
        numbers.find(|number| self.contains(*number, text))
    }

    fn contains(&self, number: u64, text: &str) -> bool {
        let entry = self.get(number);
        entry.is_some_and(|entry| find_folded(entry.text(), text).is_some())
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(text: String) -> Entry {
        Entry::Notice {
            time: "12:00".to_owned(),
            text,
        }
    }

    fn notices(texts: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        for text in texts {
            transcript.push(notice((*text).to_owned()));
        }
        transcript
    }

    #[test]
    fn the_oldest_entries_go_and_the_others_keep_their_numbers() {
        let mut transcript = Transcript::default();
        for number in 0..MAX_ENTRIES as u64 + 5 {
            assert_eq!(transcript.push(notice(number.to_string())), number);
        }
        assert_eq!(transcript.first(), 5);
        assert_eq!(transcript.get(5).unwrap().text(), "5");
        assert_eq!(transcript.get(4), None);
    }

    #[test]
    fn texts_are_limited_in_bytes_too() {
        let mut transcript = Transcript::default();
        for _ in 0..5 {
            transcript.push(notice("x".repeat(MAX_BYTES / 3)));
        }
        assert_eq!((transcript.first(), transcript.end()), (2, 5));
    }

    #[test]
    fn search_goes_both_ways_and_does_not_mind_case() {
        let transcript = notices(&["Über", "two", "über uns", "three"]);
        assert_eq!(transcript.find_before(4, "über"), Some(2));
        assert_eq!(transcript.find_before(2, "über"), Some(0));
        assert_eq!(transcript.find_before(0, "über"), None);
        assert_eq!(transcript.find_from(1, "über"), Some(2));
    }
}
