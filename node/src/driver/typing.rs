//! The requests that were not taken yet, and what each does.
//!
//! Requests wait here, and then in the pipe to this process, until the core has room for them. Requests from handles
//! and typed requests do not wait for each other. Not here: how stdin is read (`ringtalk-terminal`).

use std::collections::VecDeque;

use ringtalk_proto::{Draft, Input};
use ringtalk_session::{Asker, Code, Command, CommandError, Goodbye, Reply, Request, Words};
use ringtalk_wire::Text;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::{Driver, Ending, LINES, wall_clock_ms};

/// A queue of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Queue {
    /// The requests of the command line, which come once, before anything that is typed.
    First,
    /// Requests that are typed, or written to stdin by a program.
    Typed,
    /// Messages from handles.
    Handles,
}

/// Requests on their way to the core.
#[derive(Debug)]
pub(super) struct Typing {
    batches: Option<Receiver<Vec<Request>>>,
    first: VecDeque<Request>,
    typed: VecDeque<Request>,
    handles: VecDeque<Request>,
    /// The queue that was served last; the other one is next.
    last: Queue,
}

impl Typing {
    /// Creates the queues, with the first requests.
    pub(super) fn new(first: Vec<Request>, batches: Receiver<Vec<Request>>) -> Self {
        Self {
            batches: Some(batches),
            first: first.into(),
            typed: VecDeque::new(),
            handles: VecDeque::new(),
            last: Queue::Handles,
        }
    }

    /// Waits for the next typed requests. Never returns while some were not taken yet, or after the last.
    pub(super) async fn wait(&mut self) {
        match &mut self.batches {
            Some(batches) if self.typed.is_empty() => match batches.recv().await {
                Some(batch) => self.typed.extend(batch),
                None => self.batches = None,
            },
            _ => std::future::pending().await,
        }
    }

    /// Returns true if there is room for another request from a handle.
    pub(super) fn has_room_for_handles(&self) -> bool {
        self.handles.len() < LINES
    }

    /// Takes in typed requests, if none wait here.
    fn read(&mut self) {
        if let Some(batches) = &mut self.batches
            && self.typed.is_empty()
        {
            match batches.try_recv() {
                Ok(batch) => self.typed.extend(batch),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.batches = None,
            }
        }
    }

    const fn queue(&mut self, queue: Queue) -> &mut VecDeque<Request> {
        match queue {
            Queue::First => &mut self.first,
            Queue::Typed => &mut self.typed,
            Queue::Handles => &mut self.handles,
        }
    }

    /// Returns the order in which to look at the queues. Once the first messages `may` be sent, typed requests wait
    /// for them.
    fn order(&self, may: bool) -> impl Iterator<Item = Queue> + use<> {
        let first = may && !self.first.is_empty();
        let (one, other) = match self.last {
            Queue::Typed => (Queue::Handles, Queue::Typed),
            Queue::First | Queue::Handles => (Queue::Typed, Queue::Handles),
        };
        let order = [one, other].map(|queue| match queue {
            Queue::Typed if first => Queue::First,
            other => other,
        });
        order.into_iter()
    }

    fn is_over(&self) -> bool {
        self.batches.is_none() && self.typed.is_empty() && self.first.is_empty()
    }

    /// Takes all requests that are left when the node leaves.
    pub(super) fn take_rest(&mut self) -> Vec<Request> {
        let mut rest: Vec<Request> = self.typed.drain(..).collect();
        if let Some(batches) = &mut self.batches {
            batches.close();
            while let Ok(batch) = batches.try_recv() {
                rest.extend(batch);
            }
        }
        rest.extend(self.handles.drain(..));
        rest
    }
}

impl Driver {
    /// Takes a request from a handle. Only messages are queued.
    pub(super) fn take_called(&mut self, request: Request) {
        match request.command {
            Ok(Command::Say(_)) if self.session.is_ready() && !self.departure.has_begun() => {
                self.typing.handles.push_back(request);
            }
            _ => self.take_now(request),
        }
    }

    /// Takes as many requests as there is room for, up to a limit, so that other sources get their turn.
    pub(super) fn take_requests(&mut self) {
        let mut draft = Draft::default();
        for _ in 0..LINES {
            let Some(queue) = self.next_queue(&draft) else {
                break;
            };
            let Some(request) = self.typing.queue(queue).pop_front() else {
                break;
            };
            self.typing.last = queue;
            match request.command {
                Ok(Command::Say(words)) if self.session.is_ready() => {
                    self.draft(&mut draft, words);
                    self.session.says(request.asker);
                }
                command => {
                    self.say(std::mem::take(&mut draft));
                    let asker = request.asker;
                    self.take_now(Request { command, asker });
                }
            }
        }
        self.say(draft);
        if self.is_to_leave() {
            self.depart(Ending::asked(Goodbye::EndOfInput));
        }
    }

    /// Returns true if `take_requests` would do something.
    pub(super) fn has_requests_to_take(&mut self) -> bool {
        self.next_queue(&Draft::default()).is_some() || self.is_to_leave()
    }

    /// Refuses the requests that are left when the node leaves.
    pub(super) fn refuse_rest(&mut self) {
        for Request { command, asker } in self.typing.take_rest() {
            let name = command.as_ref().map_or("", Command::name);
            if !matches!(asker, Asker::Typist) {
                self.session.answer(name, asker, Err(CommandError::ended()));
            }
        }
    }

    /// Returns true if everything typed was taken, and the node leaves at the end of input.
    fn is_to_leave(&self) -> bool {
        let over = self.typing.is_over() && self.quit_on_eof && self.session.is_ready();
        over && !self.departure.has_begun()
    }

    /// Returns the queue whose first request can be taken, together with the draft so far.
    fn next_queue(&mut self, draft: &Draft) -> Option<Queue> {
        if self.departure.has_begun() {
            return None;
        }
        self.typing.read();
        let order = self.typing.order(self.session.is_ready());
        let has_room = self.session.has_room() && !self.holdup.lasts(Instant::now());
        order.into_iter().find(|queue| {
            let front = self.typing.queue(*queue).front();
            let is_ready = self.session.is_ready();
            front.is_some_and(|request| match request.command {
                Ok(Command::Quit) => true,
                _ if !has_room => false,
                // What a person types waits until the node is ready; a program is told that it is not.
                _ if !is_ready => !matches!(request.asker, Asker::Typist),
                Ok(Command::Say(_)) => self.node.accepts_beside(draft),
                _ => true,
            })
        })
    }

    /// Adds a message to the draft; sends the draft before, if it is full.
    fn draft(&mut self, draft: &mut Draft, words: Words) {
        let said = Text {
            timestamp_ms: wall_clock_ms(),
            text: words.into(),
        };
        if let Err(said) = draft.push(said) {
            self.say(std::mem::replace(draft, Draft::from(said)));
        }
    }

    fn say(&mut self, draft: Draft) {
        if !draft.is_empty() {
            self.feed(Input::Say(draft));
        }
    }

    /// Carries out anything but a message in a draft, and answers. The answer comes after everything that happened
    /// before the question.
    fn take_now(&mut self, Request { command, asker }: Request) {
        let name = command.as_ref().map_or("", Command::name);
        // Draining may make the node ready, but whether it takes the command is decided before.
        let admitted = command.and_then(|command| self.admit(command));
        self.drain();
        let result = admitted.and_then(|command| self.obey(command));
        self.session.answer(name, asker, result);
    }

    /// Returns the command if it can be carried out now.
    fn admit(&self, command: Command) -> Result<Command, CommandError> {
        if command == Command::Quit {
            Ok(command)
        } else if self.departure.has_begun() {
            Err(CommandError::ended())
        } else if self.session.is_ready() {
            Ok(command)
        } else {
            Err(CommandError::not_ready())
        }
    }

    fn obey(&mut self, command: Command) -> Result<Reply, CommandError> {
        if let Some(known) = self.session.state().answer(&command) {
            return Ok(known);
        }
        match command {
            Command::Quit => {
                self.depart(Ending::asked(Goodbye::Quit));
                Ok(Reply::Asked)
            }
            Command::Transcript => Ok(Reply::Transcript(self.node.transcript())),
            Command::Name(wish) if self.node.has_place() => {
                self.session.wishes(wish.as_str());
                let name = wish.to_string();
                self.feed(Input::Rename { name });
                Ok(Reply::Asked)
            }
            Command::Name(_) => Err(CommandError {
                code: Code::NotInRing,
                message: "not renamed: this node has lost its place in the ring; try again in some seconds".to_owned(),
            }),
            Command::Say(_)
            | Command::Who
            | Command::Ring
            | Command::Invite
            | Command::Help
            | Command::Clear => unreachable!("it is said together, or known"),
        }
    }
}
