//! The effects of keys: writing, sending, and leaving.
//!
//! Not here: scrolling and searching (`reading`).

use super::completion::Completion;
use super::editor::Motion;
use super::keys::Action;
use super::{Effect, Mode, Screen};
use crate::stdin::{Mistake, parse_line};
use ringtalk_session::Command;
use ringtalk_session::text::escape_line;

/// The maximum number of texts of the user that may wait to be sent. They wait because the node slows its user down
/// when others cannot keep up.
const MAX_UNSENT: usize = 1_000;

impl Screen {
    pub(super) fn act(&mut self, action: Action) {
        match self.mode {
            Mode::Writing => self.write(action),
            Mode::Searching(_) => self.search(action),
            Mode::ConfirmingExit => self.answer_prompt(action),
            Mode::Leaving => {}
        }
    }

    /// Inserts a paste. However many lines it has, it becomes one message.
    pub(super) fn paste(&mut self, text: &str) {
        self.completion = None;
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        match &mut self.mode {
            Mode::Writing => self.insert(lines.trim_end_matches('\n')),
            Mode::Searching(search) => {
                search.add(&lines);
                self.find_older(true);
            }
            Mode::ConfirmingExit | Mode::Leaving => {}
        }
    }

    fn write(&mut self, action: Action) {
        let completion = self.completion.take();
        match action {
            Action::Insert(char) => self.insert(char.encode_utf8(&mut [0; 4])),
            Action::Newline => self.insert("\n"),
            Action::Send => self.send(),
            Action::Go(motion) => self.editor.go(motion),
            Action::Delete(motion) => self.editor.delete(motion),
            Action::Kill(motion) => self.editor.kill(motion),
            Action::Yank => {
                self.editor.yank();
            }
            Action::Transpose => self.editor.transpose(),
            Action::Older => {
                if let Some(line) = self.history.older(self.editor.text()) {
                    self.editor.set(line);
                }
            }
            Action::Newer => {
                if let Some(line) = self.history.newer() {
                    self.editor.set(line);
                }
            }
            Action::Complete => self.complete(completion),
            Action::PageUp => self.page_up(),
            Action::PageDown => self.page_down(),
            Action::Top => self.go_to_top(),
            Action::Bottom | Action::Escape => self.follow(),
            Action::Search | Action::SearchBack => self.begin_search(),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::EndOfInput if !self.editor.is_empty() => self.editor.delete(Motion::Right),
            Action::Interrupt if !self.editor.is_empty() => {
                self.editor.take();
            }
            Action::EndOfInput | Action::Interrupt => self.mode = Mode::ConfirmingExit,
        }
    }

    fn answer_prompt(&mut self, action: Action) {
        match action {
            Action::Insert('y' | 'Y') | Action::Send | Action::Interrupt => self.leave(),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            _ => self.mode = Mode::Writing,
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
            self.warn(&Mistake::TooLong.to_string());
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
            self.editor.replace_from(completion.start, &choice);
            self.completion = Some(completion);
        }
    }

    /// Sends the input text, or runs it as a command. A text with a mistake stays, to be corrected.
    fn send(&mut self) {
        if self.editor.text().trim().is_empty() {
            self.editor.take();
            return;
        }
        match parse_line(self.editor.text().to_owned()) {
            None => {}
            Some(Err(mistake)) => self.warn(&mistake.to_string()),
            Some(Ok(Command::Say(_))) if self.unsent.len() >= MAX_UNSENT => {
                let text = "not sent: too many messages are waiting, because a member is slow; try again soon";
                self.warn(text);
            }
            Some(Ok(Command::Say(text))) => {
                self.remember_line();
                self.unsent.push_back(text.as_str().to_owned());
                self.unread = None;
                self.follow();
                self.effects.push_back(Effect::Send(Command::Say(text)));
            }
            Some(Ok(command)) => {
                self.remember_line();
                self.run_command(command);
            }
        }
    }

    fn remember_line(&mut self) {
        let line = self.editor.take();
        self.history.add(&line);
    }

    /// Runs a command. The screen answers it if possible, and passes it to the node otherwise.
    fn run_command(&mut self, command: Command) {
        self.follow();
        match command {
            Command::Quit => self.leave(),
            Command::Say(_) | Command::Name(_) | Command::Transcript => {
                self.effects.push_back(Effect::Send(command));
            }
            known => {
                if let Some(reply) = self.state.answer(&known) {
                    self.show_local_answer(reply, &known);
                }
                if known == Command::Help {
                    for line in KEY_HELP {
                        self.notice(line);
                    }
                }
            }
        }
    }
}

/// The lines that `/help` adds on the full screen.
const KEY_HELP: [&str; 6] = [
    "Tab completes names and commands; ↑ and ↓ bring back earlier input",
    "PgUp, PgDn, Ctrl+Home, Ctrl+End and Esc scroll; Ctrl+R searches",
    "Alt+Enter or Ctrl+J starts another line; a paste is one message",
    "Ctrl+A E B F W U K Y T, Alt+B F D: as in the shell; Ctrl+L repaints; Ctrl+Z suspends",
    "Ctrl+C clears the line; on an empty line it asks whether to leave",
    "your messages: … before one: it waits to be sent; after one: · sent, ✓ delivered to everyone",
];
