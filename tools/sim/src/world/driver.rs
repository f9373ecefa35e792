//! The driver of one node: it feeds inputs, carries out outputs, and plans the timer. It decides nothing about the
//! protocol.

use core::time::Duration;

use ringtalk_proto::{Event, Input, Output, Registration};
use ringtalk_wire::{Addresses, Frame, NodeId, Ticket, decode};

use super::sharing::bundle_of;
use super::{Happening, REGISTER, World};
use crate::director::Answer;
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure, load_is_bounded, queue_is_bounded};
use crate::process::{Health, Told};

/// The most timers of one node in one second; with more, it does nothing else.
const TIMERS_A_SECOND: u32 = 1_000;
/// The most outputs after one input; more are taken for an endless loop.
const OUTPUTS: usize = 1_000_000;
/// How long a process waits before it asks the director again, if it was told to wait.
const WAIT: Duration = Duration::from_millis(200);
/// How long it waits before it asks again, if there was no answer.
const RETRY: Duration = Duration::from_millis(500);

impl World {
    /// Decodes a frame, as every node must be able to.
    pub(super) fn frame(bytes: &[u8]) -> Result<Frame, Violation> {
        match decode(bytes) {
            Ok(frame) => Ok(frame),
            Err(error) => Violation::of("wire", format!("a node has sent what is {error}")),
        }
    }

    /// Gives a process an input, or keeps the input until the process resumes.
    pub(super) fn tell(&mut self, index: HostIndex, told: Told) -> Check {
        match self.processes[index].health {
            Health::Running => {
                self.count_payload(index, &told.input);
                let step = self.step_of(&told.input);
                self.feed(index, told);
                self.drain(index)?;
                self.strike_after(index, step);
                Ok(())
            }
            Health::Paused => {
                self.processes[index].inbox.push_back(told);
                Ok(())
            }
            Health::Killed | Health::Left { .. } => Ok(()),
        }
    }

    /// Fires the planned timer of a process.
    pub(super) fn timer(&mut self, index: HostIndex) -> Check {
        let now = self.now;
        let process = &mut self.processes[index];
        process.timer = None;
        match process.health {
            Health::Running => {
                let timers = process.count_timer(now);
                ensure(timers <= TIMERS_A_SECOND, "timer", || {
                    format!("n{index} does nothing but wake up")
                })?;
                self.tell(index, Input::Timer.into())
            }
            Health::Paused => {
                process.overdue = true;
                Ok(())
            }
            Health::Killed | Health::Left { .. } => Ok(()),
        }
    }

    /// Resumes a paused process: all inputs that waited reach it at once, and its late timer somewhere among them.
    pub(super) fn resume(&mut self, index: HostIndex) -> Check {
        if self.processes[index].health != Health::Paused {
            return Ok(());
        }
        self.trace.show(self.now, || format!("n{index} goes on"));
        self.processes[index].health = Health::Running;
        let mut waiting = self.take_inbox(index);
        if std::mem::take(&mut self.processes[index].overdue) {
            let place = self.chance.below(waiting.len() as u64 + 1) as usize;
            waiting.insert(place, Input::Timer.into());
        }
        let batches = self.chance.chance(50);
        for told in waiting {
            self.feed(index, told);
            if !batches {
                self.drain(index)?;
            }
            if !self.processes[index].is_running() {
                return Ok(());
            }
        }
        self.network.resume(self.now, index);
        self.drain(index)
    }

    /// Asks the director for a process, and plans to ask again if there is no answer or one to wait.
    pub(super) fn ask(&mut self, index: HostIndex) {
        let process = &self.processes[index];
        if !process.is_alive() {
            return;
        }
        let id = process.id();
        self.note_sign(index);
        let answer = if self.reaches_director(index) {
            self.director.ask(self.now, id)
        } else {
            None
        };
        self.trace.show(self.now, || {
            format!("n{index} asks the director: {answer:?}")
        });
        let input = match answer {
            Some(Answer::Found) => Input::Found,
            Some(Answer::Registered(registration, candidates)) => {
                self.announce_newcomer(index, &registration);
                Input::Contact {
                    coordinator: registration.coordinator,
                    doors: registration.doors.to_vec(),
                    candidates,
                }
            }
            Some(Answer::Wait) => return self.ask_in(index, WAIT),
            None => return self.ask_in(index, RETRY),
        };
        self.processes[index].asking = false;
        self.tell_soon(index, input);
    }

    /// Registers the node with the director if it coordinates, and plans the next attempt in a second.
    pub(super) fn register(&mut self, index: HostIndex) {
        let process = &self.processes[index];
        if !process.is_alive() {
            return;
        }
        self.agenda
            .plan(self.now + REGISTER, Happening::Register(index));
        let speaks = process.is_running() && self.reaches_director(index);
        let registration = speaks.then(|| process.node.registration());
        let Some(registration) = registration.flatten().cloned() else {
            return;
        };
        self.processes[index].registered = true;
        self.note_sign(index);
        if let Err(other) = self
            .director
            .register(self.now, Registration::clone(&registration))
        {
            self.trace
                .show(self.now, || format!("n{index} is foreign to {other:?}"));
            self.tell_soon(index, Input::Foreign(other));
        }
    }

    /// Tells the coordinator which newcomer is on its way, as the director does.
    fn announce_newcomer(&mut self, newcomer: HostIndex, registration: &Registration) {
        let coordinator = self.indexes.get(&registration.coordinator.id).copied();
        let Some(coordinator) = coordinator.filter(|&index| self.reaches_director(index)) else {
            return;
        };
        let process = &self.processes[newcomer];
        let expected = Input::Expected {
            newcomer: process.id(),
            addresses: process.addresses.clone(),
            director: None,
        };
        self.tell_soon(coordinator, expected);
    }

    fn tell_soon(&mut self, index: HostIndex, input: Input) {
        let latency = self.chance.millis(1, 20);
        self.agenda
            .plan(self.now + latency, Happening::Told(index, input));
    }

    fn ask_in(&mut self, index: HostIndex, wait: Duration) {
        self.agenda.plan(self.now + wait, Happening::Ask(index));
    }

    /// Counts a payload that arrives on the way that intervals prescribe.
    fn count_payload(&mut self, index: HostIndex, input: &Input) {
        if let Input::Frame { frame, .. } = input
            && let Frame::Spread(_) | Frame::Brief(_) = frame
            && self.oracles.counts_payloads()
            && let Some(first) = bundle_of(frame)
        {
            self.oracles.payload(self.processes[index].id(), first);
        }
    }

    fn feed(&mut self, index: HostIndex, Told { input, read }: Told) {
        let now = self.now;
        self.trace.mix(now.as_micros());
        self.trace.mix(index as u64);
        if !matches!(input, Input::Written { .. }) {
            self.trace.show(now, || format!("n{index} <- {input:?}"));
        }
        if let Some((link, bytes)) = read {
            self.network.read(now, link, bytes);
        }
        self.note_frame(index, &input);
        let brief = match &input {
            Input::Frame { frame, .. } if matches!(frame, Frame::Brief(_)) => bundle_of(frame),
            _ => None,
        };
        self.look_at_reader(index);
        self.processes[index].node.handle(now, input);
        self.share_expanded(index, brief);
    }

    pub(super) fn drain(&mut self, index: HostIndex) -> Check {
        for _ in 0..OUTPUTS {
            let Some(output) = self.processes[index].node.poll_output() else {
                self.plan_timer(index);
                return self.note_load(index);
            };
            self.output(index, output)?;
            if !self.processes[index].is_running() {
                return Ok(());
            }
        }
        Violation::of(
            "output",
            format!("there is no end to the outputs of n{index}"),
        )
    }

    /// Checks that everything that a node keeps stays within its bound.
    fn note_load(&mut self, index: HostIndex) -> Check {
        let load = self.processes[index].node.load();
        self.figures.peaks.note(&load);
        load_is_bounded(self.processes[index].id(), &load, self.history)
    }

    fn output(&mut self, index: HostIndex, output: Output) -> Check {
        if !matches!(output, Output::Event(_)) {
            self.note_sign(index);
        }
        match output {
            Output::Send { link, bytes } => {
                self.trace.mix_bytes(&bytes);
                self.note_sent(index, &bytes);
                self.note_payload(&bytes);
                let queued = self.network.send(self.now, link, bytes);
                let peak = &mut self.figures.peaks.link_bytes;
                *peak = queued.max(*peak);
                queue_is_bounded(self.processes[index].id(), queued)
            }
            Output::Dial {
                peer, addresses, ..
            } => {
                self.dial(index, peer, addresses);
                Ok(())
            }
            Output::Circuit {
                ticket,
                peer,
                dials,
                ..
            } => {
                self.network.come(self.now, index, (ticket, peer), dials);
                Ok(())
            }
            Output::Splice { ticket, ends } => {
                let ends = ends.map(|(end, _)| end);
                self.network.splice(self.now, index, ticket, ends);
                Ok(())
            }
            Output::Unsplice { number } => {
                let relay = self.processes[index].id();
                self.network.unsplice(self.now, Ticket { relay, number });
                Ok(())
            }
            Output::Check { peer, addresses } => {
                self.network.check(self.now, index, peer, &addresses);
                Ok(())
            }
            Output::Close { link, reason } => {
                self.trace
                    .show(self.now, || format!("n{index} closes {link:?}: {reason}"));
                self.network.close(self.now, link);
                Ok(())
            }
            Output::AskDirector => {
                if !std::mem::replace(&mut self.processes[index].asking, true) {
                    let latency = self.chance.millis(1, 20);
                    self.ask_in(index, latency);
                }
                Ok(())
            }
            Output::Event(event) => self.event(index, &event),
            Output::Left { unhanded } => {
                self.left(index, unhanded);
                Ok(())
            }
        }
    }

    fn dial(&mut self, index: HostIndex, peer: NodeId, addresses: Addresses) {
        self.trace.show(self.now, || {
            format!("n{index} dials {peer:?} at {addresses:?}")
        });
        self.network.dial(self.now, index, peer, addresses);
    }

    fn event(&mut self, index: HostIndex, event: &Event) -> Check {
        let node = self.processes[index].id();
        if let Some(reader) = &mut self.processes[index].reader {
            reader.note();
        }
        self.trace
            .show(self.now, || format!("n{index} says {event:?}"));
        self.trace.mix_event(event);
        if let Event::Message(message) = event {
            self.note_delivery(index, message);
        }
        if let Event::Error { trouble, .. } = event {
            self.processes[index].errors.insert(*trouble);
        }
        if matches!(event, Event::Merged { .. }) {
            self.processes[index].merges += 1;
        }
        if matches!(event, Event::View(_) | Event::Neighbours { .. }) {
            self.changed = self.now;
        }
        if matches!(event, Event::Ready { .. }) {
            let process = &mut self.processes[index];
            process.ready = Some(self.now);
            self.figures.joins.push(self.now - process.started);
        }
        let waits = |author: &NodeId| self.processes[index].node.waits_for(author);
        self.oracles.event(node, event, waits)?;
        if let Event::View(view) = event {
            self.share_view(index, view);
        }
        if self.whole_at_ready && matches!(event, Event::Ready { .. }) {
            self.has_everything(index)?;
        }
        match event {
            Event::Failed(person) => self.note_found(person.id),
            Event::View(_) | Event::Coordinator { .. } | Event::Neighbours { .. } => {
                self.note_change();
            }
            _ => {}
        }
        Ok(())
    }

    /// Plans the timer for a little later than the node asked for, as it fires on a real system.
    fn plan_timer(&mut self, index: HostIndex) {
        let due = self.processes[index].node.poll_timeout();
        let process = &mut self.processes[index];
        if process.timer.map(|(_, due)| due) == due {
            return;
        }
        if let Some((slot, _)) = process.timer.take() {
            self.agenda.cancel(slot);
        }
        if let Some(due) = due {
            let late = self.lateness();
            let slot = self
                .agenda
                .plan(due.max(self.now) + late, Happening::Timer(index));
            self.processes[index].timer = Some((slot, due));
        }
    }
}
