//! The view: the agreed, numbered list of members, in ring order.
//!
//! A view is a value: it is read, and the next one is made from it. Not here: who publishes one
//! and who believes it (`node::membership`).

mod pages;
#[cfg(test)]
mod properties;
mod reading;
mod roster;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ringtalk_wire::limit::{PAGE_MEMBERS, VIEW_ANCESTORS, VIEW_DEPARTURES, VIEW_OPENINGS};
use ringtalk_wire::{
    Departed, Direction, KEY_BYTES, Member, NetworkId, NodeId, Opening, OpeningsHash, PublicKey,
    RingKey, SIGNATURE_BYTES, Seal, ShortId, Signature, ViewContent, ViewHash, ViewPage, ViewTag,
    ViewUpdate,
};

use roster::Roster;

pub(crate) use pages::Pages;
pub use reading::Mismatch;
pub(crate) use roster::Differences;

/// A gap that is narrower than this is left to those who come when nothing else is left: keys must not run out beside one
/// network while there is room elsewhere.
const LEAST_GAP: u128 = 1 << 64;

/// The members of a discussion at one moment, as its coordinator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    tag: ViewTag,
    parent: ViewHash,
    layout: u64,
    members: Roster,
    /// The coordinator's signature under the tag.
    seal: Seal,
    /// How its epoch began, and the last ones before it, oldest first.
    openings: Openings,
    /// The hashes of the last views before this one, oldest first.
    ancestors: VecDeque<ViewHash>,
    departed: VecDeque<Departed>,
}

/// The openings of a view: hashed once, since they seldom change.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Openings {
    all: VecDeque<Opening>,
    hash: OpeningsHash,
}

impl Openings {
    /// The last of these that a view keeps.
    fn last_of(openings: impl Iterator<Item = Opening>) -> Self {
        let mut all: VecDeque<Opening> = openings.collect();
        keep_last(&mut all, VIEW_OPENINGS);
        let hash = OpeningsHash::of(&all);
        Self { all, hash }
    }

    /// These, and another one.
    fn and(&self, next: &Opening) -> Self {
        Self::last_of(self.all.iter().chain([next]).cloned())
    }

    const fn hash(&self) -> OpeningsHash {
        self.hash
    }
}

/// What stands for the seal of a view that is in the making.
const UNSEALED: Seal = Seal {
    key: PublicKey([0; KEY_BYTES]),
    signature: Signature([0; SIGNATURE_BYTES]),
};

impl View {
    /// The first view of a discussion.
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

    /// Names this view.
    pub const fn tag(&self) -> ViewTag {
        self.tag
    }

    /// The coordinator's signature under the tag.
    pub const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// How its epoch began, and the last ones before it, oldest first.
    pub(crate) const fn openings(&self) -> &VecDeque<Opening> {
        &self.openings.all
    }

    /// The coordinator's id.
    pub const fn coordinator(&self) -> NodeId {
        self.tag.epoch.coordinator
    }

    /// Counts changes of ring keys.
    pub const fn layout(&self) -> u64 {
        self.layout
    }

    /// All members in ring order, clockwise.
    pub fn members(&self) -> impl Iterator<Item = &Member> + Clone {
        self.members.iter()
    }

    /// All members in ring order, to be shared.
    pub fn shared_members(&self) -> impl Iterator<Item = Arc<Member>> + '_ {
        self.members.shared()
    }

    /// How many members there are.
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Never true: a view lists its coordinator at least.
    pub const fn is_empty(&self) -> bool {
        self.members.len() == 0
    }

    /// A member by its id.
    pub fn member(&self, id: &NodeId) -> Option<&Member> {
        self.members.get(id)
    }

    /// True where the id is a member's.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.members.get(id).is_some()
    }

    /// The members whose ids begin so.
    pub fn beginning_with(&self, short: ShortId) -> impl Iterator<Item = &NodeId> {
        self.members.beginning_with(short)
    }

    /// True where `tag` names this view or one of the last before it.
    pub fn descends_from(&self, tag: &ViewTag) -> bool {
        self.tag == *tag || self.ancestors.contains(&tag.hash)
    }

    /// How a former member went, where that is remembered.
    pub fn departure(&self, id: &NodeId) -> Option<&Departed> {
        self.departed.iter().rev().find(|gone| gone.id == *id)
    }

    /// Who came, who went and who has changed since an earlier view; all came where there is none.
    pub(crate) fn since(&self, before: Option<&Self>) -> Differences {
        let before = before.map(|before| &before.members);
        self.members.since(before.unwrap_or(&Roster::empty()))
    }

    /// The others, in one direction from `from`, the nearest first; nobody where that is no member.
    pub fn others(&self, from: &NodeId, direction: Direction) -> impl Iterator<Item = &Member> {
        let member = self.member(from);
        let key = member.map_or(RingKey(0), |member| member.key);
        let count = if member.is_some() { self.len() - 1 } else { 0 };
        self.beyond(key, direction).take(count)
    }

    /// The first member whose key is `key` or lies clockwise of it.
    pub fn at_or_after(&self, key: RingKey) -> Option<&Member> {
        self.members.clockwise_from(key).next()
    }

    /// The first member whose key lies counter-clockwise of `key`.
    pub fn before(&self, key: RingKey) -> Option<&Member> {
        self.members.counterclockwise_from(key).next()
    }

    /// The members whose keys lie less than `width` clockwise of `from`, or there.
    pub fn arc(&self, from: RingKey, width: u128) -> impl Iterator<Item = &Member> {
        let within = move |member: &&Member| from.clockwise_to(member.key) < width;
        self.members.clockwise_from(from).take_while(within)
    }

    /// All members beyond a key, in one direction, the nearest first; last one at that very key.
    pub fn beyond(&self, key: RingKey, direction: Direction) -> impl Iterator<Item = &Member> {
        let (clockwise, counter) = match direction {
            Direction::Clockwise => (Some(self.members.clockwise_from(key.plus(1))), None),
            Direction::Counterclockwise => (None, Some(self.members.counterclockwise_from(key))),
        };
        let clockwise = clockwise.into_iter().flatten();
        clockwise.chain(counter.into_iter().flatten())
    }

    /// The member so many places clockwise of another.
    pub fn ahead_of(&self, id: &NodeId, places: usize) -> Option<&Member> {
        let key = self.member(id)?.key;
        let round = places % self.len();
        self.members.clockwise_from(key).nth(round)
    }

    /// The members, the most senior first.
    pub fn by_seniority(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.members().collect();
        members.sort_by_key(|member| (member.seniority, member.id));
        members
    }

    /// The seniority of the next newcomer.
    pub fn next_seniority(&self) -> u64 {
        let highest = self.members().map(|member| member.seniority).max();
        highest.map_or(0, |seniority| seniority + 1)
    }

    /// A newcomer's place, where it is on that network: the middle of the widest gap beside a member of the same
    /// network, so that a ring crosses between networks as rarely as it can. The first of a network goes between two
    /// others, and where all are of one, anywhere.
    pub fn place_in(&self, network: NetworkId) -> RingKey {
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

    /// The view with the changes made, and the update that leads there, both with the coordinator's
    /// `seal`; nothing where the changes do not fit together.
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

    /// The view that follows this one and `other`, with these members: both rings have become one.
    /// It has a layout of its own, and descends from both.
    /// Nothing where two of the members have one id or one key.
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

    /// The full view in pages.
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

    /// This view with one more member, under its own tag still: to find the place of the next.
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

    /// Hashes what the view says, and has the coordinator sign it.
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

/// What the coordinator changes from one view to the next.
#[derive(Clone, Debug)]
pub struct Change {
    /// How the epoch of the next view begins, where it is a new one.
    pub opening: Option<Opening>,
    /// Who comes.
    pub joined: Vec<Member>,
    /// Who goes.
    pub departed: Vec<Departed>,
    /// Who has another name.
    pub renamed: Vec<ringtalk_wire::Renamed>,
}

/// The last openings of a ring that becomes one with another: they keep half of what a view keeps each.
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
    pub(crate) use crate::signing::test_support::Nobody;

    /// No signature: where nobody checks it.
    pub(crate) const fn unsealed(_: &ViewTag) -> Seal {
        UNSEALED
    }

    /// The id with this number.
    pub(crate) fn id(number: u16) -> NodeId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    /// A ring of so many members at even distances, in the order of their ids.
    pub(crate) fn even_ring(count: usize) -> View {
        let step = u128::MAX / count as u128 + u128::from(count.is_power_of_two());
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

    /// How often the ring goes from one network to another.
    fn crossings(view: &View) -> usize {
        let networks: Vec<NetworkId> = view.members().map(|one| one.network).collect();
        let next = networks.iter().cycle().skip(1);
        networks.iter().zip(next).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn a_ring_crosses_as_rarely_as_there_are_networks_whoever_comes_when() {
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
                    key: view.place_in(network(*at)),
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
    fn where_all_are_on_one_network_the_widest_gap_of_all_is_taken() {
        let view = even_ring(4);
        let place = view.place_in(NetworkId::default());
        assert_eq!(place, RingKey(1 << 125));
    }

    #[test]
    fn a_view_with_a_name_that_is_none_is_not_believed() {
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
                // What it says is looked at before who signed it, which nobody did.
                let why = if is_believed {
                    Mismatch::Seal
                } else {
                    Mismatch::Content
                };
                assert_eq!(ring.apply(&update, &Nobody), Err(why), "{name:?}");
                let whole = View::from_pages(view.pages(), &Nobody);
                assert_eq!(whole, Err(why), "{name:?}");
            }
        }
    }
}
