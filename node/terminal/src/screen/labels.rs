//! Names in a column that is too narrow for some of them: names that differ look different.
//!
//! Not here: names beside messages, which are wrapped and never cut (`layout`).

use std::collections::BTreeMap;

use ringtalk_wire::NodeId;

use crate::tty::{fit, width};
use unicode_segmentation::UnicodeSegmentation;

/// The number of hexadecimal digits of an id that tell two names apart if nothing else does.
const ID_DIGITS: usize = 4;

/// Returns these names in at most `room` columns each, in the same order. Names are unique, and harmless already.
///
/// A name that is too long loses its middle, because names that clash differ in their last characters (`ann-2`). If
/// two of them still look the same, each ends in the first digits of its member's id.
pub(super) fn labels(names: &[(NodeId, String)], room: usize) -> Vec<String> {
    let short: Vec<String> = names
        .iter()
        .map(|(_, name)| cut_middle(name, room))
        .collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for label in &short {
        *uses.entry(label).or_default() += 1;
    }
    let labels = names.iter().zip(&short).map(|((id, name), label)| {
        if uses[label.as_str()] == 1 || label == name {
            return label.clone();
        }
        let digits = format!("{id:?}");
        let digits: String = digits.chars().take(ID_DIGITS).collect();
        let begin = fit(name, room.saturating_sub(digits.len()));
        format!("{begin}{digits}")
    });
    labels.collect()
}

/// Cuts the middle out of a name that is wider than `room` columns.
fn cut_middle(name: &str, room: usize) -> String {
    if width(name) <= room {
        return name.to_owned();
    }
    // Two thirds for the beginning, which is what people look for.
    let end_room = room.saturating_sub(1) / 3;
    let clusters: Vec<&str> = name.graphemes(true).collect();
    let mut used = 0;
    let end = clusters.iter().rev().take_while(|cluster| {
        used += width(cluster);
        used <= end_room
    });
    let end: String = clusters[clusters.len() - end.count()..].concat();
    format!("{}{end}", fit(name, room.saturating_sub(width(&end))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str], room: usize) -> Vec<String> {
        let ids = (1..).map(|number| NodeId::from_bytes([number; 16]));
        let names = ids.zip(names.iter().map(|name| (*name).to_owned()));
        labels(&names.collect::<Vec<_>>(), room)
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        let four = ["administrator", "administrator-2", "administrator-3"];
        assert_eq!(shown(&four, 15), four);
        assert_eq!(
            shown(&four, 12),
            ["administ…tor", "administ…r-2", "administ…r-3"]
        );
        assert_eq!(shown(&["ann"], 3), ["ann"]);
        assert_eq!(shown(&["小明小明小明"], 7), ["小明…明"]);
    }

    #[test]
    fn names_that_differ_in_the_middle_look_different() {
        let names = [
            "alexander-the-great-of-macedonia",
            "alexander-the-small-of-macedonia",
        ];
        let labels = shown(&names, 14);
        assert_ne!(labels[0], labels[1]);
        assert!(labels.iter().all(|label| width(label) <= 14), "{labels:?}");
        // A name that looks like another one's label.
        let names = ["administ…r-2", "administrator-2"];
        let labels = shown(&names, 12);
        assert_eq!(labels[0], names[0]);
        assert_ne!(labels[0], labels[1]);
    }

    #[test]
    fn there_may_be_no_room_at_all() {
        for room in 0..6 {
            let labels = shown(&["administrator", "administrator-2", "小明小明小明"], room);
            assert!(
                labels
                    .iter()
                    .take(2)
                    .all(|label| width(label) <= room.max(ID_DIGITS))
            );
        }
    }
}
