//! Tests of the screen as it is drawn, and of the keys.
//!
//! `snapshots/` has each state. `UPDATE_EXPECT=1 cargo test -p ringtalk-ring-viz` rewrites the files: review the
//! difference before you commit it.

use expect_test::expect_file;
use ratatui::style::{Color, Modifier};
use ringtalk_wire::Report;

use super::*;
use crate::ring::tests::{id, ring, ring_of, view_tag};

const SEVEN: [&str; 7] = ["ann", "bob", "carol", "Дмитрий", "小明", "דנה", "eve"];

fn screen((width, height): (u16, u16), rings: Vec<Ring>) -> Screen {
    let directors = "director.example:8080".to_owned();
    let mut screen = Screen::new(directors, true, Size::new(width, height));
    screen.show(Picture { rings }, None);
    screen
}

fn press(screen: &mut Screen, code: KeyCode) -> Option<Effect> {
    screen.handle_event(&TerminalEvent::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn text(screen: &Screen) -> String {
    let buffer = screen.render();
    let columns = usize::from(buffer.area.width).max(1);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let (mut text, mut at) = (String::new(), 0);
        while at < columns {
            text += cells[at].symbol();
            at += width(cells[at].symbol()).max(1);
        }
        format!("{}\n", text.trim_end())
    };
    buffer.content().chunks(columns).map(row).collect()
}

/// Compares a screen with its snapshot.
fn check(name: &str, screen: &Screen) {
    expect_file![format!("snapshots/{name}.txt")].assert_eq(&text(screen));
}

fn report(ring: &mut Ring, at: usize) -> &mut Report {
    ring.members[at].report.as_mut().unwrap()
}

/// Sets the messages per second from one member to another.
fn flow(ring: &mut Ring, from: usize, to: usize, rate: f64) {
    let from = ring.members[from].entry.id;
    ring.members[to].rates.insert(from, rate);
}

/// Returns a ring of fifty members with fingers at growing distances, and with message rates.
fn fifty() -> Ring {
    let names: Vec<String> = (1..=50).map(|number| format!("member-{number}")).collect();
    let mut ring = ring(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for here in 0..50 {
        let fingers = [2, 4, 8, 16, 25].map(|steps| ring.members[(here + steps) % 50].entry.id);
        report(&mut ring, here).fingers = fingers.to_vec();
        flow(&mut ring, here, (here + 1) % 50, here as f64 / 4.0);
    }
    ring
}

#[test]
fn alone() {
    check("alone", &screen((60, 14), vec![ring(&["ann"])]));
}

#[test]
fn seven_members() {
    let mut ring = ring(&SEVEN);
    for (from, to, rate) in [(0, 1, 12.0), (1, 0, 0.5), (3, 4, 250.0), (6, 0, 1_500.0)] {
        flow(&mut ring, from, to, rate);
    }
    let mut screen = screen((80, 24), vec![ring]);
    press(&mut screen, KeyCode::Tab);
    check("seven-members", &screen);
}

#[test]
fn a_suspect() {
    let mut ring = ring(&SEVEN);
    ring.members[4].report = None;
    report(&mut ring, 3).suspects = vec![id(4)];
    report(&mut ring, 3).successor = Some(id(5));
    report(&mut ring, 5).predecessor = Some(id(3));
    let mut screen = screen((80, 24), vec![ring]);
    for _ in 0..5 {
        press(&mut screen, KeyCode::Tab);
    }
    check("suspect", &screen);
}

#[test]
fn two_partitions() {
    let left = ring_of(
        view_tag(3, 0, 7),
        &[(0, "ann"), (1, "bob"), (4, "eve"), (5, "fay")],
    );
    let right = ring_of(view_tag(4, 2, 1), &[(2, "carol"), (3, "dan"), (6, "gus")]);
    let whole = ring(&["ann", "bob", "carol", "dan", "eve", "fay", "gus"]);
    let mut screen = screen((100, 20), vec![whole]);
    let rings = vec![left, right];
    assert!(screen.show(
        Picture {
            rings: rings.clone()
        },
        None
    ));
    assert!(!screen.show(Picture { rings }, None), "nothing is new");
    check("partitions", &screen);
}

#[test]
fn fifty_members() {
    check("fifty-members", &screen((140, 50), vec![fifty()]));
}

#[test]
fn a_ring_without_room_for_a_circle_is_a_list() {
    let mut screen = screen((80, 24), vec![fifty()]);
    check("small-window", &screen);
    press(&mut screen, KeyCode::BackTab);
    assert!(
        text(&screen).contains("member-50 · 10.0.0.49:4000"),
        "{}",
        text(&screen)
    );
    assert!(
        text(&screen).contains("● member-50 ← member-49 → member-1 "),
        "{}",
        text(&screen)
    );
}

#[test]
fn no_member_answers() {
    let mut screen = screen((60, 10), vec![ring(&["ann", "bob"])]);
    let reason = "no ring is registered at the director director.example:8080\u{1b}[2J";
    screen.show(Picture::default(), Some(reason.to_owned()));
    check("nobody", &screen);
}

#[test]
fn no_window_is_too_small() {
    for (width, height) in [(0, 0), (1, 1), (1, 2), (2, 3), (5, 2), (12, 30), (200, 4)] {
        let mut screen = screen((width, height), vec![fifty(), ring(&["ann"])]);
        press(&mut screen, KeyCode::Tab);
        screen.render();
        press(&mut screen, KeyCode::Char('l'));
        screen.render();
    }
}

#[test]
fn keys_quit_choose_and_change_the_picture() {
    let mut screen = screen(
        (80, 24),
        vec![ring(&["ann", "bob"]), ring(&["ann", "bob", "cyd"])],
    );
    assert_eq!(press(&mut screen, KeyCode::Char('q')), Some(Effect::Quit));
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(
        screen.handle_event(&TerminalEvent::Key(control)),
        Some(Effect::Quit)
    );
    let mut chosen = Vec::new();
    for _ in 0..4 {
        press(&mut screen, KeyCode::Right);
        chosen.push(screen.appearance.chosen.unwrap());
    }
    assert_eq!(chosen, [id(0), id(1), id(2), id(0)], "each comes once");
    press(&mut screen, KeyCode::Left);
    assert_eq!(screen.appearance.chosen, Some(id(2)));
    assert!(text(&screen).contains("cyd · 10.0.0.2:4000"));
    press(&mut screen, KeyCode::Esc);
    assert!(!text(&screen).contains("10.0.0.2"));
    press(&mut screen, KeyCode::Char('l'));
    assert!(
        text(&screen).contains("● bob  ← ann  → ann"),
        "{}",
        text(&screen)
    );
    assert_eq!(
        screen.handle_event(&TerminalEvent::Resize(100, 30)),
        Some(Effect::Repaint)
    );
    assert_eq!(screen.render().area, Rect::new(0, 0, 100, 30));
}

#[test]
fn colours_can_be_turned_off() {
    let mut screen = screen((80, 24), vec![fifty()]);
    let colours = |screen: &Screen| {
        let buffer = screen.render();
        buffer
            .content()
            .iter()
            .filter(|cell| cell.fg != Color::Reset)
            .count()
    };
    assert!(colours(&screen) > 0);
    screen.appearance.colors = false;
    assert_eq!(colours(&screen), 0);
    press(&mut screen, KeyCode::Tab);
    let buffer = screen.render();
    let is_chosen = |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(buffer.content().iter().any(is_chosen));
}

#[test]
fn no_name_controls_the_terminal() {
    let mut screen = screen((120, 24), vec![ring(&["\u{1b}[2J", "a\u{202e}b"])]);
    press(&mut screen, KeyCode::Tab);
    let mut others = ring(&["\u{9b}2J"]);
    others.members[0].entry.id = id(9);
    screen.show(
        Picture {
            rings: vec![others],
        },
        None,
    );
    for list in [false, true] {
        screen.as_list = list;
        let text = text(&screen);
        assert!(
            !text.contains(|char: char| char.is_control() && char != '\n'),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'));
        assert!(text.contains("\\u{9b}2J joined"), "{text}");
    }
}

#[test]
fn the_footer_shows_the_latest_change() {
    let mut screen = screen((80, 24), vec![ring(&["ann", "bob"])]);
    assert!(!text(&screen).contains("joined"));
    screen.show(
        Picture {
            rings: vec![ring(&["ann", "bob", "cyd"])],
        },
        None,
    );
    assert!(text(&screen).contains("cyd joined"));
}
