//! Names, and which of them a person could take for one another.
//!
//! `PROTOCOL.md` §5.4. Not here: the name that somebody gets who wishes for one that is taken
//! (`admission`).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::NodeId;
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

use crate::View;

/// The names of a view's members by their skeletons. It follows a coordinator's views, so that a newcomer
/// to a large ring costs a few skeletons, and not everybody's.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: BTreeSet<(String, NodeId)>,
    view: Option<View>,
}

impl Names {
    /// Goes over to a view: only what has changed since the last one is looked at.
    pub(crate) fn follow(&mut self, view: &View) {
        let before = self.view.replace(view.clone());
        let differences = view.since(before.as_ref());
        let changed = differences.changed.iter();
        for member in changed.clone().chain(&differences.gone) {
            let known = before.as_ref().and_then(|view| view.member(&member.id));
            for skeleton in known.into_iter().flat_map(|known| skeletons(&known.name)) {
                self.taken.remove(&(skeleton, member.id));
            }
        }
        for member in changed.chain(&differences.joined) {
            self.take(&member.name, member.id);
        }
    }

    /// Somebody has this name now.
    pub(crate) fn take(&mut self, name: &str, id: NodeId) {
        let skeletons = skeletons(name);
        self.taken.extend(skeletons.map(|skeleton| (skeleton, id)));
    }

    /// True where a person could take this name for that of somebody other than `id`.
    pub(crate) fn clash(&self, name: &str, id: &NodeId) -> bool {
        let lowest = NodeId::from_bytes([0; 16]);
        skeletons(name).into_iter().any(|skeleton| {
            let from = (skeleton, lowest);
            let same = self.taken.range(&from..);
            let mut same = same.take_while(|(other, _)| *other == from.0);
            same.any(|(_, other)| other != id)
        })
    }
}

/// What a name is compared by: its skeleton (Unicode Technical Standard 39), and the one that it has without
/// regard to case, width and the like. Runs of blanks are one, and what cannot be seen is left out. A person could take
/// two names for one another that have a skeleton in common.
pub fn skeletons(name: &str) -> [String; 2] {
    let folded = name.nfkd().flat_map(char::to_uppercase);
    let folded: String = folded.flat_map(char::to_lowercase).collect();
    [name, &folded].map(|form| {
        let skeleton: String = skeleton(form).collect();
        skeleton.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

/// True for a name of which nothing can be seen.
pub fn is_blank(name: &str) -> bool {
    let [skeleton, _] = skeletons(name);
    skeleton.is_empty()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ringtalk_wire::Renamed;

    use super::*;
    use crate::view::Change;
    use crate::view::test_support::{even_ring, id, unsealed};

    fn look_alike(one: &str, other: &str) -> bool {
        let others = skeletons(other);
        skeletons(one)
            .iter()
            .any(|skeleton| others.contains(skeleton))
    }

    #[test]
    fn names_that_could_be_taken_for_one_another() {
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
            ("Ian", "lan"),
            ("Ian", "ian"),
            ("bob0", "bobO"),
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
    fn names_that_are_told_apart() {
        for (one, other) in [
            ("ann", "anne"),
            ("ann", "an n"),
            ("ian", "lan"),
            ("zoe", "zo\u{eb}"),
            ("n1", "n11"),
            ("阿明", "阿朋"),
            ("", "a"),
        ] {
            assert!(!look_alike(one, other), "{one:?} and {other:?}");
        }
        let numbered = (0..1_000).map(|number| alloc::format!("ann-{number}"));
        let skeletons: BTreeSet<String> = numbered.flat_map(|name| skeletons(&name)).collect();
        assert_eq!(skeletons.len(), 1_000);
    }

    #[test]
    fn nothing_to_be_seen_is_blank() {
        for name in ["", " ", "\u{200b}", "\u{3164} \u{ad}", "\u{2800}"] {
            assert!(is_blank(name), "{name:?}");
        }
        assert!(!is_blank("-"));
    }

    /// The view after `view`, with these changes.
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
    fn names_come_and_go_with_the_views() {
        let mut names = Names::default();
        let view = even_ring(3);
        names.follow(&view);
        assert!(names.clash("2", &id(9)) && !names.clash("2", &id(2)));

        let view = after(&view, None, Some((2, "eve")));
        names.follow(&view);
        assert!(names.clash("Eve", &id(9)) && !names.clash("2", &id(9)));

        let view = after(&view, Some(2), None);
        names.follow(&view);
        assert!(!names.clash("eve", &id(9)) && names.clash("1", &id(9)));

        let mut anew = Names::default();
        anew.follow(&view);
        assert_eq!(anew.taken, names.taken);
    }
}
