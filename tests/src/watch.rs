//! Whether an attack disturbs those who talk beside it: somebody is lost, something is lost, or memory is taken.
//!
//! Not here: what they say, which `cluster` and `checker` look after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Event, Message};
use crate::id::NodeId;
use crate::node::Node;
use crate::resources::peak_resident_kib;

/// How much more memory a member may take than before.
const GROWTH_KIB: u64 = 48 * 1024;

/// Whose words may be heard who is no member.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// Nobody's.
    Nobody,
    /// Those of so many at most, and of somebody, under an id instead of a name.
    Unlisted(usize),
}

/// What the members were before.
#[derive(Debug)]
pub struct Watch {
    marks: Vec<usize>,
    memory: Vec<u64>,
    members: BTreeSet<NodeId>,
    /// Who may come and go.
    guest: Option<String>,
}

impl Watch {
    /// Watches these from now on; somebody of this name may come and go.
    pub fn on(nodes: &[Arc<Node>], guest: Option<&str>) -> Self {
        let peak = |node: &Arc<Node>| peak_resident_kib(node.process());
        Self {
            marks: nodes.iter().map(|node| node.mark()).collect(),
            memory: nodes.iter().map(peak).collect(),
            members: nodes.iter().map(|node| node.id()).collect(),
            guest: guest.map(str::to_owned),
        }
    }

    /// Nobody has left, lost anything, or heard what nobody should hear; what else is heard has no hole.
    ///
    /// # Panics
    ///
    /// Where that is not so.
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
