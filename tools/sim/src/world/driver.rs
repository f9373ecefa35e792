//! The driver of one node: it feeds inputs, carries out outputs, and plans the timer. It decides nothing about the
//! protocol.

use core::time::Duration;

use ringtalk_proto::{Event, Input, Load, Output, Registration, RingOutput};
use ringtalk_wire::{Addresses, Frame, NodeId, RingId, Ticket, decode};

use super::sharing::bundle_of;
use super::{REGISTER, World, WorldEvent};
use crate::director::Answer;
use crate::keys::LOBBY;
use crate::network::{Health, HostIndex};
use crate::oracle::{Check, Violation, check_budgets, check_log, check_queue, ensure};
use crate::process::PendingInput;

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
    pub(super) fn decode_frame(bytes: &[u8]) -> Result<Frame, Violation> {
        match decode(bytes) {
            Ok(frame) => Ok(frame),
            Err(error) => Violation::of("wire", format!("a node sent an invalid frame: {error}")),
        }
    }

    /// Gives a process an input, or keeps the input until the process resumes.
    pub(super) fn handle_input(&mut self, index: HostIndex, input: PendingInput) -> Check {
        match self.processes[index].health {
            Health::Running => {
                self.count_payload(index, &input.input);
                let step = self.step_of(&input.input);
                self.feed(index, input)?;
                self.drain(index)?;
                self.strike_after(index, step);
                Ok(())
            }
            Health::Paused => {
                self.processes[index].inbox.push_back(input);
                Ok(())
            }
            Health::Killed | Health::Vanished | Health::Left => Ok(()),
        }
    }

    /// Fires the planned timer of a process.
    pub(super) fn fire_timer(&mut self, index: HostIndex) -> Check {
        let now = self.now;
        let process = &mut self.processes[index];
        process.timer = None;
        match process.health {
            Health::Running => {
                let timers = process.count_timer(now);
                ensure(timers <= TIMERS_A_SECOND, "timer", || {
                    format!("n{index} fires more than {TIMERS_A_SECOND} timers a second")
                })?;
                self.handle_input(index, Input::Timer.into())
            }
            Health::Paused => {
                process.overdue = true;
                Ok(())
            }
            Health::Killed | Health::Vanished | Health::Left => Ok(()),
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
            let position = self.driver_random.below(waiting.len() as u64 + 1) as usize;
            waiting.insert(position, Input::Timer.into());
        }
        let batches = self.driver_random.chance(50);
        for input in waiting {
            self.feed(index, input)?;
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
    pub(super) fn ask_director(&mut self, index: HostIndex) {
        let process = &self.processes[index];
        if !process.is_alive() {
            return;
        }
        let id = process.id();
        self.record_sign_of_life(index);
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
            Some(Answer::Wait) => return self.ask_director_in(index, WAIT),
            None => return self.ask_director_in(index, RETRY),
        };
        self.processes[index].asking = false;
        self.handle_input_soon(index, input);
    }

    /// Registers the node with the director if it coordinates, and plans the next attempt in a second.
    pub(super) fn register(&mut self, index: HostIndex) {
        let process = &self.processes[index];
        if !process.is_alive() {
            return;
        }
        self.events
            .push(self.now + REGISTER, WorldEvent::Register(index));
        let speaks = process.is_running() && self.reaches_director(index);
        let registration = speaks.then(|| process.host.lobby().registration());
        let Some(registration) = registration.flatten().cloned() else {
            return;
        };
        self.processes[index].registered = true;
        self.record_sign_of_life(index);
        if let Err(other) = self
            .director
            .register(self.now, Registration::clone(&registration))
        {
            self.trace
                .show(self.now, || format!("n{index} is foreign to {other:?}"));
            self.handle_input_soon(index, Input::Foreign(other));
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
        self.handle_input_soon(coordinator, expected);
    }

    fn handle_input_soon(&mut self, index: HostIndex, input: Input) {
        let latency = self.driver_random.millis(1, 20);
        self.events
            .push(self.now + latency, WorldEvent::Input(index, input));
    }

    fn ask_director_in(&mut self, index: HostIndex, wait: Duration) {
        self.events
            .push(self.now + wait, WorldEvent::AskDirector(index));
    }

    /// Counts a payload that arrives on the way that intervals prescribe.
    fn count_payload(&mut self, index: HostIndex, input: &Input) {
        if let Input::Frame { frame, .. } = input
            && let Frame::Spread(_) | Frame::Brief(_) = frame
            && self.oracles.counts_payloads()
            && let Some(first) = bundle_of(frame)
        {
            self.oracles
                .record_payload(self.processes[index].id(), first);
        }
    }

    fn feed(&mut self, index: HostIndex, PendingInput { input, read }: PendingInput) -> Check {
        let now = self.now;
        self.trace.mix(now.as_micros());
        self.trace.mix(index as u64);
        if !matches!(input, Input::Written { .. }) {
            self.trace.show(now, || format!("n{index} <- {input:?}"));
        }
        if let Some((link, bytes)) = read {
            self.network.read(now, link, bytes);
        }
        self.record_frame(index, &input);
        self.check_frame(index, &input)?;
        let brief = match &input {
            Input::Frame { frame, .. } if matches!(frame, Frame::Brief(_)) => bundle_of(frame),
            _ => None,
        };
        self.report_reader_pace(index);
        let process = &mut self.processes[index];
        if matches!(input, Input::Say(_)) {
            process.host.handle_in(now, &process.ring, input);
        } else {
            process.host.handle(now, input);
        }
        self.share_expanded(index, brief);
        Ok(())
    }

    /// Gives the node of one ring an input of its user, or of the world.
    pub(super) fn tell_ring(&mut self, index: HostIndex, ring: RingId, input: Input) -> Check {
        let now = self.now;
        self.trace
            .show(now, || format!("n{index} <- {input:?} in {ring:?}"));
        self.processes[index].host.handle_in(now, &ring, input);
        self.drain(index)
    }

    /// Checks that a process takes a frame for one of the ring that its channel carries.
    fn check_frame(&mut self, index: HostIndex, input: &Input) -> Check {
        let Input::Frame { link, frame } = input else {
            return Ok(());
        };
        let taken_for = self.processes[index].host.ring_on(*link);
        self.channels.check_handled(*link, frame, taken_for)
    }

    pub(super) fn drain(&mut self, index: HostIndex) -> Check {
        for _ in 0..OUTPUTS {
            let Some(output) = self.processes[index].host.poll_output() else {
                self.arm_timer(index);
                return self.check_load(index);
            };
            self.carry_out(index, output)?;
            if !self.processes[index].is_running() {
                return Ok(());
            }
        }
        Violation::of(
            "output",
            format!("n{index} has more than {OUTPUTS} outputs after one input"),
        )
    }

    /// Checks that everything that a process keeps stays within its bounds.
    fn check_load(&mut self, index: HostIndex) -> Check {
        let process = &self.processes[index];
        let rooms = process.host.rooms().map(|(_, node)| node.load());
        let loads: Vec<Load> = std::iter::once(process.host.lobby().load())
            .chain(rooms)
            .collect();
        for load in &loads {
            self.figures.peaks.raise(load);
            check_log(process.id(), load, self.setup.history)?;
        }
        check_budgets(process.id(), &loads, self.setup.log_bytes)
    }

    fn carry_out(&mut self, index: HostIndex, RingOutput { ring, output }: RingOutput) -> Check {
        if !matches!(output, Output::Event(_)) {
            self.record_sign_of_life(index);
        }
        match output {
            Output::Send { link, class, bytes } => {
                self.trace.mix_bytes(&bytes);
                let is_inside = self.processes[index].inside.contains(&ring);
                self.channels.check_sent(link, ring, &bytes, is_inside)?;
                self.count_frame(index, &bytes);
                self.record_payload(&bytes);
                let queued = self.network.send(self.now, link, (class, bytes));
                let peak = &mut self.figures.peaks.link_bytes;
                *peak = queued.max(*peak);
                check_queue(self.processes[index].id(), queued)
            }
            Output::Dial {
                peer, addresses, ..
            } => {
                self.dial(index, peer, addresses);
                Ok(())
            }
            circuit
            @ (Output::Circuit { .. } | Output::Splice { .. } | Output::Unsplice { .. }) => {
                self.carry_out_circuit(index, circuit);
                Ok(())
            }
            // No simulated user makes an invite.
            Output::Entrances(_) => Ok(()),
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
                    let latency = self.driver_random.millis(1, 20);
                    self.ask_director_in(index, latency);
                }
                Ok(())
            }
            Output::Event(event) if ring == self.setup.ring => {
                self.handle_node_event(index, &event)
            }
            Output::Event(event) if ring == LOBBY => {
                self.handle_lobby_event(index, &event);
                Ok(())
            }
            Output::Event(event) => self.handle_room_event(index, ring, &event),
            Output::Finished { untaken } if ring != LOBBY => {
                self.finish_room(index, ring, untaken);
                Ok(())
            }
            Output::Finished { untaken } => {
                let untaken = untaken + self.processes[index].departure.untaken;
                self.finish_leave(index, untaken);
                Ok(())
            }
        }
    }

    /// Notes that a process has left a room.
    fn finish_room(&mut self, index: HostIndex, ring: RingId, untaken: u64) {
        let process = &mut self.processes[index];
        process.inside.remove(&ring);
        if ring == self.setup.ring {
            process.departure.untaken = untaken;
        } else {
            self.finish_stay(index, ring, untaken);
        }
    }

    fn carry_out_circuit(&mut self, index: HostIndex, output: Output) {
        match output {
            Output::Circuit {
                ticket,
                peer,
                dials,
                ..
            } => {
                self.network
                    .plan_circuit_join(self.now, index, (ticket, peer), dials);
            }
            Output::Splice { ticket, ends } => {
                let ends = ends.map(|(end, _)| end);
                self.network.splice(self.now, index, ticket, ends);
            }
            Output::Unsplice { number } => {
                let carrier = self.processes[index].id();
                self.network.unsplice(
                    self.now,
                    Ticket {
                        relay: carrier,
                        number,
                    },
                );
            }
            _ => {}
        }
    }

    /// Handles an event of the lobby while users talk in a room.
    fn handle_lobby_event(&mut self, index: HostIndex, event: &Event) {
        self.trace
            .show(self.now, || format!("n{index} says in the lobby {event:?}"));
        if matches!(event, Event::Ready { .. }) {
            self.enter_room(index);
        }
    }

    fn dial(&mut self, index: HostIndex, peer: NodeId, addresses: Addresses) {
        self.trace.show(self.now, || {
            format!("n{index} dials {peer:?} at {addresses:?}")
        });
        self.network.dial(self.now, index, peer, addresses);
    }

    fn handle_node_event(&mut self, index: HostIndex, event: &Event) -> Check {
        let node = self.processes[index].id();
        if let Some(reader) = &mut self.processes[index].reader {
            reader.add_unread();
        }
        self.trace
            .show(self.now, || format!("n{index} says {event:?}"));
        self.trace.mix_event(event);
        if let Event::Message(message) = event {
            self.record_delivery(index, message);
        }
        if let Event::Error { kind, .. } = event {
            self.processes[index].errors.insert(*kind);
        }
        if matches!(event, Event::Merged { .. }) {
            self.processes[index].merges += 1;
        }
        if matches!(event, Event::View(_) | Event::Neighbours { .. }) {
            self.last_change = self.now;
        }
        if matches!(event, Event::Ready { .. }) {
            let process = &mut self.processes[index];
            process.ready = Some(self.now);
            self.figures.joins.push(self.now - process.started);
        }
        if let Event::Message(message) = event {
            self.check_said_here(node, self.setup.ring, message)?;
        }
        let waits = |author: &NodeId| self.processes[index].node().waits_for(author);
        self.oracles.check_event(node, event, waits)?;
        if let Event::View(view) = event {
            self.share_view(index, view);
        }
        if self.setup.whole_at_ready && matches!(event, Event::Ready { .. }) {
            self.check_has_everything(index)?;
        }
        match event {
            Event::Failed(person) => self.record_detection(person.id),
            Event::View(_) | Event::Coordinator { .. } | Event::Neighbours { .. } => {
                self.record_change();
            }
            _ => {}
        }
        Ok(())
    }

    /// Plans the timer for a little later than the node asked for, as it fires on a real system.
    fn arm_timer(&mut self, index: HostIndex) {
        let due = self.processes[index].host.poll_timeout();
        let process = &mut self.processes[index];
        if process.timer.map(|(_, due)| due) == due {
            return;
        }
        if let Some((id, _)) = process.timer.take() {
            self.events.cancel(id);
        }
        if let Some(due) = due {
            let late = self.timer_delay();
            let id = self
                .events
                .push(due.max(self.now) + late, WorldEvent::Timer(index));
            self.processes[index].timer = Some((id, due));
        }
    }
}
