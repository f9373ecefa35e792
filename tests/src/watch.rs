//! Checks that an attack does not disturb the other members: nobody and nothing is lost, and memory stays bounded.
//!
//! Not here: the delivery and order of their messages (`cluster`, `checker`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Event, Message};
use crate::id::NodeId;
use crate::node::Node;
use crate::resources::peak_resident_kib;

/// The growth of memory that a member is allowed, in KiB.
const GROWTH_KIB: u64 = 48 * 1024;

/// The authors outside the view whose messages may be delivered.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// None.
    Nobody,
    /// At most this many, shown under an id instead of a name.
    Unlisted(usize),
}

/// The state of the members before an attack.
#[derive(Debug)]
pub struct Watch {
    marks: Vec<usize>,
    memory: Vec<u64>,
    members: BTreeSet<NodeId>,
    /// The name of a node that may join and leave.
    guest: Option<String>,
}

impl Watch {
    /// Starts to watch these nodes; a node called `guest` may join and leave.
    pub fn on(nodes: &[Arc<Node>], guest: Option<&str>) -> Self {
        let peak = |node: &Arc<Node>| peak_resident_kib(node.process());
        Self {
            marks: nodes.iter().map(|node| node.mark()).collect(),
            memory: nodes.iter().map(peak).collect(),
            members: nodes.iter().map(|node| node.id()).collect(),
            guest: guest.map(str::to_owned),
        }
    }

    /// Checks that nobody has left or lost a message, that only `heard` authors outside the view were delivered,
    /// and their messages without gaps.
    ///
    /// # Panics
    ///
    /// If a check fails.
    #[track_caller]
    pub fn expect_undisturbed(&self, nodes: &[Arc<Node>], heard: Heard) {
        for ((node, &mark), &before) in nodes.iter().zip(&self.marks).zip(&self.memory) {
            let label = node.process().label();
            let journal = node.journal();
            let wrong = journal.since(mark).find(|event| match event {
                Event::Left(person) | Event::Failed(person) => {
                    self.guest.as_ref() != Some(&person.name)
                }
                Event::Gap(_) | Event::Goodbye(_) => true,
                _ => false,
            });
            assert!(wrong.is_none(), "{label}: {wrong:?}");
            let messages = journal.since(mark).filter_map(|event| match event {
                Event::Message(message) if !self.members.contains(&message.node_id) => {
                    Some(message)
                }
                _ => None,
            });
            judge(label, heard, messages);
            drop(journal);
            let grown = peak_resident_kib(node.process()).saturating_sub(before);
            assert!(grown <= GROWTH_KIB, "{label} takes {grown} KiB more");
        }
    }
}

#[track_caller]
fn judge<'a>(label: &str, heard: Heard, messages: impl Iterator<Item = &'a Message>) {
    let mut said: BTreeMap<NodeId, u64> = BTreeMap::new();
    for message in messages {
        let seq = said.entry(message.node_id).or_default();
        *seq += 1;
        assert_eq!(message.seq, *seq, "{label}: a hole before {message:?}");
        assert!(message.unlisted, "{label}: {message:?}");
    }
    match heard {
        Heard::Nobody => assert!(said.is_empty(), "{label} hears {said:?}"),
        Heard::Unlisted(authors) => {
            let heard = said.len();
            assert!(heard <= authors, "{label} hears {heard} authors");
        }
    }
}
