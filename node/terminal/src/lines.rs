//! The plain-text face for people: one line for each event.
//!
//! Messages are `12:34 ann: text`, actions are `12:34 * ann waves`, notices start with `*`, and errors with `!`. Bytes
//! from a peer reach the terminal only as text (`escape_line`), and no text can begin a line. Not here: the full screen
//! (`screen`), and the words (`sentences`).

use std::collections::BTreeSet;
use std::iter;
use std::time::Instant;

use ringtalk_session::{
    Answer, Event, FaceCommand, Message, NodeId, Reply, RingId, RoomEvent, State,
};
use time::UtcOffset;
use tokio::sync::mpsc;

use crate::attention::{Alert, Attention, AttentionSettings};
use crate::overload::WithheldMessages;
use crate::palette::name_color;
use crate::recent_messages::{RecentMessage, RecentMessages};
use crate::saved_talk::{SaveError, save};
use crate::sentences::{self, Sentence, SentenceKind, UNLISTED};
use crate::stdin::{ACTION, HELP_WITH_ROOMS};
use crate::timestamp::{display_ms, display_time};
use crate::tty::{BELL, notify, wrap_for_any_terminal};
use crate::visit::Visit;
use ringtalk_session::text::{collapse_blanks, escape_line, escape_multiline};

/// Returns the name of a room as people read it.
fn room_name(room: &RingId, state: &State) -> String {
    format!("#{}", escape_line(&state.room_label(room)))
}

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
    /// The rooms of which older messages were shown.
    in_history: BTreeSet<RingId>,
    /// True once a second room was entered: lines name their room then.
    names_rooms: bool,
    /// Tells the session that the talk was saved.
    told: Option<mpsc::Sender<()>>,
    recent: RecentMessages,
    visit: Visit,
    attention: Attention,
    /// Returns the number of columns of the terminal, if stdout is one.
    columns: fn() -> Option<usize>,
    /// True if a person types, and not a program whose lines others may have written.
    may_save: bool,
}

impl Lines {
    /// Refuses `/save`, because the lines of stdin come from a pipe.
    #[must_use]
    pub(crate) fn without_saving(self) -> Self {
        Self {
            may_save: false,
            ..self
        }
    }

    /// Tells the others through this channel when the talk was saved.
    #[must_use]
    pub(crate) fn telling_of_saves(self, told: mpsc::Sender<()>) -> Self {
        Self {
            told: Some(told),
            ..self
        }
    }

    /// Creates a writer of plain lines. `offset` is the offset of local time from UTC. `columns` returns the number of
    /// columns of the terminal, if stdout is one.
    pub(crate) fn new(
        color: bool,
        offset: UtcOffset,
        columns: fn() -> Option<usize>,
        attention: AttentionSettings,
    ) -> Self {
        Self {
            columns,
            may_save: true,
            color,
            offset,
            in_history: BTreeSet::new(),
            names_rooms: false,
            told: None,
            recent: RecentMessages::default(),
            visit: Visit::new(),
            attention: Attention::new(attention),
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event, state: &State, out: &mut Vec<u8>) {
        let now = Instant::now();
        self.visit.record(event, now);
        match event {
            Event::Message(message) => self.message(message, state, now, out),
            Event::Joined(person) if self.attention.watches(person) => {
                let alert = self.attention.alert_of_join(person, false, now);
                self.alert(alert, out);
            }
            Event::Room(_, RoomEvent::Ready) => self.names_rooms = true,
            Event::Ready { .. } if !self.in_history.is_empty() => {
                self.notice("that was before you joined", out);
            }
            Event::Goodbye { reason } => {
                if let Some(end) = self.visit.describe_end(*reason, state, now) {
                    for sentence in sentences::of_invite_without_me(state) {
                        self.sentence(&sentence, out);
                    }
                    return self.notice(&end, out);
                }
            }
            _ => {}
        }
        for sentence in sentences::of_event(event, state) {
            self.sentence(&sentence, out);
        }
        if matches!(event, Event::Ready { .. }) {
            self.notice("type to talk; /help lists the commands", out);
        }
    }

    /// Shows the node's answer.
    pub(crate) fn answer(&mut self, answer: &Answer, state: &State, out: &mut Vec<u8>) {
        if answer.result == Ok(Reply::Clear) && self.color {
            out.extend_from_slice(CLEAR);
        }
        for sentence in sentences::of_answer(answer, state) {
            self.sentence(&sentence, out);
        }
        if answer.result == Ok(Reply::Help) {
            for line in HELP_WITH_ROOMS {
                self.notice(line, out);
            }
        }
        if let Ok(Reply::Face(command)) = &answer.result {
            self.run(command, out);
        }
    }

    /// Carries out a command by itself.
    fn run(&mut self, command: &FaceCommand, out: &mut Vec<u8>) {
        match command {
            FaceCommand::Search(text) => {
                for found in self.recent.search(text) {
                    self.notice(&collapse_blanks(&escape_line(&found)), out);
                }
            }
            FaceCommand::Save(file) => {
                let saved = if self.may_save {
                    save(file, self.recent.to_save(self.offset))
                } else {
                    Err(SaveError::Piped)
                };
                if let (Ok(_), Some(told)) = (&saved, &self.told) {
                    // If the last time was not told yet, that will do for both.
                    let _ = told.try_send(());
                }
                let said = self.visit.record_save(saved);
                self.sentence(&said, out);
            }
            FaceCommand::Mute(_)
            | FaceCommand::Notify(_)
            | FaceCommand::Away(_)
            | FaceCommand::Back => {
                for said in self.attention.run(command, Instant::now()) {
                    self.sentence(&said, out);
                }
            }
        }
    }

    /// Shows a sentence about messages that were left out.
    pub(crate) fn withheld(&self, withheld: &WithheldMessages, state: &State, out: &mut Vec<u8>) {
        self.sentence(&sentences::of_withheld(withheld, state), out);
    }

    fn message(&mut self, message: &Message, state: &State, now: Instant, out: &mut Vec<u8>) {
        self.names_rooms |= !state.is_main(&message.room);
        if message.history && self.in_history.insert(message.room) {
            let heading = if state.is_main(&message.room) {
                "the discussion so far:".to_owned()
            } else {
                format!("{} so far:", room_name(&message.room, state))
            };
            self.notice(&heading, out);
        }
        // On a terminal, the lines of the room that one writes to look as if there was no other.
        let is_here = (self.columns)().is_some() && message.room == state.typing;
        let name = escape_line(&message.name);
        let mark = if state.is_unlisted(message) {
            format!(" {UNLISTED}")
        } else {
            String::new()
        };
        let action = message.text.strip_prefix(ACTION);
        let shown = RecentMessage {
            said_ms: display_ms(message),
            time: display_time(message, self.offset),
            room: if self.names_rooms {
                format!("{} ", room_name(&message.room, state))
            } else {
                String::new()
            },
            name: format!("{name}{mark}"),
            is_action: action.is_some(),
            text: escape_multiline(action.map_or(&*message.text, str::trim_start)),
        };
        let text = shown.text_line();
        let mut line = vec![Span::dim(shown.time.clone()), Span::plain(" ")];
        if !is_here {
            line.push(Span::dim(shown.room.clone()));
        }
        if shown.is_action {
            line.push(Span::plain(format!("* {} {text}", shown.name)));
        } else if message.history {
            line.push(Span::plain(format!("{name}: {text}")));
        } else {
            line.push(Span::name(name, &message.id.author, state));
            line.push(Span::plain(format!("{mark}: {text}")));
        }
        if message.history {
            for span in &mut line {
                span.style = Some(DIM);
            }
        }
        self.write_line(&line, out);
        self.recent.push(shown);
        let is_news = message.id.author != state.me.id && !message.history;
        if is_news && self.attention.weigh(message, state).is_alarming() {
            let alert = self.attention.alert_of(message, false, now);
            self.alert(alert, out);
        }
    }

    /// Tells the user, if stdout is a terminal.
    fn alert(&self, alert: Alert, out: &mut Vec<u8>) {
        if (self.columns)().is_none() {
            return;
        }
        if alert.rings_bell {
            out.push(BELL);
        }
        if let Some((kind, words)) = alert.notification {
            out.extend(notify(kind, &words));
        }
    }

    fn sentence(&self, sentence: &Sentence, out: &mut Vec<u8>) {
        let text = escape_line(&sentence.text);
        match sentence.kind {
            SentenceKind::Notice => self.notice(&collapse_blanks(&text), out),
            SentenceKind::Table => self.notice(&text, out),
            SentenceKind::Warning => {
                let text = collapse_blanks(&text);
                self.write_line(&[Span::new(WARNING, format!("! {text}"))], out);
            }
            // The terminal wraps it: a line end of ours would become a part of what is copied.
            SentenceKind::ShellCommand => out.extend_from_slice(format!("{text}\n").as_bytes()),
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
    style: Option<Attribute>,
    text: String,
}

/// A terminal attribute.
#[derive(Clone, Copy, Debug)]
enum Attribute {
    /// By its number.
    Numbered(u8),
    /// A colour of text, by its number in the terminal's palette.
    Color(u8),
}

/// The attribute of what matters less than messages.
const DIM: Attribute = Attribute::Numbered(2);
/// The attribute of warnings: yellow.
const WARNING: Attribute = Attribute::Numbered(33);
/// The attribute of this node's own name: bold.
const OWN_NAME: Attribute = Attribute::Numbered(1);

impl Span {
    const fn new(style: Attribute, text: String) -> Self {
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
        Self::new(Attribute::Color(name_color(id)), name)
    }

    /// Writes a part of this span's text.
    fn write(&self, part: &str, color: bool, out: &mut Vec<u8>) {
        let parameters = match self.style.filter(|_| color) {
            Some(Attribute::Numbered(number)) => number.to_string(),
            Some(Attribute::Color(color)) => format!("38;5;{color}"),
            None => return out.extend_from_slice(part.as_bytes()),
        };
        out.extend_from_slice(format!("\u{1b}[{parameters}m{part}\u{1b}[0m").as_bytes());
    }
}
