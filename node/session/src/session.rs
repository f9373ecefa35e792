//! The node's end of a session: it reports events, and receives requests.
//!
//! Some events follow from several others: that the network may be partitioned, and why the user has another name than
//! requested. They are derived here, once for all faces. Not here: the state that is derived from the events
//! (`state`).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use ringtalk_wire::{MessageId, NodeId};
use tokio::sync::{mpsc, watch};

use crate::handle::{Shared, SharedState};
use crate::log::Log;
use crate::losses::Losses;
use crate::naming::Naming;
use crate::solitude::Solitude;
use crate::{
    Answer, Backlog, Code, CommandError, Event, Handle, Me, Outlet, OutletEnd, OutletError, Remark,
    Reply, Request, Requester, State,
};

/// The maximum number of requests that may wait for the node. A face that sends more waits for room.
const REQUESTS: usize = 256;
/// The maximum number of events that are shown together: this many stay in the processor's cache.
const TURN: usize = 256;
/// The maximum number of answers that may wait for an earlier message: many more than one draft has messages.
const PENDING_ANSWERS: usize = 16_384;

/// Their maximum size in bytes, besides the fixed part of each: some 16 transcripts of a long discussion.
const PENDING_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A request from a face, or the end of the outlet.
#[derive(Debug)]
pub enum SessionInput {
    /// A face sent a request.
    Request(Request),
    /// Nobody can see the output any more.
    End(OutletEnd),
}

/// An entry in the queue of answers that wait until a message is sent.
#[derive(Debug)]
enum PendingAnswer {
    /// This many typed messages. Nobody waits for an answer to them.
    Typed(u64),
    /// The answer to the `say` command that sends the message.
    Say(Requester),
    /// The answer to a later command.
    Answer(&'static str, Requester, Result<Reply, CommandError>),
}

/// The node's end of a session.
#[derive(Debug)]
pub struct Session {
    me: NodeId,
    shared: Arc<Shared>,
    /// The number of the next event.
    end: watch::Sender<u64>,
    requests: mpsc::Receiver<Request>,
    /// Cloned for each handle.
    sender: mpsc::Sender<Request>,
    outlet: Box<dyn Outlet>,
    /// The events that have not been shown yet.
    turn: Vec<Event>,
    /// The answers that wait for an earlier message to be sent, in order.
    pending: VecDeque<PendingAnswer>,
    /// The bytes that those answers take, besides their fixed part.
    pending_bytes: usize,
    ready: bool,
    naming: Naming,
    losses: Losses,
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
            end: watch::Sender::new(first),
            _end_on_drop: EndOnDrop(Arc::clone(&shared)),
            shared,
            requests,
            sender,
            outlet,
            turn: Vec::new(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            ready: false,
            naming: Naming::new(&me),
            losses: Losses::default(),
            solitude: Solitude::new(me.id),
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
        if matches!(event, Event::Failed(_)) {
            self.losses.add(now);
        }
        let message = match &event {
            Event::Message(message) if !message.history => Some(message.id),
            _ => None,
        };
        let is_entry = matches!(event, Event::Ready { .. });
        self.ready |= is_entry;
        let other_name = self.naming.apply(&event);
        let nobody_here = self.solitude.apply(&event);
        self.add(event);
        if let Some(id) = message.filter(|id| id.author == self.me) {
            self.answer_say(id);
        }
        if let Some(message) = nobody_here {
            let (code, message) = (Code::NobodyHere, message.to_owned());
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

    /// Records that `requester` sends a message. The answer follows once the message is sent.
    pub fn queue_say_answer(&mut self, requester: Requester) {
        match (requester, self.pending.back_mut()) {
            (Requester::Typist, Some(PendingAnswer::Typed(count))) => *count += 1,
            (Requester::Typist, _) => self.pending.push_back(PendingAnswer::Typed(1)),
            (requester, _) => self.pending.push_back(PendingAnswer::Say(requester)),
        }
    }

    /// Returns true unless too many answers wait for an earlier message to be sent.
    pub fn has_room(&self) -> bool {
        self.pending.len() < PENDING_ANSWERS && self.pending_bytes < PENDING_ANSWER_BYTES
    }

    /// Returns true if so much output is pending that commands should wait too ([`Outlet::is_filling`]).
    pub fn is_filling(&self) -> bool {
        self.outlet.is_filling()
    }

    /// Gives all answers that still wait. A message that has not been sent by this time is never sent.
    pub fn flush_answers(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            match pending {
                PendingAnswer::Typed(_) => {}
                PendingAnswer::Say(requester) => {
                    self.answer_now("say", requester, Err(CommandError::ended()));
                }
                PendingAnswer::Answer(command, requester, result) => {
                    self.answer_now(command, requester, result);
                }
            }
        }
        self.pending_bytes = 0;
    }

    fn answer_say(&mut self, id: MessageId) {
        if let Some(PendingAnswer::Typed(count)) = self.pending.front_mut()
            && *count > 1
        {
            *count -= 1;
            return;
        }
        if let Some(PendingAnswer::Say(requester)) = self.pending.pop_front() {
            self.answer_now("say", requester, Ok(Reply::Sent(id)));
        }
        while let Some(PendingAnswer::Answer(..)) = self.pending.front()
            && let Some(PendingAnswer::Answer(command, requester, result)) =
                self.pending.pop_front()
        {
            self.pending_bytes -= bytes_of(&result);
            self.answer_now(command, requester, result);
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
        if waits {
            self.pending_bytes += bytes_of(&result);
            let answer = PendingAnswer::Answer(command, requester, result);
            self.pending.push_back(answer);
        } else {
            self.answer_now(command, requester, result);
        }
    }

    fn answer_now(
        &mut self,
        command: &'static str,
        requester: Requester,
        result: Result<Reply, CommandError>,
    ) {
        let (by_program, tag) = match requester {
            // A person who types sees the effect anyway.
            Requester::Typist if matches!(result, Ok(Reply::Sent(_) | Reply::Accepted)) => return,
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
        self.show();
        self.outlet.check()
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

/// Returns the bytes that an answer takes, besides its fixed part.
fn bytes_of(result: &Result<Reply, CommandError>) -> usize {
    match result {
        Ok(Reply::Transcript(ids)) => size_of_val(ids.as_slice()),
        Ok(_) => 0,
        Err(error) => error.message.len(),
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
