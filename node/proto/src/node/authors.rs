//! Authors: whose bundles are let through, and under what name they are shown.
//!
//! `PROTOCOL.md` §4.2. Whoever is or was a member has its place, and so have a number of others, who may be
//! departed members of a ring that this one has merged with. A discussion may go on for long, and a
//! coordinator may lie: so the departed of whom nothing was heard are forgotten where there are too many,
//! and too many are not heard at all. Not here: when a bundle is delivered (`causal`).

mod nameless;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::{AUTHORS, MEMBERS, PAGE_FORMER};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Bundle, Departure, MessageId, NodeId, Renamed, ViewTag};

use super::Node;
use crate::admission::presentable;
use crate::view::Differences;
use crate::{Time, View};
use nameless::Nameless;

/// How long a bundle may wait for its author's admission before it is shown without a name: longer than a member that slept
/// takes to catch up.
const ADMISSION_WAIT: Duration = Duration::from_secs(5);

/// How long a bundle waits for somebody to tell of an author on whose words it depends: longer than a member that was cut off, or
/// slept, takes to learn who came meanwhile.
const NEWS_WAIT: Duration = Duration::from_secs(10);

/// How many authors there may be whose admission nobody has told: a key costs nothing, so that one member
/// can speak as very many.
const NAMELESS: usize = 4_096;

/// How many of those one peer may bring: whoever makes up more than this is not one of a few whose admission was
/// missed.
const NAMELESS_OF_PEER: usize = 64;

/// How many there may be in a ring, those that speak counted twice, that lets newcomers in: two such rings
/// may still merge.
const ADMITTING: usize = AUTHORS / 2;

/// How many names are kept before those are forgotten who left without a word.
const NAMES: usize = AUTHORS + MEMBERS;

/// Who may speak.
#[derive(Debug, Default)]
pub(super) struct Authors {
    /// The names of those who are no members any more, as far as they are known; the view has the others'.
    former: BTreeMap<NodeId, String>,
    /// The others, as far as something of them has come.
    nameless: Nameless,
    /// Until when bundles wait for somebody to tell of those on whose words they depend.
    waits: VecDeque<Wait>,
}

/// A bundle that waits for somebody to tell of those on whose words it depends.
#[derive(Clone, Copy, Debug)]
struct Wait {
    until: Time,
    first: MessageId,
    /// True where it may wait once more.
    again: bool,
}

impl Node {
    /// The name of somebody who is or was a member, as far as it is known.
    pub(super) fn known_name(&self, id: &NodeId) -> Option<&String> {
        let member = self.view.as_ref().and_then(|view| view.member(id));
        let present = member.map(|member| &member.name);
        present.or_else(|| self.authors.former.get(id))
    }

    /// True for whoever was a member, and is none now.
    pub(super) fn is_former(&self, id: &NodeId) -> bool {
        self.authors.former.contains_key(id)
    }

    /// True for whoever is or was a member, as far as is known.
    pub(super) fn is_named(&self, id: &NodeId) -> bool {
        self.known_name(id).is_some()
    }

    /// Notes the names of those who went, and lets the words of those through who came.
    pub(super) fn note_names(&mut self, now: Time, differences: &Differences) {
        for member in &differences.joined {
            self.naming.is_called(&member.id, &member.name);
            self.causal.note_named(member.id);
            self.links.welcome(&member.id);
            self.authors.former.remove(&member.id);
            self.authors.nameless.remove(&member.id);
        }
        for member in &differences.changed {
            self.naming.is_called(&member.id, &member.name);
        }
        for member in &differences.gone {
            match self
                .view
                .as_ref()
                .and_then(|view| view.departure(&member.id))
            {
                Some(gone) if gone.how == Departure::Left => self.naming.left(&member.id),
                _ => self.naming.failed(now, member.id, &member.name),
            }
            let former = &mut self.authors.former;
            former.insert(member.id, member.name.clone());
        }
        if self.named() > NAMES {
            self.forget_who_left_without_a_word();
        }
    }

    /// Notes somebody who was here before this node, as others name it.
    pub(super) fn note_former(&mut self, id: NodeId, name: &str) {
        if self.named() < AUTHORS {
            self.causal.admit(id);
            self.authors.nameless.remove(&id);
            if !self.is_named(&id) {
                // A node with newer tables may have given it.
                let own = Some(name).filter(|name| is_name(name));
                let name = own.map_or_else(|| presentable(name), String::from);
                self.authors.former.insert(id, name);
            }
        }
    }

    /// The names of former members of whom something is kept, for those who were not there when they came: as many
    /// as a page of a view has room for.
    pub(super) fn former_names(&self) -> Vec<Renamed> {
        let authors = self.log.authors().into_iter();
        let former = authors.filter_map(|id| {
            let name = self.authors.former.get(&id)?.clone();
            Some(Renamed { id, name })
        });
        former.take(PAGE_FORMER).collect()
    }

    /// A coordinator names former members of its ring, beside a view that it has sealed: it counts once that view is
    /// in force, as everything else that a coordinator says of names.
    pub(super) fn note_former_names(&mut self, tag: &ViewTag, former: &[Renamed]) {
        if self.view.as_ref().is_some_and(|view| view.tag() == *tag) {
            for Renamed { id, name } in former {
                self.note_former(*id, name);
            }
        }
    }

    /// How many have a name.
    fn named(&self) -> usize {
        let members = self.view.as_ref().map_or(0, |view| view.len());
        members + self.authors.former.len()
    }

    /// Everybody else's messages still come under its name, and are known again.
    fn forget_who_left_without_a_word(&mut self) {
        let (causal, me) = (&self.causal, self.config.id);
        self.authors
            .former
            .retain(|id, _| *id == me || causal.has_any_of(id));
        let Authors {
            former, nameless, ..
        } = &self.authors;
        let view = self.view.as_ref();
        let is_member = |id: &NodeId| view.is_some_and(|view| view.contains(id));
        let is_named = |id: &NodeId| former.contains_key(id) || is_member(id);
        self.causal
            .forget_authors(|id| *id == me || is_named(id) || nameless.contains(id));
        let causal = &self.causal;
        self.forks
            .forget_authors(|id| is_member(id) || causal.knows(id));
    }

    /// True where there are not too many members to let somebody in, nor too many authors, of which it may
    /// be one already.
    pub(super) fn has_room_for(&self, newcomer: &NodeId, members: usize) -> bool {
        let authors = self.causal.heard();
        let is_author = self.causal.has_any_of(newcomer);
        members < MEMBERS && (is_author || members + authors < ADMITTING)
    }

    /// True if there is room for an author of whom a peer brings something.
    pub(super) fn may_be_an_author(&self, author: &NodeId, peer: &NodeId) -> bool {
        let nameless = &self.authors.nameless;
        if self.causal.has_any_of(author) || nameless.awaits(author) {
            return true;
        }
        let room = self.causal.heard() + nameless.awaited() < AUTHORS;
        let place = || nameless.len() < NAMELESS && nameless.of(peer) < NAMELESS_OF_PEER;
        room && (self.causal.knows(author) || self.is_named(author) || place())
    }

    /// True if there is no room for an author of whom a peer brings something: nothing waits for it then.
    pub(super) fn refuses(&mut self, author: &NodeId, peer: &NodeId) -> bool {
        let refused = !self.may_be_an_author(author, peer);
        if refused {
            self.causal.overlook(*author);
        }
        refused
    }

    /// True if a bundle is not taken from a peer that passes it on: there is no room for its author, or it is out of turn and
    /// its author has no name. Nothing is asked for of those, so that it would wait for ever.
    pub(super) fn turns_away(&mut self, bundle: &Bundle, peer: &NodeId) -> bool {
        let author = bundle.author;
        self.refuses(&author, peer)
            || !self.is_ordered(&author) && self.causal.first_missing(author) < bundle.first
    }

    /// True if others depend on what an author says, so that it is looked for.
    pub(super) fn is_ordered(&self, author: &NodeId) -> bool {
        self.causal.is_ordered(author) || self.is_named(author)
    }

    /// A bundle came that may have been asked for: somebody's clock told of its author, or something depends on it. Such an
    /// author is ordered, with a name or without. Whoever was brought without being asked for is a stranger like any other.
    pub(super) fn admit_asked(&mut self, author: NodeId, peer: NodeId, asked: bool) {
        if author == self.config.id || self.is_named(&author) {
            return self.causal.admit(author);
        }
        if asked {
            self.causal.admit_asked(author);
            self.authors.nameless.add(author, peer);
        }
    }

    /// A member shows a view that may never be in force here. Whom it lists is not made up by whoever brings its words, as far
    /// as that member can tell: what came of it is ordered, as what somebody's clock tells of.
    pub(super) fn hear_of_members(&mut self, peer: NodeId, shown: &View) {
        let unordered = self.authors.nameless.iter().copied();
        let told: Vec<NodeId> = unordered
            .chain(self.causal.unknown())
            .filter(|id| shown.contains(id) && !self.causal.is_ordered(id))
            .collect();
        for author in told {
            if self.may_be_an_author(&author, &peer) {
                self.admit_asked(author, peer, true);
            }
        }
    }

    /// A bundle came. Where it depends on the words of somebody of whom nothing is known, or nobody depends on it, it waits
    /// for a while, and then goes without.
    pub(super) fn look_for_strangers(&mut self, now: Time, bundle: &Bundle) {
        for head in &bundle.heads {
            if self.is_named(&head.author) {
                self.causal.admit(head.author);
            }
        }
        if self.causal.may_wait_for_news(bundle) || !self.is_ordered(&bundle.author) {
            let author = bundle.author;
            let seq = bundle.first;
            let first = MessageId { author, seq };
            self.authors.waits.push_back(Wait {
                until: now + NEWS_WAIT,
                first,
                again: true,
            });
        }
    }

    /// This node slept: nobody could name anybody meanwhile.
    pub(super) fn wait_anew(&mut self, now: Time) {
        for wait in &mut self.authors.waits {
            wait.until = now + NEWS_WAIT;
        }
        self.authors.nameless.wait_anew(now);
    }

    /// When a bundle goes without what it depends on.
    pub(super) fn goes_without(&self) -> Option<Time> {
        self.authors.waits.front().map(|wait| wait.until)
    }

    /// Bundles that have waited long enough for strangers go without.
    pub(super) fn expire_waits(&mut self, now: Time) {
        while let Some(&Wait {
            until,
            first,
            again,
        }) = self.authors.waits.front()
            && until <= now
        {
            self.authors.waits.pop_front();
            let repair = &self.repair;
            let sought = |author: &NodeId| again && repair.is_wanted(author);
            if self.causal.go_without(first, sought) {
                self.authors.waits.push_back(Wait {
                    until: now + NEWS_WAIT,
                    first,
                    again: false,
                });
            }
        }
    }

    /// A peer has brought something of this author; true if nobody has told of its admission, and this is news.
    pub(super) fn is_new_stranger(&mut self, now: Time, author: NodeId, peer: NodeId) -> bool {
        if self.is_named(&author) {
            self.causal.admit(author);
        }
        if self.causal.knows(&author) || self.authors.nameless.awaits(&author) {
            return false;
        }
        self.authors.nameless.wait(now, author, peer);
        true
    }

    /// Bundles of authors whose admission never came are shown all the same.
    pub(super) fn admit_strangers(&mut self, now: Time) {
        let nameless = &self.authors.nameless;
        let is_known = |id: &NodeId| self.causal.knows(id);
        for (author, by) in nameless.overdue(now, ADMISSION_WAIT, is_known) {
            if self.is_named(&author) {
                self.authors.nameless.remove(&author);
                self.causal.admit(author);
                continue;
            }
            self.authors.nameless.add(author, by);
            // Where somebody's clock tells of it, it is about to be asked for.
            if self.repair.is_wanted(&author) {
                self.causal.admit_asked(author);
            } else {
                self.causal.admit_aside(author);
            }
        }
    }

    /// The name of a member or an author. Whoever has none is called by its id, with a `?` before it: no name has one, so
    /// that no member can be called so.
    pub(super) fn name_of(&self, id: &NodeId) -> String {
        let known = self.known_name(id).cloned();
        known.unwrap_or_else(|| format!("?{id:?}"))
    }

    /// For the log and for errors: who a member is.
    pub(super) fn described(&self, id: &NodeId) -> String {
        format!("{} ({id:?})", self.name_of(id))
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use ringtalk_wire::{Addresses, Member, NetworkId, RingKey, SealHash};

    use super::*;
    use crate::node::test_support::node;
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

    fn go(node: &mut Node, members: impl Iterator<Item = usize>) {
        let differences = Differences {
            gone: members.map(nth).collect(),
            ..Differences::default()
        };
        node.note_names(Time::default(), &differences);
    }

    fn speaks(node: &mut Node, number: usize) {
        let author = nth(number).id;
        node.is_new_stranger(Time::default(), author, author);
        node.causal.pass(MessageId { author, seq: 1 });
    }

    #[test]
    fn who_left_without_a_word_is_forgotten_where_there_are_too_many() {
        let mut node = node();
        let present = Member::clone(&nth(1));
        node.view = Some(Arc::new(View::founding(present, 1, unsealed)));
        go(&mut node, 2..=NAMES);
        speaks(&mut node, 1);
        speaks(&mut node, 2);
        assert!(node.is_named(&nth(3).id), "there is room");
        go(&mut node, NAMES + 1..=NAMES + 1);
        let [present, heard, silent] = [1, 2, 3].map(|number| nth(number).id);
        for kept in [present, heard] {
            assert!(node.is_named(&kept) && node.causal.knows(&kept));
        }
        assert!(!node.is_named(&silent) && !node.causal.knows(&silent));
        assert_eq!(node.authors.former.len(), 1);
        assert!(
            node.may_be_an_author(&silent, &silent),
            "a late word is still heard"
        );
        let me = node.config.id;
        assert!(node.causal.knows(&me), "one's own is always heard");
    }

    #[test]
    fn former_members_have_names_too() {
        let mut node = node();
        node.note_former(nth(2).id, "bob: I agree to pay");
        node.note_former(nth(3).id, "小明");
        assert_eq!(node.name_of(&nth(2).id), "bob-I-agree-to-pay");
        assert_eq!(node.name_of(&nth(3).id), "小明");
    }

    #[test]
    fn no_member_is_called_as_an_author_without_a_name_is() {
        let mut node = node();
        let nameless = node.name_of(&nth(7).id);
        assert_eq!(nameless, "?00000000");
        assert!(!is_name(&nameless));
        node.note_former(nth(8).id, &nameless);
        assert_eq!(node.name_of(&nth(8).id), "00000000");
    }

    #[test]
    fn too_many_authors_are_not_heard_and_newcomers_not_let_in() {
        let mut node = node();
        let [nobody, heard] = [nth(NAMES).id, nth(1).id];
        assert!(node.has_room_for(&nobody, MEMBERS - 1));
        go(&mut node, 1..=AUTHORS + 1);
        for number in 1..=AUTHORS {
            speaks(&mut node, number);
        }
        assert!(
            node.may_be_an_author(&nth(1).id, &nobody),
            "who was heard is heard"
        );
        assert!(!node.may_be_an_author(&nth(AUTHORS + 1).id, &nobody));
        assert!(!node.has_room_for(&nobody, 1));
        assert!(node.has_room_for(&heard, 1), "it comes back");
        assert!(!node.has_room_for(&heard, MEMBERS));
    }

    #[test]
    fn out_of_turn_only_those_are_taken_whom_somebody_has_named() {
        let mut node = node();
        let [nameless, named, peer] = [1, 2, 3].map(|number| nth(number).id);
        node.note_former(named, "bob");
        let says = |author, first| Bundle {
            author,
            first,
            previous: SealHash::default(),
            lamport: first,
            heads: Vec::new(),
            messages: Vec::new(),
        };
        assert!(!node.turns_away(&says(nameless, 1), &peer));
        assert!(node.turns_away(&says(nameless, 2), &peer));
        assert!(!node.turns_away(&says(named, 2), &peer));
        // It is asked for, as what everybody has.
        node.admit_asked(nameless, peer, true);
        assert!(!node.turns_away(&says(nameless, 2), &peer));
    }

    #[test]
    fn one_peer_brings_so_many_authors_without_a_name_and_others_are_heard_still() {
        let mut node = node();
        let [liar, honest] = [nth(1).id, nth(2).id];
        let mut author = (3..).map(|number| nth(number).id);
        for author in author.by_ref().take(NAMELESS_OF_PEER) {
            assert!(node.may_be_an_author(&author, &liar));
            node.is_new_stranger(Time::default(), author, liar);
        }
        node.admit_strangers(Time::default() + ADMISSION_WAIT);
        let one_more = author.next().unwrap();
        assert!(!node.may_be_an_author(&one_more, &liar));
        assert!(node.may_be_an_author(&one_more, &honest));
        assert!(node.may_be_an_author(&nth(3).id, &liar), "it is known");
    }
}
