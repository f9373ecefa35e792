//! The ring as a graph for graphviz: `ring-viz … --format dot | dot -Tsvg`.
//!
//! Names come from other nodes, so they are made harmless, and escaped for graphviz labels.

use std::fmt::Write;

use ringtalk_session::text::escape_line;
use ringtalk_wire::NodeId;

use crate::ring::{Ring, RingMember};

/// Returns the graph in the DOT language. An arrow leads to each successor, a dotted arrow to each predecessor that
/// reports another successor. Fingers are faint lines.
pub(crate) fn draw(ring: &Ring) -> String {
    let mut text = String::from("digraph ring {\n  layout=circo;\n  node [shape=circle];\n");
    for member in &ring.members {
        node(&mut text, ring, member);
    }
    for member in &ring.members {
        edges(&mut text, ring, member);
    }
    for (here, there) in ring.finger_pairs() {
        let [from, to] = [here, there].map(|end| ring.members[end].entry.id);
        let attributes = "dir=none, color=gray80, constraint=false";
        line(
            &mut text,
            &format!("\"{from}\" -> \"{to}\" [{attributes}];"),
        );
    }
    text.push_str("}\n");
    text
}

fn node(text: &mut String, ring: &Ring, member: &RingMember) {
    let entry = &member.entry;
    let label = escaped(&entry.name);
    let address = escaped(entry.addresses.shown());
    let mut attributes = format!("label=\"{label}\", tooltip=\"{address}\"");
    if entry.id == ring.epoch().coordinator {
        attributes.push_str(", shape=doublecircle");
    }
    if member.report.is_none() {
        attributes.push_str(", style=dashed");
    }
    line(text, &format!("\"{}\" [{attributes}];", entry.id));
}

fn edges(text: &mut String, ring: &Ring, member: &RingMember) {
    let from = member.entry.id;
    let mut edge =
        |to: NodeId, attributes: &str| line(text, &format!("\"{from}\" -> \"{to}\"{attributes};"));
    if let Some(successor) = member.successor() {
        edge(successor, "");
    }
    if let Some(predecessor) = ring.conflicting_predecessor(member) {
        edge(predecessor, " [style=dotted, constraint=false]");
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "  {content}").expect("memory takes whatever is written");
}

/// Escapes text for a quoted label, in which graphviz interprets backslashes and entities.
fn escaped(text: &str) -> String {
    escape_line(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::tests::{id, ring};

    #[test]
    fn a_graph_has_a_line_for_each_node_and_each_arrow() {
        let mut two = ring(&["ann", "bob"]);
        two.members[1].report = None;
        let (ann, bob) = (id(0), id(1));
        let expected = format!(
            "digraph ring {{\n  layout=circo;\n  node [shape=circle];\n  \
             \"{ann}\" [label=\"ann\", tooltip=\"10.0.0.0:4000\", shape=doublecircle];\n  \
             \"{bob}\" [label=\"bob\", tooltip=\"10.0.0.1:4000\", style=dashed];\n  \
             \"{ann}\" -> \"{bob}\";\n}}\n"
        );
        assert_eq!(draw(&two), expected);
    }

    #[test]
    fn a_finger_is_one_line_without_an_arrow_head() {
        let mut four = ring(&["a", "b", "c", "d"]);
        four.members[0].report.as_mut().unwrap().fingers = vec![id(2)];
        four.members[2].report.as_mut().unwrap().fingers = vec![id(0)];
        let graph = draw(&four);
        assert_eq!(graph.matches("dir=none").count(), 1, "{graph}");
    }

    #[test]
    fn a_predecessor_that_disagrees_is_dotted() {
        let mut three = ring(&["ann", "bob", "eve"]);
        three.members[2].report.as_mut().unwrap().predecessor = Some(id(0));
        let dotted = format!("\"{}\" -> \"{}\" [style=dotted", id(2), id(0));
        let graph = draw(&three);
        assert!(graph.contains(&dotted), "{graph}");
        assert_eq!(graph.matches("dotted").count(), 1);
    }

    #[test]
    fn no_name_leaves_its_label() {
        let graph = draw(&ring(&["\"];x->y[\\N&lt;\n\u{202e}"]));
        let label = r#"label="\"];x->y[\\N&amp;lt;␊\\u{202e}","#;
        assert!(graph.contains(label), "{graph}");
    }
}
