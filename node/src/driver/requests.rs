//! The requests that were not taken yet, and what each does.
//!
//! Requests wait here, and then in the pipe to this process, until the core has room for them. Requests from handles
//! and typed requests do not wait for each other. Not here: how stdin is read (`ringtalk-terminal`).

use std::collections::VecDeque;

use ringtalk_proto::{Draft, Input};
use ringtalk_session::{
    Code, Command, CommandError, Goodbye, MessageText, Reply, Request, Requester,
};
use ringtalk_wire::BundleMessage;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::{Driver, Ending, LINES, wall_clock_ms};

/// A queue of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RequestQueue {
    /// The requests of the command line, which come once, before anything that is typed.
    First,
    /// Requests that are typed, or written to stdin by a program.
    Typed,
    /// Messages from handles.
    Handles,
}

/// Requests on their way to the core.
#[derive(Debug)]
pub(super) struct Requests {
    batches: Option<Receiver<Vec<Request>>>,
    first: VecDeque<Request>,
    typed: VecDeque<Request>,
    handles: VecDeque<Request>,
    /// The queue that was served last; the other one is next.
    last: RequestQueue,
    /// The number of lines of stdin that were refused.
    refused_lines: u64,
}

impl Requests {
    /// Creates the queues, with the first requests.
    pub(super) fn new(first: Vec<Request>, batches: Receiver<Vec<Request>>) -> Self {
        Self {
            batches: Some(batches),
            first: first.into(),
            typed: VecDeque::new(),
            handles: VecDeque::new(),
            last: RequestQueue::Handles,
            refused_lines: 0,
        }
    }

    /// Returns the number of lines of stdin that were refused: they are no text, no command, or too long.
    pub(super) const fn refused_lines(&self) -> u64 {
        self.refused_lines
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
    fn refill(&mut self) {
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

    const fn queue(&mut self, queue: RequestQueue) -> &mut VecDeque<Request> {
        match queue {
            RequestQueue::First => &mut self.first,
            RequestQueue::Typed => &mut self.typed,
            RequestQueue::Handles => &mut self.handles,
        }
    }

    /// Returns the order in which to look at the queues. Once the first messages `may` be sent, typed requests wait
    /// for them.
    fn order(&self, is_ready: bool) -> impl Iterator<Item = RequestQueue> + use<> {
        let first = is_ready && !self.first.is_empty();
        let (one, other) = match self.last {
            RequestQueue::Typed => (RequestQueue::Handles, RequestQueue::Typed),
            RequestQueue::First | RequestQueue::Handles => {
                (RequestQueue::Typed, RequestQueue::Handles)
            }
        };
        let order = [one, other].map(|queue| match queue {
            RequestQueue::Typed if first => RequestQueue::First,
            other => other,
        });
        order.into_iter()
    }

    /// Returns true if the input has ended, and everything in it was taken.
    pub(super) fn is_over(&self) -> bool {
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
    pub(super) fn accept_request(&mut self, request: Request) {
        match request.command {
            Ok(Command::Say(_)) if self.session.is_ready() && !self.leave_state.has_begun() => {
                self.requests.handles.push_back(request);
            }
            _ => self.execute_now(request),
        }
    }

    /// Takes as many requests as there is room for, up to a limit, so that other sources get their turn.
    pub(super) fn take_requests(&mut self) {
        let mut draft = Draft::default();
        for _ in 0..LINES {
            let Some(queue) = self.next_queue(&draft) else {
                break;
            };
            let Some(request) = self.requests.queue(queue).pop_front() else {
                break;
            };
            self.requests.last = queue;
            let is_early =
                matches!(request.command, Ok(Command::Say(_))) && !self.session.is_ready();
            if request.command.is_err() || is_early {
                self.requests.refused_lines += 1;
            }
            match request.command {
                Ok(Command::Say(text)) if self.session.is_ready() => {
                    self.draft(&mut draft, text);
                    self.session.queue_say_answer(request.requester);
                }
                command => {
                    self.say(std::mem::take(&mut draft));
                    let requester = request.requester;
                    self.execute_now(Request { command, requester });
                }
            }
        }
        self.say(draft);
        self.leave_at_end_of_input();
    }

    /// Returns true if `take_requests` would do something.
    pub(super) fn has_requests_to_take(&mut self) -> bool {
        self.next_queue(&Draft::default()).is_some() || self.is_to_leave()
    }

    /// Refuses the requests that are left when the node leaves.
    pub(super) fn refuse_rest(&mut self) {
        for requester in self.invites.take_requesters() {
            self.session
                .answer("invite", requester, Err(CommandError::ended()));
        }
        for Request { command, requester } in self.requests.take_rest() {
            let name = command.as_ref().map_or("", Command::name);
            if !matches!(requester, Requester::Typist) {
                self.session
                    .answer(name, requester, Err(CommandError::ended()));
            }
        }
    }

    /// Returns the queue whose first request can be taken, together with the draft so far.
    fn next_queue(&mut self, draft: &Draft) -> Option<RequestQueue> {
        if self.leave_state.has_begun() {
            return None;
        }
        self.requests.refill();
        let order = self.requests.order(self.session.is_ready());
        let is_free = !self.invites.is_awaited() && !self.command_hold.is_active(Instant::now());
        let has_room = self.session.has_room() && is_free;
        order.into_iter().find(|queue| {
            let front = self.requests.queue(*queue).front();
            let is_ready = self.session.is_ready();
            front.is_some_and(|request| match request.command {
                Ok(Command::Quit) => true,
                _ if !has_room => false,
                // A person's input waits until the node is ready; a program is told that it is not.
                _ if !is_ready => !matches!(request.requester, Requester::Typist),
                Ok(Command::Say(_)) => self.host.lobby().accepts_beside(draft),
                _ => true,
            })
        })
    }

    /// Adds a message to the draft; sends the draft before, if it is full.
    fn draft(&mut self, draft: &mut Draft, text: MessageText) {
        let message = BundleMessage::text(wall_clock_ms(), text);
        if let Err(message) = draft.push(message) {
            self.say(std::mem::replace(draft, Draft::from(message)));
        }
    }

    fn say(&mut self, draft: Draft) {
        if !draft.is_empty() {
            self.feed(Input::Say(draft));
        }
    }

    /// Carries out anything but a message in a draft, and answers. The answer comes after everything that happened
    /// before the question.
    fn execute_now(&mut self, Request { command, requester }: Request) {
        let name = command.as_ref().map_or("", Command::name);
        // Draining may make the node ready, but whether it takes the command is decided before.
        let admitted = command.and_then(|command| self.admit(command));
        self.drain();
        if matches!(admitted, Ok(Command::Invite)) {
            return self.request_invite(requester);
        }
        let result = admitted.and_then(|command| self.execute(command));
        self.session.answer(name, requester, result);
    }

    /// Returns the command if it can be carried out now.
    fn admit(&self, command: Command) -> Result<Command, CommandError> {
        if command == Command::Quit {
            Ok(command)
        } else if self.leave_state.has_begun() {
            Err(CommandError::ended())
        } else if self.session.is_ready() {
            Ok(command)
        } else {
            Err(CommandError::not_ready())
        }
    }

    fn execute(&mut self, command: Command) -> Result<Reply, CommandError> {
        if let Some(known) = self.session.state().answer(&command) {
            return Ok(known);
        }
        match command {
            Command::Quit => {
                self.start_leaving(Ending::normal(Goodbye::Quit));
                Ok(Reply::Accepted)
            }
            Command::Transcript => Ok(Reply::Transcript(self.host.lobby().transcript())),
            Command::Name(wish) if self.host.lobby().is_member() => {
                self.session.record_rename_request(wish.as_str());
                let name = wish.to_string();
                self.feed(Input::Rename { name });
                Ok(Reply::Accepted)
            }
            Command::Name(_) => Err(CommandError {
                code: Code::NotInRing,
                message: "not renamed: this node is not in the ring at the moment; try again in a few seconds".to_owned(),
            }),
            Command::Say(_)
            | Command::Who
            | Command::Ring
            | Command::Invite
            | Command::Face(_)
            | Command::Help
            | Command::Clear => unreachable!("it is said together, asked for, or known"),
        }
    }
}
