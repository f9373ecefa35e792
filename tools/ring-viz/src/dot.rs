//! The ring as a graph for graphviz: `ring-viz … --format dot | dot -Tsvg`.
//!
//! Names come from strangers: they are made harmless, and escaped as graphviz reads labels.

use std::fmt::Write;

use ringtalk_session::text::harmless;
use ringtalk_wire::NodeId;

use crate::ring::{Place, Ring};

/// The graph. An arrow leads to each successor, a dotted one to a predecessor that reports another
/// successor; fingers are faint lines.
pub(crate) fn draw(ring: &Ring) -> String {
    let mut text = String::from("digraph ring {\n  layout=circo;\n  node [shape=circle];\n");
    for place in &ring.places {
        node(&mut text, ring, place);
    }
    for place in &ring.places {
        edges(&mut text, ring, place);
    }
    for (here, there) in ring.shortcuts() {
        let [from, to] = [here, there].map(|end| ring.places[end].member.id);
        let looks = "dir=none, color=gray80, constraint=false";
        line(&mut text, &format!("\"{from}\" -> \"{to}\" [{looks}];"));
    }
    text.push_str("}\n");
    text
}

fn node(text: &mut String, ring: &Ring, place: &Place) {
    let member = &place.member;
    let label = escaped(&member.name);
    let address = escaped(member.addresses.shown());
    let mut looks = format!("label=\"{label}\", tooltip=\"{address}\"");
    if member.id == ring.epoch().coordinator {
        looks.push_str(", shape=doublecircle");
    }
    if place.report.is_none() {
        looks.push_str(", style=dashed");
    }
    line(text, &format!("\"{}\" [{looks}];", member.id));
}

fn edges(text: &mut String, ring: &Ring, place: &Place) {
    let from = place.member.id;
    let mut edge = |to: NodeId, looks: &str| line(text, &format!("\"{from}\" -> \"{to}\"{looks};"));
    if let Some(successor) = place.successor() {
        edge(successor, "");
    }
    if let Some(predecessor) = ring.odd_predecessor(place) {
        edge(predecessor, " [style=dotted, constraint=false]");
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "  {content}").expect("memory takes whatever is written");
}

/// As a quoted label has it: graphviz reads backslashes and entities in labels.
fn escaped(text: &str) -> String {
    harmless(text)
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
        two.places[1].report = None;
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
        four.places[0].report.as_mut().unwrap().fingers = vec![id(2)];
        four.places[2].report.as_mut().unwrap().fingers = vec![id(0)];
        let graph = draw(&four);
        assert_eq!(graph.matches("dir=none").count(), 1, "{graph}");
    }

    #[test]
    fn a_predecessor_that_disagrees_is_dotted() {
        let mut three = ring(&["ann", "bob", "eve"]);
        three.places[2].report.as_mut().unwrap().predecessor = Some(id(0));
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
