//! The rings of a discussion at one moment: one, or more of them where the network is cut.
//!
//! Not here: how it is drawn (`screen`).

use std::collections::BTreeMap;

use ringtalk_wire::{Member, NodeId};

use crate::ring::{Place, Ring};

/// All rings, side by side.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Picture {
    /// The rings.
    pub(crate) rings: Vec<Ring>,
}

impl Picture {
    /// Everybody, ring after ring; who is listed in two of them comes once.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = Vec::new();
        for place in self.rings.iter().flat_map(|ring| &ring.places) {
            if !ids.contains(&place.member.id) {
                ids.push(place.member.id);
            }
        }
        ids
    }

    /// A member, in the ring that it follows if it is in one.
    pub(crate) fn find(&self, id: &NodeId) -> Option<(&Ring, &Place)> {
        let found = self.rings.iter().filter_map(|ring| {
            let place = &ring.places[ring.position(id)?];
            Some((ring, place))
        });
        found.min_by_key(|(ring, place)| ring.standing(place))
    }

    /// What has changed since an earlier picture, in words.
    pub(crate) fn news(&self, before: &Self) -> Vec<String> {
        let (then, now) = (before.people(), self.people());
        let missing = |from: &BTreeMap<NodeId, &Member>, others: &BTreeMap<NodeId, &Member>| {
            let names = from.iter().filter(|(id, _)| !others.contains_key(*id));
            let names = names.map(|(_, member)| member.name.clone());
            names.collect::<Vec<_>>()
        };
        let came = missing(&now, &then);
        let gone = missing(&then, &now);
        let mut news: Vec<String> = gone.iter().map(|name| format!("{name} is gone")).collect();
        news.extend(came.iter().map(|name| format!("{name} came")));
        let coordinators = |picture: &Self| {
            let rings = picture.rings.iter();
            rings
                .map(|ring| ring.epoch().coordinator)
                .collect::<Vec<_>>()
        };
        let known = coordinators(before);
        for id in coordinators(self).iter().filter(|id| !known.contains(id)) {
            if let Some(member) = now.get(id) {
                news.push(format!("{} coordinates", member.name));
            }
        }
        match (before.rings.len(), self.rings.len()) {
            (1, 2..) => news.push("the ring is torn".to_owned()),
            (2.., 1) => news.push("the ring is one again".to_owned()),
            _ => {}
        }
        news
    }

    fn people(&self) -> BTreeMap<NodeId, &Member> {
        let places = self.rings.iter().flat_map(|ring| &ring.places);
        places
            .map(|place| (place.member.id, &place.member))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::tests::{id, ring};

    fn picture(rings: &[&[&str]]) -> Picture {
        Picture {
            rings: rings.iter().map(|names| ring(names)).collect(),
        }
    }

    #[test]
    fn news_are_who_came_who_went_and_who_coordinates() {
        let before = picture(&[&["ann", "bob"]]);
        let mut after = picture(&[&["ann", "bob", "cyd"]]);
        assert_eq!(after.news(&before), ["cyd came"]);
        assert_eq!(before.news(&after), ["cyd is gone"]);
        after.rings[0].tag.epoch.coordinator = id(1);
        assert_eq!(after.news(&before), ["cyd came", "bob coordinates"]);
        assert_eq!(after.news(&after), [""; 0]);
    }

    #[test]
    fn rings_that_part_and_meet_are_news() {
        let (one, two) = (picture(&[&["ann"]]), picture(&[&["ann"], &["ann"]]));
        assert_eq!(two.news(&one), ["the ring is torn"]);
        assert_eq!(one.news(&two), ["the ring is one again"]);
    }
}
