//! The requests that were not taken yet, and what each does.
//!
//! Requests wait here, and then in the pipe to this process, until the core has room for them. Requests from handles
//! and typed requests do not wait for each other. Not here: how stdin is read (`ringtalk-terminal`).

use std::collections::VecDeque;

use ringtalk_proto::{Draft, Input, Node};
use ringtalk_session::{
    Code, Command, CommandError, FaceCommand, Goodbye, MessageText, Place, Presence, Reply,
    Request, Requester,
};
use ringtalk_wire::{BundleMessage, RingId};
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

/// What is said at once in a room.
#[derive(Debug)]
struct RoomDraft {
    room: RingId,
    draft: Draft,
}

impl RoomDraft {
    fn new(room: RingId) -> Self {
        let draft = Draft::default();
        Self { room, draft }
    }
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

    /// Notes that a line of stdin was refused.
    pub(super) const fn note_refused(&mut self) {
        self.refused_lines += 1;
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

    fn front(&self, queue: RequestQueue) -> Option<&Request> {
        let queue = match queue {
            RequestQueue::First => &self.first,
            RequestQueue::Typed => &self.typed,
            RequestQueue::Handles => &self.handles,
        };
        queue.front()
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
            Ok(Command::Say(..) | Command::Tell(_))
                if self.session.is_ready() && !self.leave_state.has_begun() =>
            {
                self.requests.handles.push_back(request);
            }
            _ => self.execute_now(request),
        }
    }

    /// Takes as many requests as there is room for, up to a limit, so that other sources get their turn.
    pub(super) fn take_requests(&mut self) {
        let mut draft = RoomDraft::new(self.rooms.typing);
        for _ in 0..LINES {
            let Some(queue) = self.next_queue(&draft) else {
                break;
            };
            let Some(request) = self.requests.queue(queue).pop_front() else {
                break;
            };
            self.requests.last = queue;
            let is_early =
                matches!(request.command, Ok(Command::Say(..))) && !self.session.is_ready();
            if request.command.is_err() || is_early {
                self.requests.refused_lines += 1;
            }
            match request.command {
                Ok(Command::Say(place, text)) if self.session.is_ready() => {
                    match self.find_room(&place) {
                        Ok(room) => {
                            self.draft(&mut draft, room, text);
                            self.session.queue_say_answer(room, request.requester);
                        }
                        Err(error) => {
                            self.requests.refused_lines += 1;
                            self.say(&mut draft);
                            self.session.answer("say", request.requester, Err(error));
                        }
                    }
                }
                command => {
                    self.say(&mut draft);
                    let requester = request.requester;
                    self.execute_now(Request { command, requester });
                }
            }
        }
        self.say(&mut draft);
        self.leave_at_end_of_input();
    }

    /// Returns true if `take_requests` would do something.
    pub(super) fn has_requests_to_take(&mut self) -> bool {
        let nothing = RoomDraft::new(self.rooms.typing);
        self.next_queue(&nothing).is_some() || self.is_to_leave()
    }

    /// Refuses the requests that are left when the node leaves.
    pub(super) fn refuse_rest(&mut self) {
        let invites = self.invites.take_requesters().into_iter();
        let invites = invites.map(|requester| ("invite", requester));
        for (command, requester) in invites.chain(self.rooms.take_requesters()) {
            self.session
                .answer(command, requester, Err(CommandError::ended()));
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
    fn next_queue(&mut self, draft: &RoomDraft) -> Option<RequestQueue> {
        if self.leave_state.has_begun() {
            return None;
        }
        self.requests.refill();
        let order = self.requests.order(self.session.is_ready());
        let is_awaited = self.invites.is_awaited() || self.rooms.is_awaited();
        let is_free = !is_awaited && !self.command_hold.is_active(Instant::now());
        let has_room = self.session.has_room() && is_free;
        order.into_iter().find(|queue| {
            let front = self.requests.front(*queue);
            let is_ready = self.session.is_ready();
            front.is_some_and(|request| match request.command {
                Ok(Command::Quit) => true,
                _ if !has_room => false,
                // A person's input waits until the node is ready; a program is told that it is not.
                _ if !is_ready => !matches!(request.requester, Requester::Typist),
                Ok(Command::Say(ref place, _)) => self.has_room_for(place, draft),
                Ok(Command::Tell(_) | Command::Face(FaceCommand::Away(_) | FaceCommand::Back)) => {
                    self.host.lobby().accepts_input()
                }
                _ => true,
            })
        })
    }

    /// Returns the room in which a command takes effect.
    pub(super) fn find_room(&self, place: &Place) -> Result<RingId, CommandError> {
        let lobby = self.host.lobby().ring();
        if *place == Place::Here && self.rooms.typing == lobby {
            // No state needs to be locked for most lines.
            return Ok(lobby);
        }
        self.session.state().find_room(place)
    }

    /// Returns true if a message to this place can be taken, together with the draft so far. One to a room that is not
    /// there is taken, and refused.
    fn has_room_for(&self, place: &Place, draft: &RoomDraft) -> bool {
        let Ok(room) = self.find_room(place) else {
            return true;
        };
        let node = self.node_of(&room);
        node.is_none_or(|node| {
            if draft.room == room {
                node.accepts_beside(&draft.draft)
            } else {
                node.accepts_input()
            }
        })
    }

    /// Adds a message to the draft; sends the draft before, if it is full or for another room.
    fn draft(&mut self, draft: &mut RoomDraft, room: RingId, text: MessageText) {
        if draft.room != room {
            self.say(draft);
            draft.room = room;
        }
        let message = BundleMessage::text(wall_clock_ms(), text);
        if let Err(message) = draft.draft.push(message) {
            self.say(draft);
            draft.draft = message.into();
        }
    }

    /// Sends what is in the draft, and empties it.
    fn say(&mut self, draft: &mut RoomDraft) {
        let said = std::mem::take(&mut draft.draft);
        if !said.is_empty() {
            self.feed_in(&draft.room, Input::Say(said));
        }
    }

    /// Carries out anything but a message in a draft, and answers. The answer comes after everything that happened
    /// before the question.
    fn execute_now(&mut self, Request { command, requester }: Request) {
        let name = command.as_ref().map_or("", Command::name);
        // Draining may make the node ready, but whether it takes the command is decided before.
        let admitted = command.and_then(|command| self.admit(command));
        self.drain();
        let command = match admitted {
            // These are answered later.
            Ok(Command::Invite) => return self.request_invite(requester),
            Ok(Command::Create(name)) => return self.create_room(&name, requester),
            Ok(Command::Join(place)) => return self.join_room(&place, requester),
            Ok(Command::Go(Some(place))) => return self.go_to_room(&place, requester),
            Ok(Command::Leave(place)) => return self.leave_room(&place, requester),
            other => other,
        };
        let result = command.and_then(|command| self.execute(command));
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
        let presence = match &command {
            Command::Face(FaceCommand::Away(reason)) => {
                Some(Presence::Away(reason.clone().unwrap_or_default()))
            }
            Command::Face(FaceCommand::Back) => Some(Presence::Back),
            Command::Tell(presence) => Some(presence.clone()),
            _ => None,
        };
        if let Some(presence) = presence {
            self.announce(&presence);
        }
        let known = self.session.state().answer(&command);
        if let Some(known) = known {
            return known;
        }
        match command {
            Command::Tell(_) => Ok(Reply::Accepted),
            Command::Quit => {
                self.start_leaving(Ending::normal(Goodbye::Quit));
                Ok(Reply::Accepted)
            }
            Command::Transcript(place) => {
                let room = self.find_room(&place)?;
                let ids = self.node_of(&room).map(Node::transcript);
                let ids = ids.unwrap_or_default();
                Ok(Reply::Transcript { room, ids })
            }
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
            Command::Say(..)
            | Command::Create(_)
            | Command::Join(_)
            | Command::Go(_)
            | Command::Leave(_)
            | Command::Rooms
            | Command::Who(_)
            | Command::Ring
            | Command::Invite
            | Command::Face(_)
            | Command::Help
            | Command::Clear => unreachable!("it is said together, asked for, or known"),
        }
    }
}
