//! The oracles: one invariant of `DESIGN.md` in each file, and their composition.
//!
//! They know what users sent and what nodes told their users, and never what travelled. Some look at every event,
//! the others at the [`Witness`]es of a world at rest.

mod arrival;
mod causal;
mod coordinator;
mod creation;
mod fifo;
mod heads;
mod membership;
mod once;
mod queue;
mod reach;
mod reached;
mod readiness;
mod ring;
mod transcript;
mod view;

use core::fmt;
use std::collections::BTreeSet;

use ringtalk_proto::{Delivered, Event, Node, Trouble};
use ringtalk_wire::{MessageId, NodeId, VectorClock, ViewTag};

pub(crate) use arrival::Author;
pub(crate) use queue::{load_is_bounded, queue_is_bounded};

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Violation {
    /// The id of the invariant in `DESIGN.md`, or a word for one that is not there.
    pub(crate) invariant: &'static str,
    /// What happened, and at which node.
    pub(crate) what: String,
}

impl Violation {
    /// Returns a violation as the error of a check.
    pub(crate) fn of<T>(invariant: &'static str, what: impl Into<String>) -> Result<T, Self> {
        let what = what.into();
        Err(Self { invariant, what })
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
    reach: reach::Reach,
    causal: causal::Causal,
    /// In large rings, in the place of `causal` and `once`, which keep the whole past of every node.
    heads: Option<heads::Heads>,
    once: once::Once,
    creation: creation::Creation,
    transcript: transcript::Lamport,
    agreement: view::Agreement,
    progress: view::Progress,
    readiness: readiness::Readiness,
    membership: membership::Accuracy,
    reached: reached::Reached,
    /// How often bundles reach each node, if that is counted.
    passages: Option<reached::Passages>,
    /// The nodes that have shown a gap.
    gaps: BTreeSet<NodeId>,
    calm: bool,
    delivered: u64,
}

impl Oracles {
    /// Records that a user sends a message.
    pub(crate) fn said(&mut self, author: NodeId, text: &str, timestamp_ms: u64) {
        self.creation.said(author, text, timestamp_ms);
    }

    /// Marks an author as a liar: it tells members different things, so nobody can tell what it sent.
    pub(crate) fn distrust(&mut self, author: NodeId) {
        self.creation.distrust(author);
    }

    /// Returns the last message of an author that a node has shown.
    pub(crate) fn heard(&self, node: NodeId, author: NodeId) -> u64 {
        self.reach.of(node, author)
    }

    /// Returns true if nobody can tell what an author sent.
    pub(crate) fn distrusts(&self, author: NodeId) -> bool {
        self.creation.is_liar(author)
    }

    /// Records that somebody lies, and may be accused of it.
    pub(crate) fn lies(&mut self) {
        self.creation.lies();
    }

    /// Judges C1 by the heads of messages from now on, and C3 by C2, from which it follows. So what the oracles
    /// keep does not grow with the number of nodes times the square of the number of messages.
    pub(crate) fn be_frugal(&mut self) {
        self.heads.get_or_insert_default();
    }

    /// Returns true in a ring so large that the oracles do not keep every node's whole past.
    pub(crate) const fn are_frugal(&self) -> bool {
        self.heads.is_some()
    }

    /// Returns how many deliveries were checked.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Returns how many messages a user has sent.
    pub(crate) fn said_by(&self, author: NodeId) -> u64 {
        self.creation.said_by(author)
    }

    /// Returns how far a node has followed an author.
    pub(crate) fn reach(&self, node: NodeId, author: NodeId) -> u64 {
        self.reach.of(node, author)
    }

    /// Allows only these nodes to be found dead from now on, and those named before.
    pub(crate) fn expect_failed(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        self.membership.expect(nodes);
    }

    /// Declares that faults are few: from now on they excuse nothing beyond what they cause.
    pub(crate) fn be_calm(&mut self) {
        self.calm = true;
        self.progress.be_strict();
    }

    /// Demands from now on that the most senior member coordinates at rest.
    pub(crate) const fn expect_the_most_senior(&mut self) {
        self.calm = true;
    }

    /// Checks that no two of these nodes have ever coordinated under one number.
    pub(crate) fn no_two_reigned_at_once(&self, nodes: &[NodeId]) -> Check {
        self.progress.no_two_reigned_at_once(nodes)
    }

    /// Allows one more node to be found dead.
    pub(crate) fn may_fail(&mut self, node: NodeId) {
        self.membership.allow(node);
    }

    /// Starts to count how often payloads reach each node.
    pub(crate) fn count_payloads(&mut self) {
        self.passages.get_or_insert_default();
    }

    /// Returns true if payloads are counted.
    pub(crate) const fn counts_payloads(&self) -> bool {
        self.passages.is_some()
    }

    /// Records that a bundle reaches a node on its way round the ring.
    pub(crate) fn payload(&mut self, node: NodeId, first: MessageId) {
        if let Some(passages) = &mut self.passages {
            passages.came(node, first);
        }
    }

    /// Checks that at most `permille` of 1,000 counted payloads reached nodes that had them.
    pub(crate) fn few_payloads_came_again(&self, permille: u64) -> Check {
        let passages = self.passages.as_ref();
        passages.map_or(Ok(()), |passages| passages.few_came_again(permille))
    }

    /// Checks that every author was told of everybody who has its messages.
    pub(crate) fn all_was_told(&self) -> Check {
        self.reached.all_was_told()
    }

    /// Returns true if `node` saw `gone` leave properly.
    pub(crate) fn saw_leave(&self, node: NodeId, gone: NodeId) -> bool {
        self.membership.saw_leave(node, gone)
    }

    /// Checks what a node tells its user; `waits` tells for which authors' messages the node waits at that time.
    pub(crate) fn event(
        &mut self,
        node: NodeId,
        event: &Event,
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        match event {
            // What a liar shows its own user of its own messages is not checked.
            Event::Message(message) if message.id.author == node && self.distrusts(node) => {
                self.reach.step(node, message.id);
            }
            Event::Joining(stage) => self.readiness.joining(node, stage)?,
            Event::Start { base } => {
                self.readiness.started(node)?;
                self.causal.started(node, base)?;
                self.reach.begin(node, base);
            }
            Event::Ready { .. } => self.readiness.ready(node)?,
            Event::Message(message) => self.message(node, message, waits)?,
            &Event::Gap {
                author,
                from,
                to,
                passed,
            } => {
                self.gap(node, author, (from, to))?;
                if passed {
                    self.reach.pass(node, author, from, to);
                }
            }
            Event::View(view) => {
                self.agreement.view(node, view)?;
                self.progress.view(node, view.tag())?;
            }
            Event::Coordinator { epoch } => self.progress.coordinator(node, *epoch)?,
            Event::Failed(person) => self.membership.failed(node, person.id)?,
            Event::Left(person) => self.membership.left(node, person.id),
            &Event::Reached {
                first,
                last,
                members,
            } if !self.creation.is_liar(node) => {
                let last = MessageId {
                    author: node,
                    seq: last,
                };
                self.reached.told(first, last, members)?;
            }
            Event::Reached { .. }
            | Event::Neighbours { .. }
            | Event::Joined(_)
            | Event::Renamed { .. }
            | Event::Merged { .. } => {}
            Event::Observed { host } => {
                let what = format!("{node:?} takes a node at {host:?} for an observer");
                Violation::of("observed", what)?;
            }
            Event::Error { trouble, .. } => self.trouble(node, *trouble)?,
        }
        Ok(())
    }

    fn trouble(&self, node: NodeId, trouble: Trouble) -> Check {
        let accuses = matches!(
            trouble,
            Trouble::Refused | Trouble::AuthorForked | Trouble::LamportTime
        );
        ensure(!accuses || self.creation.has_liars(), "accused", || {
            format!("{node:?} is told of {trouble:?}, and nobody lies")
        })
    }

    fn gap(&mut self, node: NodeId, author: NodeId, (from, to): (u64, u64)) -> Check {
        ensure(1 <= from && from <= to, "C6", || {
            format!("{node:?} shows a gap of {author:?} from {from} to {to}")
        })?;
        self.gaps.insert(node);
        Ok(())
    }

    fn message(
        &mut self,
        node: NodeId,
        message: &Delivered,
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        let id = message.id;
        let liar = self.creation.is_liar(id.author);
        self.delivered += 1;
        self.creation.delivered(node, message)?;
        if self.heads.is_none() {
            self.once.delivered(node, id)?;
        }
        self.reached.delivered(id);
        fifo::is_next(&self.reach, node, id)?;
        match &mut self.heads {
            Some(causal) => causal.delivered(&self.reach, node, id, message.heads.as_deref())?,
            None if !liar => {
                let heads = message.heads.as_deref().unwrap_or_default();
                self.causal.delivered(&self.reach, node, id, heads, waits)?;
            }
            None => {}
        }
        self.transcript.delivered(node, id, message.lamport, liar)?;
        self.readiness.delivered(node, message.history)?;
        self.reach.step(node, id);
        Ok(())
    }

    /// Checks the invariants at rest: the faults are over, and the world has settled.
    pub(crate) fn at_rest(
        &self,
        witnesses: &[Witness],
        authors: &[Author],
        history: usize,
    ) -> Check {
        readiness::all_take_part(&self.readiness, witnesses)?;
        coordinator::exactly_one(witnesses)?;
        membership::the_live_are_the_members(witnesses)?;
        ring::is_one_cycle(witnesses)?;
        let whole = self.creation.total() <= history as u64;
        let honest = self.honest(witnesses);
        let (liars, authors): (Vec<Author>, Vec<Author>) = authors
            .iter()
            .partition(|author| self.creation.is_liar(author.id));
        arrival::everything_arrived(&self.reach, &honest, &authors, whole)?;
        arrival::all_have_the_same(&self.reach, &honest, &liars)?;
        arrival::clocks_are_true(&self.reach, witnesses, |author| self.distrusts(*author))?;
        arrival::no_silent_loss(&self.gaps, &honest)?;
        if self.calm {
            coordinator::is_the_most_senior(witnesses)?;
        }
        transcript::is_the_same(&honest, whole)
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
