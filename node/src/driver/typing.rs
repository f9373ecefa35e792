//! What was asked for and not taken yet, and what each request does.
//!
//! Requests wait here, and then in the pipe to this process, until the core has room for them. Not
//! here: how stdin is read (`ringtalk-terminal`).

use std::collections::VecDeque;

use ringtalk_proto::{Draft, Input};
use ringtalk_session::{Asker, Command, CommandError, Goodbye, Reply, Request};
use ringtalk_wire::Text;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::{Driver, Ending, LINES, wall_clock_ms};

/// Requests on their way to the core.
#[derive(Debug)]
pub(super) struct Typing {
    batches: Option<Receiver<Vec<Request>>>,
    requests: VecDeque<Request>,
}

impl Typing {
    /// Begins with the first ones.
    pub(super) fn new(first: Vec<Request>, batches: Receiver<Vec<Request>>) -> Self {
        Self {
            batches: Some(batches),
            requests: first.into(),
        }
    }

    /// Waits for the next requests; for ever while there are some that were not taken yet, and after
    /// the last.
    pub(super) async fn wait(&mut self) {
        match &mut self.batches {
            Some(batches) if self.requests.is_empty() => match batches.recv().await {
                Some(batch) => self.requests.extend(batch),
                None => self.batches = None,
            },
            _ => std::future::pending().await,
        }
    }

    /// Somebody else asks.
    pub(super) fn push(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    /// True where all was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The next request, if it is there already.
    fn peek(&mut self) -> Option<&Request> {
        if let Some(batches) = &mut self.batches
            && self.requests.is_empty()
        {
            match batches.try_recv() {
                Ok(batch) => self.requests.extend(batch),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.batches = None,
            }
        }
        self.requests.front()
    }

    fn is_over(&self) -> bool {
        self.batches.is_none() && self.requests.is_empty()
    }
}

impl Driver {
    /// Takes what was asked for, as much as there is room for, up to a limit: others want to be heard
    /// as well.
    pub(super) fn take_requests(&mut self) {
        let mut draft = Draft::default();
        for _ in 0..LINES {
            if !self.can_take_request(&draft) {
                break;
            }
            let Some(Request { command, asker }) = self.typing.requests.pop_front() else {
                break;
            };
            match command {
                Err(error) => {
                    self.say(std::mem::take(&mut draft));
                    self.drain();
                    self.session.answer("", asker, Err(error));
                }
                Ok(command) if !self.session.is_ready() && command != Command::Quit => {
                    let error = CommandError::not_ready();
                    self.session.answer(command.name(), asker, Err(error));
                }
                Ok(Command::Say(text)) => {
                    let said = Text {
                        timestamp_ms: wall_clock_ms(),
                        text: text.into(),
                    };
                    if let Err(Text { text, .. }) = draft.push(said) {
                        let command = Ok(Command::Say(text.to_string()));
                        self.typing.requests.push_front(Request { command, asker });
                        break;
                    }
                    self.session.says(asker);
                }
                Ok(command) => {
                    self.say(std::mem::take(&mut draft));
                    self.obey(command, asker);
                }
            }
        }
        self.say(draft);
        if self.is_to_leave() {
            self.depart(Ending::asked(Goodbye::EndOfInput));
        }
    }

    /// True where `take_requests` would do something now.
    pub(super) fn has_requests_to_take(&mut self) -> bool {
        self.can_take_request(&Draft::default()) || self.is_to_leave()
    }

    /// True where everything typed was taken, and its end is the node's end.
    fn is_to_leave(&self) -> bool {
        let over = self.typing.is_over() && self.quit_on_eof && self.session.is_ready();
        over && !self.departure.has_begun()
    }

    /// True where a request waits that can be taken now, beside a draft. What somebody types waits until the node is ready; a
    /// program is told that it is not.
    fn can_take_request(&mut self, draft: &Draft) -> bool {
        if self.departure.has_begun() {
            return false;
        }
        let ready = self.session.is_ready();
        let has_room = self.node.accepts_beside(draft);
        let may_answer = self.session.has_room();
        let Some(request) = self.typing.peek() else {
            return false;
        };
        let waits = matches!(request.asker, Asker::Typist);
        match request.command {
            Ok(Command::Quit) => true,
            _ if !may_answer => false,
            _ if !ready => !waits,
            Ok(Command::Say(_)) => has_room,
            _ => true,
        }
    }

    fn say(&mut self, draft: Draft) {
        if !draft.is_empty() {
            self.feed(Input::Say(draft));
        }
    }

    fn obey(&mut self, command: Command, asker: Asker) {
        // An answer comes after everything that happened before the question.
        self.drain();
        let name = command.name();
        let known = self.session.state().answer(&command);
        let reply = known.unwrap_or_else(|| match command {
            Command::Transcript => Reply::Transcript(self.node.transcript()),
            other => {
                self.carry_out(other);
                Reply::Asked
            }
        });
        self.session.answer(name, asker, Ok(reply));
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Quit => self.depart(Ending::asked(Goodbye::Quit)),
            Command::Name(wish) => {
                self.session.wishes(wish.as_str());
                let name = wish.to_string();
                self.feed(Input::Rename { name });
            }
            // Texts are said together, and the others ask for an answer only.
            _ => {}
        }
    }
}
