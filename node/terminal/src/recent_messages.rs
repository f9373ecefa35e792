//! The last messages that plain lines have shown, so that `/search` can find them and `/save` can write them.
//!
//! Their texts are already harmless. Not here: the rows (`lines`), the file (`saved_talk`), and the full screen, which
//! keeps its own transcript.

use std::collections::VecDeque;

use ringtalk_session::text::collapse_blanks;
use time::UtcOffset;

use crate::folded::{find_folded, fold};
use crate::saved_talk::SavedMessage;
use crate::timestamp::local_date;

/// The sign of a line end in a text that is shown on one line.
const LINE_END: &str = "\u{240a}";

/// The maximum number of messages that are kept: as many as a node keeps for newcomers, unless it is told otherwise.
const MAX_MESSAGES: usize = 10_000;
/// The maximum number of bytes that they may take: half of what a node keeps for newcomers.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The maximum number of messages that a search shows: about a window.
const MAX_FOUND: usize = 20;

/// The last messages that were shown.
#[derive(Debug, Default)]
pub(crate) struct RecentMessages {
    messages: VecDeque<RecentMessage>,
    bytes: usize,
}

/// A message that was shown.
#[derive(Debug)]
pub(crate) struct RecentMessage {
    /// The time that was shown, in milliseconds since 1970, and its time of day.
    pub(crate) said_ms: u64,
    pub(crate) time: String,
    /// The name of the room with a blank behind it, or nothing while there is one room only.
    pub(crate) room: String,
    /// The author's name, with what stands behind it.
    pub(crate) name: String,
    pub(crate) is_action: bool,
    /// The text, with its line ends.
    pub(crate) text: String,
}

impl RecentMessage {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.time.len() + self.room.len() + self.name.len() + self.text.len()
    }

    /// Returns the text on one line, as it is shown.
    pub(crate) fn text_line(&self) -> String {
        collapse_blanks(&self.text.replace('\n', LINE_END))
    }

    fn line(&self) -> String {
        let Self {
            time, room, name, ..
        } = self;
        let text = self.text_line();
        if self.is_action {
            format!("{time} {room}* {name} {text}")
        } else {
            format!("{time} {room}{name}: {text}")
        }
    }
}

impl RecentMessages {
    /// Adds a message.
    pub(crate) fn push(&mut self, message: RecentMessage) {
        self.bytes += message.bytes();
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
        }
    }

    /// Returns the answer to a search: a heading, and the newest messages with this text, oldest first.
    pub(crate) fn search(&self, text: &str) -> Vec<String> {
        let wanted: String = fold(text).collect();
        if wanted.is_empty() {
            return vec!["/search needs a text, as in /search lunch".to_owned()];
        }
        let is_match = |message: &&RecentMessage| find_folded(&message.text, &wanted).is_some();
        let found: Vec<&RecentMessage> = self.messages.iter().filter(is_match).collect();
        let shown = &found[found.len().saturating_sub(MAX_FOUND)..];
        let heading = match found.len() {
            0 => format!("no message here has {text:?}"),
            1 => format!("1 message has {text:?}:"),
            count if count > MAX_FOUND => {
                format!("{count} messages have {text:?}; the last {MAX_FOUND}:")
            }
            count => format!("{count} messages have {text:?}:"),
        };
        let lines = shown.iter().map(|message| format!("  {}", message.line()));
        std::iter::once(heading).chain(lines).collect()
    }

    /// Returns the messages for a file, oldest first. `offset` is the offset of local time from UTC.
    pub(crate) fn to_save(&self, offset: UtcOffset) -> impl Iterator<Item = SavedMessage<'_>> {
        self.messages.iter().map(move |message| SavedMessage {
            day: local_date(message.said_ms, offset),
            time: &message.time,
            room: &message.room,
            name: &message.name,
            is_action: message.is_action,
            text: &message.text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: impl IntoIterator<Item = String>) -> RecentMessages {
        let mut recent = RecentMessages::default();
        for text in texts {
            recent.push(RecentMessage {
                said_ms: 0,
                time: "12:34".to_owned(),
                room: String::new(),
                name: "ann".to_owned(),
                is_action: false,
                text,
            });
        }
        recent
    }

    #[test]
    fn a_search_finds_the_newest_messages_in_any_case() {
        let recent = said(["Lunch?", "no", "ÜBER lunch"].map(str::to_owned));
        assert_eq!(
            recent.search("LUNCH"),
            [
                "2 messages have \"LUNCH\":",
                "  12:34 ann: Lunch?",
                "  12:34 ann: ÜBER lunch"
            ]
        );
        assert_eq!(recent.search("Über").len(), 2);
        let nothing = "no message here has \"ann\"";
        assert_eq!(recent.search("ann"), [nothing], "a name is no text");
        assert!(recent.search("")[0].contains("needs a text"));
        let many = said((0..50).map(|number| format!("number {number}"))).search("number");
        assert_eq!(many.len(), 1 + MAX_FOUND);
        assert_eq!(many[0], "50 messages have \"number\"; the last 20:");
        assert_eq!(many[MAX_FOUND], "  12:34 ann: number 49");
    }

    #[test]
    fn only_the_last_messages_are_kept() {
        let recent = said((0..=MAX_MESSAGES).map(|number| number.to_string()));
        assert_eq!(recent.messages.len(), MAX_MESSAGES);
        let recent = said((0..5).map(|_| "x".repeat(MAX_BYTES / 3)));
        assert_eq!(recent.messages.len(), 2);
        let held = recent.messages.iter().map(RecentMessage::bytes);
        assert_eq!(held.sum::<usize>(), recent.bytes);
    }
}
