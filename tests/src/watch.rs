//! Checks that an attack does not disturb the members: nobody and nothing is lost, and memory stays bounded.
//!
//! Not here: the delivery and order of their messages (`cluster`, `checker`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Event, Message};
use crate::id::NodeId;
use crate::measure::report;
use crate::node::TestNode;
use crate::resources::peak_resident_kib;

/// The growth of memory that a member is allowed, in KiB.
const GROWTH_KIB: u64 = 48 * 1024;

/// The authors outside the view whose messages may be delivered.
#[derive(Clone, Copy, Debug)]
pub enum AllowedAuthors {
    /// None.
    None,
    /// At most this many, shown under an id instead of a name.
    Unlisted(usize),
}

/// Members, and their state before an attack.
#[derive(Debug)]
pub struct Watch {
    nodes: Vec<WatchedNode>,
    members: BTreeSet<NodeId>,
    /// The name of a node that may join and leave.
    guest: Option<String>,
}

#[derive(Debug)]
struct WatchedNode {
    node: Arc<TestNode>,
    /// The number of its events.
    mark: usize,
    peak_kib: u64,
}

impl Watch {
    /// Starts to watch these nodes; a node called `guest` may join and leave.
    pub fn on(nodes: &[Arc<TestNode>], guest: Option<&str>) -> Self {
        let watched = |node: &Arc<TestNode>| WatchedNode {
            node: Arc::clone(node),
            mark: node.mark(),
            peak_kib: peak_resident_kib(node.process()),
        };
        Self {
            nodes: nodes.iter().map(watched).collect(),
            members: nodes.iter().map(|node| node.id()).collect(),
            guest: guest.map(str::to_owned),
        }
    }

    /// Checks that no member and no message was lost, that the coordinator is the same, and that memory has hardly
    /// grown.
    ///
    /// # Panics
    ///
    /// If a check fails.
    #[track_caller]
    pub fn expect_no_loss(&self) {
        for watched in &self.nodes {
            let process = watched.node.process();
            let label = process.label();
            let growth = peak_resident_kib(process).saturating_sub(watched.peak_kib);
            let what = format!("under attack, {label} grew at most by KiB");
            report(&what, growth);
            assert!(growth <= GROWTH_KIB, "{label} grew by {growth} KiB");
            let journal = watched.node.journal();
            let mut events = journal.since(watched.mark);
            let lost = events.find(|event| is_loss(event) && !self.is_of_guest(event));
            assert!(lost.is_none(), "{label}: {lost:?}");
        }
    }

    /// Like [`Watch::expect_no_loss`]; also checks that only `allowed` authors outside the view were delivered, and
    /// their messages without gaps.
    ///
    /// # Panics
    ///
    /// If a check fails.
    #[track_caller]
    pub fn expect_undisturbed(&self, allowed: AllowedAuthors) {
        self.expect_no_loss();
        for watched in &self.nodes {
            let journal = watched.node.journal();
            let messages = journal.since(watched.mark).filter_map(|event| match event {
                Event::Message(message) if !self.members.contains(&message.node_id) => {
                    Some(message)
                }
                _ => None,
            });
            check_authors(watched.node.process().label(), allowed, messages);
        }
    }

    fn is_of_guest(&self, event: &Event) -> bool {
        match event {
            Event::Left(member) | Event::Failed(member) => {
                self.guest.as_ref() == Some(&member.name)
            }
            _ => false,
        }
    }
}

/// Returns true if an event shows that a member, the coordinator or a message is lost, or that the node has ended.
pub const fn is_loss(event: &Event) -> bool {
    matches!(
        event,
        Event::Failed(_)
            | Event::Left(_)
            | Event::Coordinator(_)
            | Event::Gap(_)
            | Event::Goodbye(_)
    )
}

#[track_caller]
fn check_authors<'a>(
    label: &str,
    allowed: AllowedAuthors,
    messages: impl Iterator<Item = &'a Message>,
) {
    let mut delivered: BTreeMap<NodeId, u64> = BTreeMap::new();
    for message in messages {
        let seq = delivered.entry(message.node_id).or_default();
        *seq += 1;
        assert_eq!(message.seq, *seq, "{label}: a hole before {message:?}");
        assert!(message.unlisted, "{label}: {message:?}");
    }
    match allowed {
        AllowedAuthors::None => assert!(delivered.is_empty(), "{label} hears {delivered:?}"),
        AllowedAuthors::Unlisted(authors) => {
            let actual = delivered.len();
            assert!(actual <= authors, "{label} hears {actual} authors");
        }
    }
}
