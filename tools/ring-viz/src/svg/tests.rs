//! Tests of the pictures, as SVG text.

use super::*;
use crate::ring::tests::{id, ring};

fn count(picture: &str, words: &str) -> usize {
    picture.matches(words).count()
}

#[test]
fn a_closed_ring_has_an_arrow_from_each_to_the_next() {
    for size in [2, 3, 8, 20] {
        let picture = draw(&ring(&["x"; 20][..size]));
        assert!(picture.contains(&format!("<title>A ring of {size} members, closed</title>")));
        assert_eq!(count(&picture, "<path class=\"next\""), size);
        assert_eq!(count(&picture, "<circle class=\"node\""), size);
        assert_eq!(count(&picture, "<circle class=\"halo\""), 1);
        for broken in [
            "class=\"astray\"",
            "class=\"odd\"",
            "silent\"",
            "suspected\"",
        ] {
            assert_eq!(count(&picture, broken), 0, "{broken}");
        }
    }
}

#[test]
fn a_member_alone_has_no_arrow() {
    let picture = draw(&ring(&["ann"]));
    assert!(picture.contains("<title>A ring of 1 member, closed</title>"));
    assert_eq!(count(&picture, "class=\"tip\""), 0);
}

#[test]
fn a_small_ring_is_drawn_like_this() {
    let picture = draw(&ring(&["ann", "bob"]));
    let (_, drawn) = picture.split_once("</style>\n").unwrap();
    let expected = r#"<rect class="ground" width="100%" height="100%" rx="12"/>
<circle class="orbit" cx="220.0" cy="160.0" r="110.0"/>
<circle class="hub" cx="220.0" cy="160.0" r="48"/>
<text class="hub-text size" x="220.0" y="146.0">2 members</text>
<text class="hub-text" x="220.0" y="164.0">closed</text>
<text class="hub-text count" x="220.0" y="182.0">epoch 1</text>
<path class="next" d="M236.9 51.3A110.0 110.0 0 0 1 245.8 266.9"/>
<path class="tip" d="M236.9 268.7L245.0 263.0L246.5 270.9Z"/>
<path class="next" d="M203.1 268.7A110.0 110.0 0 0 1 194.2 53.1"/>
<path class="tip" d="M203.1 51.3L195.0 57.0L193.5 49.1Z"/>
<g class="member coordinator"><title>ann, the coordinator: 10.0.0.0:4000, seniority 0</title>
<circle class="node" cx="220.0" cy="50.0" r="14"/>
<circle class="halo" cx="220.0" cy="50.0" r="10"/>
<text x="220.0" y="24.0" dy="0.35em" text-anchor="middle">ann</text></g>
<g class="member"><title>bob: 10.0.0.1:4000, seniority 1</title>
<circle class="node" cx="220.0" cy="270.0" r="14"/>
<text x="220.0" y="296.0" dy="0.35em" text-anchor="middle">bob</text></g>
<text class="legend" x="16" y="320">double circle: the coordinator</text>
</svg>
"#;
    assert_eq!(drawn, expected);
}

#[test]
fn faults_are_drawn_and_explained() {
    let mut faulty = ring(&["a", "b", "c", "d", "e"]);
    faulty.members[1].report = None;
    faulty.members[2].report.as_mut().unwrap().successor = Some(id(4));
    faulty.members[4].report.as_mut().unwrap().suspects = vec![id(3)];
    let picture = draw(&faulty);
    assert!(picture.contains("<title>A ring of 5 members, not closed</title>"));
    assert_eq!(count(&picture, "class=\"member silent\""), 1);
    assert_eq!(count(&picture, "class=\"astray\""), 1);
    assert_eq!(count(&picture, "class=\"odd\""), 1);
    assert_eq!(count(&picture, "class=\"member suspected\""), 1);
    assert_eq!(count(&picture, ">?</text>"), 1);
    assert_eq!(count(&picture, "class=\"legend\""), 5);
}

#[test]
fn a_finger_that_both_ends_report_is_one_line() {
    let mut ring = ring(&["a", "b", "c", "d"]);
    ring.members[0].report.as_mut().unwrap().fingers = vec![id(2)];
    ring.members[2].report.as_mut().unwrap().fingers = vec![id(0), id(99)];
    assert_eq!(count(&draw(&ring), "<path class=\"finger\""), 1);
}

#[test]
fn no_name_leaves_its_text() {
    let picture = draw(&ring(&[
        "</text><script>alert('x')</script>",
        "\u{202e}\u{1b}[2J",
    ]));
    assert_eq!(count(&picture, "<script"), 0);
    assert!(picture.contains("<title>&lt;/text&gt;&lt;script&gt;alert(&#39;x&#39;)"));
    assert!(picture.contains(">\\u{202e}␛[2J<"));
    assert!(
        !picture
            .chars()
            .any(|char| char.is_control() && char != '\n')
    );
}

#[test]
fn fifty_members_are_no_wider_than_a_page() {
    let names: Vec<String> = (1..=50).map(|number| format!("member-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let drawing = ring(&names);
    let width = Drawing::of(&drawing).layout.width();
    assert!(width < 1_000.0, "{width}");
}
