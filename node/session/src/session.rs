//! The node's end of a session: it reports events, and receives requests.
//!
//! Some events follow from several others: that the network may be partitioned, and why the user has another name than
//! requested. They are derived here, once for all faces. Not here: the state that is derived from the events
//! (`state`).

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use ringtalk_wire::{NodeId, RingId};
use tokio::sync::{mpsc, watch};

use crate::handle::{Shared, SharedState};
use crate::log::Log;
use crate::losses::Losses;
use crate::naming::Naming;
use crate::pending::{DueAnswer, PendingAnswers};
use crate::solitude::Solitude;
use crate::{
    Answer, Backlog, Code, Command, CommandError, Event, Handle, Me, Outlet, OutletEnd,
    OutletError, Remark, Reply, Request, Requester, RoomEvent, State,
};

/// The maximum number of requests that may wait for the node. A face that sends more waits for room.
const REQUESTS: usize = 256;
/// The maximum number of events that are shown together: this many stay in the processor's cache.
const TURN: usize = 256;

/// A request from a face, or the end of the outlet.
#[derive(Debug)]
pub enum SessionInput {
    /// A face sent a request.
    Request(Request),
    /// Nobody can see the output any more.
    End(OutletEnd),
}

/// The node's end of a session.
#[derive(Debug)]
pub struct Session {
    me: NodeId,
    lobby: RingId,
    shared: Arc<Shared>,
    /// The number of the next event.
    end: watch::Sender<u64>,
    requests: mpsc::Receiver<Request>,
    /// Cloned for each handle.
    sender: mpsc::Sender<Request>,
    outlet: Box<dyn Outlet>,
    /// The events that have not been shown yet.
    turn: Vec<Event>,
    /// The answers that wait for an earlier message to be sent.
    pending: PendingAnswers,
    ready: bool,
    naming: Naming,
    losses: Losses,
    /// The same for the rooms that have lost members.
    losses_in_rooms: BTreeMap<RingId, Losses>,
    solitude: Solitude,
    open_at: Option<String>,
    _end_on_drop: EndOnDrop,
}

impl Session {
    /// Creates a session without events. `run` tells its event ids apart from those of all other sessions.
    pub fn new(me: Me, outlet: Box<dyn Outlet>, run: u64) -> Self {
        let (sender, requests) = mpsc::channel(REQUESTS);
        let log = Log::new(run);
        let first = log.end();
        let state = SharedState::new(log, State::new(me.clone()));
        let shared = Arc::new(Shared::new(state));
        Self {
            me: me.id,
            lobby: me.lobby(),
            end: watch::Sender::new(first),
            _end_on_drop: EndOnDrop(Arc::clone(&shared)),
            shared,
            requests,
            sender,
            outlet,
            turn: Vec::new(),
            pending: PendingAnswers::default(),
            ready: false,
            naming: Naming::new(&me),
            losses: Losses::default(),
            losses_in_rooms: BTreeMap::new(),
            solitude: Solitude::new(&me),
            open_at: me.open_at,
        }
    }

    /// Records that newcomers read nothing that was said before they came.
    pub fn expect_no_readers(&mut self) {
        self.solitude.expect_no_readers();
    }

    /// Creates a handle for a face.
    pub fn handle(&mut self) -> Handle {
        let shared = Arc::clone(&self.shared);
        Handle::new(self.sender.clone(), shared, self.end.subscribe())
    }

    /// Waits for a request from a handle, or until nobody can see the output any more. Takes no request if
    /// `takes_requests` is false.
    pub async fn next(&mut self, takes_requests: bool) -> SessionInput {
        poll_fn(|context| {
            if let Poll::Ready(end) = self.outlet.poll_end(context) {
                return Poll::Ready(SessionInput::End(end));
            }
            if let Poll::Ready(presence) = self.outlet.poll_presence(context) {
                return Poll::Ready(SessionInput::Request(Request {
                    command: Ok(Command::Tell(presence)),
                    requester: Requester::Typist,
                }));
            }
            if !takes_requests {
                return Poll::Pending;
            }
            // `self.sender` keeps the channel open, so the receiver never returns `None`.
            match self.requests.poll_recv(context) {
                Poll::Ready(Some(request)) => Poll::Ready(SessionInput::Request(request)),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Returns the next request from a handle, if there is one.
    pub fn next_request(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Returns true if subscribers should get a chance to read first. Events since the last pause are never dropped.
    pub fn pause_is_due(&self) -> bool {
        self.shared.lock().log.pause_is_due()
    }

    /// Records that subscribers had a chance to read.
    pub fn record_pause(&mut self) {
        self.shared.lock().log.record_pause();
    }

    /// Records an event that happened at `now`, and the events that follow from it.
    pub fn record(&mut self, event: Event, now: Instant) {
        match &event {
            Event::Failed(_) => self.losses.add(now),
            Event::Room(room, RoomEvent::Failed(_)) => {
                self.losses_in_rooms.entry(*room).or_default().add(now);
            }
            _ => {}
        }
        let sent = match &event {
            Event::Message(message) if message.id.author == self.me && !message.history => {
                Some((message.room, message.id))
            }
            _ => None,
        };
        let left = match &event {
            Event::Room(room, RoomEvent::Left(person)) if person.id == self.me => Some(*room),
            Event::Room(room, RoomEvent::NotEntered) => Some(*room),
            _ => None,
        };
        let is_entry = matches!(event, Event::Ready { .. });
        self.ready |= is_entry;
        let other_name = self.naming.apply(&event);
        let nobody_here = self.solitude.apply(&event);
        self.add(event);
        if let Some((room, id)) = sent {
            self.pending.note_sent(room, id);
            self.give_due_answers();
        }
        if let Some(room) = left {
            let label = self.state().room_label(&room).into_owned();
            self.losses_in_rooms.remove(&room);
            self.pending
                .note_ended(&room, &CommandError::room_ended(&label));
            self.give_due_answers();
        }
        if let Some((room, readers)) = nobody_here {
            let message = readers.describe(&self.state().room_label(&room), room == self.lobby);
            let code = Code::NobodyHere;
            self.add(Event::Notice(Remark { code, message }));
        }
        if let Some(message) = other_name {
            let code = Code::OtherName;
            self.add(Event::Notice(Remark { code, message }));
        }
        if is_entry && let Some(directors) = &self.open_at {
            let message = format!(
                "this is the open discussion of {directors}: anyone who can reach that director \
                 can join and read along"
            );
            self.add(Event::Open { message });
        }
    }

    fn add(&mut self, event: Event) {
        self.turn.push(event);
        if self.turn.len() >= TURN {
            self.show();
        }
    }

    /// Records that `requester` sends a message in a room. The answer follows once the message is sent.
    pub fn queue_say_answer(&mut self, room: RingId, requester: Requester) {
        self.pending.push_say(room, requester);
    }

    /// Returns true unless too many answers wait for an earlier message to be sent.
    pub fn has_room(&self) -> bool {
        self.pending.has_room()
    }

    /// Returns true if so much output is pending that commands should wait too ([`Outlet::is_filling`]).
    pub fn is_filling(&self) -> bool {
        self.outlet.is_filling()
    }

    /// Gives all answers that still wait. A message that has not been sent by this time is never sent.
    pub fn flush_answers(&mut self) {
        for answer in self.pending.take_all() {
            self.answer_now(answer);
        }
    }

    fn give_due_answers(&mut self) {
        while let Some(answer) = self.pending.next() {
            self.answer_now(answer);
        }
    }

    /// Answers a command, after all events so far.
    ///
    /// A program gets its answers in the order of its commands. The answer to `say` comes only when the message is
    /// sent.
    pub fn answer(
        &mut self,
        command: &'static str,
        requester: Requester,
        result: Result<Reply, CommandError>,
    ) {
        let waits = matches!(requester, Requester::Program(_)) && !self.pending.is_empty();
        let answer = DueAnswer {
            command,
            requester,
            result,
        };
        if waits {
            self.pending.push(answer);
        } else {
            self.answer_now(answer);
        }
    }

    fn answer_now(&mut self, answer: DueAnswer) {
        let DueAnswer {
            command,
            requester,
            result,
        } = answer;
        let (by_program, tag) = match requester {
            // A person who types sees the effect anyway.
            Requester::Typist if result.as_ref().is_ok_and(Reply::is_plain) => return,
            Requester::Typist => (false, None),
            Requester::Program(tag) => (true, tag),
            Requester::Handle(answer) => {
                self.show();
                // The face may have stopped waiting, and then needs no answer.
                let _ = answer.send(result);
                return;
            }
        };
        self.show();
        self.outlet.answer(Answer {
            command,
            by_program,
            tag,
            result,
        });
    }

    /// Records a request for another name. Adds a notice if the node already has that name.
    pub fn record_rename_request(&mut self, name: &str) {
        if let Some(message) = self.naming.record_request(name) {
            let code = Code::SameName;
            self.add(Event::Notice(Remark { code, message }));
        }
    }

    /// Ends a turn: shows its events, and a `split` if the losses among them suggest one. Returns an error if more
    /// output is pending than the outlet can keep.
    pub fn end_turn(&mut self) -> Result<(), OutletError> {
        if self.losses.take_split() {
            let members = self.state().members.clone();
            if let Some(members) = members {
                self.add(Event::Split {
                    members: members.len(),
                    epoch: members.epoch(),
                });
            }
        }
        self.tell_splits_of_rooms();
        self.show();
        self.outlet.check()
    }

    fn tell_splits_of_rooms(&mut self) {
        let losses = self.losses_in_rooms.iter_mut();
        let split = losses.filter_map(|(room, losses)| losses.take_split().then_some(*room));
        let split: Vec<RingId> = split.collect();
        for room in split {
            let members = self.state().members_of(&room).map(|members| members.len());
            if let Some(members) = members {
                self.add(Event::Room(room, RoomEvent::Split { members }));
            }
        }
    }

    fn show(&mut self) {
        if self.turn.is_empty() {
            return;
        }
        let end = self.shared.lock().finish_turn(&self.turn);
        self.outlet.show(&mut self.turn);
        self.turn.clear();
        if let Some(end) = end {
            self.end.send_replace(end);
        }
    }

    /// Returns the state after all events so far. It stays locked until the result is dropped.
    pub fn state(&self) -> impl Deref<Target = State> {
        let mut shared = self.shared.lock();
        shared.apply(&self.turn);
        StateGuard(shared)
    }

    /// Has the outlet show the progress of joining, because joining takes long.
    pub fn show_progress(&mut self) {
        let mut shared = self.shared.lock();
        shared.apply(&self.turn);
        self.outlet.show_progress(&shared.state.joining);
    }

    /// Shows the pending output within a time limit, and ends the session. Returns an error if some of it could not be
    /// written.
    pub async fn finish(mut self, limit: Duration) -> Result<(), OutletError> {
        self.show();
        self.outlet.finish(limit).await
    }

    /// Returns true once the node is in the ring and has fetched the history.
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Returns the outlet's count of the events that wait to be seen.
    pub fn backlog(&self) -> &Backlog {
        self.outlet.backlog()
    }
}

/// A guard that ends the shared part of the session when the session is dropped.
#[derive(Debug)]
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.lock().end();
    }
}

/// The locked state, for reading.
struct StateGuard<'a>(MutexGuard<'a, SharedState>);

impl Deref for StateGuard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0.state
    }
}
