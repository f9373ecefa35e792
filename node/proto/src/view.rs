//! The view: the agreed, numbered list of members, in ring order.
//!
//! A view is a value: it is read, and the next one is made from it. Not here: who publishes one
//! and who believes it (`node::membership`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use ringtalk_wire::limit::{PAGE_MEMBERS, VIEW_DEPARTURES, VIEW_TAGS};
use ringtalk_wire::{
    Departed, Direction, Member, NodeId, RingKey, ViewHash, ViewPage, ViewTag, ViewUpdate,
};

/// The members of a discussion at one moment, as its coordinator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    tag: ViewTag,
    parent: ViewHash,
    layout: u64,
    members: Vec<Member>,
    places: BTreeMap<NodeId, usize>,
    tags: VecDeque<ViewTag>,
    departed: VecDeque<Departed>,
}

/// Why an update does not follow a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// It follows another view.
    Parent,
    /// It leads to another hash than it says, or names members twice or unknown ones.
    Content,
}

impl View {
    /// The first view of a discussion.
    pub fn founding(founder: Member, epoch_number: u64) -> Self {
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
            members: Vec::from([founder]),
            places: BTreeMap::new(),
            tags: VecDeque::new(),
            departed: VecDeque::new(),
        };
        view.index();
        view.tag.hash = view.content_hash();
        view
    }

    /// Names this view.
    pub const fn tag(&self) -> ViewTag {
        self.tag
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
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never true: a view lists its coordinator at least.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A member by its id.
    pub fn member(&self, id: &NodeId) -> Option<&Member> {
        self.places.get(id).map(|&place| &self.members[place])
    }

    /// True where the id is a member's.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.places.contains_key(id)
    }

    /// True where `tag` names this view or one of the last before it.
    pub fn descends_from(&self, tag: &ViewTag) -> bool {
        self.tag == *tag || self.tags.contains(tag)
    }

    /// How a former member went, where that is remembered.
    pub fn departure(&self, id: &NodeId) -> Option<&Departed> {
        self.departed.iter().rev().find(|gone| gone.id == *id)
    }

    /// The others, in one direction from `from`, the nearest first.
    pub fn others(&self, from: &NodeId, direction: Direction) -> impl Iterator<Item = &Member> {
        let count = self.members.len();
        let place = self.places.get(from).copied();
        (1..count).filter_map(move |step| {
            let place = place?;
            let place = match direction {
                Direction::Clockwise => place + step,
                Direction::Counterclockwise => place + count - step,
            };
            self.members.get(place % count)
        })
    }

    /// The first member whose key is `key` or lies clockwise of it.
    pub fn at_or_after(&self, key: RingKey) -> &Member {
        let place = self.place_of(key);
        &self.members[place % self.members.len()]
    }

    /// The first member whose key lies counter-clockwise of `key`.
    pub fn before(&self, key: RingKey) -> &Member {
        let count = self.members.len();
        &self.members[(self.place_of(key) + count - 1) % count]
    }

    /// The members whose keys lie less than `width` clockwise of `from`, or there.
    pub fn arc(&self, from: RingKey, width: u128) -> impl Iterator<Item = &Member> {
        let place = self.place_of(from);
        let (after, before) = (&self.members[place..], &self.members[..place]);
        let within = move |member: &&Member| from.clockwise_to(member.key) < width;
        after.iter().chain(before).take_while(within)
    }

    /// All members beyond a key, in one direction, the nearest first; last one at that very key.
    pub fn beyond(&self, key: RingKey, direction: Direction) -> impl Iterator<Item = &Member> {
        let count = self.members.len();
        let start = match direction {
            Direction::Clockwise => self.place_of(key.plus(1)),
            Direction::Counterclockwise => self.place_of(key) + count - 1,
        };
        (0..count).map(move |step| match direction {
            Direction::Clockwise => &self.members[(start + step) % count],
            Direction::Counterclockwise => &self.members[(start + count - step) % count],
        })
    }

    /// The member so many places clockwise of another.
    pub fn ahead_of(&self, id: &NodeId, places: usize) -> Option<&Member> {
        let place = self.places.get(id)? + places;
        self.members.get(place % self.members.len())
    }

    /// The place of the first member whose key is not less; their number where there is none.
    fn place_of(&self, key: RingKey) -> usize {
        self.members.partition_point(|member| member.key < key)
    }

    /// The members, the most senior first.
    pub fn by_seniority(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.members.iter().collect();
        members.sort_by_key(|member| (member.seniority, member.id));
        members
    }

    /// The seniority of the next newcomer.
    pub fn next_seniority(&self) -> u64 {
        let highest = self.members.iter().map(|member| member.seniority).max();
        highest.map_or(0, |seniority| seniority + 1)
    }

    /// The middle of the widest gap in the ring: a newcomer's place.
    pub fn widest_gap(&self) -> RingKey {
        let keys = self.members.iter().map(|member| member.key);
        let next = keys.clone().cycle().skip(1);
        let widest = keys
            .zip(next)
            .map(|(key, next)| (key, key.clockwise_to(next).wrapping_sub(1)))
            .max_by_key(|&(key, width)| (width, core::cmp::Reverse(key)));
        let (key, width) = widest.unwrap_or((RingKey(0), u128::MAX));
        RingKey(key.0.wrapping_add(width / 2 + 1))
    }

    /// The update that leads from this view to one with the changes made.
    pub fn update(&self, change: Change) -> ViewUpdate {
        let mut update = ViewUpdate {
            tag: ViewTag {
                epoch: change.epoch,
                number: self.tag.number + 1,
                hash: ViewHash::default(),
            },
            parent: self.tag.hash,
            layout: self.layout,
            joined: change.joined,
            departed: change.departed,
            renamed: change.renamed,
        };
        update.tag.hash = self.changed(&update).content_hash();
        update
    }

    /// The view after an update.
    pub fn apply(&self, update: &ViewUpdate) -> Result<Self, Mismatch> {
        if update.parent != self.tag.hash || update.tag.number != self.tag.number + 1 {
            return Err(Mismatch::Parent);
        }
        let view = self.changed(update);
        let sound = view.is_sound() && view.content_hash() == update.tag.hash;
        sound.then_some(view).ok_or(Mismatch::Content)
    }

    /// The view that follows this one and `other`, with these members: both rings have become one.
    /// It has a layout of its own, and descends from both.
    #[must_use]
    pub fn merged(&self, other: &Self, epoch: ringtalk_wire::Epoch, members: Vec<Member>) -> Self {
        let recent = |view: &Self| {
            let skipped = (view.tags.len() + 1).saturating_sub(VIEW_TAGS / 2);
            let tags: Vec<ViewTag> = view.tags.iter().copied().skip(skipped).collect();
            tags.into_iter().chain([view.tag])
        };
        let mut view = Self {
            tag: ViewTag {
                epoch,
                number: self.tag.number.max(other.tag.number) + 1,
                hash: ViewHash::default(),
            },
            parent: self.tag.hash,
            layout: self.layout.max(other.layout) + 1,
            members,
            places: BTreeMap::new(),
            tags: recent(other).chain(recent(self)).collect(),
            departed: VecDeque::new(),
        };
        view.index();
        let departed = self.departed.iter().chain(&other.departed);
        let gone = departed.filter(|gone| !view.contains(&gone.id)).cloned();
        view.departed = gone.collect();
        keep_last(&mut view.departed, VIEW_DEPARTURES);
        view.tag.hash = view.content_hash();
        view
    }

    /// The full view in pages.
    pub fn pages(&self) -> Vec<ViewPage> {
        let pages = self.members.len().div_ceil(PAGE_MEMBERS);
        let page = |(number, members): (usize, &[Member])| ViewPage {
            tag: self.tag,
            parent: self.parent,
            layout: self.layout,
            page: number as u16,
            pages: pages as u16,
            members: members.to_vec(),
            tags: if number == 0 {
                self.tags.iter().copied().collect()
            } else {
                Vec::new()
            },
            departed: if number == 0 {
                self.departed.iter().cloned().collect()
            } else {
                Vec::new()
            },
        };
        self.members
            .chunks(PAGE_MEMBERS)
            .enumerate()
            .map(page)
            .collect()
    }

    /// The view in a complete set of pages, in order; nothing where they do not fit together.
    pub fn from_pages(pages: &[ViewPage]) -> Option<Self> {
        let first = pages.first()?;
        let mut view = Self {
            tag: first.tag,
            parent: first.parent,
            layout: first.layout,
            members: Vec::new(),
            places: BTreeMap::new(),
            tags: first.tags.iter().copied().collect(),
            departed: first.departed.iter().cloned().collect(),
        };
        for page in pages {
            view.members.extend_from_slice(&page.members);
        }
        view.index();
        let sound = view.is_sound() && view.content_hash() == view.tag.hash;
        sound.then_some(view)
    }

    fn changed(&self, update: &ViewUpdate) -> Self {
        let mut view = self.clone();
        view.tag = update.tag;
        view.parent = update.parent;
        view.layout = update.layout;
        view.tags.push_back(self.tag);
        view.departed.extend(update.departed.iter().cloned());
        keep_last(&mut view.tags, VIEW_TAGS);
        keep_last(&mut view.departed, VIEW_DEPARTURES);
        view.members
            .retain(|member| !update.departed.iter().any(|gone| gone.id == member.id));
        view.members.extend(update.joined.iter().cloned());
        for renamed in &update.renamed {
            for member in &mut view.members {
                if member.id == renamed.id {
                    member.name.clone_from(&renamed.name);
                }
            }
        }
        view.members.sort_by_key(|member| member.key);
        view.index();
        view
    }

    fn index(&mut self) {
        let ids = self.members.iter().map(|member| member.id);
        self.places = ids.zip(0..).collect();
    }

    /// Ids and keys are unique, keys ascend, and the coordinator is a member.
    fn is_sound(&self) -> bool {
        let ascending = self.members.is_sorted_by(|a, b| a.key < b.key);
        ascending && self.places.len() == self.members.len() && self.contains(&self.coordinator())
    }

    fn content_hash(&self) -> ViewHash {
        ViewHash::of(
            &self.parent,
            self.tag.epoch,
            self.tag.number,
            self.layout,
            &self.members,
        )
    }
}

/// What the coordinator changes from one view to the next.
#[derive(Clone, Debug)]
pub struct Change {
    /// The epoch of the next view.
    pub epoch: ringtalk_wire::Epoch,
    /// Who comes.
    pub joined: Vec<Member>,
    /// Who goes.
    pub departed: Vec<Departed>,
    /// Who has another name.
    pub renamed: Vec<ringtalk_wire::Renamed>,
}

fn keep_last<T>(items: &mut VecDeque<T>, most: usize) {
    while items.len() > most {
        items.pop_front();
    }
}

#[cfg(test)]
pub(crate) mod test_support {
    use alloc::string::ToString;

    use ringtalk_wire::Addresses;

    use super::*;

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
        };
        let view = View::founding(member(0), 1);
        let joined = (1..count).map(member).collect();
        let update = view.update(Change {
            epoch: view.tag().epoch,
            joined,
            departed: Vec::new(),
            renamed: Vec::new(),
        });
        view.apply(&update).unwrap()
    }

    #[test]
    fn members_are_found_by_their_keys() {
        let view = even_ring(4);
        let key = |number| view.member(&id(number)).unwrap().key;
        assert_eq!(view.at_or_after(key(1)).id, id(1));
        assert_eq!(view.at_or_after(key(1).plus(1)).id, id(2));
        assert_eq!(view.at_or_after(key(3).plus(1)).id, id(0));
        assert_eq!(view.before(key(1)).id, id(0));
        assert_eq!(view.before(key(0)).id, id(3));
        let ids = |from, width| view.arc(from, width).map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(key(3), key(1).0), [id(3)]);
        assert_eq!(ids(key(3), key(1).0 + 1), [id(3), id(0)]);
        assert_eq!(ids(key(0).plus(1), 1), []);
        assert_eq!(view.ahead_of(&id(3), 2).unwrap().id, id(1));
    }
}
