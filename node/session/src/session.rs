//! The end of a session that a node has: it tells what happens, and takes what is asked for.
//!
//! What follows for the user from several events together is told here, once for all faces: that the network may be cut,
//! and why somebody has another name than the one that was asked for. Not here: what follows for each of them (`state`).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use ringtalk_wire::{MessageId, NodeId};
use tokio::sync::{mpsc, watch};

use crate::handle::{Kept, Shared};
use crate::log::Log;
use crate::losses::Losses;
use crate::naming::Naming;
use crate::{
    Answer, Asker, Backlog, Code, CommandError, End, Event, Handle, Me, Outlet, Remark, Reply,
    Request, State, Unseen,
};

/// How many requests wait for the node; whoever asks waits beyond.
const REQUESTS: usize = 256;
/// How many answers wait for something to be sent first: some more than one draft has messages.
const WAITING: usize = 16_384;

/// What comes from the faces of a session.
#[derive(Debug)]
pub enum Call {
    /// Something is asked for.
    Asked(Request),
    /// Nobody sees anything any more.
    Ended(End),
}

/// What is to be told once something was sent.
#[derive(Debug)]
enum Waiting {
    /// That it was sent.
    Said(Asker),
    /// What was asked for after that.
    Answer(&'static str, Asker, Result<Reply, CommandError>),
}

/// What a node tells, and is asked.
#[derive(Debug)]
pub struct Session {
    me: NodeId,
    shared: Arc<Shared>,
    /// The number of the next event.
    end: watch::Sender<u64>,
    requests: mpsc::Receiver<Request>,
    /// For further handles.
    sender: mpsc::Sender<Request>,
    /// True once somebody has a handle, so that events are kept.
    keeps: bool,
    outlet: Box<dyn Outlet>,
    /// What was not shown yet.
    turn: Vec<Arc<Event>>,
    /// The answers that wait for something to be sent first, in turn.
    waiting: VecDeque<Waiting>,
    ready: bool,
    naming: Naming,
    losses: Losses,
    open_at: Option<String>,
}

impl Session {
    /// Nothing has happened yet. The run tells this session's events from those of all others.
    pub fn new(me: Me, outlet: Box<dyn Outlet>, run: u64) -> Self {
        let (sender, requests) = mpsc::channel(REQUESTS);
        let kept = Kept {
            log: Log::new(run),
            state: State::new(me.clone()),
        };
        Self {
            me: me.id,
            end: watch::Sender::new(kept.log.end()),
            shared: Arc::new(Shared::new(kept)),
            requests,
            sender,
            keeps: false,
            outlet,
            turn: Vec::new(),
            waiting: VecDeque::new(),
            ready: false,
            naming: Naming::new(&me),
            losses: Losses::default(),
            open_at: me.open_at,
        }
    }

    /// Another end for a face.
    pub fn handle(&mut self) -> Handle {
        self.keeps = true;
        let shared = Arc::clone(&self.shared);
        Handle::new(self.sender.clone(), shared, self.end.subscribe())
    }

    /// Waits until whoever has a handle asks for something, if that `may` be, or nobody sees anything any more.
    pub async fn next(&mut self, may: bool) -> Call {
        poll_fn(|context| {
            if let Poll::Ready(end) = self.outlet.poll_end(context) {
                return Poll::Ready(Call::Ended(end));
            }
            if !may {
                return Poll::Pending;
            }
            // This end can make handles still, so that the requests never end.
            match self.requests.poll_recv(context) {
                Poll::Ready(Some(request)) => Poll::Ready(Call::Asked(request)),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Tells what happened at this moment.
    pub fn tell(&mut self, event: Event, now: Instant) {
        if matches!(event, Event::Failed(_)) {
            self.losses.add(now);
        }
        let said = match &event {
            Event::Message(message) if !message.history => Some(message.id),
            _ => None,
        };
        let is_entry = matches!(event, Event::Ready { .. });
        self.ready |= is_entry;
        let called_otherwise = self.naming.learn(&event);
        self.add(event);
        if let Some(id) = said.filter(|id| id.author == self.me) {
            self.said(id);
        }
        if let Some(message) = called_otherwise {
            let code = Code::OtherName;
            self.add(Event::Notice(Remark { code, message }));
        }
        if is_entry && let Some(directors) = &self.open_at {
            let message = format!(
                "this is the open discussion of {directors}: anybody who reaches that director \
                 can come in and read along"
            );
            self.add(Event::Open { message });
        }
    }

    fn add(&mut self, event: Event) {
        let event = Arc::new(event);
        {
            let mut kept = self.shared.kept();
            kept.state.learn(&event);
            if self.keeps {
                kept.log.push(Arc::clone(&event));
            }
        }
        self.turn.push(event);
    }

    /// Whoever says something is told once it was sent.
    pub fn says(&mut self, asker: Asker) {
        self.waiting.push_back(Waiting::Said(asker));
    }

    /// True unless too many answers wait for something to be sent first.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    fn said(&mut self, id: MessageId) {
        if let Some(Waiting::Said(asker)) = self.waiting.pop_front() {
            self.answer_now("say", asker, Ok(Reply::Said(id)));
        }
        while let Some(Waiting::Answer(..)) = self.waiting.front()
            && let Some(Waiting::Answer(command, asker, result)) = self.waiting.pop_front()
        {
            self.answer_now(command, asker, result);
        }
    }

    /// Answers what was asked, after everything that has happened by now. A program is answered in the order in which it
    /// asks, and hears of what it says only when that was sent.
    pub fn answer(
        &mut self,
        command: &'static str,
        asker: Asker,
        result: Result<Reply, CommandError>,
    ) {
        let waits = matches!(asker, Asker::Program(_)) && !self.waiting.is_empty();
        if waits {
            let answer = Waiting::Answer(command, asker, result);
            self.waiting.push_back(answer);
        } else {
            self.answer_now(command, asker, result);
        }
    }

    fn answer_now(
        &mut self,
        command: &'static str,
        asker: Asker,
        result: Result<Reply, CommandError>,
    ) {
        let (by_program, tag) = match asker {
            // Whoever types sees what comes of it.
            Asker::Typist if matches!(result, Ok(Reply::Said(_) | Reply::Asked)) => return,
            Asker::Typist => (false, None),
            Asker::Program(tag) => (true, tag),
            Asker::Handle(answer) => {
                // Whoever has stopped waiting wants no answer.
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

    /// Who wishes another name is told, if it has that name already.
    pub fn wishes(&mut self, name: &str) {
        if let Some(message) = self.naming.wish(name) {
            let code = Code::SameName;
            self.add(Event::Notice(Remark { code, message }));
        }
    }

    /// What happened together is complete: shows it, with what follows from it.
    pub fn settle(&mut self) -> Result<(), Unseen> {
        let is_split = self.losses.are_a_split();
        let members = self.state().members.clone().filter(|_| is_split);
        if let Some(members) = members {
            self.add(Event::Split {
                members: members.len(),
                epoch: members.epoch(),
            });
        }
        self.show();
        self.outlet.check()
    }

    fn show(&mut self) {
        if self.turn.is_empty() {
            return;
        }
        self.outlet.show(std::mem::take(&mut self.turn));
        if self.keeps {
            let end = self.shared.kept().log.end();
            self.end.send_replace(end);
        }
    }

    /// What follows from all that has happened.
    pub fn state(&self) -> impl Deref<Target = State> {
        StateGuard(self.shared.kept())
    }

    /// The way in takes long: whoever waits is told how far it has got.
    pub fn waits(&mut self) {
        let kept = self.shared.kept();
        self.outlet.waits(&kept.state.joining);
    }

    /// Shows what waits, within a limit, and ends.
    pub async fn finish(mut self, limit: Duration) {
        self.show();
        self.outlet.finish(limit).await;
    }

    /// True once the node is in the ring and has the discussion so far.
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// How much waits to be seen at the outlet.
    pub fn backlog(&self) -> &Backlog {
        self.outlet.backlog()
    }
}

/// What is known, as long as nobody else is to look.
struct StateGuard<'a>(MutexGuard<'a, Kept>);

impl Deref for StateGuard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0.state
    }
}
