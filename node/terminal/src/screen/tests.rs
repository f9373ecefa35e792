//! Tests of drawn screens, and of the effects of keys.
//!
//! `snapshots/` has each state in windows of 60, 80 and 140 columns.
//! `UPDATE_EXPECT=1 cargo test -p ringtalk-terminal screen` writes them again: check the difference before you
//! commit it.

mod drafts;
mod links;
mod no_draft_is_lost;
mod notices;
mod picking;
mod speed;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use expect_test::expect_file;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ringtalk_session::{
    Code, DiscussionId, Epoch, Goodbye, Invite, InviteState, JoinStage, Member, Members, Message,
    MessageId, NodeId, Person, ProgramName, Remark, RingId,
};
use ringtalk_wire::{Addresses, NetworkId, RingKey};
use time::UtcOffset;

use super::*;
use crate::tty::{ScreenImage, width};

/// This node, bob.
const ME: u8 = 2;
/// The time at which a test starts: the 14th of November 2023, at 22:13.
const START_MS: u64 = 1_700_000_000_042;
const NAMES: [&str; 7] = [
    "ann",
    "bob",
    "carol",
    "Дмитрий",
    "小明",
    "דנה",
    "a-name-of-thirty-two-characters.",
];

pub(super) fn id(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

fn member(number: u8) -> Member {
    Member {
        id: id(number),
        name: NAMES[usize::from(number) - 1].to_owned(),
        addresses: Addresses::at(format!("10.0.0.{number}:4000")),
        seniority: u64::from(number) - 1,
        key: RingKey(u128::from(number) << 100),
        network: NetworkId::default(),
    }
}

fn discussion() -> DiscussionId {
    DiscussionId::from(*id(9).as_uuid())
}

fn person(number: u8) -> Person {
    let Member { id, name, .. } = member(number);
    Person { id, name }
}

/// Returns a view of these members. The first one coordinates.
pub(super) fn view(members: std::ops::RangeInclusive<u8>) -> Arc<Members> {
    let epoch = Epoch {
        number: 1,
        coordinator: id(*members.start()),
    };
    let number = members.clone().count() as u64;
    Arc::new(Members::new(
        epoch,
        number,
        members.map(member).map(Arc::new),
    ))
}

fn message(author: u8, seq: u64, text: &str) -> Event {
    let history = false;
    Event::Message(Message {
        room: RingId::lobby(&discussion()),
        id: MessageId {
            author: id(author),
            seq,
        },
        name: NAMES[usize::from(author) - 1].into(),
        timestamp_ms: START_MS + seq * 60_000,
        arrived_ms: START_MS + seq * 60_000,
        text: text.into(),
        lamport: seq,
        heads: None,
        history,
    })
}

fn old_message(author: u8, seq: u64, text: &str) -> Event {
    match message(author, seq, text) {
        Event::Message(message) => Event::Message(Message {
            history: true,
            ..message
        }),
        other => other,
    }
}

fn reached(seq: u64, members: u64, complete: bool) -> Event {
    Event::Reached {
        first: seq,
        last: seq,
        members,
        complete,
    }
}

fn neighbours(before: u8, after: u8) -> Event {
    Event::Neighbours {
        predecessor: Some(id(before)),
        successor: Some(id(after)),
    }
}

fn ready() -> Event {
    Event::Ready {
        name: "bob".to_owned(),
    }
}

fn new_screen(width: u16, height: u16) -> Screen {
    let me = Me {
        program: ProgramName::default(),
        id: id(ME),
        requested_name: "bob".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: discussion(),
        invite: Invite::from("ringtalk://10.0.0.1:8080/".to_owned()),
        open_at: None,
        is_founder: false,
    };
    let calendar = Calendar::new(UtcOffset::UTC, START_MS);
    let attention = AttentionSettings {
        rings_bell: true,
        ..AttentionSettings::default()
    };
    Screen::new(me, calendar, true, Size::new(width, height), attention)
}

/// A screen with a clock of its own.
struct TestScreen {
    screen: Screen,
    now: Instant,
}

impl TestScreen {
    fn new(width: u16, height: u16) -> Self {
        Self {
            screen: new_screen(width, height),
            now: Instant::now(),
        }
    }

    /// Returns the screen of bob among this many members. The first one coordinates.
    fn among(width: u16, height: u16, members: u8) -> Self {
        let mut window = Self::new(width, height);
        window.events([Event::View(view(1..=members)), neighbours(1, 3), ready()]);
        window
    }

    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.screen.show(&DisplayItem::Event(event), self.now);
        }
    }

    fn tell(&mut self, event: Event) {
        self.events([event]);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        let ms = self.screen.calendar.now_ms() + time.as_millis() as u64;
        self.screen.calendar.set_now(ms);
        self.screen.tick(self.now);
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        let key = KeyEvent::new(code, modifiers);
        self.screen.handle_terminal_event(TerminalEvent::Key(key));
    }

    fn key(&mut self, code: KeyCode) {
        self.press(code, KeyModifiers::NONE);
    }

    fn control(&mut self, char: char) {
        self.press(KeyCode::Char(char), KeyModifiers::CONTROL);
    }

    fn write(&mut self, text: &str) {
        for char in text.chars() {
            self.key(KeyCode::Char(char));
        }
    }

    fn enter(&mut self, text: &str) {
        self.write(text);
        self.key(KeyCode::Enter);
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.screen.poll_effect()).collect()
    }

    fn text(&self) -> String {
        text(&self.screen)
    }

    fn cell(&self, wanted: &str) -> Cell {
        let buffer = view::render(&self.screen).cells;
        let rows = text(&self.screen);
        let (y, row) = rows
            .lines()
            .enumerate()
            .find(|(_, row)| row.contains(wanted))
            .unwrap_or_else(|| panic!("no {wanted:?} in\n{rows}"));
        let x = width(&row[..row.find(wanted).unwrap()]);
        buffer[(x as u16, y as u16)].clone()
    }
}

/// Returns the screen as text; `▏` is the cursor.
fn text(screen: &Screen) -> String {
    let ScreenImage {
        cells: mut buffer,
        cursor,
        ..
    } = view::render(screen);
    if let Some(cursor) = cursor {
        buffer[cursor].set_symbol("▏");
    }
    rows(&buffer).concat()
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let columns = usize::from(buffer.area.width);
    let cells = buffer.content().chunks(columns.max(1));
    cells
        .map(|row| {
            let mut text = String::new();
            let mut at = 0;
            while at < columns {
                text += row[at].symbol();
                at += width(row[at].symbol()).max(1);
            }
            format!("{}\n", text.trim_end())
        })
        .collect()
}

/// Compares a state in three windows with its snapshot.
fn check(name: &str, height: u16, prepare: impl Fn(u16) -> TestScreen) {
    let windows = [60, 80, 140].map(|width| {
        let window = prepare(width);
        assert!(window.screen.size == Size::new(width, height));
        let rule = "═".repeat(usize::from(width));
        format!("{rule}\n{}", window.text())
    });
    expect_file![format!("snapshots/{name}.txt")].assert_eq(&windows.concat());
}

#[test]
fn alone() {
    check("alone", 10, |width| {
        let mut window = TestScreen::new(width, 10);
        window.events([Event::View(view(ME..=ME)), ready()]);
        window.events([message(ME, 1, "is anybody here?")]);
        window.write("/inv");
        window
    });
}

#[test]
fn joining() {
    check("joining", 8, |width| {
        let mut window = TestScreen::new(width, 8);
        let address = "director.example:4000".to_owned();
        let peer = id(1);
        window.events([Event::Joining(JoinStage::Linking { peer, address })]);
        window.enter("I am early");
        window
    });
}

#[test]
fn fetching() {
    check("fetching", 8, |width| {
        let mut window = TestScreen::new(width, 8);
        let (done, total) = (1_240, 5_000);
        let fetching = JoinStage::FetchingHistory { done, total };
        window.events([Event::View(view(1..=7)), Event::Joining(fetching)]);
        window.events((1..=1_240).map(|seq| old_message(1, seq, "something that was said before")));
        window
    });
}

#[test]
fn members_who_come_and_go_are_one_line() {
    check("folded", 12, |width| {
        let mut window = TestScreen::among(width, 12, 3);
        window.events([4, 5, 6, 7].map(|new| Event::Joined(person(new))));
        window.events([message(1, 1, "hello everybody")]);
        for _ in 0..3 {
            window.events([Event::Joined(person(4)), Event::Left(person(4))]);
        }
        window.wait(Duration::from_secs(601));
        window.events([Event::Joined(person(5)), Event::Failed(person(6))]);
        window
    });
}

#[test]
fn a_run_of_messages_has_one_name_and_a_day_has_a_line() {
    check("runs", 20, |width| {
        let mut window = TestScreen::among(width, 20, 7);
        window.events((1..=3).map(|seq| message(1, seq, &format!("number {seq}"))));
        window.events([message(3, 1, "another"), message(1, 4, "number 4")]);
        window.events([Event::Left(person(6)), message(1, 5, "after a notice")]);
        window.events([message(1, 6, "bob: for you"), message(1, 7, "for all")]);
        window.events([message(1, 13, "after a pause"), message(1, 13, "at once")]);
        window.wait(Duration::from_secs(86_400));
        window.events([
            message(1, 1_453, "on the next day"),
            message(7, 1_453, "me too"),
        ]);
        window
    });
}

#[test]
fn the_list_begins_with_the_user_and_the_first_who_joined() {
    let window = TestScreen::among(80, 7, 7);
    let shown = window.text();
    let listed: Vec<&str> = shown
        .lines()
        .filter_map(|row| Some(row.rsplit_once("│ ")?.1))
        .collect();
    assert_eq!(
        listed,
        ["7 people", "bob (you)", "ann", "carol", "and 4 more"],
        "{shown}"
    );
}

/// The name is above the page, so its first row shows it again.
#[test]
fn the_first_row_of_a_page_names_its_author() {
    let mut window = TestScreen::among(80, 6, 3);
    window.events((1..=40).map(|seq| message(1, seq, &format!("number {seq}."))));
    for _ in 0..5 {
        let shown = window.text();
        let first = shown.lines().next().unwrap();
        assert!(first.contains("ann │ number"), "{shown}");
        assert_eq!(shown.matches("ann │").count(), 1, "{shown}");
        window.key(KeyCode::PageUp);
    }
}

#[test]
fn history_begins_on_its_own_day() {
    let mut window = TestScreen::new(80, 12);
    window.wait(Duration::from_secs(2 * 86_400));
    window.events([Event::View(view(1..=3))]);
    let (done, total) = (2, 2);
    window.events([Event::Joining(JoinStage::FetchingHistory { done, total })]);
    window.events([old_message(1, 1, "before"), old_message(3, 1_441, "later")]);
    window.events([ready()]);
    let shown = window.text();
    let places = [
        "Tuesday, 14 November",
        "before",
        "Wednesday, 15",
        "later",
        "Thursday, 16",
        "that was before",
    ];
    let places = places.map(|place| {
        shown
            .find(place)
            .unwrap_or_else(|| panic!("{place}: {shown}"))
    });
    assert!(places.is_sorted(), "{shown}");
}

#[test]
fn names_that_differ_look_different() {
    let names = [
        "administrator",
        "administrator-2",
        "administrator-3",
        "administrator-4",
    ];
    let long = [
        "alexander-the-great-of-macedonia",
        "alexander-the-small-of-macedonia",
    ];
    for width in [60, 80, 100, 140] {
        let mut window = TestScreen::new(width, 24);
        let members = (1..)
            .zip(names.iter().chain(&long))
            .map(|(number, name)| Member {
                name: (*name).to_owned(),
                ..member(number)
            });
        let members: Vec<Member> = members.collect();
        let epoch = view(1..=1).epoch();
        let all = Members::new(epoch, 6, members.iter().cloned().map(Arc::new));
        window.events([Event::View(Arc::new(all)), ready()]);
        for member in &members {
            let Event::Message(said) = message(1, 1, "hello") else {
                unreachable!("it is a message");
            };
            let id = MessageId {
                author: member.id,
                seq: 1,
            };
            let name = member.name.as_str().into();
            window.tell(Event::Message(Message { id, name, ..said }));
        }
        let shown = window.text();
        for name in names {
            let said = format!(" {name} │ hello");
            assert_eq!(shown.matches(&said).count(), 1, "{shown}");
        }
        let list = match width {
            100.. => 22,
            80.. => 16,
            _ => continue,
        };
        let column = usize::from(width) - list;
        let ends = shown
            .lines()
            .map(|row| row.chars().skip(column).collect::<String>());
        let mut listed: Vec<String> = ends.filter(|name| name.starts_with('a')).collect();
        assert_eq!(listed.len(), 6, "{shown}");
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), 6, "{shown}");
    }
}

#[test]
fn the_help_is_over_the_discussion_until_it_is_closed() {
    check("help", 24, |width| {
        let mut window = TestScreen::among(width, 24, 7);
        window.events([message(1, 1, "hello everybody")]);
        window.write("a draft");
        window.key(KeyCode::F(1));
        window
    });
    let mut window = TestScreen::among(80, 12, 3);
    window.write("a draft");
    window.key(KeyCode::F(1));
    assert!(window.text().contains("/who"), "{}", window.text());
    for _ in 0..30 {
        window.key(KeyCode::PageDown);
    }
    let shown = window.text();
    assert!(
        shown.contains("✓ after") && shown.contains("Esc closes"),
        "{shown}"
    );
    window.key(KeyCode::Up);
    assert_ne!(window.text(), shown, "it scrolls back at once");
    window.write("x");
    window.events([message(1, 1, "said meanwhile")]);
    window.key(KeyCode::Esc);
    let shown = window.text();
    assert!(shown.contains(" new ─"), "{shown}");
    assert!(
        shown.contains("you are bob") && shown.contains("> a draft▏"),
        "{shown}"
    );
}

#[test]
fn problems_come_first_and_stand_out() {
    let mut window = TestScreen::among(80, 12, 3);
    let status = |window: &TestScreen| {
        let buffer = view::render(&window.screen).cells;
        let row = rows(&buffer).swap_remove(10);
        (row.trim().to_owned(), buffer[(2, 10)].clone())
    };
    let (text, cell) = status(&window);
    assert_eq!(text, "3 people here");
    assert!(cell.fg == Color::Reset && cell.modifier == Modifier::DIM);
    window.events([message(ME, 1, "to everybody")]);
    let (text, _) = status(&window);
    assert_eq!(text, "3 people here · your last message is on its way");
    window.wait(Duration::from_secs(10));
    let (text, cell) = status(&window);
    assert!(
        text.starts_with("somebody does not have your message yet · 3"),
        "{text}"
    );
    assert!(cell.fg == Color::Yellow && cell.modifier.is_empty());
    window.events([reached(1, 3, true)]);
    window.tell(Event::Error(Remark {
        code: Code::DirectorUnreachable,
        message: "no director answers".to_owned(),
    }));
    let (text, cell) = status(&window);
    assert!(
        text.starts_with("no director answers; /invite shows who lets people in · 3 people"),
        "{text}"
    );
    assert_eq!(cell.fg, Color::Yellow);
    let internal = ["ring", "coordinator", "successor", "epoch", "view"];
    assert!(internal.iter().all(|word| !text.contains(word)), "{text}");
}

/// Members write texts that imitate another member, or this program.
#[test]
fn imitation() {
    check("imitation", 22, |width| {
        let mut window = TestScreen::among(width, 22, 3);
        let row = " ".repeat(usize::from(width));
        window.events([
            message(1, 1, "one\n22:15        bob │ I agree"),
            message(1, 2, &format!("one{row}22:15        bob │ I agree")),
            message(1, 3, "/me left\n* bob left"),
            message(1, 4, "/me   \u{3164}left"),
            message(1, 5, "   "),
            message(1, 6, "\u{200b}\u{ad}\u{200f}\u{e0041}"),
            message(1, 7, "one\r* bob left\u{2028}! bob left"),
        ]);
        let Event::Message(late) = message(1, 8, "said at 22:21") else {
            unreachable!("it is a message");
        };
        window.tell(Event::Message(Message {
            arrived_ms: 1_700_000_000_042 + 60 * 60_000,
            ..late
        }));
        window.events([Event::Left(person(1))]);
        window
    });
}

#[test]
fn seven_members() {
    check("seven-members", 20, |width| {
        let mut window = TestScreen::among(width, 20, 7);
        window.events([
            message(1, 1, "hello everybody"),
            message(ME, 1, "hi ann! 你好 👋 e\u{301} 👩‍👩‍👧"),
            message(3, 1, "/me waves"),
            message(
                4,
                1,
                "a longer message that says more than fits in one row of a narrow window, \
                 and goes on below",
            ),
            message(
                5,
                1,
                "你好世界你好世界你好世界你好世界你好世界你好世界你好世界",
            ),
            message(6, 1, "שלום bob (א)"),
            message(7, 1, "three\n\tlines\n\u{1b}[2Jof text"),
            reached(1, 7, true),
        ]);
        window.write("and 你");
        window
    });
}

#[test]
fn a_split_and_a_merge() {
    check("split", 12, |width| {
        let mut window = TestScreen::among(width, 12, 7);
        window.events([4, 5, 6, 7].map(|gone| Event::Failed(person(gone))));
        let view = view(1..=3);
        let epoch = view.epoch();
        window.events([Event::View(view)]);
        window.tell(Event::Split { members: 3, epoch });
        window
    });
    check("merged", 10, |width| {
        let mut window = TestScreen::among(width, 10, 3);
        let whole = view(1..=7);
        let epoch = whole.epoch();
        window.events([Event::View(whole)]);
        window.events([4, 5, 6, 7].map(|back| Event::Joined(person(back))));
        window.events([Event::Merged { members: 7, epoch }]);
        window
    });
}

#[test]
fn no_director() {
    check("no-director", 8, |width| {
        let mut window = TestScreen::among(width, 8, 3);
        window.tell(Event::Error(Remark {
            code: Code::DirectorUnreachable,
            message: "no director answers at 10.0.0.1:8080 (no connection): newcomers cannot join \
                      until one does; the discussion goes on"
                .to_owned(),
        }));
        window
    });
}

#[test]
fn a_gap() {
    check("gap", 8, |width| {
        let mut window = TestScreen::among(width, 8, 3);
        window.events([Event::Gap {
            author: id(3),
            from: 4,
            to: 6,
            passed: true,
        }]);
        window
    });
}

#[test]
fn a_slow_member_is_reported() {
    check("slow", 12, |width| {
        let mut window = TestScreen::among(width, 12, 7);
        window.events([message(ME, 1, "to everybody")]);
        window.wait(Duration::from_secs(9));
        assert!(window.text().contains("to everybody ·"));
        window.wait(Duration::from_secs(1));
        assert!(window.text().contains("not delivered to everyone yet"));
        window.events([message(ME, 2, "to most"), reached(2, 6, false)]);
        window.events([message(ME, 3, "and on its way")]);
        window.enter("not even sent");
        window
    });
}

#[test]
fn marks_follow_members_that_are_late_or_have_gone() {
    check("marks", 16, |width| {
        let mut window = TestScreen::among(width, 16, 7);
        let texts = ["they had it", "one came late", "one is gone", "nobody said"];
        window.events((1..).zip(texts).map(|(seq, text)| message(ME, seq, text)));
        window.events([
            reached(1, 6, false),
            reached(2, 6, false),
            reached(3, 5, false),
        ]);
        let shown = window.text();
        assert!(shown.contains("one came late · reached 5 of 6"), "{shown}");
        window.wait(Duration::from_secs(10));
        window.events([reached(2, 7, true)]);
        let shown = window.text();
        assert!(
            shown.contains("they had it ✓") && shown.contains("one came late ✓"),
            "{shown}"
        );
        window.events([Event::Failed(person(7)), Event::View(view(1..=6))]);
        let shown = window.text();
        let less = "! reached 4 of 6, 1 gone since";
        assert!(shown.contains(less), "{shown}");
        window.events([Event::Left(person(6)), Event::View(view(1..=5))]);
        window
    });
}

#[test]
fn searching_and_confirming_the_exit() {
    check("searching", 10, |width| {
        let mut window = TestScreen::among(width, 10, 3);
        window.events((1..=50).map(|seq| message(1, seq, &format!("number {seq}"))));
        window.control('s');
        window.write("Number 4");
        window.control('r');
        window
    });
    check("asking", 6, |width| {
        let mut window = TestScreen::among(width, 6, 3);
        window.control('c');
        window
    });
}

#[test]
fn an_invite_is_a_picture() {
    check("invite", 24, |width| {
        let mut window = TestScreen::new(width, 24);
        window.events([Event::View(view(ME..=ME)), ready()]);
        window.enter("/invite");
        window
    });
}

#[test]
fn unread_messages_are_below_a_line() {
    check("unread", 10, |width| {
        let mut window = TestScreen::among(width, 10, 3);
        window.events([message(1, 1, "seen")]);
        window
            .screen
            .handle_terminal_event(TerminalEvent::FocusLost);
        window.events([message(1, 2, "not seen"), message(3, 1, "not seen either")]);
        window
            .screen
            .handle_terminal_event(TerminalEvent::FocusGained);
        window
    });
}

#[test]
fn new_messages_are_counted_while_the_user_has_scrolled_up() {
    let mut window = TestScreen::among(80, 10, 3);
    window.events((1..=100).map(|seq| message(1, seq, &format!("number {seq}."))));
    window.key(KeyCode::PageUp);
    window.events([message(1, 101, "news"), message(1, 102, "news")]);
    let shown = window.text();
    assert!(shown.contains("2 new messages below"), "{shown}");
    assert!(shown.contains("number 92."), "{shown}");
    window.key(KeyCode::Esc);
    let shown = window.text();
    assert!(shown.contains(" new ─"), "{shown}");
    window.enter("seen");
    assert!(!window.text().contains(" new ─"));
    window.press(KeyCode::Home, KeyModifiers::CONTROL);
    assert!(window.text().contains("you are bob"), "{}", window.text());
    for _ in 0..30 {
        window.key(KeyCode::PageDown);
    }
    assert!(window.text().contains("seen"), "{}", window.text());
}

#[test]
fn colours_can_be_switched_off() {
    let mut window = TestScreen::among(100, 10, 3);
    window.events([message(1, 1, "hello bob, you"), message(1, 2, "bobby")]);
    assert_ne!(window.cell("ann │").fg, Color::Reset);
    assert!(window.cell("hello").modifier.contains(Modifier::BOLD));
    assert!(!window.cell("bobby").modifier.contains(Modifier::BOLD));
    window.screen.colors = Colors(false);
    let buffer = view::render(&window.screen).cells;
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset));
    assert!(window.cell("hello").modifier.contains(Modifier::BOLD));
}

#[test]
fn matches_are_highlighted() {
    let mut window = TestScreen::among(100, 10, 3);
    window.events([message(1, 1, "one match"), message(1, 2, "another Match")]);
    window.control('s');
    window.write("match");
    assert!(window.cell("Match").modifier.contains(Modifier::REVERSED));
    assert!(window.cell("match").modifier.contains(Modifier::UNDERLINED));
    window.control('r');
    assert!(window.cell("match").modifier.contains(Modifier::REVERSED));
    window.control('r');
    assert!(window.text().contains("(no more)"));
    window.control('s');
    assert!(window.cell("Match").modifier.contains(Modifier::REVERSED));
    window.write("less");
    assert!(window.text().contains("matchless (no match)"));
}

#[test]
fn a_mention_rings_the_bell() {
    let mut window = TestScreen::among(80, 10, 3);
    let rings = |window: &mut TestScreen, event: Event| {
        window.events([event]);
        matches!(window.effects()[..], [Effect::Bell])
    };
    assert!(rings(&mut window, message(1, 1, "BOB: look")));
    assert!(rings(&mut window, message(1, 2, "(@bob)")));
    assert!(!rings(&mut window, message(1, 3, "bobsleigh")));
    assert!(!rings(&mut window, message(ME, 1, "I am bob")));
    assert!(!rings(&mut window, old_message(1, 4, "bob")));
}

#[test]
fn a_text_is_sent_once() {
    let mut window = TestScreen::among(80, 10, 3);
    window.enter("  ");
    assert!(window.effects().is_empty());
    window.enter("hello");
    let effects = window.effects();
    assert!(
        matches!(&effects[..], [Effect::Send(Command::Say(_, text))] if text.as_str() == "hello")
    );
    assert!(window.text().contains("… │ hello"), "{}", window.text());
    window.events([message(ME, 1, "hello")]);
    let shown = window.text();
    assert_eq!(shown.matches("hello").count(), 1, "{shown}");
    assert!(shown.contains("hello ·"), "{shown}");
    window.events([reached(1, 3, true)]);
    assert!(window.text().contains("hello ✓"), "{}", window.text());
    let shown = window.text();
    assert!(shown.contains("everyone has your last message"), "{shown}");
}

#[test]
fn a_paste_is_one_message() {
    let mut window = TestScreen::among(80, 12, 3);
    let paste = "one\r\ntwo\rthree\n".to_owned();
    window
        .screen
        .handle_terminal_event(TerminalEvent::Paste(paste));
    window.key(KeyCode::Enter);
    let effects = window.effects();
    assert!(
        matches!(&effects[..], [Effect::Send(Command::Say(_, text))] if text.as_str() == "one\ntwo\nthree")
    );
}

#[test]
fn a_paste_without_a_limit_is_told() {
    let mut window = TestScreen::among(80, 12, 3);
    window
        .screen
        .handle_terminal_event(TerminalEvent::PasteTooLong);
    assert!(window.text().contains("longer than"), "{}", window.text());
}

#[test]
fn a_window_without_room_takes_nothing_but_the_request_to_leave() {
    for (width, height) in [(0, 0), (80, 0), (0, 24)] {
        let mut window = TestScreen::among(width, height, 3);
        let paste = TerminalEvent::Paste("pasted".to_owned());
        window.screen.handle_terminal_event(paste);
        window.enter("said blindly");
        assert!(window.effects().is_empty());
        let resize = TerminalEvent::Resize(80, 12);
        window.screen.handle_terminal_event(resize);
        assert!(window.text().contains("> ▏"), "{}", window.text());
        let resize = TerminalEvent::Resize(width, height);
        window.screen.handle_terminal_event(resize);
        window.effects();
        window.control('c');
        window.control('c');
        let effects = window.effects();
        assert!(matches!(effects[..], [Effect::Send(Command::Quit)]));
    }
}

#[test]
fn a_mistake_stays_in_the_input_and_is_not_sent() {
    let mut window = TestScreen::among(140, 10, 3);
    window.enter("/woh");
    assert!(window.effects().is_empty());
    let shown = window.text();
    assert!(shown.contains("mean /who?"), "{shown}");
    assert!(shown.contains("> /woh▏"), "{shown}");
    window.control('c');
    window.key(KeyCode::Up);
    assert!(window.text().contains("> /woh▏"), "{}", window.text());
    let long = "x".repeat(20_000);
    window
        .screen
        .handle_terminal_event(TerminalEvent::Paste(long));
    assert!(window.text().contains("longer than"), "{}", window.text());
}

#[test]
fn leaving_needs_a_confirmation() {
    let quits = |window: &mut TestScreen| {
        let quit = |effect: &Effect| matches!(effect, Effect::Send(Command::Quit));
        window.effects().iter().any(quit)
    };
    let mut window = TestScreen::among(80, 10, 3);
    window.write("something");
    window.control('c');
    assert!(
        window.text().contains("> ▏ype a message"),
        "cleared: {}",
        window.text()
    );
    window.control('c');
    window.write("n");
    assert!(!quits(&mut window));
    window.control('d');
    window.control('c');
    assert!(quits(&mut window));
    assert!(window.text().contains("leaving"));
    let reason = Goodbye::Quit;
    window.tell(Event::Goodbye { reason });
    let effects = window.effects();
    assert!(
        matches!(&effects[..], [Effect::End(words)] if *words == ["you left; 2 are still there"])
    );
}

/// Returns the news that newcomers need another invite after this node leaves.
fn invite_after_me() -> Event {
    let invite = |port| Invite::from(format!("ringtalk://10.0.0.1:{port}/#secret"));
    Event::Invite(InviteState {
        invite: invite(4_000),
        after_me: Some(invite(4_001)),
    })
}

#[test]
fn the_last_entrance_is_told_which_invite_newcomers_need() {
    check("last-entrance", 8, |width| {
        let mut window = TestScreen::among(width, 8, 3);
        window.tell(invite_after_me());
        window.control('c');
        window
    });
    let command = "ringtalk --join 'ringtalk://10.0.0.1:4001/#secret'";
    let mut window = TestScreen::among(70, 20, 3);
    window.events((1..=50).map(|seq| message(1, seq, &format!("number {seq}"))));
    window.tell(invite_after_me());
    window.key(KeyCode::PageUp);
    assert!(!window.text().contains(command), "{}", window.text());
    for _ in 0..2 {
        window.control('c');
        let shown = window.text();
        let times = shown.lines().filter(|row| *row == command).count();
        assert_eq!(times, 1, "it stands alone, for copying: {shown}");
        window.write("n");
    }
    window.enter("/quit");
    window.effects();
    let reason = Goodbye::Quit;
    window.tell(Event::Goodbye { reason });
    let effects = window.effects();
    let [Effect::End(words)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(words[1..], [command, "you left; 2 are still there"]);
}

#[test]
fn the_last_one_is_told_that_the_discussion_ends() {
    check("last-one", 6, |width| {
        let mut window = TestScreen::new(width, 6);
        // The others have just left.
        window.events([invite_after_me(), Event::View(view(ME..=ME)), ready()]);
        window.control('c');
        window
    });
}

#[test]
fn a_newcomer_is_not_taken_for_everyone() {
    let mut window = TestScreen::among(80, 10, 2);
    window.events([message(ME, 1, "hello"), Event::View(view(1..=3))]);
    window.tell(reached(1, 2, false));
    let on_its_way = "your last message is on its way";
    assert!(window.text().contains(on_its_way), "{}", window.text());
    window.tell(reached(1, 3, true));
    let everyone = "everyone has your last message";
    assert!(window.text().contains(everyone), "{}", window.text());
    window.tell(Event::View(view(ME..=ME)));
    let shown = window.text();
    assert!(!shown.contains("your last message"), "{shown}");
}

#[test]
fn a_user_may_leave_before_the_node_is_ready() {
    let mut window = TestScreen::new(80, 10);
    window.enter("said too early");
    assert!(!window.screen.may_send());
    window.effects();
    window.enter("/quit");
    assert!(window.screen.may_send());
    let expected = format!("{:?}", [Effect::DiscardUnsent, Effect::Send(Command::Quit)]);
    assert_eq!(format!("{:?}", window.effects()), expected);
}

#[test]
fn commands_answer_here() {
    let mut window = TestScreen::among(140, 24, 3);
    for (command, answer) in [
        ("/who", "in the order in which they joined"),
        ("/ring", "carol at 10.0.0.3:4000, after you"),
        ("/help", "✓ after                 delivered to everyone"),
    ] {
        window.enter(command);
        assert!(
            window.text().contains(answer),
            "{command}: {}",
            window.text()
        );
    }
    window.enter("/clear");
    assert!(!window.text().contains("in the order"), "{}", window.text());
    window.key(KeyCode::Up);
    assert!(window.text().contains("> /clear▏"), "{}", window.text());
}

#[test]
fn tab_completes_names() {
    let mut window = TestScreen::among(80, 10, 3);
    window.write("c");
    window.key(KeyCode::Tab);
    window.write("hi");
    assert!(window.text().contains("> carol: hi▏"), "{}", window.text());
}

#[test]
fn no_window_is_too_small() {
    for (width, height) in [(0, 0), (1, 1), (2, 1), (1, 5), (5, 2), (20, 3), (79, 4)] {
        let mut window = TestScreen::among(width, height, 7);
        window.events([message(1, 1, "你好 hello"), message(ME, 1, "mine")]);
        window.write("你好 written");
        window.key(KeyCode::PageUp);
        window.text();
        for search in ['r', 's'] {
            window.control(search);
            window.write("h");
            window.text();
            window.key(KeyCode::Esc);
        }
    }
}
