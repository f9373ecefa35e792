//! What was typed and not taken yet, and what each line does.
//!
//! Lines wait here, and then in the pipe to this process, until the core has room for them. Not
//! here: how stdin is read (`stdin`).

use std::collections::VecDeque;

use ringtalk_proto::{Draft, Input};
use ringtalk_wire::Text;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::{Driver, Ending, LINES, wall_clock_ms};
use crate::face::{Goodbye, Told};
use crate::stdin::{Batch, Command, Typed};

/// Lines on their way to the core.
#[derive(Debug)]
pub(super) struct Typing {
    batches: Option<Receiver<Batch>>,
    lines: VecDeque<Typed>,
}

impl Typing {
    /// Begins with the first lines.
    pub(super) fn new(first: Batch, batches: Receiver<Batch>) -> Self {
        Self {
            batches: Some(batches),
            lines: first.into(),
        }
    }

    /// Waits for the next lines; for ever while there are some that were not taken yet, and after
    /// the last.
    pub(super) async fn wait(&mut self) {
        match &mut self.batches {
            Some(batches) if self.lines.is_empty() => match batches.recv().await {
                Some(batch) => self.lines.extend(batch),
                None => self.batches = None,
            },
            _ => std::future::pending().await,
        }
    }

    /// The next line, if it is there already.
    fn peek(&mut self) -> Option<&Typed> {
        if let Some(batches) = &mut self.batches
            && self.lines.is_empty()
        {
            match batches.try_recv() {
                Ok(batch) => self.lines.extend(batch),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.batches = None,
            }
        }
        self.lines.front()
    }

    fn is_over(&self) -> bool {
        self.batches.is_none() && self.lines.is_empty()
    }
}

impl Driver {
    /// Takes what was typed, as much as there is room for, up to a limit: others want to be heard
    /// as well.
    pub(super) fn take_lines(&mut self) {
        let mut draft = Draft::default();
        for _ in 0..LINES {
            if !self.can_take_line(&draft) {
                break;
            }
            let Some(line) = self.typing.lines.pop_front() else {
                break;
            };
            match line {
                Typed::Text(text) => {
                    let text = Text {
                        timestamp_ms: wall_clock_ms(),
                        text: text.into(),
                    };
                    if let Err(Text { text, .. }) = draft.push(text) {
                        self.typing.lines.push_front(Typed::Text(text.to_string()));
                        break;
                    }
                }
                Typed::Command(command) => {
                    self.say(std::mem::take(&mut draft));
                    self.obey(command);
                }
                Typed::Mistake(mistake) => self.face.tell(Told::Error {
                    code: mistake.code(),
                    message: mistake.to_string(),
                }),
            }
        }
        self.say(draft);
        if self.is_to_leave() {
            self.depart(Ending::asked(Goodbye::EndOfInput));
        }
    }

    /// True where `take_lines` would do something now.
    pub(super) fn has_lines_to_take(&mut self) -> bool {
        self.can_take_line(&Draft::default()) || self.is_to_leave()
    }

    /// True where everything typed was taken, and its end is the node's end.
    fn is_to_leave(&self) -> bool {
        let over = self.typing.is_over() && self.quit_on_eof && self.face.is_ready();
        over && self.leaving.is_none() && self.ended.is_none()
    }

    /// True where a line waits that can be taken now, beside a draft. Until the node is ready, that is `/quit`.
    fn can_take_line(&mut self, draft: &Draft) -> bool {
        if self.leaving.is_some() || self.ended.is_some() {
            return false;
        }
        let ready = self.face.is_ready();
        let has_room = ready && self.node.accepts_beside(draft);
        match self.typing.peek() {
            None => false,
            Some(Typed::Command(Command::Quit)) => true,
            Some(Typed::Text(_)) => has_room,
            Some(Typed::Command(_) | Typed::Mistake(_)) => ready,
        }
    }

    fn say(&mut self, draft: Draft) {
        if !draft.is_empty() {
            self.feed(Input::Say(draft));
        }
    }

    fn obey(&mut self, command: Command) {
        // An answer comes after everything that happened before the question.
        self.drain();
        match command {
            Command::Quit => self.depart(Ending::asked(Goodbye::Quit)),
            Command::Name(name) => {
                self.face.wishes(name.as_str());
                let name = name.to_string();
                self.feed(Input::Rename { name });
            }
            Command::Transcript => {
                let transcript = self.node.transcript();
                self.face.tell(Told::Transcript(transcript));
            }
            Command::Clear => self.face.tell(Told::Clear),
            Command::Who => self.face.tell(Told::Who),
            Command::Ring => self.face.tell(Told::Ring),
            Command::Invite => self.face.tell(Told::Invite),
            Command::Help => self.face.tell(Told::Help),
        }
    }
}
