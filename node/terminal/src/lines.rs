//! The plain-text face for people: one line for each event.
//!
//! Messages are `12:34 ann: text`, actions are `12:34 * ann waves`, notices start with `*`, and errors with `!`. Bytes
//! from a peer reach the terminal only as text (`escape_line`), and no text can begin a line. Not here: the full screen
//! (`screen`), and the words (`sentences`).

use ringtalk_session::{Answer, Event, Message, NodeId, Reply, State};
use time::UtcOffset;

use crate::overload::WithheldMessages;
use crate::sentences::{self, Sentence, UNLISTED};
use crate::stdin::ACTION;
use crate::timestamp::display_time;
use crate::tty::wrap_for_any_terminal;
use ringtalk_session::text::{collapse_blanks, escape_line};

/// The columns under the time, which are kept free of members' texts.
const INDENT: usize = 6;
/// The minimum width of a window, in columns, for which lines are wrapped. A narrower one is not worth the trouble.
const MIN_COLUMNS: usize = 2 * INDENT;

/// Clears a terminal and its scrollback.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J\x1b[3J";

/// The plain-text face.
#[derive(Debug)]
pub(crate) struct Lines {
    paint: Paint,
    offset: UtcOffset,
    in_history: bool,
    /// Returns the number of columns of the terminal, if stdout is one.
    columns: fn() -> Option<usize>,
}

impl Lines {
    pub(crate) const fn new(
        color: bool,
        offset: UtcOffset,
        columns: fn() -> Option<usize>,
    ) -> Self {
        Self {
            columns,
            paint: Paint(color),
            offset,
            in_history: false,
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event, state: &State, out: &mut Vec<u8>) {
        match event {
            Event::Message(message) => self.message(message, state, out),
            Event::Ready { .. } if self.in_history => {
                self.notice("that was before you joined", out);
            }
            _ => {}
        }
        for sentence in sentences::of_event(event, state) {
            self.sentence(&sentence, out);
        }
    }

    /// Shows the node's answer.
    pub(crate) fn answer(&self, answer: &Answer, state: &State, out: &mut Vec<u8>) {
        if answer.result == Ok(Reply::Clear) && self.paint.0 {
            out.extend_from_slice(CLEAR);
        }
        for sentence in sentences::of_answer(answer, state) {
            self.sentence(&sentence, out);
        }
    }

    /// Shows a sentence about messages that were left out.
    pub(crate) fn withheld(&self, withheld: &WithheldMessages, state: &State, out: &mut Vec<u8>) {
        self.sentence(&sentences::of_withheld(withheld, state), out);
    }

    fn message(&mut self, message: &Message, state: &State, out: &mut Vec<u8>) {
        if message.history && !self.in_history {
            self.in_history = true;
            self.notice("the discussion so far:", out);
        }
        let time = display_time(message, self.offset);
        let name = escape_line(&message.name);
        let text = |text: &str| collapse_blanks(&escape_line(text));
        let mark = if state.is_unlisted(message) {
            format!(" {UNLISTED}")
        } else {
            String::new()
        };
        let content = match message.text.strip_prefix(ACTION) {
            Some(action) => format!("* {name}{mark} {}", text(action.trim_start())),
            None if message.history => format!("{name}: {}", text(&message.text)),
            None => {
                let name = self.paint.name(&name, &message.id.author, state);
                format!("{name}{mark}: {}", text(&message.text))
            }
        };
        let line = if message.history {
            self.paint.dim(&format!("{time} {content}"))
        } else {
            format!("{} {content}", self.paint.dim(&time))
        };
        self.write_line(&line, out);
    }

    fn sentence(&self, sentence: &Sentence, out: &mut Vec<u8>) {
        let mut text = escape_line(&sentence.text);
        if !sentence.is_table {
            text = collapse_blanks(&text);
        }
        if sentence.is_warning {
            self.write_line(&self.paint.warn(&format!("! {text}")), out);
        } else {
            self.notice(&text, out);
        }
    }

    fn notice(&self, text: &str, out: &mut Vec<u8>) {
        self.write_line(&self.paint.dim(&format!("* {text}")), out);
    }

    /// Writes a line, and indents its rows after the first. Without the indent, a terminal would go on in its first
    /// column, and a text could look like another member's line there.
    fn write_line(&self, line: &str, out: &mut Vec<u8>) {
        let columns = (self.columns)().filter(|columns| *columns >= MIN_COLUMNS);
        match columns {
            Some(columns) => write_indented(line, columns - INDENT, out),
            None => out.extend_from_slice(line.as_bytes()),
        }
        out.push(b'\n');
    }
}

/// Writes a line in rows of `room` columns. Colour codes take no columns.
fn write_indented(line: &str, room: usize, out: &mut Vec<u8>) {
    let mut plain = String::with_capacity(line.len());
    let mut painted = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        let end = rest[at..].find('m').map_or(rest.len(), |end| at + end + 1);
        painted.push((plain.len(), &rest[at..end]));
        rest = &rest[end..];
    }
    plain.push_str(rest);
    let mut painted = painted.into_iter().peekable();
    let bytes = plain.as_bytes();
    for (number, row) in wrap_for_any_terminal(&plain, room).into_iter().enumerate() {
        if number > 0 {
            out.push(b'\n');
            out.extend([b' '; INDENT]);
        }
        let mut from = row.start;
        while let Some((at, code)) = painted.next_if(|(at, _)| *at <= row.end) {
            // A colour code between two rows goes to the start of the second one.
            let at = at.max(from);
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(code.as_bytes());
            from = at;
        }
        out.extend_from_slice(&bytes[from..row.end]);
    }
    for (_, code) in painted {
        out.extend_from_slice(code.as_bytes());
    }
}

/// A painter that adds colours, if they are wanted.
#[derive(Clone, Copy, Debug)]
struct Paint(bool);

impl Paint {
    /// The colours of names, which can be read on light and dark backgrounds.
    const NAMES: [u8; 6] = [31, 32, 33, 34, 35, 36];

    fn dim(self, text: &str) -> String {
        self.with(2, text)
    }

    fn warn(self, text: &str) -> String {
        self.with(33, text)
    }

    /// Colours a name by the member's id, so that a member keeps its colour under another name.
    fn name(self, name: &str, id: &NodeId, state: &State) -> String {
        if *id == state.me.id {
            return self.with(1, name);
        }
        self.with(Self::NAMES[hue(id) % Self::NAMES.len()], name)
    }

    fn with(self, code: u8, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Returns a number that selects a member's colour, the same in every face.
pub(crate) fn hue(id: &NodeId) -> usize {
    id.as_bytes().iter().map(|byte| usize::from(*byte)).sum()
}
