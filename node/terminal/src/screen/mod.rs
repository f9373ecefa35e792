//! The full screen: its content, as a function of the events and the user's input.
//!
//! [`Screen`] takes events and keys, and does no I/O. `view` draws it, and `task` connects it to the terminal and the
//! driver. Not here: the sentences about events (`sentences`).

mod completion;
mod deliveries;
mod editor;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod history;
mod input;
mod invite;
mod keys;
mod layout;
mod members;
mod navigation;
mod scroll;
mod status_line;
mod task;
mod transcript;
mod view;
mod writing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crossterm::event::{Event as TerminalEvent, KeyEventKind};
use ratatui::layout::Size;
use ringtalk_session::{Answer, Command, Event, Me, Members, Message, Reply, State};
use time::UtcOffset;

use crate::display_item::DisplayItem;
use crate::sentences::{self, Sentence, UNLISTED};
use crate::stdin::ACTION;
use crate::timestamp::display_time;
use completion::Completion;
use deliveries::{Deliveries, Delivery};
use editor::Editor;
use history::History;
use layout::Colors;
use navigation::Search;
use ringtalk_session::text::{escape_line, escape_multiline};
use scroll::RowPosition;
use transcript::{Entry, MessageEntry, Tone, Transcript};

pub(crate) use task::ScreenSetup;

/// An effect outside the screen, which `task` carries out. The order of effects is kept.
#[derive(Debug)]
enum Effect {
    /// Pass this command to the node.
    Send(Command),
    /// Discard the requests that were not passed on yet.
    DiscardUnsent,
    Bell,
    /// Paint everything again.
    Repaint,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Give the terminal back: there is nothing more to show.
    End,
}

/// The mode, which decides what keys do.
#[derive(Debug, Default)]
enum Mode {
    #[default]
    Writing,
    /// The user searches for a text.
    Searching(Search),
    /// The screen asks the user whether to leave.
    ConfirmingExit,
    /// This node is leaving.
    Leaving,
}

/// The content of the screen.
#[derive(Debug)]
struct Screen {
    state: State,
    offset: UtcOffset,
    colors: Colors,
    size: Size,
    transcript: Transcript,
    /// The last row on the screen; `None` while it follows the newest one.
    bottom: Option<RowPosition>,
    /// The first entry that came while the user was not looking.
    unread: Option<u64>,
    /// The number of messages that have come below the last row on the screen.
    below: usize,
    has_focus: bool,
    mode: Mode,
    editor: Editor,
    history: History,
    completion: Option<Completion>,
    /// The user's own texts that the node has not sent yet, oldest first.
    unsent: VecDeque<String>,
    deliveries: Deliveries,
    effects: VecDeque<Effect>,
}

impl Screen {
    /// Creates the empty screen of a node that has just started.
    fn new(me: Me, offset: UtcOffset, colors: bool, size: Size) -> Self {
        Self {
            state: State::new(me),
            offset,
            colors: Colors(colors),
            size,
            transcript: Transcript::default(),
            bottom: None,
            unread: None,
            below: 0,
            has_focus: true,
            mode: Mode::Writing,
            editor: Editor::default(),
            history: History::default(),
            completion: None,
            unsent: VecDeque::new(),
            deliveries: Deliveries::default(),
            effects: VecDeque::new(),
        }
    }

    /// Updates the screen with an item.
    fn show(&mut self, item: &DisplayItem, now: Instant) {
        match item {
            DisplayItem::Event(event) => self.apply_event(event, now),
            DisplayItem::Answer(answer) => self.show_answer(answer),
            DisplayItem::Withheld(withheld) => {
                self.state.clock.advance(withheld.author, withheld.to);
                self.push_sentences(vec![sentences::of_withheld(withheld, &self.state)]);
            }
        }
    }

    /// Handles an event from the terminal.
    fn handle_terminal_event(&mut self, event: TerminalEvent) {
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(action) = keys::action(key) {
                    self.act(action);
                }
            }
            TerminalEvent::Paste(text) => self.paste(&text),
            TerminalEvent::Resize(width, height) => {
                self.size = Size::new(width, height);
                self.effects.push_back(Effect::Repaint);
            }
            TerminalEvent::FocusLost => {
                self.has_focus = false;
                self.look_away();
            }
            TerminalEvent::FocusGained => self.has_focus = true,
            TerminalEvent::Key(_) | TerminalEvent::Mouse(_) => {}
        }
    }

    /// Updates the screen to the current time.
    fn tick(&mut self, now: Instant) {
        let changed = self.deliveries.mark_late(now);
        self.set_deliveries(changed);
    }

    /// Returns the time at which `tick` will have something to do.
    fn next_tick(&self) -> Option<Instant> {
        self.deliveries.next_late()
    }

    /// Returns the next effect, if there is one.
    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn apply_event(&mut self, event: &Event, now: Instant) {
        self.state.apply(event);
        match event {
            Event::Message(message) => self.show_message(message, now),
            Event::Reached {
                first,
                last,
                members,
            } => {
                let changed = self.deliveries.record_reach(*first, *last, *members);
                self.set_deliveries(changed);
            }
            Event::Left(person) | Event::Failed(person) => {
                let changed = self.deliveries.set_presence(&person.id, false);
                self.set_deliveries(changed);
            }
            Event::Joined(person) => {
                let changed = self.deliveries.set_presence(&person.id, true);
                self.set_deliveries(changed);
            }
            Event::Goodbye { .. } => self.effects.push_back(Effect::End),
            Event::Ready { .. } if self.state.joining.fetched() > 0 => {
                self.notice("that was before you joined");
            }
            _ => {}
        }
        self.push_sentences(sentences::of_event(event, &self.state));
    }

    /// Marks the user's own messages with their delivery.
    fn set_deliveries(&mut self, changed: Vec<(u64, Delivery)>) {
        for (entry, delivery) in changed {
            self.transcript.set_delivery(entry, delivery);
        }
    }

    fn show_answer(&mut self, answer: &Answer) {
        self.push_sentences(sentences::of_answer(answer, &self.state));
        match &answer.result {
            Ok(Reply::Clear) => self.clear(),
            Ok(Reply::Invite(invite)) => {
                let picture = invite::draw_qr_code(invite.as_str());
                if let Some(picture) = picture {
                    self.transcript.push(Entry::Picture(picture));
                }
            }
            _ => {}
        }
    }

    /// Shows an answer that does not need the node.
    fn show_local_answer(&mut self, reply: Reply, command: &Command) {
        self.show_answer(&Answer {
            command: command.name(),
            by_program: false,
            tag: None,
            result: Ok(reply),
        });
    }

    fn show_message(&mut self, message: &Message, now: Instant) {
        if message.history && self.state.joining.fetched() == 1 {
            self.notice("the discussion so far:");
        }
        let is_mine = message.id.author == self.state.me.id;
        let (is_news, is_sent) = (!is_mine && !message.history, is_mine && !message.history);
        let audience = self
            .state
            .members
            .clone()
            .filter(|members| members.len() > 1);
        let (action, mut text) = match message.text.strip_prefix(ACTION) {
            Some(action) => (true, escape_multiline(action)),
            None => (false, escape_multiline(&message.text)),
        };
        let is_mention = is_news && mentions(&text, &self.state.name);
        if self.state.is_unlisted(message) {
            text.insert_str(0, &format!("{UNLISTED} "));
        }
        let entry = self.transcript.push(Entry::Message(MessageEntry {
            author: message.id.author,
            name: escape_line(&message.name),
            time: display_time(message, self.offset),
            text,
            is_action: action,
            is_mine,
            tone: match message.history {
                true => Tone::History,
                false if is_mention => Tone::Mention,
                false => Tone::Usual,
            },
            delivery: (is_sent && audience.is_some()).then_some(Delivery::Sent),
        }));
        if is_mention {
            self.effects.push_back(Effect::Bell);
        }
        if is_sent {
            self.track_delivery(message, entry, audience, now);
        }
        if is_news {
            self.count_unread(entry);
        }
    }

    fn track_delivery(
        &mut self,
        message: &Message,
        entry: u64,
        audience: Option<Arc<Members>>,
        now: Instant,
    ) {
        if self
            .unsent
            .front()
            .is_some_and(|text| *text == *message.text)
        {
            self.unsent.pop_front();
        }
        if let Some(audience) = audience {
            self.deliveries.track(message.id.seq, entry, audience, now);
        }
    }

    /// Counts a new message as unread or as below, if the user may not be looking.
    fn count_unread(&mut self, entry: u64) {
        if self.bottom.is_some() {
            self.below += 1;
        }
        if self.bottom.is_some() || !self.has_focus {
            self.unread.get_or_insert(entry);
        }
    }

    /// Records that the user stops looking at the newest entries. Earlier unread entries no longer count as unread.
    fn look_away(&mut self) {
        if self.bottom.is_none() {
            self.unread = None;
            self.below = 0;
        }
    }

    fn push_sentences(&mut self, sentences: Vec<Sentence>) {
        for Sentence {
            is_warning, text, ..
        } in sentences
        {
            let text = escape_multiline(&text);
            let invite = self.state.me.invite.as_str();
            if let Some(before) = text.strip_suffix(invite) {
                let before = Entry::Notice(before.trim_end().to_owned());
                self.transcript.push(before);
                self.transcript.push(Entry::Copied(invite.to_owned()));
                continue;
            }
            self.transcript.push(if is_warning {
                Entry::Warning(text)
            } else {
                Entry::Notice(text)
            });
        }
    }

    fn notice(&mut self, text: &str) {
        self.transcript.push(Entry::Notice(escape_multiline(text)));
    }

    fn warn(&mut self, text: &str) {
        self.transcript.push(Entry::Warning(escape_multiline(text)));
    }

    fn clear(&mut self) {
        self.transcript.clear();
        self.bottom = None;
        self.unread = None;
        self.below = 0;
    }
}

/// Returns true if a text contains this name as a word of its own, in any case.
fn mentions(text: &str, name: &str) -> bool {
    let wanted = escape_line(name).to_lowercase();
    let mut rest = text;
    while let Some((from, to)) = transcript::find_folded(rest, &wanted) {
        let before = rest[..from].chars().next_back();
        let after = rest[to..].chars().next();
        let alone = |char: Option<char>| char.is_none_or(|char| !char.is_alphanumeric());
        if alone(before) && alone(after) {
            return true;
        }
        let next = rest[from..].chars().next().map_or(1, char::len_utf8);
        rest = &rest[from + next..];
    }
    false
}

#[cfg(test)]
mod tests;
