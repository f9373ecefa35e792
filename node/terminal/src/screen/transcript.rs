//! The messages and remarks, as they are shown: the newest last, up to a limit.
//!
//! Everything in it is already harmless. Not here: the visible part (`scroll`), and the rendering (`layout`).

use std::collections::VecDeque;

use memchr::memchr2_iter;
use ringtalk_wire::NodeId;

use super::deliveries::Delivery;

/// The maximum number of entries that are kept, so that the user can scroll back to them.
const MAX_ENTRIES: usize = 100_000;
/// The maximum number of bytes of text that they may have together: as many as may wait for a reader of plain text.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// An entry of the transcript.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A message.
    Message(MessageEntry),
    /// A remark.
    Notice(String),
    /// A remark about a problem.
    Warning(String),
    /// A text to be copied. It starts in the first column, and is cut only if the window is too narrow.
    Copied(String),
    /// Rows that are shown unchanged.
    Picture(Vec<String>),
}

/// A message, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MessageEntry {
    pub(super) author: NodeId,
    pub(super) name: String,
    pub(super) time: String,
    /// The text, with its line ends.
    pub(super) text: String,
    /// True if the text says what the author does (`/me`).
    pub(super) is_action: bool,
    pub(super) is_mine: bool,
    pub(super) tone: Tone,
    /// The delivery of the message, if it is the user's own.
    pub(super) delivery: Option<Delivery>,
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
            Self::Message(message) => message.name.len() + message.text.len(),
            Self::Notice(text) | Self::Warning(text) | Self::Copied(text) => text.len(),
            Self::Picture(rows) => rows.iter().map(String::len).sum(),
        }
    }

    /// Returns the text that a search goes through.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Message(message) => &message.text,
            Self::Notice(text) | Self::Warning(text) | Self::Copied(text) => text,
            Self::Picture(_) => "",
        }
    }
}

/// The entries. Each keeps its number when older ones are dropped.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    entries: VecDeque<Entry>,
    first: u64,
    bytes: usize,
}

impl Transcript {
    /// Adds an entry, and returns its number.
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        self.bytes += entry.bytes();
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

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.bytes = 0;
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

    /// Sets the delivery of one of the user's own messages.
    pub(super) fn set_delivery(&mut self, number: u64, delivery: Delivery) {
        if let Some(index) = self.index(number)
            && let Some(Entry::Message(message)) = self.entries.get_mut(index)
        {
            message.delivery = Some(delivery);
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

/// Finds `needle`, which is in lower case, in a text of any case. Returns the range of the match, in bytes.
pub(super) fn find_folded(text: &str, needle: &str) -> Option<(usize, usize)> {
    let first = needle.chars().next()?;
    let found = |start: usize| Some((start, start + folded_prefix(&text[start..], needle)?));
    if let Ok(first) = u8::try_from(u32::from(first))
        && first.is_ascii()
    {
        // Each key that is typed searches the whole transcript, so this case has to be fast.
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        let mut starts = memchr2_iter(lower, upper, text.as_bytes());
        return starts.find_map(found);
    }
    let starts = text.char_indices();
    let mut starts = starts.filter(|(_, char)| char.to_lowercase().next() == Some(first));
    starts.find_map(|(start, _)| found(start))
}

/// Returns the length, in bytes, of the start of a text that equals `needle` in any case.
fn folded_prefix(text: &str, needle: &str) -> Option<usize> {
    let mut wanted = needle.chars();
    let mut awaited = wanted.next();
    for (at, char) in text.char_indices() {
        for lower in char.to_lowercase() {
            match awaited {
                None => return Some(at),
                Some(expected) if expected == lower => awaited = wanted.next(),
                Some(_) => return None,
            }
        }
    }
    awaited.is_none().then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices(texts: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        for text in texts {
            transcript.push(Entry::Notice((*text).to_owned()));
        }
        transcript
    }

    #[test]
    fn the_oldest_entries_go_and_the_others_keep_their_numbers() {
        let mut transcript = Transcript::default();
        for number in 0..MAX_ENTRIES as u64 + 5 {
            assert_eq!(transcript.push(Entry::Notice(number.to_string())), number);
        }
        assert_eq!(transcript.first(), 5);
        assert_eq!(transcript.get(5).unwrap().text(), "5");
        assert_eq!(transcript.get(4), None);
    }

    #[test]
    fn texts_are_limited_in_bytes_too() {
        let mut transcript = Transcript::default();
        for _ in 0..5 {
            transcript.push(Entry::Notice("x".repeat(MAX_BYTES / 3)));
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
        assert_eq!(find_folded("a ÜBER b", "über"), Some((2, 7)));
        assert_eq!(find_folded("abc", ""), None);
    }
}
