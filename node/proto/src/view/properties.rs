//! Properties of views under arbitrary changes: an update leads to the coordinator's view, and the differences list
//! exactly what changed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use ringtalk_wire::{
    Addresses, Departed, Departure, Member, NetworkId, NodeId, Renamed, RingKey, Seal, ViewTag,
};

use super::test_support::{FakeSigner, RING, id};
use super::{Change, View};
use crate::signing::test_support::SEAL;

const fn sealed(_: &ViewTag) -> Seal {
    SEAL
}

fn member(number: u16, view: Option<&View>) -> Member {
    let network = NetworkId::default();
    Member {
        id: id(number),
        name: format!("member{number}"),
        addresses: Addresses::default(),
        seniority: view.map_or(0, View::next_seniority),
        key: view.map_or(RingKey(0), |view| view.free_key_in(network)),
        network,
    }
}

/// Returns a ring of one member, its coordinator.
fn founded() -> View {
    let founder = Member {
        id: SEAL.signer(),
        ..member(0, None)
    };
    View::founding(founder, 1, sealed)
}

/// The members of one step that are to join, to depart, and to be renamed.
type Wish = (Vec<u16>, Vec<u16>, Vec<u16>);

fn wish() -> impl Strategy<Value = Wish> {
    let some = || vec(1_u16..24, 0..6);
    (some(), some(), some())
}

/// Returns a change as a coordinator makes it: each member occurs in at most one part.
fn change(view: &View, number: usize, (come, go, rename): &Wish) -> Change {
    let mut next = view.clone();
    let mut seen: BTreeSet<u16> = BTreeSet::new();
    let mut joined = Vec::new();
    for &number in come.iter().filter(|number| !view.contains(&id(**number))) {
        if seen.insert(number) {
            let newcomer = member(number, Some(&next));
            next = next
                .with(newcomer.clone())
                .expect("it has a place of its own");
            joined.push(newcomer);
        }
    }
    let mut present = |wanted: &[u16]| -> Vec<NodeId> {
        let wanted = wanted.iter().filter(|number| view.contains(&id(**number)));
        let wanted = wanted.filter(|number| seen.insert(**number));
        wanted.map(|number| id(*number)).collect()
    };
    let departed = present(go).into_iter().map(|id| Departed {
        id,
        how: Departure::Left,
    });
    let departed = departed.collect();
    let renamed = present(rename).into_iter().map(|id| Renamed {
        id,
        name: format!("renamed{number}"),
    });
    Change {
        opening: None,
        joined,
        departed,
        renamed: renamed.collect(),
    }
}

fn names(view: &View) -> BTreeMap<NodeId, String> {
    view.members()
        .map(|one| (one.id, one.name.clone()))
        .collect()
}

proptest! {
    #[test]
    fn an_update_leads_to_the_coordinators_view(wishes in vec(wish(), 1..8)) {
        let mut view = founded();
        for (number, wish) in wishes.iter().enumerate() {
            let change = change(&view, number, wish);
            let (update, next) = view.next(change, sealed).expect("the changes fit");
            let applied = view.apply(&update, RING, &FakeSigner);
            prop_assert_eq!(applied.as_ref(), Ok(&next));
            prop_assert!(next.descends_from(&view.tag()));
            let whole = View::from_pages(next.pages(), RING, &FakeSigner);
            prop_assert_eq!(whole.as_ref(), Ok(&next));
            view = next;
        }
    }

    #[test]
    fn differences_have_all_changes_and_nothing_else(wishes in vec(wish(), 1..8), from in 0_usize..8) {
        let mut views = Vec::from([founded()]);
        for (number, wish) in wishes.iter().enumerate() {
            let view = &views[number];
            let change = change(view, number, wish);
            let (_, next) = view.next(change, sealed).expect("the changes fit");
            views.push(next);
        }
        // The range may cover several steps, in which a member may have departed and come back.
        let from = from % views.len();
        let (before, after) = (&views[from], &views[views.len() - 1]);
        let differences = after.since(Some(before));
        let (had, has) = (names(before), names(after));
        let ids = |members: &[alloc::sync::Arc<Member>]| -> BTreeSet<NodeId> {
            members.iter().map(|one| one.id).collect()
        };
        let (joined, gone) = (ids(&differences.joined), ids(&differences.gone));
        prop_assert!(has.keys().all(|id| had.contains_key(id) != joined.contains(id)));
        prop_assert!(had.keys().all(|id| has.contains_key(id) != gone.contains(id)));
        prop_assert_eq!(had.len() + joined.len(), has.len() + gone.len());
        let changed = ids(&differences.changed);
        for id in had.keys().filter(|id| has.contains_key(id)) {
            let same = before.member(id) == after.member(id);
            prop_assert_eq!(changed.contains(id), !same);
        }
        let everybody = after.since(None);
        prop_assert_eq!(everybody.joined.len(), after.len());
    }
}
