//! Validates a view that another node made: from an update, or from the pages of a full view.
//!
//! All readers, observers too, read views here, and get none that its coordinator did not sign (`PROTOCOL.md` §5.2).
//! Not here: whether a signed view is believed (`node::views`).

use alloc::vec::Vec;

use ringtalk_wire::limit::MEMBERS;
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Member, RingId, ViewPage, ViewTag, ViewUpdate};

use super::roster::Roster;
use super::{Openings, View};
use crate::Verifier;
use crate::signing::is_signed_by_coordinator;

/// Why another node's view is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// The update follows another view.
    Parent,
    /// The hash is wrong, members are unknown or listed twice, the coordinator is missing, or a name is not valid.
    Content,
    /// Its coordinator did not sign it.
    Seal,
}

impl View {
    /// Returns the view after an update, if its coordinator signed it.
    pub fn apply(
        &self,
        update: &ViewUpdate,
        ring: RingId,
        verifier: &dyn Verifier,
    ) -> Result<Self, Mismatch> {
        if update.parent != self.tag.hash || update.tag.number != self.tag.number + 1 {
            return Err(Mismatch::Parent);
        }
        let fits = |one: &Member| is_possible(one, &update.tag);
        let sound = |view: &Self| {
            let hash = view.content_hash();
            view.has_coordinator()
                && hash == update.tag.hash
                && update.joined.iter().all(fits)
                && update.renamed.iter().all(|renamed| is_name(&renamed.name))
        };
        let view = self.changed(update).filter(sound);
        view.ok_or(Mismatch::Content)?.signed(ring, verifier)
    }

    /// Returns the view in a complete set of pages, in order, if its coordinator signed it.
    pub fn from_pages(
        pages: Vec<ViewPage>,
        ring: RingId,
        verifier: &dyn Verifier,
    ) -> Result<Self, Mismatch> {
        let view = Self::in_pages(pages).ok_or(Mismatch::Content)?;
        view.signed(ring, verifier)
    }

    fn in_pages(pages: Vec<ViewPage>) -> Option<Self> {
        let first = pages.first()?;
        let view = Self {
            tag: first.tag,
            parent: first.parent,
            layout: first.layout,
            seal: first.seal,
            openings: Openings::last_of(first.openings.iter().cloned()),
            ancestors: first.ancestors.iter().copied().collect(),
            departed: first.departed.iter().cloned().collect(),
            members: Roster::of(pages.into_iter().flat_map(|page| page.members))?,
        };
        let fits = |one: &Member| is_possible(one, &view.tag);
        let sound = view.has_coordinator()
            && view.content_hash() == view.tag.hash
            && view.members().all(fits);
        sound.then_some(view)
    }

    /// Checks the coordinator's signature. Every view that another node made passes through here
    /// (`PROTOCOL.md` §5.2).
    fn signed(self, ring: RingId, verifier: &dyn Verifier) -> Result<Self, Mismatch> {
        if is_signed_by_coordinator(ring, verifier, &self.tag, &self.seal) {
            Ok(self)
        } else {
            Err(Mismatch::Seal)
        }
    }
}

/// Returns true if a member's name is valid and its seniority possible: each view admits a limited number of members.
fn is_possible(member: &Member, tag: &ViewTag) -> bool {
    member.seniority <= tag.number.saturating_mul(MEMBERS as u64) && is_name(&member.name)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ringtalk_wire::{Addresses, NetworkId, NodeId, PublicKey, RingKey, Signature};

    use super::*;
    use crate::signing::test_support::{FakeSigner, RING, SEAL};
    use crate::view::Change;
    use crate::view::test_support::id;

    /// A verifier that rejects everything.
    #[derive(Debug)]
    struct RejectAll;

    impl Verifier for RejectAll {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
            false
        }
    }

    fn member(id: NodeId) -> Member {
        Member {
            id,
            name: "x".into(),
            addresses: Addresses::default(),
            seniority: 0,
            key: RingKey(id.as_bytes()[0].into()),
            network: NetworkId::default(),
        }
    }

    /// Returns a view of this founder's and the next one, both with the seal `SEAL`.
    fn views(founder: NodeId) -> (View, ViewUpdate, View) {
        let founding = View::founding(member(founder), 1, |_| SEAL);
        let change = Change {
            opening: None,
            joined: vec![member(id(0x0700))],
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let (update, next) = founding.next(change, |_| SEAL).unwrap();
        (founding, update, next)
    }

    #[test]
    fn a_view_is_accepted_only_if_its_coordinator_signed_it() {
        let (founding, update, next) = views(NodeId::of(&SEAL.key));
        assert_eq!(founding.apply(&update, RING, &FakeSigner), Ok(next.clone()));
        assert_eq!(
            View::from_pages(next.pages(), RING, &FakeSigner),
            Ok(next.clone())
        );
        assert_eq!(
            founding.apply(&update, RING, &RejectAll),
            Err(Mismatch::Seal)
        );
        assert_eq!(
            View::from_pages(next.pages(), RING, &RejectAll),
            Err(Mismatch::Seal)
        );
    }

    #[test]
    fn a_view_that_another_node_signed_is_refused() {
        let (founding, update, next) = views(id(1));
        assert_eq!(
            founding.apply(&update, RING, &FakeSigner),
            Err(Mismatch::Seal)
        );
        assert_eq!(
            View::from_pages(next.pages(), RING, &FakeSigner),
            Err(Mismatch::Seal)
        );
    }

    #[test]
    fn pages_that_do_not_fit_together_are_refused() {
        let (_, _, next) = views(NodeId::of(&SEAL.key));
        let mut pages = next.pages();
        pages[0].members.pop();
        assert_eq!(
            View::from_pages(pages, RING, &FakeSigner),
            Err(Mismatch::Content)
        );
        assert_eq!(
            View::from_pages(Vec::new(), RING, &FakeSigner),
            Err(Mismatch::Content)
        );
    }
}
