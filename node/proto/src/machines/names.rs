//! Names, and which of them a person could mistake for one another.
//!
//! `PROTOCOL.md` §5.4. Not here: the grammar of names (`ringtalk_wire::name`), and the replacement for a name that is
//! taken (`admission`).

mod kept;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use ringtalk_wire::NodeId;
use ringtalk_wire::name::{RESERVED, is_separator};
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

use crate::View;

pub(crate) use kept::KeptNames;

/// The names of a view's members, and the kept names, by their skeletons. It follows a coordinator's views, so that a
/// newcomer to a large ring costs a few skeletons, not everybody's.
#[derive(Debug)]
pub(crate) struct Names {
    taken: BTreeSet<(String, NodeId)>,
    reserved: BTreeSet<String>,
    view: Option<View>,
    /// The kept names of the last update, and their count of changes then.
    kept: (u64, BTreeMap<NodeId, String>),
}

impl Default for Names {
    fn default() -> Self {
        let reserved = RESERVED.iter().flat_map(|word| skeletons(word));
        Self {
            taken: BTreeSet::new(),
            reserved: reserved.collect(),
            view: None,
            kept: (0, BTreeMap::new()),
        }
    }
}

impl Names {
    /// Follows a view, and the names that are kept beside it. Only what has changed since the last call is looked at.
    pub(crate) fn follow(&mut self, view: &View, kept: &KeptNames) {
        // Kept names are given back first and taken last: a member that is back has its name by the view.
        let changed = self.kept.0 != kept.changes();
        if changed {
            self.let_go(kept);
        }
        self.follow_view(view);
        if changed {
            for (id, name) in kept.iter() {
                if !self.kept.1.contains_key(&id) {
                    self.take(name, id);
                    self.kept.1.insert(id, name.clone());
                }
            }
            self.kept.0 = kept.changes();
        }
    }

    /// Forgets the names that are no longer kept.
    fn let_go(&mut self, kept: &KeptNames) {
        let before = core::mem::take(&mut self.kept.1);
        for (id, name) in before {
            if kept.of(&id) == Some(&name) {
                self.kept.1.insert(id, name);
            } else {
                self.give_back(&name, id);
            }
        }
    }

    fn follow_view(&mut self, view: &View) {
        let before = self.view.replace(view.clone());
        let differences = view.since(before.as_ref());
        let changed = differences.changed.iter();
        for member in changed.clone().chain(&differences.gone) {
            let known = before.as_ref().and_then(|view| view.member(&member.id));
            if let Some(known) = known {
                self.give_back(&known.name, member.id);
            }
        }
        for member in changed.chain(&differences.joined) {
            self.take(&member.name, member.id);
        }
    }

    /// Notes that a node has this name.
    pub(crate) fn take(&mut self, name: &str, id: NodeId) {
        let skeletons = skeletons(name);
        self.taken.extend(skeletons.map(|skeleton| (skeleton, id)));
    }

    /// Notes that a node no longer has this name, unless the view lists it, or it is kept: a member that is back may
    /// be listed before its kept name is released.
    fn give_back(&mut self, name: &str, id: NodeId) {
        for skeleton in skeletons(name) {
            self.taken.remove(&(skeleton, id));
        }
        let member = self.view.as_ref().and_then(|view| view.member(&id));
        let listed = member.map(|member| member.name.clone());
        let kept = self.kept.1.get(&id).cloned();
        for name in listed.into_iter().chain(kept) {
            self.take(&name, id);
        }
    }

    /// Returns true if a person could mistake this name for a reserved word, or for the name of a holder for whom
    /// `may_lose_it` is false.
    pub(crate) fn clash(&self, name: &str, may_lose_it: impl Fn(&NodeId) -> bool) -> bool {
        let skeletons = skeletons(name);
        let is_reserved = skeletons.iter().any(|one| self.reserved.contains(one));
        is_reserved || self.holders_of(skeletons).any(|id| !may_lose_it(id))
    }

    /// Returns the nodes whose names a person could mistake for this one.
    pub(crate) fn holders(&self, name: &str) -> impl Iterator<Item = &NodeId> {
        self.holders_of(skeletons(name))
    }

    fn holders_of(&self, skeletons: [String; 2]) -> impl Iterator<Item = &NodeId> {
        let lowest = NodeId::from_bytes([0; 16]);
        skeletons.into_iter().flat_map(move |skeleton| {
            let from = (skeleton, lowest);
            let same = self.taken.range(&from..);
            let same = same.take_while(move |(other, _)| *other == from.0);
            same.map(|(_, id)| id)
        })
    }
}

/// Returns what a name is compared by: its skeleton (Unicode Technical Standard 39), and the skeleton without regard
/// to case, width and the like. Both are without blanks, separators and invisible characters. A person could mistake
/// two names for one another if they have a skeleton in common.
pub fn skeletons(name: &str) -> [String; 2] {
    let visible = || name.chars().filter(|&char| !is_left_out(char));
    let own: String = visible().collect();
    let folded = visible().nfkd().flat_map(char::to_uppercase);
    let folded: String = folded.flat_map(char::to_lowercase).collect();
    let [own, folded] = [own, folded].map(|form| {
        let skeleton = skeleton(&form);
        let visible = skeleton.filter(|&char| !is_left_out(char));
        visible.collect::<String>()
    });
    // The skeleton of a digit may be a capital letter: that of 0 is O.
    [own, folded.to_lowercase()]
}

/// Returns true for blanks, separators, and invisible characters that the tables of confusables leave in: the marks
/// of direction (U+200E and U+200F), the soft hyphen, those of interlinear annotations, and the tags.
const fn is_left_out(char: char) -> bool {
    let is_hidden = matches!(
        char,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    is_hidden || is_separator(char) || char.is_whitespace()
}

/// Returns true if nothing of a name can be seen.
pub fn is_blank(name: &str) -> bool {
    let [skeleton, _] = skeletons(name);
    skeleton.is_empty()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ringtalk_wire::Renamed;

    use super::*;
    use crate::Time;
    use crate::view::Change;
    use crate::view::test_support::{even_ring, id, unsealed};

    fn look_alike(one: &str, other: &str) -> bool {
        let others = skeletons(other);
        skeletons(one)
            .iter()
            .any(|skeleton| others.contains(skeleton))
    }

    #[test]
    fn similar_names_clash() {
        for (one, other) in [
            ("ann", "Ann"),
            ("ann", "\u{430}nn"),
            ("ann", "\u{410}NN"),
            ("ann", "\u{ff21}\u{ff4e}\u{ff4e}"),
            ("ann", "\u{1d41a}\u{1d427}\u{1d427}"),
            ("ann", "a\u{200b}nn"),
            ("ann", "ann\u{3164}"),
            ("ann", "ann\u{34f}"),
            ("ann", "\u{202e}ann"),
            ("ann lee", "ann  \u{2003}lee"),
            ("ann lee", "ann\u{a0}\u{ad} lee"),
            ("ann", "a-n_n."),
            ("oneill", "O'Neill"),
            ("ann", "ann\u{200e}"),
            ("ann", "\u{fff9}ann\u{fffb}"),
            ("ann", "ann\u{e0041}\u{e007f}"),
            ("Ian", "lan"),
            ("Ian", "ian"),
            ("bob0", "bobO"),
            ("bob", "b0b"),
            ("Bob", "B\u{1d7ce}b"),
            ("bob", "b\u{2d54}b"),
            ("mary", "rnary"),
            ("ann-2", "ann\u{2010}2"),
            ("zo\u{eb}", "zoe\u{308}"),
            ("stra\u{df}e", "STRASSE"),
            (
                "\u{39f}\u{394}\u{39f}\u{3a3}",
                "\u{3bf}\u{3b4}\u{3bf}\u{3c2}",
            ),
        ] {
            assert!(look_alike(one, other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn different_names_do_not_clash() {
        for (one, other) in [
            ("ann", "anne"),
            ("ian", "lan"),
            ("zoe", "zo\u{eb}"),
            ("n1", "n11"),
            ("阿明", "阿朋"),
            ("", "a"),
        ] {
            assert!(!look_alike(one, other), "{one:?} and {other:?}");
        }
        let numbered = (0..1_000).map(|number| alloc::format!("ann-{number}"));
        let skeletons: BTreeSet<String> =
            numbered.map(|name| skeletons(&name)[1].clone()).collect();
        assert_eq!(skeletons.len(), 1_000);
    }

    #[test]
    fn an_invisible_name_is_blank() {
        for name in ["", " ", "-", "\u{200b}", "\u{3164} \u{ad}", "\u{2800}"] {
            assert!(is_blank(name), "{name:?}");
        }
        assert!(!is_blank("-a"));
    }

    /// Returns the view after `view`, with these changes.
    fn after(view: &View, departed: Option<u16>, renamed: Option<(u16, &str)>) -> View {
        let departed = departed.map(|number| ringtalk_wire::Departed {
            id: id(number),
            how: ringtalk_wire::Departure::Left,
        });
        let renamed = renamed.map(|(number, name)| Renamed {
            id: id(number),
            name: name.into(),
        });
        let change = Change {
            opening: None,
            joined: vec![],
            departed: departed.into_iter().collect(),
            renamed: renamed.into_iter().collect(),
        };
        view.next(change, unsealed).unwrap().1
    }

    #[test]
    fn names_follow_the_views() {
        let (mut names, kept) = (Names::default(), KeptNames::default());
        let view = even_ring(3);
        names.follow(&view, &kept);
        assert!(clash(&names, "2", 9) && !clash(&names, "2", 2));

        let view = after(&view, None, Some((2, "eve")));
        names.follow(&view, &kept);
        assert!(clash(&names, "Eve", 9) && !clash(&names, "2", 9));

        let view = after(&view, Some(2), None);
        names.follow(&view, &kept);
        assert!(!clash(&names, "eve", 9) && clash(&names, "1", 9));

        let mut anew = Names::default();
        anew.follow(&view, &kept);
        assert_eq!(anew.taken, names.taken);
    }

    #[test]
    fn kept_names_stay_taken_until_their_holders_are_back() {
        let (mut names, mut kept) = (Names::default(), KeptNames::default());
        let whole = even_ring(3);
        names.follow(&whole, &kept);
        let without = after(&whole, Some(2), None);
        kept.keep(Time::default(), id(2), "2");
        names.follow(&without, &kept);
        assert!(clash(&names, "2", 9) && !clash(&names, "2", 2));

        kept.release(&id(2));
        names.follow(&whole, &kept);
        assert!(clash(&names, "2", 9) && !clash(&names, "2", 2));
        names.follow(&without, &kept);
        assert!(!clash(&names, "2", 9));
    }

    #[test]
    fn a_returned_member_has_its_name_after_the_kept_one_is_released() {
        let (mut names, mut kept) = (Names::default(), KeptNames::default());
        let whole = even_ring(3);
        let without = after(&whole, Some(2), None);
        kept.keep(Time::default(), id(2), "2");
        names.follow(&without, &kept);
        names.follow(&whole, &kept);
        kept.release(&id(2));
        names.follow(&whole, &kept);
        assert!(clash(&names, "2", 9) && !clash(&names, "2", 2));

        kept.keep(Time::default(), id(2), "2");
        names.follow(&whole, &kept);
        names.follow(&without, &kept);
        assert!(clash(&names, "2", 9) && !clash(&names, "2", 2));
    }

    #[test]
    fn reserved_words_and_their_lookalikes_are_taken() {
        let names = Names::default();
        for word in ["me", "M\u{435}", "a11", "ring-talk", "y.o.u"] {
            assert!(clash(&names, word, 9), "{word}");
        }
        assert!(!clash(&names, "me-2", 9));
    }

    fn clash(names: &Names, name: &str, wisher: u16) -> bool {
        names.clash(name, |holder| *holder == id(wisher))
    }
}
