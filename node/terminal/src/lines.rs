//! The plain-text face for people: one line for each event.
//!
//! Messages are `12:34 ann: text`, actions are `12:34 * ann waves`, notices start with `*`, and errors with `!`. Bytes
//! from a peer reach the terminal only as text (`escape_line`), and no text can begin a line. Not here: the full screen
//! (`screen`), and the words (`sentences`).

use std::iter;

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
    color: bool,
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
            color,
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
        if answer.result == Ok(Reply::Clear) && self.color {
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
        let mut line = vec![Span::dim(time), Span::plain(" ")];
        match message.text.strip_prefix(ACTION) {
            Some(action) => {
                let action = text(action.trim_start());
                line.push(Span::plain(format!("* {name}{mark} {action}")));
            }
            None if message.history => {
                line.push(Span::plain(format!("{name}: {}", text(&message.text))));
            }
            None => {
                line.push(Span::name(name, &message.id.author, state));
                line.push(Span::plain(format!("{mark}: {}", text(&message.text))));
            }
        }
        if message.history {
            for span in &mut line {
                span.style = Some(DIM);
            }
        }
        self.write_line(&line, out);
    }

    fn sentence(&self, sentence: &Sentence, out: &mut Vec<u8>) {
        let mut text = escape_line(&sentence.text);
        if !sentence.is_table {
            text = collapse_blanks(&text);
        }
        if sentence.is_warning {
            self.write_line(&[Span::new(WARNING, format!("! {text}"))], out);
        } else {
            self.notice(&text, out);
        }
    }

    fn notice(&self, text: &str, out: &mut Vec<u8>) {
        self.write_line(&[Span::dim(format!("* {text}"))], out);
    }

    /// Writes a line, and indents its rows after the first. Without the indent, a terminal would go on in its first
    /// column, and a text could look like another member's line there.
    fn write_line(&self, line: &[Span], out: &mut Vec<u8>) {
        let plain: String = line.iter().map(|span| span.text.as_str()).collect();
        let columns = (self.columns)().filter(|columns| *columns >= MIN_COLUMNS);
        let rows = match columns {
            Some(columns) => wrap_for_any_terminal(&plain, columns - INDENT),
            None => iter::once(0..plain.len()).collect(),
        };
        for (number, row) in rows.into_iter().enumerate() {
            if number > 0 {
                out.push(b'\n');
                out.extend([b' '; INDENT]);
            }
            let mut start = 0;
            for span in line {
                let end = start + span.text.len();
                let part = start.max(row.start)..end.min(row.end);
                if !part.is_empty() {
                    span.write(&plain[part], self.color, out);
                }
                start = end;
            }
        }
        out.push(b'\n');
    }
}

/// A part of a line in one style.
#[derive(Debug)]
struct Span {
    /// The number of its terminal attribute, if it has one.
    style: Option<u8>,
    text: String,
}

/// The attribute of what matters less than messages.
const DIM: u8 = 2;
/// The attribute of warnings: yellow.
const WARNING: u8 = 33;
/// The attribute of this node's own name: bold.
const OWN_NAME: u8 = 1;
/// The colours of other names, which can be read on light and dark backgrounds.
const NAMES: [u8; 6] = [31, 32, 33, 34, 35, 36];

impl Span {
    const fn new(style: u8, text: String) -> Self {
        Self {
            style: Some(style),
            text,
        }
    }

    fn plain(text: impl Into<String>) -> Self {
        Self {
            style: None,
            text: text.into(),
        }
    }

    const fn dim(text: String) -> Self {
        Self::new(DIM, text)
    }

    /// Colours a name by the member's id, so that a member keeps its colour under another name.
    fn name(name: String, id: &NodeId, state: &State) -> Self {
        if *id == state.me.id {
            return Self::new(OWN_NAME, name);
        }
        Self::new(NAMES[hue(id) % NAMES.len()], name)
    }

    /// Writes a part of this span's text.
    fn write(&self, part: &str, color: bool, out: &mut Vec<u8>) {
        match self.style.filter(|_| color) {
            Some(style) => {
                out.extend_from_slice(format!("\u{1b}[{style}m{part}\u{1b}[0m").as_bytes());
            }
            None => out.extend_from_slice(part.as_bytes()),
        }
    }
}

/// Returns a number that selects a member's colour, the same in every face.
pub(crate) fn hue(id: &NodeId) -> usize {
    id.as_bytes().iter().map(|byte| usize::from(*byte)).sum()
}
