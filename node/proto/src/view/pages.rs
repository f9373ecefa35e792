//! Pages: full views as they arrive, page by page.
//!
//! Not here: whether such a view is believed (`node::views`).

use crate::View;
use crate::signing::Signatures;
use crate::view::Mismatch;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ringtalk_wire::limit::{MEMBERS, PAGE_FORMER, PAGE_MEMBERS};
use ringtalk_wire::{NodeId, Renamed, ViewPage};

/// Incomplete views, by the peer that sends the pages or the coordinator that made them.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    incomplete: BTreeMap<NodeId, BTreeMap<u16, ViewPage>>,
}

/// The maximum number of pages kept of all incomplete views: two of the largest views.
const PAGES: usize = 2 * MEMBERS / PAGE_MEMBERS;

impl Pages {
    pub(crate) fn forget(&mut self, source: &NodeId) {
        self.incomplete.remove(source);
    }

    /// Adds a page. If no other page is missing, returns the view and the former members that its pages name, or the
    /// reason to reject the view.
    pub(crate) fn add(
        &mut self,
        source: NodeId,
        page: ViewPage,
        seals: &Signatures,
    ) -> Option<Result<(View, Vec<Renamed>), Mismatch>> {
        let pages = self.incomplete.entry(source).or_default();
        if pages.values().next().is_some_and(|one| one.tag != page.tag) {
            pages.clear();
        }
        let count = usize::from(page.pages);
        if page.page >= page.pages || count > MEMBERS / PAGE_MEMBERS {
            self.incomplete.remove(&source);
            return None;
        }
        pages.insert(page.page, page);
        if pages.len() < count {
            self.make_room(&source);
            return None;
        }
        let mut pages: Vec<ViewPage> = self.incomplete.remove(&source)?.into_values().collect();
        let former = pages
            .iter_mut()
            .flat_map(|page| core::mem::take(&mut page.former));
        let former: Vec<Renamed> = former.take(PAGE_FORMER).collect();
        let view = View::from_pages(pages, seals.ring, &*seals.verifier);
        Some(view.map(|view| (view, former)))
    }

    /// Drops the largest incomplete view of another source if too many pages are kept.
    fn make_room(&mut self, source: &NodeId) {
        let kept: usize = self.incomplete.values().map(BTreeMap::len).sum();
        let others = self.incomplete.iter().filter(|(id, _)| *id != source);
        let largest = others.max_by_key(|(_, pages)| pages.len());
        if kept > PAGES
            && let Some(id) = largest.map(|(id, _)| *id)
        {
            self.incomplete.remove(&id);
        }
    }
}
