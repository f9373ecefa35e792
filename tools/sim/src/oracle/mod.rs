//! The oracles: one invariant of `DESIGN.md` in each file, and their composition.
//!
//! They know what users sent and what nodes told their users, and never what travelled. Some look at every event,
//! the others at the [`Witness`]es of a world at rest.

mod acks;
mod arrival;
mod causal;
mod channels;
mod coordinator;
mod creation;
mod fifo;
mod heads;
mod marks;
mod membership;
mod once;
mod queue;
mod readiness;
mod ring;
mod transcript;
mod view;
mod watermarks;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ringtalk_proto::{Delivered, ErrorKind, Event, Node, View};
use ringtalk_wire::{MessageId, NodeId, VectorClock, ViewTag};

pub(crate) use arrival::Author;
pub(crate) use channels::Channels;
pub(crate) use queue::{check_budgets, check_log, check_queue};

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Violation {
    /// The id of the invariant in `DESIGN.md`, or a word for one that is not there.
    pub(crate) invariant: &'static str,
    /// The violation, and its node.
    pub(crate) what: String,
}

impl Violation {
    /// Returns a violation as the error of a check.
    pub(crate) fn of<T>(invariant: &'static str, what: impl Into<String>) -> Result<T, Self> {
        let what = what.into();
        Err(Self { invariant, what })
    }

    /// Returns the violation with the room in which it happened.
    pub(crate) fn in_room(mut self, number: u64) -> Self {
        self.what = format!("in room {number}: {}", self.what);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is violated: {}", self.invariant, self.what)
    }
}

/// The result of a check.
pub(crate) type Check = Result<(), Violation>;

/// Returns a violation unless the condition holds.
pub(crate) fn ensure(holds: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Violation::of(invariant, what())
    }
}

/// The state of a live node, as it reports it when the world is at rest.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    pub(crate) id: NodeId,
    pub(crate) tag: Option<ViewTag>,
    pub(crate) members: Vec<NodeId>,
    pub(crate) neighbours: Option<(NodeId, NodeId)>,
    pub(crate) registers: bool,
    /// Whether its coordinator was admitted before all other members.
    pub(crate) follows_senior: bool,
    /// How many messages it holds back.
    pub(crate) held: usize,
    pub(crate) accepts_input: bool,
    pub(crate) clock: VectorClock,
    pub(crate) transcript: Vec<MessageId>,
}

impl From<&Node> for Witness {
    fn from(node: &Node) -> Self {
        let view = node.view();
        let members = view.map(|view| view.members().map(|member| member.id).collect());
        Self {
            id: node.id(),
            tag: view.map(|view| view.tag()),
            members: members.unwrap_or_default(),
            neighbours: node.neighbours(),
            registers: node.registration().is_some(),
            follows_senior: view.is_none_or(|view| {
                let senior = view.members().min_by_key(|member| member.seniority);
                senior.is_none_or(|senior| senior.id == view.coordinator())
            }),
            held: node.load().held_messages,
            accepts_input: node.accepts_input(),
            clock: node.clock().clone(),
            transcript: node.transcript(),
        }
    }
}

/// All oracles.
#[derive(Debug, Default)]
pub(crate) struct Oracles {
    watermarks: watermarks::Watermarks,
    causal: causal::CausalOrder,
    /// In large rings, in the place of `causal` and `once`, which keep the whole past of every node.
    heads: Option<heads::Heads>,
    once: once::Once,
    creation: creation::Creation,
    lamport_times: transcript::LamportTimes,
    agreement: view::ViewAgreement,
    view_progress: view::ViewProgress,
    readiness: readiness::Readiness,
    membership: membership::Accuracy,
    acks: acks::Acknowledgements,
    marks: marks::Marks,
    /// How often bundles reach each node, if that is counted.
    payload_counts: Option<acks::PayloadCounts>,
    /// The nodes that have shown a gap.
    gaps: BTreeSet<NodeId>,
    /// How many messages each node had sent when it last left the ring.
    said_before: BTreeMap<NodeId, u64>,
    expects_senior: bool,
    deliveries: u64,
}

impl Oracles {
    /// Returns the oracles of another ring of the same processes, which demand what these demand.
    pub(crate) fn for_another_ring(&self) -> Self {
        let mut oracles = Self {
            membership: self.membership.for_another_ring(),
            expects_senior: self.expects_senior,
            ..Self::default()
        };
        if self.view_progress.forbids_rival_coordinators() {
            oracles.view_progress.forbid_rival_coordinators();
        }
        oracles
    }

    /// Records that a process has left the ring, and lives on. If it comes back, it is a new node with the same id,
    /// whose messages have the next numbers.
    pub(crate) fn record_exit(&mut self, node: NodeId) {
        let said = self.sent_count(node);
        self.said_before.insert(node, said);
        self.watermarks.forget(node);
        self.causal.forget(node, said);
        self.once.forget(node);
        self.lamport_times.forget(node);
        self.view_progress.forget(node);
        self.readiness.forget(node);
        self.marks.forget(node);
        self.gaps.remove(&node);
    }

    /// Records that a user sends a message.
    pub(crate) fn record_sent(&mut self, author: NodeId, text: &str, timestamp_ms: u64) {
        self.creation.record_sent(author, text, timestamp_ms);
    }

    /// Returns true if its author sent a message in this ring as it is delivered.
    pub(crate) fn was_sent(&self, message: &Delivered) -> bool {
        self.creation.was_sent(message)
    }

    /// Returns the view that a node follows, as its user was told.
    pub(crate) fn view_of(&self, node: NodeId) -> Option<&Arc<View>> {
        self.marks.view_of(node)
    }

    /// Marks an author as a liar: it tells members different things, so nobody can tell what it sent.
    pub(crate) fn distrust(&mut self, author: NodeId) {
        self.creation.distrust(author);
    }

    /// Returns true if nobody can tell what an author sent.
    pub(crate) fn distrusts(&self, author: NodeId) -> bool {
        self.creation.is_liar(author)
    }

    /// Records that somebody lies, and may be accused of it.
    pub(crate) fn record_lie(&mut self) {
        self.creation.record_lie();
    }

    /// Judges C1 by the heads of messages from now on, and C3 by C2, from which it follows. So what the oracles
    /// keep does not grow with the number of nodes times the square of the number of messages.
    pub(crate) fn use_cheap_checks(&mut self) {
        self.heads.get_or_insert_default();
    }

    /// Returns true in a ring so large that the oracles do not keep every node's whole past.
    pub(crate) const fn uses_cheap_checks(&self) -> bool {
        self.heads.is_some()
    }

    /// Returns how many deliveries were checked.
    pub(crate) const fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Returns how many messages a user has sent.
    pub(crate) fn sent_count(&self, author: NodeId) -> u64 {
        self.creation.sent_count(author)
    }

    /// Returns how many messages all users have sent.
    pub(crate) fn total_sent(&self) -> u64 {
        self.creation.total_sent()
    }

    /// Returns the sequence number up to which a node has followed an author.
    pub(crate) fn watermark(&self, node: NodeId, author: NodeId) -> u64 {
        self.watermarks.of(node, author)
    }

    /// Allows only these nodes to be found dead from now on, and those named before.
    pub(crate) fn expect_failed(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        self.membership.expect(nodes);
    }

    /// Declares that faults are few: from now on they excuse nothing beyond what they cause.
    pub(crate) fn expect_few_faults(&mut self) {
        self.expects_senior = true;
        self.view_progress.forbid_rival_coordinators();
    }

    /// Demands from now on that the most senior member coordinates at rest.
    pub(crate) const fn expect_the_most_senior(&mut self) {
        self.expects_senior = true;
    }

    /// Checks that no two of these nodes have ever coordinated under one number.
    pub(crate) fn check_one_coordinator_per_number(&self, nodes: &[NodeId]) -> Check {
        self.view_progress.check_one_coordinator_per_number(nodes)
    }

    /// Allows one more node to be found dead.
    pub(crate) fn allow_failure(&mut self, node: NodeId) {
        self.membership.allow(node);
    }

    /// Starts to count how often payloads reach each node.
    pub(crate) fn count_payloads(&mut self) {
        self.payload_counts.get_or_insert_default();
    }

    /// Returns true if payloads are counted.
    pub(crate) const fn counts_payloads(&self) -> bool {
        self.payload_counts.is_some()
    }

    /// Records that a bundle reaches a node on its way round the ring.
    pub(crate) fn record_payload(&mut self, node: NodeId, first: MessageId) {
        if let Some(counts) = &mut self.payload_counts {
            counts.record(node, first);
        }
    }

    /// Checks that at most `permille` of 1,000 counted payloads reached nodes that had them.
    pub(crate) fn check_duplicate_payloads(&self, permille: u64) -> Check {
        let counts = self.payload_counts.as_ref();
        counts.map_or(Ok(()), |counts| counts.check_duplicates(permille))
    }

    /// Checks that every author was told of all members that have delivered its messages.
    pub(crate) fn check_acks_complete(&self) -> Check {
        self.acks.check_complete()
    }

    /// Checks that every author among these was told when everyone had its messages.
    pub(crate) fn check_marks(&self, witnesses: &[Witness]) -> Check {
        let honest = self.honest(witnesses);
        let is_liar = |id| self.creation.is_liar(id);
        let said_before = |id| self.said_before.get(&id).copied().unwrap_or(0);
        self.marks
            .check_at_rest(&self.watermarks, &honest, said_before, is_liar)
    }

    /// Returns true if `node` saw `gone` leave properly.
    pub(crate) fn saw_leave(&self, node: NodeId, gone: NodeId) -> bool {
        self.membership.saw_leave(node, gone)
    }

    /// Checks what a node tells its user; `waits` tells for which authors' messages the node waits at that time.
    pub(crate) fn check_event(
        &mut self,
        node: NodeId,
        event: &Event,
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        match event {
            // A liar's view of its own messages is not checked.
            Event::Message(message) if message.id.author == node && self.distrusts(node) => {
                self.watermarks.advance(node, message.id);
            }
            Event::Joining(stage) => self.readiness.check_stage(node, stage)?,
            Event::Start { base } => {
                self.readiness.check_start(node)?;
                self.causal.check_start(node, base)?;
                self.watermarks.start_at(node, base);
            }
            Event::Ready { .. } => {
                self.readiness.check_ready(node)?;
                self.pass_own_words(node);
            }
            Event::Message(message) => self.check_message(node, message, waits)?,
            Event::Control(control) => {
                self.readiness.check_delivery(node, control.history)?;
                self.watermarks.advance(node, control.id);
            }
            &Event::Gap {
                author,
                from,
                to,
                passed,
            } => {
                self.check_gap(node, author, (from, to))?;
                if passed {
                    self.watermarks.pass_gap(node, author, from, to);
                }
            }
            Event::View(view) => {
                self.marks.record_view(node, view);
                self.agreement.check_view(node, view)?;
                self.view_progress.check_view(node, view.tag())?;
            }
            Event::Coordinator { epoch } => self.view_progress.check_coordinator(node, *epoch)?,
            Event::Failed(person) => self.membership.check_failed(node, person.id)?,
            Event::Left(person) => self.membership.record_leave(node, person.id),
            &Event::Reached {
                first,
                last,
                members,
                complete,
            } if !self.creation.is_liar(node) => {
                let last = MessageId {
                    author: node,
                    seq: last,
                };
                let watermarks = &self.watermarks;
                self.acks.check_ack(watermarks, first, last, members)?;
                if complete {
                    self.marks.record_complete(last)?;
                }
            }
            Event::Reached { .. }
            | Event::Neighbours { .. }
            | Event::Joined(_)
            | Event::Renamed { .. }
            | Event::Merged { .. }
            | Event::WasAway { .. } => {}
            Event::Observed { host } => {
                let what = format!("{node:?} takes a node at {host:?} for an observer");
                Violation::of("observed", what)?;
            }
            Event::Error { kind, .. } => self.check_error(node, *kind)?,
        }
        Ok(())
    }

    /// Lets a node that has come back pass those of its earlier messages that nobody gave it. Its user knows them.
    fn pass_own_words(&mut self, node: NodeId) {
        let said = self.said_before.get(&node).copied().unwrap_or(0);
        let has = self.watermarks.of(node, node);
        if has < said {
            self.watermarks.pass_gap(node, node, has + 1, said);
        }
    }

    /// I1: checks that nobody is accused while nobody lies, and nobody of a fork while nobody tells different things.
    fn check_error(&self, node: NodeId, kind: ErrorKind) -> Check {
        let is_fair = match kind {
            ErrorKind::AuthorForked => self.creation.has_liars(),
            ErrorKind::Refused | ErrorKind::LamportTime => self.creation.has_lies(),
            _ => true,
        };
        ensure(is_fair, "I1", || {
            format!("{node:?} reports {kind:?}, but no node does that")
        })
    }

    fn check_gap(&mut self, node: NodeId, author: NodeId, (from, to): (u64, u64)) -> Check {
        ensure(1 <= from && from <= to, "C6", || {
            format!("{node:?} shows a gap of {author:?} from {from} to {to}")
        })?;
        self.gaps.insert(node);
        Ok(())
    }

    fn check_message(
        &mut self,
        node: NodeId,
        message: &Delivered,
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        let id = message.id;
        let liar = self.creation.is_liar(id.author);
        self.deliveries += 1;
        self.creation.check_delivery(node, message)?;
        if self.heads.is_none() {
            self.once.check_delivery(node, id)?;
        }
        self.acks.record_delivery(id);
        fifo::check_next(&self.watermarks, node, id)?;
        match &mut self.heads {
            Some(heads) => {
                heads.check_delivery(&self.watermarks, node, id, message.heads.as_deref())?;
            }
            None if !liar => {
                let heads = message.heads.as_deref().unwrap_or_default();
                self.causal
                    .check_delivery(&self.watermarks, node, id, heads, waits)?;
            }
            None => {}
        }
        self.lamport_times
            .check_delivery(node, id, message.lamport, liar)?;
        self.readiness.check_delivery(node, message.history)?;
        self.watermarks.advance(node, id);
        Ok(())
    }

    /// Checks the invariants at rest: the faults are over, and the world has settled.
    pub(crate) fn check_at_rest(
        &self,
        witnesses: &[Witness],
        authors: &[Author],
        history: usize,
    ) -> Check {
        readiness::check_all_take_part(&self.readiness, witnesses)?;
        coordinator::check_exactly_one(witnesses)?;
        membership::check_members(witnesses)?;
        ring::check_one_cycle(witnesses)?;
        let whole = self.creation.total_sent() <= history as u64;
        let honest = self.honest(witnesses);
        let (liars, authors): (Vec<Author>, Vec<Author>) = authors
            .iter()
            .partition(|author| self.creation.is_liar(author.id));
        arrival::check_everything_arrived(&self.watermarks, &honest, &authors, whole)?;
        arrival::check_all_have_the_same(&self.watermarks, &honest, &liars)?;
        arrival::check_clocks(&self.watermarks, witnesses, |author| {
            self.distrusts(*author)
        })?;
        arrival::check_no_silent_loss(&self.gaps, &honest)?;
        self.check_marks(witnesses)?;
        if self.expects_senior {
            coordinator::check_most_senior(witnesses)?;
        }
        // A newcomer starts after a message that nobody has, and after all that happened before it.
        let complete = authors.iter().all(|author| author.excused == 0);
        transcript::check_equal(&honest, whole && complete)
    }

    /// Returns the nodes that do not lie, with transcripts of each other's messages only.
    fn honest(&self, witnesses: &[Witness]) -> Vec<Witness> {
        let mut honest = witnesses.to_vec();
        honest.retain(|witness| !self.creation.is_liar(witness.id));
        for witness in &mut honest {
            let shown = &mut witness.transcript;
            shown.retain(|message| !self.creation.is_liar(message.author));
        }
        honest
    }
}

/// Helpers for the oracles' own tests, which plant violations.
#[cfg(test)]
mod tests_support {
    use ringtalk_wire::{Epoch, MessageId, NodeId, ViewHash, ViewTag};

    use super::{Check, Witness};

    pub(super) fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    pub(super) fn message(author: u8, seq: u64) -> MessageId {
        MessageId {
            author: id(author),
            seq,
        }
    }

    pub(super) fn tag(coordinator: u8, epoch: u64, number: u64) -> ViewTag {
        ViewTag {
            epoch: Epoch {
                number: epoch,
                coordinator: id(coordinator),
            },
            number,
            hash: ViewHash::default(),
        }
    }

    /// Returns the nodes of a sound ring, with 0 as its coordinator.
    pub(super) fn ring(count: u8) -> Vec<Witness> {
        let witness = |place: u8| Witness {
            id: id(place),
            tag: Some(tag(0, 1, u64::from(count))),
            members: (0..count).map(id).collect(),
            neighbours: Some((id((place + count - 1) % count), id((place + 1) % count))),
            registers: place == 0,
            follows_senior: true,
            held: 0,
            accepts_input: true,
            clock: ringtalk_wire::VectorClock::new(),
            transcript: Vec::new(),
        };
        (0..count).map(witness).collect()
    }

    /// Returns the invariant that a check found violated.
    pub(super) fn violated(check: Check) -> Option<&'static str> {
        check.err().map(|violation| violation.invariant)
    }
}
