//! The full screen: its content, as a function of the events and the user's input.
//!
//! [`Screen`] takes events and keys, and does no I/O. `view` draws it, and `task` connects it to the terminal and the
//! driver. Not here: the sentences about events (`sentences`).

mod arrivals;
mod calendar;
mod completion;
mod deliveries;
mod draft;
mod editor;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod help;
mod history;
mod input;
mod invite;
mod keys;
mod labels;
mod layout;
mod members;
mod navigation;
mod picking;
mod presence;
mod query;
mod recall;
mod runs;
mod scroll;
mod status_line;
mod surroundings;
mod task;
mod text_only;
mod text_rows;
mod transcript;
mod unseen;
mod urls;
mod view;
mod widths;
mod writing;

use std::collections::VecDeque;
use std::time::Instant;

use ratatui::layout::Size;
use ringtalk_session::{
    Answer, Command, CommandError, Event, FaceCommand, Goodbye, Me, Reply, State,
};

use crate::attention::{Attention, AttentionSettings};
use crate::display_item::DisplayItem;
use crate::saved_talk::{SaveError, SavedMessage};
use crate::sentences::{self, Sentence, SentenceKind};
use crate::stdin::Mistake;
use crate::timestamp::local_date;
use crate::tty::{NotificationKind, TerminalEvent};
use crate::visit::{Visit, count};
use calendar::Calendar;
use deliveries::{Deliveries, Delivery};
use editor::Editor;
use history::History;
use keys::Action;
use layout::Colors;
use navigation::Search;
use picking::Pick;
use presence::Step;
use recall::Recall;
use ringtalk_session::text::{escape_line, escape_multiline};
use scroll::RowPosition;
use text_only::TextOnly;
use transcript::{Entry, Transcript};
use unseen::Unseen;
use writing::LastKey;

pub(crate) use task::ScreenSetup;

/// An effect outside the screen, which `task` carries out. The order of effects is kept.
#[derive(Debug)]
enum Effect {
    /// Pass this command to the node.
    Send(Command),
    /// Discard the requests that were not passed on yet.
    DiscardUnsent,
    Bell,
    /// Show this notification, which is harmless already.
    Notify(NotificationKind, String),
    /// Carry this out at the present time.
    Attend(FaceCommand),
    /// Put this text into the clipboard.
    Copy(String),
    /// Write the messages to this file, and show what came of it.
    Save(String),
    /// Paint everything again.
    Repaint,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Give the terminal back, and say these lines there: there is nothing more to show.
    End(Vec<String>),
}

/// The mode, which decides what keys do.
#[derive(Debug, Default)]
enum Mode {
    #[default]
    Writing,
    /// The user searches the talk for a text.
    Searching(Search),
    /// The user searches for a line that they wrote before.
    Recalling(Recall),
    /// The user has picked a message.
    Picking(Pick),
    /// The talk is shown without anything around it.
    TextOnly(TextOnly),
    /// The help is shown, from this row on.
    Help(usize),
    /// The screen asks the user whether to leave.
    ConfirmingExit {
        /// True if Enter and Ctrl+C mean yes. They do not after a line that began as `/quit` and went on.
        by_default: bool,
    },
    /// This node is leaving.
    Leaving,
}

/// The content of the screen.
#[derive(Debug)]
struct Screen {
    state: State,
    calendar: Calendar,
    visit: Visit,
    colors: Colors,
    size: Size,
    transcript: Transcript,
    /// The last row on the screen; `None` while it follows the newest one.
    bottom: Option<RowPosition>,
    /// The first entry that came while the user was not looking.
    unread: Option<u64>,
    /// The number of messages that have come below the last row on the screen.
    below: usize,
    unseen: Unseen,
    mode: Mode,
    editor: Editor,
    history: History,
    last_key: LastKey,
    /// The user's own texts that the node has not sent yet, oldest first.
    unsent: VecDeque<String>,
    deliveries: Deliveries,
    attention: Attention,
    effects: VecDeque<Effect>,
}

impl Screen {
    /// Creates the empty screen of a node that has just started.
    fn new(
        me: Me,
        calendar: Calendar,
        colors: bool,
        size: Size,
        attention: AttentionSettings,
    ) -> Self {
        Self {
            state: State::new(me),
            calendar,
            visit: Visit::new(),
            colors: Colors(colors),
            size,
            transcript: Transcript::default(),
            bottom: None,
            unread: None,
            below: 0,
            unseen: Unseen::default(),
            mode: Mode::Writing,
            editor: Editor::default(),
            history: History::default(),
            last_key: LastKey::default(),
            unsent: VecDeque::new(),
            deliveries: Deliveries::default(),
            attention: Attention::new(attention),
            effects: VecDeque::new(),
        }
    }

    /// Updates the screen with an item.
    fn show(&mut self, item: &DisplayItem, now: Instant) {
        match item {
            DisplayItem::Event(event) => self.apply_event(event, now),
            DisplayItem::Answer(answer) => self.show_answer(answer),
            DisplayItem::Withheld(withheld) => {
                if let Some(clock) = self.state.clock_of(&withheld.room) {
                    clock.advance(withheld.author, withheld.to);
                }
                self.push_sentences(vec![sentences::of_withheld(withheld, &self.state)]);
            }
        }
        self.keep_pick_in_view();
    }

    /// Handles an event from the terminal.
    fn handle_terminal_event(&mut self, event: TerminalEvent) {
        match event {
            TerminalEvent::Key(key) => {
                if let Mode::TextOnly(view) = self.mode {
                    self.mode = Mode::Picking(Pick::of(view.picked));
                    self.keep_pick_in_view();
                } else if let Some(action) = keys::action(key)
                    && self.may_take(action)
                {
                    self.act(action);
                }
            }
            TerminalEvent::Paste(text) if self.size.area() > 0 => self.paste(&text),
            TerminalEvent::Paste(_) => {}
            TerminalEvent::PasteTooLong => self.warn(&Mistake::NoRoom.to_string()),
            TerminalEvent::Resize(width, height) => {
                self.size = Size::new(width, height);
                self.keep_pick_in_view();
                self.effects.push_back(Effect::Repaint);
            }
            TerminalEvent::WheelUp => self.turn_wheel(true),
            TerminalEvent::WheelDown => self.turn_wheel(false),
            TerminalEvent::FocusLost => {
                self.look_away();
                self.unseen.set_focus(false);
            }
            TerminalEvent::FocusGained => self.unseen.set_focus(true),
        }
        self.update_unseen();
    }

    /// Returns true if the user sees what an action does. A window without rows or columns shows nothing, so nothing
    /// can be written and sent there, but the user can leave.
    fn may_take(&self, action: Action) -> bool {
        self.size.area() > 0 || action == Action::Interrupt
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
        self.visit.record(event, now);
        match event {
            // Rooms are not on the full screen yet.
            Event::Message(message) if !self.state.is_main(&message.room) => return,
            Event::Message(message) => self.show_message(message, now),
            Event::Reached {
                first,
                last,
                members,
                complete,
            } => {
                let changed = self
                    .deliveries
                    .record_reach(*first, *last, *members, *complete);
                self.set_deliveries(changed);
            }
            Event::Left(person) => return self.show_presence(person, Step::Left),
            Event::Failed(person) => return self.show_presence(person, Step::Failed),
            Event::Joined(person) => {
                self.alert_of_join(person, now);
                return self.show_presence(person, Step::Joined);
            }
            Event::Goodbye { reason } => return self.end(*reason, now),
            Event::Ready { .. } if self.state.joining.fetched() > 0 => {
                self.notice("that was before you joined");
            }
            _ => {}
        }
        self.push_sentences(sentences::of_event(event, &self.state));
    }

    /// Ends the screen with what its user reads after leaving.
    fn end(&mut self, reason: Goodbye, now: Instant) {
        let mut words = Vec::new();
        if let Some(end) = self.visit.describe_end(reason, &self.state, now) {
            let invite = sentences::of_invite_without_me(&self.state).into_iter();
            words.extend(invite.map(|sentence| escape_line(&sentence.text)));
            words.push(end);
        } else if !self.unsent.is_empty() {
            words.push(format!(
                "not sent: {}",
                count(self.unsent.len() as u64, "message", "messages")
            ));
        }
        self.effects.push_back(Effect::End(words));
    }

    /// Marks the user's own messages with their delivery.
    fn set_deliveries(&mut self, changed: Vec<(u64, Delivery)>) {
        for (entry, delivery) in changed {
            self.transcript.set_delivery(entry, delivery);
        }
    }

    fn show_answer(&mut self, answer: &Answer) {
        if let Ok(Reply::Invite(invite)) = &answer.result {
            // Above the command, which is what most people want: a small window shows the last rows.
            let picture = invite::draw_qr_code(invite.as_str());
            self.transcript.extend(picture.map(Entry::Picture));
        }
        self.push_sentences(sentences::of_answer(answer, &self.state));
        if matches!(answer.result, Ok(Reply::Clear)) {
            self.clear();
        }
    }

    /// Asks whether to leave. If newcomers need another invite then, it is shown first, so that it can be copied.
    fn ask_to_leave(&mut self, by_default: bool) {
        self.mode = Mode::ConfirmingExit { by_default };
        let sentences = sentences::of_invite_after_me(&self.state);
        let Some(command) = sentences.last() else {
            return;
        };
        self.follow();
        let newest = self.transcript.newest().map(Entry::text);
        if newest != Some(escape_line(&command.text).as_str()) {
            self.push_sentences(sentences);
        }
    }

    /// Returns true if nobody else is here.
    fn is_alone(&self) -> bool {
        let members = self.state.members.as_ref();
        members.is_none_or(|members| members.len() <= 1)
    }

    /// Shows an answer that does not need the node.
    fn show_local_answer(&mut self, result: Result<Reply, CommandError>, command: &Command) {
        self.show_answer(&Answer {
            command: command.name(),
            by_program: false,
            tag: None,
            result,
        });
    }

    /// Shows what came of saving the talk.
    fn show_saved(&mut self, saved: Result<String, SaveError>) {
        let said = self.visit.record_save(saved);
        self.push_sentences(vec![said]);
    }

    /// Carries out a command about the user's attention.
    fn attend(&mut self, command: &FaceCommand, now: Instant) {
        let said = self.attention.run(command, now);
        self.push_sentences(said);
    }

    /// Returns the messages for a file, oldest first.
    fn to_save(&self) -> impl Iterator<Item = SavedMessage<'_>> {
        let offset = self.calendar.offset;
        self.transcript.iter().filter_map(move |entry| match entry {
            Entry::Message(message) => Some(SavedMessage {
                day: local_date(message.said_ms, offset),
                time: &message.time,
                room: "",
                name: &message.name,
                is_action: message.is_action,
                text: &message.text,
            }),
            _ => None,
        })
    }

    fn push_sentences(&mut self, sentences: Vec<Sentence>) {
        for Sentence { kind, text } in sentences {
            match kind {
                SentenceKind::Notice | SentenceKind::Table => self.notice(&text),
                SentenceKind::Warning => self.warn(&text),
                SentenceKind::ShellCommand => {
                    self.transcript.push(Entry::Command(escape_line(&text)));
                }
            }
        }
    }

    fn notice(&mut self, text: &str) {
        let (time, text) = (self.calendar.time_of_day(), escape_multiline(text));
        self.push_remark(Entry::Notice { time, text });
    }

    fn warn(&mut self, text: &str) {
        let (time, text) = (self.calendar.time_of_day(), escape_multiline(text));
        self.push_remark(Entry::Warning { time, text });
    }

    fn push_remark(&mut self, remark: Entry) {
        let day = self.calendar.go_on_to(self.calendar.now_ms());
        self.transcript.extend(day.map(Entry::Day));
        self.transcript.push(remark);
    }

    fn clear(&mut self) {
        self.transcript.clear();
        if matches!(self.mode, Mode::Picking(_) | Mode::TextOnly(_)) {
            self.mode = Mode::Writing;
        }
        self.bottom = None;
        self.unread = None;
        self.below = 0;
    }
}

#[cfg(test)]
mod tests;
