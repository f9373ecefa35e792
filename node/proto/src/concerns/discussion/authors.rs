//! Authors: whose bundles are accepted, and under which name they are shown.
//!
//! `PROTOCOL.md` §4.3 and §5.4. Present and former members have room, and so has a limited number of others: they may
//! be departed members of a ring that merged with this one. A discussion may last long, and a coordinator may lie. So
//! if there are too many names, departed members that said nothing are forgotten, and beyond a limit new authors are
//! refused. Not here: when a bundle is delivered (`causal`).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::{AUTHORS, MEMBERS, PAGE_FORMER};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Bundle, MessageId, NodeId, Renamed, ViewTag};

use super::Discussion;
use super::NewsWait;
use crate::context::Context;
use crate::machines::admission::presentable;
use crate::{Time, View};

/// How long a bundle may wait for its author's admission before it is shown without a name: longer than a member that
/// slept takes to catch up.
const ADMISSION_WAIT: Duration = Duration::from_secs(5);

/// How long a bundle waits for news of an author that it depends on: longer than a member that was cut off or slept
/// takes to learn who joined meanwhile.
const NEWS_WAIT: Duration = Duration::from_secs(10);

/// The maximum number of authors that no view or cut has named: a key costs nothing, so one member can pose as very
/// many authors.
const MAX_UNNAMED: usize = 4_096;

/// How many of those one peer may introduce: more than this are made up, and not just a few whose admission this node
/// missed.
const MAX_UNNAMED_OF_PEER: usize = 64;

/// The maximum size of a ring that admits newcomers; members that speak count twice. Two such rings can still merge.
const ADMITTING: usize = AUTHORS / 2;

/// How many names are kept before departed members that said nothing are forgotten.
const NAMES: usize = AUTHORS + MEMBERS;

impl Discussion {
    /// Records a former member that joined before this node did, under the name that others tell.
    pub(crate) fn note_former(&mut self, context: &mut Context, id: NodeId, name: &str) {
        if count_named(context) < AUTHORS {
            self.causal.admit(id);
            self.unnamed.remove(&id);
            if !context.is_named(&id) {
                // A node with newer Unicode tables may have given the name.
                let own = Some(name).filter(|name| is_name(name));
                let name = own.map_or_else(|| presentable(name), String::from);
                context.people.former.insert(id, name);
            }
        }
    }

    /// Returns the names of former members of whom messages are kept, for nodes that joined later: as many as a page
    /// of a view has room for.
    pub(crate) fn former_names(&self, context: &Context) -> Vec<Renamed> {
        let authors = self.log.authors().into_iter();
        let former = authors.filter_map(|id| {
            let name = context.people.former.get(&id)?.clone();
            Some(Renamed { id, name })
        });
        former.take(PAGE_FORMER).collect()
    }

    /// Records former members that a coordinator names along with a view that it signed. As with all names from a
    /// coordinator, they count once that view is in force.
    pub(crate) fn note_former_names(
        &mut self,
        context: &mut Context,
        tag: &ViewTag,
        former: &[Renamed],
    ) {
        if context.view.as_ref().is_some_and(|view| view.tag() == *tag) {
            for Renamed { id, name } in former {
                self.note_former(context, *id, name);
            }
        }
    }

    /// Records that a node is a member by the view in force: its bundles are accepted from then on.
    pub(crate) fn note_member(&mut self, context: &mut Context, id: NodeId) {
        self.causal.note_named(id);
        context.people.former.remove(&id);
        self.unnamed.remove(&id);
    }

    /// Forgets former members that said nothing, if too many nodes have a name. All others keep their names, and so
    /// do their messages. Equivocators whose evidence `is_kept` stay muted.
    pub(crate) fn forget_silent_authors(
        &mut self,
        context: &mut Context,
        is_kept: impl Fn(&NodeId) -> bool,
    ) {
        if count_named(context) <= NAMES {
            return;
        }
        let (causal, me) = (&self.causal, context.config.id);
        let former = &mut context.people.former;
        former.retain(|id, _| *id == me || causal.has_any_of(id));
        let (known, unnamed) = (&*context, &self.unnamed);
        self.causal
            .forget_authors(|id| *id == me || known.is_named(id) || unnamed.contains(id));
        let (view, causal) = (context.view.as_ref(), &self.causal);
        let is_member = |id: &NodeId| view.is_some_and(|view| view.contains(id));
        let equivocators = &mut context.people.equivocators;
        equivocators.retain(|id| is_member(id) || causal.knows(id) || is_kept(id));
    }

    /// Returns true if there is room for a newcomer among members and authors. It may be an author already.
    pub(crate) fn has_room_for(&self, newcomer: &NodeId, members: usize) -> bool {
        let authors = self.causal.author_count();
        let is_author = self.causal.has_any_of(newcomer);
        members < MEMBERS && (is_author || members + authors < ADMITTING)
    }

    /// Returns true if there is room for an author of whom a peer sends something.
    pub(crate) fn has_room_for_author(
        &self,
        context: &Context,
        author: &NodeId,
        peer: &NodeId,
    ) -> bool {
        let unnamed = &self.unnamed;
        if self.causal.has_any_of(author) || unnamed.awaits(author) {
            return true;
        }
        let room = self.causal.author_count() + unnamed.awaiting_count() < AUTHORS;
        let place = || unnamed.len() < MAX_UNNAMED && unnamed.count_of(peer) < MAX_UNNAMED_OF_PEER;
        room && (self.causal.knows(author) || context.is_named(author) || place())
    }

    /// Returns true if there is no room for an author of whom a peer sends something; then nothing waits for that
    /// author.
    pub(crate) fn refuses_author(
        &mut self,
        context: &Context,
        author: &NodeId,
        peer: &NodeId,
    ) -> bool {
        let refused = !self.has_room_for_author(context, author, peer);
        if refused {
            self.causal.overlook(*author);
        }
        refused
    }

    /// Returns true if a bundle that a peer passes on is rejected: there is no room for its author, or the author is
    /// unnamed and the bundle is out of order. Missing bundles of unnamed authors are not asked for, so it would
    /// wait forever.
    pub(crate) fn refuses_bundle(
        &mut self,
        context: &Context,
        bundle: &Bundle,
        peer: &NodeId,
    ) -> bool {
        let author = bundle.author;
        self.refuses_author(context, &author, peer)
            || !self.is_ordered(context, &author)
                && self.causal.first_missing(author) < bundle.first
    }

    /// Returns true if messages may depend on an author's, so that its missing messages are looked for.
    pub(crate) fn is_ordered(&self, context: &Context, author: &NodeId) -> bool {
        self.causal.is_ordered(author) || context.is_named(author)
    }

    /// Makes the author of a bundle ordered if it has a name, or if the bundle was `requested`, because a peer's
    /// clock lists the author or something depends on it. Any other author is a stranger.
    pub(crate) fn admit_requested(
        &mut self,
        context: &Context,
        author: NodeId,
        peer: NodeId,
        requested: bool,
    ) {
        if author == context.config.id || context.is_named(&author) {
            return self.causal.admit(author);
        }
        if requested {
            self.causal.admit_requested(author);
            self.unnamed.add(author, peer);
        }
    }

    /// Makes authors ordered that a member's view lists, though that view may never be in force here. As far as the
    /// member can tell, those authors are real, so they count like authors in a member's clock.
    pub(crate) fn admit_members_of(&mut self, context: &Context, peer: NodeId, shown: &View) {
        let unordered = self.unnamed.iter().copied();
        let listed: Vec<NodeId> = unordered
            .chain(self.causal.unknown())
            .filter(|id| shown.contains(id) && !self.causal.is_ordered(id))
            .collect();
        for author in listed {
            if self.has_room_for_author(context, &author, &peer) {
                self.admit_requested(context, author, peer, true);
            }
        }
    }

    /// Lets a bundle wait for a limited time if it depends on an unknown author, or if its own author is not ordered.
    /// After that it no longer waits for that author.
    pub(crate) fn wait_for_unknown_authors(&mut self, context: &Context, bundle: &Bundle) {
        let now = context.now;
        for head in &bundle.heads {
            if context.is_named(&head.author) {
                self.causal.admit(head.author);
            }
        }
        if self.causal.may_wait_for_news(bundle) || !self.is_ordered(context, &bundle.author) {
            let author = bundle.author;
            let seq = bundle.first;
            let first = MessageId { author, seq };
            self.waits.push_back(NewsWait {
                until: now + NEWS_WAIT,
                first,
                again: true,
            });
        }
    }

    /// Makes all waits begin anew, because no other node could name anybody while this node slept.
    pub(crate) fn restart_waits(&mut self, context: &Context) {
        let now = context.now;
        for wait in &mut self.waits {
            wait.until = now + NEWS_WAIT;
        }
        self.unnamed.restart_waits(now);
    }

    /// Returns when the next bundle stops waiting for unknown authors.
    pub(crate) fn next_wait_end(&self) -> Option<Time> {
        self.waits.front().map(|wait| wait.until)
    }

    /// Ends the waits of bundles that have waited long enough for unknown authors.
    pub(crate) fn expire_waits(&mut self, now: Time, is_wanted: impl Fn(&NodeId) -> bool) {
        while let Some(&NewsWait {
            until,
            first,
            again,
        }) = self.waits.front()
            && until <= now
        {
            self.waits.pop_front();
            let sought = |author: &NodeId| again && is_wanted(author);
            if self.causal.end_news_wait(first, sought) {
                self.waits.push_back(NewsWait {
                    until: now + NEWS_WAIT,
                    first,
                    again: false,
                });
            }
        }
    }

    /// Records that a peer has sent something of an author; returns true if the author is unnamed and was unknown
    /// so far.
    pub(crate) fn note_stranger(
        &mut self,
        context: &Context,
        author: NodeId,
        peer: NodeId,
    ) -> bool {
        let now = context.now;
        if context.is_named(&author) {
            self.causal.admit(author);
        }
        if self.causal.knows(&author) || self.unnamed.awaits(&author) {
            return false;
        }
        self.unnamed.await_admission(now, author, peer);
        true
    }

    /// Shows the bundles of authors whose admission has not been announced in time.
    pub(crate) fn admit_strangers(
        &mut self,
        context: &Context,
        is_wanted: impl Fn(&NodeId) -> bool,
    ) {
        let now = context.now;
        let unnamed = &self.unnamed;
        let is_known = |id: &NodeId| self.causal.knows(id);
        for (author, by) in unnamed.overdue(now, ADMISSION_WAIT, is_known) {
            if context.is_named(&author) {
                self.unnamed.remove(&author);
                self.causal.admit(author);
                continue;
            }
            self.unnamed.add(author, by);
            // If a peer's clock lists the author, its messages are about to be asked for.
            if is_wanted(&author) {
                self.causal.admit_requested(author);
            } else {
                self.causal.admit_aside(author);
            }
        }
    }
}

/// Returns how many nodes have a name.
fn count_named(context: &Context) -> usize {
    let members = context.view.as_ref().map_or(0, |view| view.len());
    members + context.people.former.len()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::sync::Arc;

    use ringtalk_wire::{Addresses, Member, NetworkId, RingKey, SealHash};

    use super::*;
    use crate::config::Retention;
    use crate::context::test_support::context;
    use crate::view::test_support::unsealed;

    fn nth(number: usize) -> Arc<Member> {
        Arc::new(Member {
            id: NodeId::from_bytes((number as u128).to_be_bytes()),
            name: format!("member {number}"),
            addresses: Addresses::default(),
            seniority: number as u64,
            key: RingKey(number as u128),
            network: NetworkId::default(),
        })
    }

    fn beginning() -> (Context, Discussion) {
        let context = context();
        let mut discussion = Discussion::new(Retention::of(0));
        discussion.causal.admit(context.config.id);
        (context, discussion)
    }

    fn go(
        context: &mut Context,
        discussion: &mut Discussion,
        members: impl Iterator<Item = usize>,
    ) {
        let gone = members.map(|number| (nth(number).id, nth(number).name.clone()));
        context.people.former.extend(gone);
        discussion.forget_silent_authors(context, |_| false);
    }

    fn speaks(context: &Context, discussion: &mut Discussion, number: usize) {
        let author = nth(number).id;
        discussion.note_stranger(context, author, author);
        discussion.causal.advance(MessageId { author, seq: 1 });
    }

    #[test]
    fn silent_former_members_are_forgotten_if_there_are_too_many() {
        let (mut context, mut discussion) = beginning();
        let present = Member::clone(&nth(1));
        context.view = Some(Arc::new(View::founding(present, 1, unsealed)));
        go(&mut context, &mut discussion, 2..=NAMES);
        speaks(&context, &mut discussion, 1);
        speaks(&context, &mut discussion, 2);
        assert!(context.is_named(&nth(3).id), "there is room");
        go(&mut context, &mut discussion, NAMES + 1..=NAMES + 1);
        let [present, heard, silent] = [1, 2, 3].map(|number| nth(number).id);
        for kept in [present, heard] {
            assert!(context.is_named(&kept) && discussion.causal.knows(&kept));
        }
        assert!(!context.is_named(&silent) && !discussion.causal.knows(&silent));
        assert_eq!(context.people.former.len(), 1);
        assert!(
            discussion.has_room_for_author(&context, &silent, &silent),
            "a late word is still heard"
        );
        let me = context.config.id;
        assert!(discussion.causal.knows(&me), "one's own is always heard");
    }

    #[test]
    fn former_members_have_names_too() {
        let (mut context, mut discussion) = beginning();
        discussion.note_former(&mut context, nth(2).id, "bob: I agree to pay");
        discussion.note_former(&mut context, nth(3).id, "小明");
        assert_eq!(context.name_of(&nth(2).id), "bob-I-agree-to-pay");
        assert_eq!(context.name_of(&nth(3).id), "小明");
    }

    #[test]
    fn no_member_is_named_like_an_unnamed_author() {
        let (mut context, mut discussion) = beginning();
        let unnamed = context.name_of(&nth(7).id);
        assert_eq!(unnamed, "?00000000");
        assert!(!is_name(&unnamed));
        discussion.note_former(&mut context, nth(8).id, &unnamed);
        assert_eq!(context.name_of(&nth(8).id), "00000000");
    }

    #[test]
    fn too_many_authors_and_newcomers_are_refused() {
        let (mut context, mut discussion) = beginning();
        let [nobody, heard] = [nth(NAMES).id, nth(1).id];
        assert!(discussion.has_room_for(&nobody, MEMBERS - 1));
        go(&mut context, &mut discussion, 1..=AUTHORS + 1);
        for number in 1..=AUTHORS {
            speaks(&context, &mut discussion, number);
        }
        assert!(
            discussion.has_room_for_author(&context, &nth(1).id, &nobody),
            "who was heard is heard"
        );
        assert!(!discussion.has_room_for_author(&context, &nth(AUTHORS + 1).id, &nobody));
        assert!(!discussion.has_room_for(&nobody, 1));
        assert!(discussion.has_room_for(&heard, 1), "it comes back");
        assert!(!discussion.has_room_for(&heard, MEMBERS));
    }

    #[test]
    fn bundles_out_of_order_are_accepted_only_of_known_authors() {
        let (mut context, mut discussion) = beginning();
        let [unnamed, named, peer] = [1, 2, 3].map(|number| nth(number).id);
        discussion.note_former(&mut context, named, "bob");
        let says = |author, first| Bundle {
            author,
            first,
            previous: SealHash::default(),
            lamport: first,
            heads: Vec::new(),
            messages: Vec::new(),
        };
        assert!(!discussion.refuses_bundle(&context, &says(unnamed, 1), &peer));
        assert!(discussion.refuses_bundle(&context, &says(unnamed, 2), &peer));
        assert!(!discussion.refuses_bundle(&context, &says(named, 2), &peer));
        // It was asked for.
        discussion.admit_requested(&context, unnamed, peer, true);
        assert!(!discussion.refuses_bundle(&context, &says(unnamed, 2), &peer));
    }

    #[test]
    fn unnamed_authors_are_bounded_for_each_peer() {
        let (mut context, mut discussion) = beginning();
        let [liar, honest] = [nth(1).id, nth(2).id];
        let mut author = (3..).map(|number| nth(number).id);
        for author in author.by_ref().take(MAX_UNNAMED_OF_PEER) {
            assert!(discussion.has_room_for_author(&context, &author, &liar));
            discussion.note_stranger(&context, author, liar);
        }
        context.now = context.now + ADMISSION_WAIT;
        discussion.admit_strangers(&context, |_| false);
        let one_more = author.next().unwrap();
        assert!(!discussion.has_room_for_author(&context, &one_more, &liar));
        assert!(discussion.has_room_for_author(&context, &one_more, &honest));
        assert!(
            discussion.has_room_for_author(&context, &nth(3).id, &liar),
            "it is known"
        );
    }
}
