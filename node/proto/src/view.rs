//! The view: the agreed, numbered list of members, in ring order.
//!
//! A view is a value: nothing changes it, and the next view is made from it. Not here: who publishes a view and who
//! believes it (`node::views`).

mod pages;
#[cfg(test)]
mod properties;
mod roster;
mod validation;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ringtalk_wire::limit::{PAGE_MEMBERS, VIEW_ANCESTORS, VIEW_DEPARTURES, VIEW_OPENINGS};
use ringtalk_wire::{
    Departed, Departure, Direction, KEY_BYTES, Member, NetworkId, NodeId, Opening, OpeningsHash,
    PublicKey, RingKey, SIGNATURE_BYTES, Seal, ShortId, Signature, ViewContent, ViewHash, ViewPage,
    ViewTag, ViewUpdate,
};

use roster::Roster;

pub(crate) use pages::Pages;
pub(crate) use roster::Differences;
pub use validation::Mismatch;

/// Narrower gaps are filled last: keys beside one network must not run out while there is room elsewhere.
const LEAST_GAP: u128 = 1 << 64;

/// The members of a discussion at one moment, as its coordinator published them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    tag: ViewTag,
    parent: ViewHash,
    layout: u64,
    members: Roster,
    /// The coordinator's signature of the tag.
    seal: Seal,
    /// How its epoch began, and the last openings before it, oldest first.
    openings: Openings,
    /// The hashes of the last views before this one, oldest first.
    ancestors: VecDeque<ViewHash>,
    departed: VecDeque<Departed>,
}

/// The openings of a view. They are hashed once, since they seldom change.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Openings {
    all: VecDeque<Opening>,
    hash: OpeningsHash,
}

impl Openings {
    /// Keeps as many of the last openings as a view has room for.
    fn last_of(openings: impl Iterator<Item = Opening>) -> Self {
        let mut all: VecDeque<Opening> = openings.collect();
        keep_last(&mut all, VIEW_OPENINGS);
        let hash = OpeningsHash::of(&all);
        Self { all, hash }
    }

    /// Appends an opening.
    fn and(&self, next: &Opening) -> Self {
        Self::last_of(self.all.iter().chain([next]).cloned())
    }

    const fn hash(&self) -> OpeningsHash {
        self.hash
    }
}

/// A placeholder for the seal of a view that is still being made.
const UNSEALED: Seal = Seal {
    key: PublicKey([0; KEY_BYTES]),
    signature: Signature([0; SIGNATURE_BYTES]),
};

impl View {
    /// Returns the first view of a discussion.
    pub fn founding(
        founder: Member,
        epoch_number: u64,
        seal: impl FnOnce(&ViewTag) -> Seal,
    ) -> Self {
        let epoch = ringtalk_wire::Epoch {
            number: epoch_number,
            coordinator: founder.id,
        };
        let mut view = Self {
            tag: ViewTag {
                epoch,
                number: 1,
                hash: ViewHash::default(),
            },
            parent: ViewHash::default(),
            layout: 0,
            members: Roster::alone(founder),
            seal: UNSEALED,
            openings: Openings::last_of(core::iter::empty()),
            ancestors: VecDeque::new(),
            departed: VecDeque::new(),
        };
        view.close(seal);
        view
    }

    /// Returns the tag, which identifies this view.
    pub const fn tag(&self) -> ViewTag {
        self.tag
    }

    /// Returns the coordinator's signature of the tag.
    pub const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Returns how its epoch began, and the last openings before it, oldest first.
    pub(crate) const fn openings(&self) -> &VecDeque<Opening> {
        &self.openings.all
    }

    /// Returns the coordinator's id.
    pub const fn coordinator(&self) -> NodeId {
        self.tag.epoch.coordinator
    }

    /// Returns the layout number, which counts changes of ring keys.
    pub const fn layout(&self) -> u64 {
        self.layout
    }

    /// Returns all members in ring order, clockwise.
    pub fn members(&self) -> impl Iterator<Item = &Member> + Clone {
        self.members.iter()
    }

    /// Returns all members in ring order, as shared pointers.
    pub fn shared_members(&self) -> impl Iterator<Item = Arc<Member>> + '_ {
        self.members.shared()
    }

    /// Returns the number of members.
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns false: a view lists at least its coordinator.
    pub const fn is_empty(&self) -> bool {
        self.members.len() == 0
    }

    /// Returns the member with this id.
    pub fn member(&self, id: &NodeId) -> Option<&Member> {
        self.members.get(id)
    }

    /// Returns true if the id is a member's.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.members.get(id).is_some()
    }

    /// Returns the members whose ids begin with `short`.
    pub fn beginning_with(&self, short: ShortId) -> impl Iterator<Item = &NodeId> {
        self.members.beginning_with(short)
    }

    /// Returns true if `tag` names this view or one of the last views before it.
    pub fn descends_from(&self, tag: &ViewTag) -> bool {
        self.tag == *tag || self.ancestors.contains(&tag.hash)
    }

    /// Returns how a former member departed, if the view remembers it.
    pub fn departure(&self, id: &NodeId) -> Option<&Departed> {
        self.departed.iter().rev().find(|gone| gone.id == *id)
    }

    /// Returns true if the view says that a former member left properly.
    pub fn has_left(&self, id: &NodeId) -> bool {
        let departure = self.departure(id);
        departure.is_some_and(|gone| gone.how == Departure::Left)
    }

    /// Returns who joined, departed and changed since an earlier view; without one, all members joined.
    pub(crate) fn since(&self, before: Option<&Self>) -> Differences {
        let before = before.map(|before| &before.members);
        self.members.since(before.unwrap_or(&Roster::empty()))
    }

    /// Returns the other members in one direction from `from`, the nearest first; none if `from` is not a member.
    pub fn others(&self, from: &NodeId, direction: Direction) -> impl Iterator<Item = &Member> {
        let member = self.member(from);
        let key = member.map_or(RingKey(0), |member| member.key);
        let count = if member.is_some() { self.len() - 1 } else { 0 };
        self.beyond(key, direction).take(count)
    }

    /// Returns the first member whose key is `key` or lies clockwise of it.
    pub fn at_or_after(&self, key: RingKey) -> Option<&Member> {
        self.members.clockwise_from(key).next()
    }

    /// Returns the first member whose key lies counter-clockwise of `key`.
    pub fn before(&self, key: RingKey) -> Option<&Member> {
        self.members.counterclockwise_from(key).next()
    }

    /// Returns the members whose keys lie at `from`, or clockwise of it by less than `width`.
    pub fn arc(&self, from: RingKey, width: u128) -> impl Iterator<Item = &Member> {
        let within = move |member: &&Member| from.clockwise_to(member.key) < width;
        self.members.clockwise_from(from).take_while(within)
    }

    /// Returns all members beyond a key in one direction, the nearest first; a member at that very key comes last.
    pub fn beyond(&self, key: RingKey, direction: Direction) -> impl Iterator<Item = &Member> {
        let (clockwise, counter) = match direction {
            Direction::Clockwise => (Some(self.members.clockwise_from(key.plus(1))), None),
            Direction::Counterclockwise => (None, Some(self.members.counterclockwise_from(key))),
        };
        let clockwise = clockwise.into_iter().flatten();
        clockwise.chain(counter.into_iter().flatten())
    }

    /// Returns the member this many places clockwise of another.
    pub fn ahead_of(&self, id: &NodeId, places: usize) -> Option<&Member> {
        let key = self.member(id)?.key;
        let round = places % self.len();
        self.members.clockwise_from(key).nth(round)
    }

    /// Returns the members, the most senior first.
    pub fn by_seniority(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.members().collect();
        members.sort_by_key(|member| (member.seniority, member.id));
        members
    }

    /// Returns the seniority of the next newcomer.
    pub fn next_seniority(&self) -> u64 {
        let highest = self.members().map(|member| member.seniority).max();
        highest.map_or(0, |seniority| seniority + 1)
    }

    /// Returns the key for a newcomer on that network: the middle of the widest gap beside a member of the same
    /// network, so that a ring crosses between networks as rarely as possible. The first member of a network goes
    /// between two others, or into the widest gap of all if all members are on one network.
    pub fn free_key_in(&self, network: NetworkId) -> RingKey {
        let members = self.members();
        let next = members.clone().cycle().skip(1);
        let gaps = members.zip(next).map(|(one, other)| {
            let width = one.key.clockwise_to(other.key).wrapping_sub(1);
            let at_home = one.network == network || other.network == network;
            let at_home = at_home && width >= LEAST_GAP;
            let border = one.network != other.network;
            (at_home, border, width, one.key)
        });
        let widest = gaps.max_by_key(|&(at_home, border, width, key)| {
            let border = border && !at_home;
            (at_home, border, width, core::cmp::Reverse(key))
        });
        let (key, width) = widest.map_or((RingKey(0), u128::MAX), |gap| (gap.3, gap.2));
        let place = RingKey(key.0.wrapping_add(width / 2 + 1));
        debug_assert!(
            width == 0 || self.at_or_after(place).is_none_or(|one| one.key != place),
            "a gap has room"
        );
        place
    }

    /// Returns the next view with a change, and the update that leads there, both signed with `seal`; `None` if the
    /// change is inconsistent.
    pub fn next(
        &self,
        change: Change,
        seal: impl FnOnce(&ViewTag) -> Seal,
    ) -> Option<(ViewUpdate, Self)> {
        let opening = change.opening;
        let mut update = ViewUpdate {
            tag: ViewTag {
                epoch: opening
                    .as_ref()
                    .map_or(self.tag.epoch, |opening| opening.epoch),
                number: self.tag.number + 1,
                hash: ViewHash::default(),
            },
            parent: self.tag.hash,
            seal: UNSEALED,
            opening,
            layout: self.layout,
            joined: change.joined,
            departed: change.departed,
            renamed: change.renamed,
        };
        let mut view = self.changed(&update)?;
        view.close(seal);
        update.tag = view.tag;
        update.seal = view.seal;
        Some((update, view))
    }

    /// Returns the view that merges this ring and `other`, with these members.
    ///
    /// It has a new layout and descends from both views. Returns `None` if two members have the same id or the same
    /// key.
    #[must_use]
    pub fn merged(
        &self,
        other: &Self,
        opening: Opening,
        members: Vec<Member>,
        seal: impl FnOnce(&ViewTag) -> Seal,
    ) -> Option<Self> {
        let recent = |view: &Self| {
            let skipped = (view.ancestors.len() + 1).saturating_sub(VIEW_ANCESTORS / 2);
            let ancestors = view.ancestors.iter().copied().skip(skipped);
            let ancestors: Vec<ViewHash> = ancestors.collect();
            ancestors.into_iter().chain([view.tag.hash])
        };
        let openings = last_openings(other).chain(last_openings(self));
        let mut view = Self {
            tag: ViewTag {
                epoch: opening.epoch,
                number: self.tag.number.max(other.tag.number) + 1,
                hash: ViewHash::default(),
            },
            parent: self.tag.hash,
            layout: self.layout.max(other.layout) + 1,
            members: Roster::of(members)?,
            seal: UNSEALED,
            openings: Openings::last_of(openings.chain([opening])),
            ancestors: recent(other).chain(recent(self)).collect(),
            departed: VecDeque::new(),
        };
        let departed = self.departed.iter().chain(&other.departed);
        let gone = departed.filter(|gone| !view.contains(&gone.id)).cloned();
        view.departed = gone.collect();
        keep_last(&mut view.departed, VIEW_DEPARTURES);
        view.close(seal);
        Some(view)
    }

    /// Returns the full view in pages.
    pub fn pages(&self) -> Vec<ViewPage> {
        let pages = self.len().div_ceil(PAGE_MEMBERS);
        let mut members = self.members().cloned();
        let page = |number| ViewPage {
            tag: self.tag,
            parent: self.parent,
            seal: self.seal,
            openings: self.openings.all.iter().cloned().collect(),
            layout: self.layout,
            page: number as u16,
            pages: pages as u16,
            members: members.by_ref().take(PAGE_MEMBERS).collect(),
            ancestors: if number == 0 {
                self.ancestors.iter().copied().collect()
            } else {
                Vec::new()
            },
            departed: if number == 0 {
                self.departed.iter().cloned().collect()
            } else {
                Vec::new()
            },
            former: Vec::new(),
        };
        (0..pages).map(page).collect()
    }

    /// Returns this view with one more member and an unchanged tag, to find the key of the next newcomer.
    pub(crate) fn with(&self, newcomer: Member) -> Option<Self> {
        let mut view = self.clone();
        let fits = view.members.change(&[], [newcomer], &[]);
        fits.then_some(view)
    }

    fn changed(&self, update: &ViewUpdate) -> Option<Self> {
        let gone: Vec<NodeId> = update.departed.iter().map(|gone| gone.id).collect();
        let renamed = update.renamed.iter();
        let renamed: Vec<_> = renamed.map(|one| (one.id, one.name.as_str())).collect();
        let mut view = self.clone();
        let joined = update.joined.iter().cloned();
        let fits = view.members.change(&gone, joined, &renamed);
        view.tag = update.tag;
        view.parent = update.parent;
        view.layout = update.layout;
        view.seal = update.seal;
        if let Some(opening) = &update.opening {
            view.openings = view.openings.and(opening);
        }
        view.ancestors.push_back(self.tag.hash);
        view.departed.extend(update.departed.iter().cloned());
        keep_last(&mut view.ancestors, VIEW_ANCESTORS);
        keep_last(&mut view.departed, VIEW_DEPARTURES);
        fits.then_some(view)
    }

    /// Computes the hash of the view, and has the coordinator sign the tag.
    fn close(&mut self, seal: impl FnOnce(&ViewTag) -> Seal) {
        self.tag.hash = self.content_hash();
        self.seal = seal(&self.tag);
    }

    fn has_coordinator(&self) -> bool {
        self.contains(&self.coordinator())
    }

    fn content_hash(&self) -> ViewHash {
        ViewHash::of(&ViewContent {
            parent: self.parent,
            epoch: self.tag.epoch,
            number: self.tag.number,
            layout: self.layout,
            sectors: &self.members.hashes(),
            ancestors: &self.ancestors,
            departed: &self.departed,
            openings: self.openings.hash(),
        })
    }
}

/// A change by the coordinator, from one view to the next.
#[derive(Clone, Debug)]
pub struct Change {
    /// How the epoch of the next view begins, if it is a new one.
    pub opening: Option<Opening>,
    /// Newcomers.
    pub joined: Vec<Member>,
    /// Departed members.
    pub departed: Vec<Departed>,
    /// Members with a new name.
    pub renamed: Vec<ringtalk_wire::Renamed>,
}

/// Returns the last openings of a ring that merges: each of the two rings keeps half of what a view has room for.
fn last_openings(view: &View) -> impl Iterator<Item = Opening> {
    let openings = view.openings();
    let skipped = (openings.len() + 1).saturating_sub(VIEW_OPENINGS / 2);
    openings.iter().skip(skipped).cloned()
}

fn keep_last<T>(items: &mut VecDeque<T>, most: usize) {
    while items.len() > most {
        items.pop_front();
    }
}

#[cfg(test)]
pub(crate) mod test_support {
    use alloc::string::ToString;

    use ringtalk_wire::{Addresses, Renamed};

    use super::*;
    pub(crate) use crate::signing::test_support::{FakeSigner, RING};

    /// An empty signature, for tests that do not check it.
    pub(crate) const fn unsealed(_: &ViewTag) -> Seal {
        UNSEALED
    }

    /// Returns the id with this number.
    pub(crate) fn id(number: u16) -> NodeId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    /// Returns a ring of so many members at even distances, in the order of their ids.
    pub(crate) fn even_ring(count: usize) -> View {
        let step = u128::MAX / count as u128;
        let step = step.wrapping_add(u128::from(count.is_power_of_two()));
        let member = |number: usize| Member {
            id: id(number as u16),
            name: number.to_string(),
            addresses: Addresses::default(),
            seniority: number as u64,
            key: RingKey(step * number as u128),
            network: NetworkId::default(),
        };
        let view = View::founding(member(0), 1, unsealed);
        let joined = (1..count).map(member).collect();
        let change = Change {
            opening: None,
            joined,
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let (_, view) = view.next(change, unsealed).unwrap();
        view
    }

    #[test]
    fn members_are_found_by_their_keys() {
        let view = even_ring(4);
        let key = |number| view.member(&id(number)).unwrap().key;
        assert_eq!(view.at_or_after(key(1)).unwrap().id, id(1));
        assert_eq!(view.at_or_after(key(1).plus(1)).unwrap().id, id(2));
        assert_eq!(view.at_or_after(key(3).plus(1)).unwrap().id, id(0));
        assert_eq!(view.before(key(1)).unwrap().id, id(0));
        assert_eq!(view.before(key(0)).unwrap().id, id(3));
        let ids = |from, width| view.arc(from, width).map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(key(3), key(1).0), [id(3)]);
        assert_eq!(ids(key(3), key(1).0 + 1), [id(3), id(0)]);
        assert_eq!(ids(key(0).plus(1), 1), []);
        assert_eq!(view.ahead_of(&id(3), 2).unwrap().id, id(1));
    }

    /// Returns how often the ring crosses from one network to another.
    fn crossings(view: &View) -> usize {
        let networks: Vec<NetworkId> = view.members().map(|one| one.network).collect();
        let next = networks.iter().cycle().skip(1);
        networks.iter().zip(next).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn a_ring_crosses_networks_as_rarely_as_it_can_in_any_order_of_arrival() {
        let network = |number: u8| NetworkId::of([10, number, 0, 1].into(), 16);
        for (order, networks) in [
            (&[0, 1, 0, 1, 0, 1, 0, 1][..], 2),
            (&[0, 0, 0, 1, 1, 0, 2, 1, 2, 0], 3),
            (&[3, 2, 1, 0, 3, 2, 1, 0, 0, 0, 3], 4),
            (&[0, 1, 2, 3, 4, 5], 6),
        ] {
            let mut view = even_ring(2);
            for (number, at) in (2..).zip(order) {
                let newcomer = Member {
                    id: id(number),
                    key: view.free_key_in(network(*at)),
                    network: network(*at),
                    ..Member::clone(view.member(&id(0)).unwrap())
                };
                view = view.with(newcomer).unwrap();
            }
            // The first two are on a network of their own.
            assert_eq!(crossings(&view), networks + 1, "{order:?}");
        }
    }

    #[test]
    fn on_one_network_a_newcomer_splits_the_widest_gap() {
        let view = even_ring(4);
        let place = view.free_key_in(NetworkId::default());
        assert_eq!(place, RingKey(1 << 125));
    }

    #[test]
    fn a_view_with_an_invalid_name_is_refused() {
        let ring = even_ring(2);
        let joining = |name: &str| Change {
            opening: None,
            joined: Vec::from([Member {
                id: id(9),
                key: RingKey(9),
                name: name.into(),
                ..Member::clone(ring.member(&id(0)).unwrap())
            }]),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let renamed = |name: &str| Change {
            opening: None,
            joined: Vec::new(),
            departed: Vec::new(),
            renamed: Vec::from([Renamed {
                id: id(1),
                name: name.into(),
            }]),
        };
        for (name, is_believed) in [
            ("eve", true),
            ("bob: I agree to pay", false),
            ("a\u{ad}", false),
            ("me", false),
            ("", false),
        ] {
            for change in [joining(name), renamed(name)] {
                let (update, view) = ring.next(change, unsealed).unwrap();
                // The content is checked before the signature, and no view here is signed.
                let why = if is_believed {
                    Mismatch::Seal
                } else {
                    Mismatch::Content
                };
                assert_eq!(ring.apply(&update, RING, &FakeSigner), Err(why), "{name:?}");
                let whole = View::from_pages(view.pages(), RING, &FakeSigner);
                assert_eq!(whole, Err(why), "{name:?}");
            }
        }
    }
}
