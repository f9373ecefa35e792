//! A director and the nodes of one ring, and the conditions that tests check on all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checker::{self, Record, Rules, ring};
use crate::director::Director;
use crate::event::{Coordinator, Event};
use crate::id::NodeId;
use crate::network::{Host, Network, Proxy};
use crate::node::{JOIN_TIMEOUT, Launch, TestNode};
use crate::wait::{self, Witness};

/// The time limit for a ring to come to rest, in tests that do not measure it.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit for delivery everywhere, once faults have ended (invariant C5).
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A director and its nodes.
#[derive(Debug)]
pub struct Cluster {
    /// The director that all nodes were given.
    pub director: Director,
    nodes: Vec<Arc<TestNode>>,
    started: usize,
}

impl Cluster {
    /// Starts a director and `count` nodes in turn, and waits until all are ready and in one ring.
    #[track_caller]
    pub fn start(count: usize) -> Self {
        let mut cluster = Self::empty();
        for _ in 0..count {
            cluster.join().await_ready(JOIN_TIMEOUT);
        }
        cluster.await_one_ring(SETTLE_TIMEOUT);
        cluster
    }

    /// Starts a director on host 0 of a network and a node on each of the hosts 1 to `count`, in one ring.
    #[track_caller]
    pub fn start_across(network: &Network, count: u8) -> Self {
        let mut cluster = Self::empty_on(&network.host(0));
        for number in 1..=count {
            cluster
                .join_on(&network.host(number))
                .await_ready(JOIN_TIMEOUT);
        }
        cluster.await_one_ring(SETTLE_TIMEOUT);
        cluster
    }

    /// Starts a director, and a node behind each of the proxies, in one ring.
    #[track_caller]
    pub fn start_behind(proxies: &[Proxy]) -> Self {
        let mut cluster = Self::empty();
        for (index, proxy) in proxies.iter().enumerate() {
            let launch = Launch::behind(proxy, &format!("n{}", index + 1));
            let launch = launch.join(&cluster.director.endpoint());
            cluster.add(launch.start()).await_ready(JOIN_TIMEOUT);
        }
        cluster.await_one_ring(SETTLE_TIMEOUT);
        cluster
    }

    /// Starts a director without nodes.
    #[track_caller]
    pub fn empty() -> Self {
        Self::with_director(Director::start())
    }

    /// Starts a director on a host of a network, without nodes.
    #[track_caller]
    pub fn empty_on(host: &Host) -> Self {
        Self::with_director(Director::start_on(host))
    }

    /// Starts one more node on a host of a network, and does not wait for it.
    #[track_caller]
    pub fn join_on(&mut self, host: &Host) -> Arc<TestNode> {
        self.started += 1;
        let launch = Launch::on(host, &format!("n{}", self.started));
        self.add(launch.join(&self.director.endpoint()).start())
    }

    fn with_director(director: Director) -> Self {
        Self {
            director,
            nodes: Vec::new(),
            started: 0,
        }
    }

    /// Starts one more node, and does not wait for it.
    #[track_caller]
    pub fn join(&mut self) -> Arc<TestNode> {
        self.join_with(&[])
    }

    /// Like [`Cluster::join`], with more arguments.
    #[track_caller]
    pub fn join_with(&mut self, arguments: &[&str]) -> Arc<TestNode> {
        self.started += 1;
        let name = format!("n{}", self.started);
        let launch = Launch::new(&name).join(&self.director.endpoint());
        self.add(launch.arguments(arguments).start())
    }

    /// Adds a node that was started elsewhere.
    pub fn add(&mut self, node: TestNode) -> Arc<TestNode> {
        let node = Arc::new(node);
        self.nodes.push(Arc::clone(&node));
        node
    }

    /// Returns every node that was ever started, those that are gone included.
    pub fn all_nodes(&self) -> &[Arc<TestNode>] {
        &self.nodes
    }

    /// Returns the running nodes, frozen ones included.
    pub fn live(&self) -> Vec<Arc<TestNode>> {
        self.nodes
            .iter()
            .filter(|node| node.is_running())
            .cloned()
            .collect()
    }

    /// Returns the running nodes except `node`.
    pub fn others(&self, node: &Arc<TestNode>) -> Vec<Arc<TestNode>> {
        self.live()
            .into_iter()
            .filter(|other| !Arc::ptr_eq(other, node))
            .collect()
    }

    /// Returns the running node with this id.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn by_id(&self, id: NodeId) -> Arc<TestNode> {
        self.live()
            .into_iter()
            .find(|node| node.id() == id)
            .unwrap_or_else(|| panic!("no running node has the id {id}"))
    }

    /// Returns the node that the first running node reports as coordinator.
    ///
    /// # Panics
    ///
    /// If that node is not running.
    #[track_caller]
    pub fn coordinator(&self) -> Arc<TestNode> {
        let coordinator = self.live()[0]
            .journal()
            .current_coordinator()
            .expect("it is ready");
        self.by_id(coordinator.node_id)
    }

    /// Returns the running nodes in ring order, starting with the coordinator.
    ///
    /// # Panics
    ///
    /// If the coordinator's view lists a node that is not running.
    #[track_caller]
    pub fn in_ring_order(&self) -> Vec<Arc<TestNode>> {
        let coordinator = self.coordinator();
        let view = coordinator
            .journal()
            .view
            .clone()
            .expect("a ready node has a view");
        let mut ids: Vec<NodeId> = view.members.iter().map(|member| member.node_id).collect();
        let first = ids
            .iter()
            .position(|id| *id == coordinator.id())
            .expect("it is in its view");
        ids.rotate_left(first);
        ids.into_iter().map(|id| self.by_id(id)).collect()
    }

    /// Waits until all running nodes agree on a view of exactly themselves, on the coordinator, and on one closed
    /// ring.
    #[track_caller]
    pub fn await_one_ring(&self, within: Duration) {
        await_one_ring(&self.live(), within);
    }

    /// Waits until every running node has delivered everything that was typed into running nodes, and into nodes
    /// that left properly.
    #[track_caller]
    pub fn await_delivery_everywhere(&self, within: Duration) {
        let due: Vec<(NodeId, u64)> = self
            .nodes
            .iter()
            .filter(|author| author.must_deliver() && author.typed_count() > 0)
            .map(|author| (author.id(), author.typed_count()))
            .collect();
        for node in self.live() {
            node.wait_for("delivers everything", within, |journal| {
                let has = |(id, count): &(NodeId, u64)| journal.delivered.get(id) >= Some(count);
                due.iter().all(has).then_some(())
            });
        }
    }

    /// Returns the records of all nodes, for the checker.
    pub fn records(&self) -> Vec<Record> {
        self.nodes.iter().map(|node| node.record()).collect()
    }

    /// Asks every running node for its transcript, and checks all events.
    #[track_caller]
    pub fn check(&self) -> checker::CheckReport {
        self.check_with(&Rules::default())
    }

    /// Like [`Cluster::check`], with other rules.
    #[track_caller]
    pub fn check_with(&self, rules: &Rules) -> checker::CheckReport {
        ask_transcripts(&self.live());
        let report = checker::check(&self.records(), rules);
        report.expect_clean();
        report
    }
}

/// Waits until `nodes` agree on a view of exactly themselves, on the coordinator, and on one closed ring.
#[track_caller]
pub fn await_one_ring(nodes: &[Arc<TestNode>], within: Duration) {
    wait::until("one ring of one view", within, &witnesses(nodes), || {
        let nodes: Option<Vec<ring::RingPlace>> =
            nodes.iter().map(|node| reported_place(node)).collect();
        ring::check_closed(&nodes.ok_or("somebody is not ready")?)
    });
}

/// Waits until all of `nodes` report the same new coordinator, under a higher epoch than `before`. Returns the time
/// from `since` until then.
#[track_caller]
pub fn await_new_coordinator(
    nodes: &[Arc<TestNode>],
    before: Coordinator,
    since: Instant,
    within: Duration,
) -> Duration {
    let what = format!("a new coordinator after {before:?}");
    wait::until(&what, within, &witnesses(nodes), || {
        let coordinators: Vec<Option<Coordinator>> = nodes
            .iter()
            .map(|node| node.journal().current_coordinator())
            .collect();
        let is_new = |coordinator: &Option<Coordinator>| {
            *coordinator == coordinators[0]
                && coordinator
                    .is_some_and(|coordinator| coordinator.epoch.number > before.epoch.number)
        };
        coordinators
            .iter()
            .all(is_new)
            .then_some(())
            .ok_or(format!("{coordinators:?}"))
    });
    since.elapsed()
}

/// Waits until each of `nodes` has a view of exactly `nodes`. Returns the time from `since` until then.
#[track_caller]
pub fn await_view_of(nodes: &[Arc<TestNode>], since: Instant, within: Duration) -> Duration {
    let expected: BTreeSet<NodeId> = nodes.iter().map(|node| node.id()).collect();
    for node in nodes {
        node.wait_for("has a view of exactly the survivors", within, |journal| {
            let members = &journal.view.as_ref()?.members;
            let found: BTreeSet<NodeId> = members.iter().map(|member| member.node_id).collect();
            (found == expected).then_some(())
        });
    }
    since.elapsed()
}

/// Asks each of `nodes` for its transcript, and waits for the answers.
#[track_caller]
pub fn ask_transcripts(nodes: &[Arc<TestNode>]) {
    let marks: Vec<usize> = nodes.iter().map(|node| node.mark()).collect();
    for node in nodes {
        node.command("/transcript");
    }
    for (node, mark) in nodes.iter().zip(marks) {
        node.wait_for_event("answers /transcript", mark, DELIVERY_TIMEOUT, |event| {
            matches!(event, Event::Transcript(_)).then_some(())
        });
    }
}

fn reported_place(node: &TestNode) -> Option<ring::RingPlace> {
    let journal = node.journal();
    let (_, ready) = journal.ready.as_ref()?;
    Some(ring::RingPlace {
        id: ready.node_id,
        view: journal.view.clone()?,
        neighbours: journal.neighbours,
        coordinator: journal.current_coordinator()?,
    })
}

fn witnesses(nodes: &[Arc<TestNode>]) -> Vec<&dyn Witness> {
    nodes
        .iter()
        .map(|node| node.as_ref() as &dyn Witness)
        .collect()
}
