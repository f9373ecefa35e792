//! Tests of drawn screens, and of the effects of keys.
//!
//! `snapshots/` has each state in windows of 60, 80 and 140 columns.
//! `UPDATE_SNAPSHOTS=1 cargo test -p ringtalk-terminal screen` writes them again: check the difference before you
//! commit it.

mod speed;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ringtalk_session::{
    Code, DiscussionId, Epoch, Goodbye, Invite, Member, MessageId, NodeId, Person, Remark as Said,
    Stage as Step,
};
use ringtalk_wire::{Addresses, NetworkId, RingKey};

use super::*;
use crate::tty::width;

/// This node, bob.
const ME: u8 = 2;
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
        id: MessageId {
            author: id(author),
            seq,
        },
        name: NAMES[usize::from(author) - 1].into(),
        timestamp_ms: 1_700_000_000_042 + seq * 60_000,
        arrived_ms: 1_700_000_000_042 + seq * 60_000,
        text: text.into(),
        lamport: seq,
        heads: None,
        history,
    })
}

fn past(author: u8, seq: u64, text: &str) -> Event {
    match message(author, seq, text) {
        Event::Message(message) => Event::Message(Message {
            history: true,
            ..message
        }),
        other => other,
    }
}

fn reached(seq: u64, members: u64) -> Event {
    Event::Reached {
        first: seq,
        last: seq,
        members,
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

fn blank(width: u16, height: u16) -> Screen {
    let me = Me {
        id: id(ME),
        wanted_name: "bob".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: DiscussionId::from(*id(9).as_uuid()),
        invite: Invite::from("ringtalk://10.0.0.1:8080/".to_owned()),
        open_at: None,
        hosts: false,
    };
    Screen::new(me, UtcOffset::UTC, true, Size::new(width, height))
}

/// A screen with a clock of its own.
struct Stage {
    screen: Screen,
    now: Instant,
}

impl Stage {
    fn new(width: u16, height: u16) -> Self {
        Self {
            screen: blank(width, height),
            now: Instant::now(),
        }
    }

    /// Returns the screen of bob among this many members. The first one coordinates.
    fn among(width: u16, height: u16, members: u8) -> Self {
        let mut stage = Self::new(width, height);
        stage.events([Event::View(view(1..=members)), neighbours(1, 3), ready()]);
        stage
    }

    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.screen.show(&Shown::Event(event), self.now);
        }
    }

    fn tell(&mut self, event: Event) {
        self.events([event]);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.screen.tick(self.now);
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        let key = KeyEvent::new(code, modifiers);
        self.screen.take(TerminalEvent::Key(key));
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
        let (buffer, _) = view::drawn(&self.screen);
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
    let (mut buffer, cursor) = view::drawn(screen);
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
fn check(name: &str, height: u16, prepare: impl Fn(u16) -> Stage) {
    let windows = [60, 80, 140].map(|width| {
        let stage = prepare(width);
        assert!(stage.screen.size == Size::new(width, height));
        let rule = "═".repeat(usize::from(width));
        format!("{rule}\n{}", stage.text())
    });
    let found = windows.concat();
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/screen/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&file, &found).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{name} looks another way now (UPDATE_SNAPSHOTS=1 takes it over):\n{found}"
    );
}

#[test]
fn alone() {
    check("alone", 10, |width| {
        let mut stage = Stage::new(width, 10);
        stage.events([Event::View(view(ME..=ME)), ready()]);
        stage.events([message(ME, 1, "is anybody here?")]);
        stage.write("/inv");
        stage
    });
}

#[test]
fn joining() {
    check("joining", 8, |width| {
        let mut stage = Stage::new(width, 8);
        let address = "director.example:4000".to_owned();
        let peer = id(1);
        stage.events([Event::Joining(Step::Linking { peer, address })]);
        stage.enter("I am early");
        stage
    });
}

#[test]
fn fetching() {
    check("fetching", 8, |width| {
        let mut stage = Stage::new(width, 8);
        let (done, total) = (1_240, 5_000);
        let fetching = Step::FetchingHistory { done, total };
        stage.events([Event::View(view(1..=7)), Event::Joining(fetching)]);
        stage.events((1..=1_240).map(|seq| past(1, seq, "something that was said before")));
        stage
    });
}

/// Members write texts that imitate another member, or this program.
#[test]
fn imitation() {
    check("imitation", 22, |width| {
        let mut stage = Stage::among(width, 22, 3);
        let row = " ".repeat(usize::from(width));
        stage.events([
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
        stage.tell(Event::Message(Message {
            arrived_ms: 1_700_000_000_042 + 60 * 60_000,
            ..late
        }));
        stage.events([Event::Left(person(1))]);
        stage
    });
}

#[test]
fn seven_members() {
    check("seven-members", 20, |width| {
        let mut stage = Stage::among(width, 20, 7);
        stage.events([
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
            reached(1, 7),
        ]);
        stage.write("and 你");
        stage
    });
}

#[test]
fn a_split_and_a_merge() {
    check("split", 12, |width| {
        let mut stage = Stage::among(width, 12, 7);
        stage.events([4, 5, 6, 7].map(|gone| Event::Failed(person(gone))));
        let view = view(1..=3);
        let epoch = view.epoch();
        stage.events([Event::View(view)]);
        stage.tell(Event::Split { members: 3, epoch });
        stage
    });
    check("merged", 10, |width| {
        let mut stage = Stage::among(width, 10, 3);
        let whole = view(1..=7);
        let epoch = whole.epoch();
        stage.events([Event::View(whole)]);
        stage.events([4, 5, 6, 7].map(|back| Event::Joined(person(back))));
        stage.events([Event::Merged { members: 7, epoch }]);
        stage
    });
}

#[test]
fn no_director() {
    check("no-director", 8, |width| {
        let mut stage = Stage::among(width, 8, 3);
        stage.tell(Event::Error(Said {
            code: Code::DirectorUnreachable,
            message: "no director answers at 10.0.0.1:8080 (no connection): nobody new can get in \
                      until one does; the discussion goes on"
                .to_owned(),
        }));
        stage
    });
}

#[test]
fn a_gap() {
    check("gap", 8, |width| {
        let mut stage = Stage::among(width, 8, 3);
        stage.events([Event::Gap {
            author: id(3),
            from: 4,
            to: 6,
            passed: true,
        }]);
        stage
    });
}

#[test]
fn somebody_is_slow() {
    check("slow", 12, |width| {
        let mut stage = Stage::among(width, 12, 7);
        stage.events([message(ME, 1, "to everybody")]);
        stage.wait(Duration::from_secs(9));
        assert!(stage.text().contains("to everybody ·"));
        stage.wait(Duration::from_secs(1));
        assert!(stage.text().contains("somebody has not got this yet"));
        stage.events([message(ME, 2, "to most"), reached(2, 6)]);
        stage.events([message(ME, 3, "and on its way")]);
        stage.enter("not even sent");
        stage
    });
}

#[test]
fn marks_change_with_what_becomes_of_who_was_missing() {
    check("marks", 16, |width| {
        let mut stage = Stage::among(width, 16, 7);
        let texts = ["they had it", "one came late", "one is gone", "nobody said"];
        stage.events((1..).zip(texts).map(|(seq, text)| message(ME, seq, text)));
        stage.events([reached(1, 6), reached(2, 6), reached(3, 5)]);
        let shown = stage.text();
        assert!(shown.contains("one came late · reached 5 of 6"), "{shown}");
        stage.wait(Duration::from_secs(10));
        stage.events([reached(2, 7)]);
        let shown = stage.text();
        assert!(
            shown.contains("they had it ✓") && shown.contains("one came late ✓"),
            "{shown}"
        );
        stage.events([Event::Failed(person(7)), Event::View(view(1..=6))]);
        let shown = stage.text();
        let less = "! reached 4 of 6, 1 gone since";
        assert!(shown.contains(less), "{shown}");
        stage.events([Event::Left(person(6)), Event::View(view(1..=5))]);
        stage
    });
}

#[test]
fn searching_and_being_asked() {
    check("searching", 10, |width| {
        let mut stage = Stage::among(width, 10, 3);
        stage.events((1..=50).map(|seq| message(1, seq, &format!("number {seq}"))));
        stage.control('r');
        stage.write("Number 4");
        stage.control('r');
        stage
    });
    check("asking", 6, |width| {
        let mut stage = Stage::among(width, 6, 3);
        stage.control('c');
        stage
    });
}

#[test]
fn an_invite_is_a_picture() {
    check("invite", 24, |width| {
        let mut stage = Stage::new(width, 24);
        stage.events([Event::View(view(ME..=ME)), ready()]);
        stage.enter("/invite");
        stage
    });
}

#[test]
fn what_came_while_nobody_looked_is_below_a_line() {
    check("unread", 10, |width| {
        let mut stage = Stage::among(width, 10, 3);
        stage.events([message(1, 1, "seen")]);
        stage.screen.take(TerminalEvent::FocusLost);
        stage.events([message(1, 2, "not seen"), message(3, 1, "not seen either")]);
        stage.screen.take(TerminalEvent::FocusGained);
        stage
    });
}

#[test]
fn who_scrolled_up_is_told_of_what_comes() {
    let mut stage = Stage::among(80, 10, 3);
    stage.events((1..=100).map(|seq| message(1, seq, &format!("number {seq}."))));
    stage.key(KeyCode::PageUp);
    stage.events([message(1, 101, "news"), message(1, 102, "news")]);
    let shown = stage.text();
    assert!(shown.contains("2 new messages below"), "{shown}");
    assert!(shown.contains("number 92."), "{shown}");
    stage.key(KeyCode::Esc);
    let shown = stage.text();
    assert!(shown.contains(" new ─"), "{shown}");
    stage.enter("seen");
    assert!(!stage.text().contains(" new ─"));
    stage.press(KeyCode::Home, KeyModifiers::CONTROL);
    assert!(stage.text().contains("you are bob"), "{}", stage.text());
    for _ in 0..30 {
        stage.key(KeyCode::PageDown);
    }
    assert!(stage.text().contains("seen"), "{}", stage.text());
}

#[test]
fn colours_are_for_those_who_want_them() {
    let mut stage = Stage::among(100, 10, 3);
    stage.events([message(1, 1, "hello bob, you"), message(1, 2, "bobby")]);
    assert_ne!(stage.cell("ann │").fg, Color::Reset);
    assert!(stage.cell("hello").modifier.contains(Modifier::BOLD));
    assert!(!stage.cell("bobby").modifier.contains(Modifier::BOLD));
    stage.screen.colors = Colors(false);
    let (buffer, _) = view::drawn(&stage.screen);
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset));
    assert!(stage.cell("hello").modifier.contains(Modifier::BOLD));
}

#[test]
fn what_is_found_stands_out() {
    let mut stage = Stage::among(100, 10, 3);
    stage.events([message(1, 1, "one match"), message(1, 2, "another Match")]);
    stage.control('r');
    stage.write("match");
    assert!(stage.cell("Match").modifier.contains(Modifier::REVERSED));
    assert!(stage.cell("match").modifier.contains(Modifier::UNDERLINED));
    stage.control('r');
    assert!(stage.cell("match").modifier.contains(Modifier::REVERSED));
    stage.control('r');
    assert!(stage.text().contains("(no more)"));
    stage.control('s');
    assert!(stage.cell("Match").modifier.contains(Modifier::REVERSED));
}

#[test]
fn who_is_named_hears_it() {
    let mut stage = Stage::among(80, 10, 3);
    let rings = |stage: &mut Stage, event: Event| {
        stage.events([event]);
        matches!(stage.effects()[..], [Effect::Bell])
    };
    assert!(rings(&mut stage, message(1, 1, "BOB: look")));
    assert!(rings(&mut stage, message(1, 2, "(@bob)")));
    assert!(!rings(&mut stage, message(1, 3, "bobsleigh")));
    assert!(!rings(&mut stage, message(ME, 1, "I am bob")));
    assert!(!rings(&mut stage, past(1, 4, "bob")));
}

#[test]
fn what_is_written_is_sent_once() {
    let mut stage = Stage::among(80, 10, 3);
    stage.enter("  ");
    assert!(stage.effects().is_empty());
    stage.enter("hello");
    let said = stage.effects();
    assert!(matches!(&said[..], [Effect::Ask(Command::Say(words))] if words.as_str() == "hello"));
    assert!(stage.text().contains("… │ hello"), "{}", stage.text());
    stage.events([message(ME, 1, "hello")]);
    let shown = stage.text();
    assert_eq!(shown.matches("hello").count(), 1, "{shown}");
    assert!(shown.contains("hello ·"), "{shown}");
    stage.events([reached(1, 3)]);
    assert!(stage.text().contains("hello ✓"), "{}", stage.text());
    assert!(stage.text().contains("reached 2/2"), "{}", stage.text());
}

#[test]
fn a_paste_is_one_message() {
    let mut stage = Stage::among(80, 12, 3);
    let paste = "one\r\ntwo\rthree\n".to_owned();
    stage.screen.take(TerminalEvent::Paste(paste));
    stage.key(KeyCode::Enter);
    let said = stage.effects();
    assert!(
        matches!(&said[..], [Effect::Ask(Command::Say(words))] if words.as_str() == "one\ntwo\nthree")
    );
}

#[test]
fn a_mistake_stays_to_be_mended_and_is_never_said() {
    let mut stage = Stage::among(140, 10, 3);
    stage.enter("/woh");
    assert!(stage.effects().is_empty());
    let shown = stage.text();
    assert!(shown.contains("mean /who?"), "{shown}");
    assert!(shown.contains("> /woh▏"), "{shown}");
    let long = "x".repeat(20_000);
    stage.screen.take(TerminalEvent::Paste(long));
    assert!(stage.text().contains("too long"), "{}", stage.text());
}

#[test]
fn leaving_is_asked_for_twice() {
    let quits = |stage: &mut Stage| {
        let quit = |effect: &Effect| matches!(effect, Effect::Ask(Command::Quit));
        stage.effects().iter().any(quit)
    };
    let mut stage = Stage::among(80, 10, 3);
    stage.write("something");
    stage.control('c');
    assert!(stage.text().contains("> ▏"), "cleared: {}", stage.text());
    stage.control('c');
    stage.write("n");
    assert!(!quits(&mut stage));
    stage.control('d');
    stage.control('c');
    assert!(quits(&mut stage));
    assert!(stage.text().contains("leaving"));
    let reason = Goodbye::Quit;
    stage.tell(Event::Goodbye { reason });
    assert!(matches!(stage.effects()[..], [Effect::End]));
}

#[test]
fn who_is_not_in_yet_may_leave_at_once() {
    let mut stage = Stage::new(80, 10);
    stage.enter("said too early");
    assert!(!stage.screen.may_hand_over());
    stage.effects();
    stage.enter("/quit");
    assert!(stage.screen.may_hand_over());
    let expected = format!("{:?}", [Effect::Unsay, Effect::Ask(Command::Quit)]);
    assert_eq!(format!("{:?}", stage.effects()), expected);
}

#[test]
fn commands_answer_here() {
    let mut stage = Stage::among(140, 24, 3);
    for (command, answer) in [
        ("/who", "the most senior first"),
        ("/ring", "carol at 10.0.0.3:4000, after you"),
        ("/help", "✓ everybody has it"),
    ] {
        stage.enter(command);
        assert!(stage.text().contains(answer), "{command}: {}", stage.text());
    }
    stage.enter("/clear");
    assert!(!stage.text().contains("senior"), "{}", stage.text());
    stage.key(KeyCode::Up);
    assert!(stage.text().contains("> /clear▏"), "{}", stage.text());
}

#[test]
fn tab_knows_the_members() {
    let mut stage = Stage::among(80, 10, 3);
    stage.write("c");
    stage.key(KeyCode::Tab);
    stage.write("hi");
    assert!(stage.text().contains("> carol: hi▏"), "{}", stage.text());
}

#[test]
fn no_window_is_too_small() {
    for (width, height) in [(0, 0), (1, 1), (2, 1), (1, 5), (5, 2), (20, 3), (79, 4)] {
        let mut stage = Stage::among(width, height, 7);
        stage.events([message(1, 1, "你好 hello"), message(ME, 1, "mine")]);
        stage.write("你好 written");
        stage.key(KeyCode::PageUp);
        stage.text();
        stage.control('r');
        stage.write("h");
        stage.text();
    }
}
