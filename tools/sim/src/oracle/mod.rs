//! The oracles: one invariant of `design.md` §4 in each file, and their composition.
//!
//! They know what was said, and what nodes told their users; never what travelled. Some look at
//! every event, the others at the [`Witness`]es of a world at rest.

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
    /// Its id in `design.md` §4, or a word for one that is not there.
    pub(crate) invariant: &'static str,
    /// Who, what and when.
    pub(crate) what: String,
}

impl Violation {
    /// The error for a check.
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

/// What a check ends in.
pub(crate) type Check = Result<(), Violation>;

/// The error, unless the condition holds.
pub(crate) fn ensure(holds: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Violation::of(invariant, what())
    }
}

/// What a live node says of itself when the world is at rest.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    pub(crate) id: NodeId,
    pub(crate) tag: Option<ViewTag>,
    pub(crate) members: Vec<NodeId>,
    pub(crate) neighbours: Option<(NodeId, NodeId)>,
    pub(crate) registers: bool,
    /// Its coordinator was admitted before all other members.
    pub(crate) follows_senior: bool,
    /// Messages that it holds back.
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
    /// In large rings, instead of the two that keep the whole past of every node.
    heads: Option<heads::Heads>,
    once: once::Once,
    creation: creation::Creation,
    transcript: transcript::Lamport,
    agreement: view::Agreement,
    progress: view::Progress,
    readiness: readiness::Readiness,
    membership: membership::Accuracy,
    reached: reached::Reached,
    /// Where that is counted.
    passages: Option<reached::Passages>,
    /// Who has shown a gap.
    gaps: BTreeSet<NodeId>,
    calm: bool,
    delivered: u64,
}

impl Oracles {
    /// A user says something.
    pub(crate) fn said(&mut self, author: NodeId, text: &str, timestamp_ms: u64) {
        self.creation.said(author, text, timestamp_ms);
    }

    /// This author says different things to different members, so nobody can tell what it said.
    pub(crate) fn distrust(&mut self, author: NodeId) {
        self.creation.distrust(author);
    }

    /// How far a node has shown what an author said.
    pub(crate) fn heard(&self, node: NodeId, author: NodeId) -> u64 {
        self.reach.of(node, author)
    }

    /// True where nobody can tell what an author said.
    pub(crate) fn distrusts(&self, author: NodeId) -> bool {
        self.creation.is_liar(author)
    }

    /// From now on somebody lies, and may be accused of it.
    pub(crate) fn lies(&mut self) {
        self.creation.lies();
    }

    /// From now on C1 is judged by the heads of messages, and C3 by C2, which it follows from: so that
    /// what the oracles keep does not grow with nodes times the square of messages.
    pub(crate) fn be_frugal(&mut self) {
        self.heads.get_or_insert_default();
    }

    /// True in a ring so large that nothing is kept of everybody's whole past.
    pub(crate) const fn are_frugal(&self) -> bool {
        self.heads.is_some()
    }

    /// How many deliveries were checked.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many messages a user has said.
    pub(crate) fn said_by(&self, author: NodeId) -> u64 {
        self.creation.said_by(author)
    }

    /// How far a node has followed an author.
    pub(crate) fn reach(&self, node: NodeId, author: NodeId) -> u64 {
        self.reach.of(node, author)
    }

    /// Nobody may be found dead from now on but these.
    pub(crate) fn expect_failed(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        self.membership.expect(nodes);
    }

    /// From now on the few faults are no excuse for more than they bring about.
    pub(crate) fn be_calm(&mut self) {
        self.calm = true;
        self.progress.be_strict();
    }

    /// From now on nobody but the most senior coordinates at rest.
    pub(crate) const fn expect_the_most_senior(&mut self) {
        self.calm = true;
    }

    /// No two of these have ever coordinated under one number.
    pub(crate) fn no_two_reigned_at_once(&self, nodes: &[NodeId]) -> Check {
        self.progress.no_two_reigned_at_once(nodes)
    }

    /// This one may be found dead too.
    pub(crate) fn may_fail(&mut self, node: NodeId) {
        self.membership.allow(node);
    }

    /// From now on it is counted how often payloads come to each node.
    pub(crate) fn count_payloads(&mut self) {
        self.passages.get_or_insert_default();
    }

    /// Whether anybody counts payloads.
    pub(crate) const fn counts_payloads(&self) -> bool {
        self.passages.is_some()
    }

    /// A bundle comes to a node on its way round the ring.
    pub(crate) fn payload(&mut self, node: NodeId, first: MessageId) {
        if let Some(passages) = &mut self.passages {
            passages.came(node, first);
        }
    }

    /// Of 1,000 payloads that were counted so many at most came to nodes that had them.
    pub(crate) fn few_payloads_came_again(&self, permille: u64) -> Check {
        let passages = self.passages.as_ref();
        passages.map_or(Ok(()), |passages| passages.few_came_again(permille))
    }

    /// Every author was told of everybody who has its messages.
    pub(crate) fn all_was_told(&self) -> Check {
        self.reached.all_was_told()
    }

    /// Who was seen to go, and how: `node` saw `gone` leave properly.
    pub(crate) fn saw_leave(&self, node: NodeId, gone: NodeId) -> bool {
        self.membership.saw_leave(node, gone)
    }

    /// A node tells its user something; `waits` for which authors' words, when it does.
    pub(crate) fn event(
        &mut self,
        node: NodeId,
        event: &Event,
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        match event {
            // What a liar shows its own user of itself is its own affair.
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

    /// The faults are over and the world has settled: everything is as it should be.
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

    /// Those who do not lie, and what they show of each other.
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

/// Short names for the planted violations of the oracles' own tests.
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

    /// The nodes of a sound ring, 0 its coordinator.
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

    /// The invariant that a check found violated.
    pub(super) fn violated(check: Check) -> Option<&'static str> {
        check.err().map(|violation| violation.invariant)
    }
}
