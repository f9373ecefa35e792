//! The effects of keys: writing, sending, and leaving.
//!
//! Not here: scrolling and searching (`navigation`, `recall`).

use super::completion::Completion;
use super::editor::Motion;
use super::input::{RowStep, place_beside};
use super::keys::Action;
use super::{Effect, Mode, Screen, help, view};
use crate::stdin::{Doubt, Missing, Mistake, parse_line};
use ringtalk_session::text::escape_line;
use ringtalk_session::{Command, FaceCommand, MessageText, Presence};

/// The maximum number of texts of the user that may wait to be sent. They wait because the node slows its user down
/// when others cannot keep up.
const MAX_UNSENT: usize = 1_000;

/// The state that the last key left for the next one, which may continue it.
#[derive(Debug, Default)]
pub(super) struct LastKey {
    completion: Option<Completion>,
    /// The text in the input line, if the screen has just asked whether to send it.
    doubted: Option<String>,
    /// True if the next arrow key picks a message.
    may_pick: bool,
    /// True if the key cut a line, so that the next cut belongs to it.
    has_cut: bool,
    /// The column in which the cursor went up or down, and stays even beyond a shorter row.
    column: Option<usize>,
}

impl Screen {
    pub(super) fn act(&mut self, action: Action) {
        match self.mode {
            Mode::Writing => self.write(action),
            Mode::ConfirmingExit { by_default } => self.answer_prompt(action, by_default),
            Mode::Searching(_) => self.search(action.without_rows()),
            Mode::Recalling(_) => self.recall(action.without_rows()),
            Mode::Picking(pick) => self.act_on_pick(action.without_rows(), pick),
            Mode::Help(_) => self.read_help(action.without_rows()),
            Mode::TextOnly(_) | Mode::Leaving => {}
        }
    }

    /// Inserts a paste. However many lines it has, it becomes one message. It answers no question.
    pub(super) fn paste(&mut self, text: &str) {
        self.last_key = LastKey::default();
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        match &self.mode {
            Mode::Writing | Mode::ConfirmingExit { .. } | Mode::Picking(_) | Mode::TextOnly(_) => {
                self.mode = Mode::Writing;
                self.insert(lines.trim_end_matches('\n'));
            }
            Mode::Searching(_) => self.narrow_search(&lines),
            Mode::Recalling(_) => self.narrow_recall(&lines),
            Mode::Help(_) | Mode::Leaving => {}
        }
    }

    fn write(&mut self, action: Action) {
        let last = std::mem::take(&mut self.last_key);
        match action {
            Action::Insert(char) => self.insert(char.encode_utf8(&mut [0; 4])),
            Action::Newline => self.insert("\n"),
            Action::Send => self.send(last.doubted.as_deref()),
            Action::Go(motion) => self.editor.go(motion),
            Action::Delete(motion) => self.editor.delete(motion),
            Action::Kill(motion) => self.kill(motion, last.has_cut),
            Action::Yank => {
                if !self.editor.yank() {
                    self.warn(&Mistake::NoRoom.to_string());
                }
            }
            Action::Undo => {
                self.editor.undo();
            }
            Action::Redo => {
                self.editor.redo();
            }
            Action::Transpose => self.editor.transpose(),
            Action::PickOlder | Action::PickNewer => {
                self.begin_picking();
            }
            Action::Up | Action::Down | Action::Older | Action::Newer
                if last.may_pick && self.begin_picking() => {}
            Action::Up => self.go_to_row(&last, RowStep::Up),
            Action::Down => self.go_to_row(&last, RowStep::Down),
            Action::Older => self.go_to_line(RowStep::Up),
            Action::Newer => self.go_to_line(RowStep::Down),
            Action::Complete => self.complete(last.completion),
            Action::PageUp => self.page_up(),
            Action::PageDown => self.page_down(),
            Action::Top => self.go_to_top(),
            Action::Bottom => self.follow(),
            Action::Escape => {
                self.follow();
                self.last_key.may_pick = true;
            }
            Action::RecallLine => self.begin_recall(),
            Action::SearchTalk => self.begin_search(""),
            Action::Help => self.show_help(),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::EndOfInput if !self.editor.is_empty() => self.editor.delete(Motion::Right),
            Action::Interrupt if !self.editor.is_empty() || self.history.back() > 0 => {
                self.history.clear(&mut self.editor);
            }
            Action::EndOfInput | Action::Interrupt => {
                self.ask_to_leave(true);
            }
        }
    }

    /// Moves the cursor by a row. Beyond the first and the last row, goes to another line.
    fn go_to_row(&mut self, last: &LastKey, step: RowStep) {
        let (text, cursor) = (self.editor.text(), self.editor.cursor());
        let room = view::input_room(self);
        let place = place_beside(text, cursor, room, step, last.column);
        match place {
            Some(place) => {
                self.editor.go_to(place.at);
                self.last_key.column = Some(place.column);
            }
            None => self.go_to_line(step),
        }
    }

    fn go_to_line(&mut self, step: RowStep) {
        match step {
            RowStep::Up => self.history.older(&mut self.editor),
            RowStep::Down => self.history.newer(&mut self.editor),
        }
    }

    /// Returns true if the next arrow key picks a message.
    pub(super) fn may_pick(&self) -> bool {
        self.last_key.may_pick && self.has_messages()
    }

    /// Cuts text out of the line. The arrow keys bring back a line that was cut, as it was before the first cut.
    fn kill(&mut self, motion: Motion, was_cutting: bool) {
        let before = self.editor.text().to_owned();
        let cuts_line = matches!(motion, Motion::Start | Motion::End);
        let has_cut = self.editor.kill(motion);
        if cuts_line && has_cut && !was_cutting {
            self.history.keep(&before);
        }
        self.last_key.has_cut = cuts_line && (has_cut || was_cutting);
    }

    /// Handles a key while the screen asks whether to leave. A key that is no answer does what it always does.
    fn answer_prompt(&mut self, action: Action, by_default: bool) {
        match action {
            Action::Insert('y' | 'Y') => self.leave(),
            Action::Send | Action::Interrupt if by_default => self.leave(),
            Action::Insert('n' | 'N') | Action::Escape | Action::Send => self.mode = Mode::Writing,
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            other => {
                self.mode = Mode::Writing;
                self.write(other);
            }
        }
    }

    /// Returns true if the node takes typed requests. Until it is ready, it takes only the request to leave, which
    /// must not wait behind anything else.
    pub(super) const fn may_send(&self) -> bool {
        self.state.ready || matches!(self.mode, Mode::Leaving)
    }

    /// Asks the node to leave.
    pub(super) fn leave(&mut self) {
        if !self.state.ready {
            self.effects.push_back(Effect::DiscardUnsent);
        }
        self.mode = Mode::Leaving;
        self.effects.push_back(Effect::Send(Command::Quit));
    }

    fn insert(&mut self, text: &str) {
        if !self.editor.insert(text) {
            self.warn(&Mistake::NoRoom.to_string());
        }
    }

    fn complete(&mut self, begun: Option<Completion>) {
        let names: Vec<String> = self
            .state
            .members
            .iter()
            .flat_map(|members| members.iter())
            .filter(|member| member.id != self.state.me.id)
            .map(|member| escape_line(&member.name))
            .collect();
        let before = &self.editor.text()[..self.editor.cursor()];
        let find = || Completion::find(before, names.iter().map(String::as_str));
        if let Some(mut completion) = begun.or_else(find) {
            let choice = completion.next().to_owned();
            if self.editor.replace_from(completion.start, &choice) {
                self.last_key.completion = Some(completion);
            }
        }
    }

    /// Sends the input text, or runs it as a command. A text with a mistake stays, to be corrected. So does one that
    /// may be meant in another way, unless the user was just asked about this very text: `asked`.
    fn send(&mut self, asked: Option<&str>) {
        let text = self.editor.text();
        if text.trim().is_empty() {
            self.history.accept(&mut self.editor);
            return;
        }
        match Doubt::about(text) {
            Err(mistake) => return self.refuse(&mistake),
            Ok(Some(doubt)) => return self.ask(doubt, asked),
            Ok(None) => {}
        }
        match parse_line(text.to_owned()) {
            None => {}
            Some(Err(mistake)) => self.refuse(&mistake),
            Some(Ok(Command::Say(_, words))) => self.say(words),
            Some(Ok(
                Command::Create(_)
                | Command::Join(_)
                | Command::Go(_)
                | Command::Leave(_)
                | Command::Rooms,
            )) => {
                let what = Missing::RoomsOnScreen;
                self.refuse(&Mistake::NotBuilt { what });
            }
            Some(Ok(command)) => {
                self.history.accept(&mut self.editor);
                self.run_command(command);
            }
        }
    }

    /// Asks whether to send a text. Sends it if the user was just asked about this very text.
    fn ask(&mut self, doubt: Doubt, asked: Option<&str>) {
        let text = self.editor.text().to_owned();
        let Ok(words) = MessageText::try_from(text.clone()) else {
            return self.refuse(&Mistake::TooLong);
        };
        if asked == Some(text.as_str()) {
            self.say(words);
        } else {
            self.follow();
            self.warn(&doubt.to_string());
            self.last_key.doubted = Some(text);
        }
    }

    /// Sends a message, if not too many wait already.
    fn say(&mut self, text: MessageText) {
        if self.unsent.len() >= MAX_UNSENT {
            let text =
                "not sent: too many messages are waiting, because a member is slow; try again soon";
            self.warn(text);
            return;
        }
        self.history.accept(&mut self.editor);
        self.unsent.push_back(text.as_str().to_owned());
        self.unread = None;
        self.follow();
        self.effects.push_back(Effect::Send(Command::say(text)));
    }

    /// Tells the user why the line is not sent. It stays, and the arrow keys bring it back too.
    fn refuse(&mut self, mistake: &Mistake) {
        let text = self.editor.text().to_owned();
        self.history.keep(&text);
        self.follow();
        self.warn(&mistake.to_string());
        if mistake.may_mean_quit() {
            self.ask_to_leave(false);
        }
    }

    /// Carries out what needs no node.
    fn run_face_command(&mut self, command: FaceCommand) {
        match command {
            FaceCommand::Search(text) => self.begin_search(&text),
            FaceCommand::Save(file) => self.effects.push_back(Effect::Save(file)),
            FaceCommand::Mute(_) | FaceCommand::Notify(_) => {
                self.effects.push_back(Effect::Attend(command));
            }
            FaceCommand::Away(ref reason) => {
                let presence = Presence::Away(reason.clone().unwrap_or_default());
                self.effects.push_back(Effect::Attend(command));
                self.effects
                    .push_back(Effect::Send(Command::Tell(presence)));
            }
            FaceCommand::Back => {
                self.effects.push_back(Effect::Attend(command));
                let back = Command::Tell(Presence::Back);
                self.effects.push_back(Effect::Send(back));
            }
        }
    }

    /// Runs a command. The screen answers it if possible, and passes it to the node otherwise.
    fn run_command(&mut self, command: Command) {
        self.follow();
        match command {
            Command::Quit => self.leave(),
            Command::Say(..) | Command::Name(_) | Command::Invite | Command::Transcript(_) => {
                self.effects.push_back(Effect::Send(command));
            }
            Command::Face(command) => self.run_face_command(command),
            known => {
                if let Some(result) = self.state.answer(&known) {
                    self.show_local_answer(result, &known);
                }
                if known == Command::Help {
                    for line in help::key_lines() {
                        self.notice(&line);
                    }
                }
            }
        }
    }
}
