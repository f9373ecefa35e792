//! The README's pictures show real programs: a conversation in a terminal, and the ring beneath it.
//!
//! `cargo xtask pictures` draws them anew. Parts that differ in every run are set to one value (the time of day, and the
//! ports of the nodes) or is not compared (the colours of names).

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use ringtalk_tests::director::Director;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::window::Window;
use ringtalk_tests::{ring_viz, wait, wait_for_turn};

/// The time limit for a message to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
/// The widths in which each state is drawn, in columns.
const WIDTHS: [u16; 3] = [60, 80, 140];
/// The beginning of a frame for a new size: it clears the window.
const CLEAR: &str = "\u{1b}[2J";
/// The end of a synchronized update, which each frame is.
const END_OF_FRAME: &str = "\u{1b}[?2026l";
const SIZE: (u16, u16) = (92, 16);
/// The time of day of every message.
const TIME: &str = "21:58";
const HOST: &str = "127.0.0.1:";
const PORT: &str = "7000";
/// A port in a window, as long as those that the system picks: the text must keep its width.
const WINDOW_PORT: &str = "28080";
/// The start of an invite's secret, and a secret as long as those that nodes make.
const SECRET_MARK: &str = "/#";
const SECRET: &str = "EaGqGNVcyaY6oykTFuP5fAHy";
/// The bytes that a terminal sends for the keys.
const F1: &str = "\u{1b}OP";
const CTRL_C: &str = "\u{3}";
const CTRL_S: &str = "\u{13}";
const CTRL_U: &str = "\u{15}";
const ESCAPE: &str = "\u{1b}";
const ALT_UP: &str = "\u{1b}[1;3A";

#[test]
fn the_pictures_of_the_readme_are_current() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    let ann = Window::node("ann", SIZE, &["--join", &endpoint]);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let come = |name: &str| {
        let node = Launch::new(name).join(&endpoint).start();
        node.await_ready(JOIN_TIMEOUT);
        // In the list of members: several who join are one line of the discussion.
        ann.await_text(&format!("│ {name}"), SHOW_TIMEOUT);
        node
    };
    let others: [TestNode; 6] = ["bob", "carol", "Дмитрий", "eve", "李雷", "grace"].map(come);
    talk(&ann, &others);
    ann.press("this is gone when we are");
    ann.await_text("> this is gone when we are", SHOW_TIMEOUT);
    expect_screen("talk", &ann);
    expect_widths("talk", &ann, 16);
    ann.press(CTRL_U);
    ann.await_text("> type a message", SHOW_TIMEOUT);
    ann.press(ALT_UP);
    ann.await_text("c copies", SHOW_TIMEOUT);
    ann.press_and_await_read(ALT_UP);
    ann.press(ALT_UP);
    ann.wait_for("shows that eve's message is picked", SHOW_TIMEOUT, |_| {
        ann.inverse_text().contains("I am late too")
    });
    expect_widths("picking", &ann, 16);
    ann.press(CTRL_C);
    ann.await_text("7 people here", SHOW_TIMEOUT);
    ann.press(CTRL_S);
    ann.press("late");
    ann.await_text("find in the talk: late", SHOW_TIMEOUT);
    expect_widths("search", &ann, 16);
    ann.press(ESCAPE);
    ann.await_text("> type a message", SHOW_TIMEOUT);
    ann.paste(
        &"a draft may be longer than the window is wide, and it stays until it is sent. ".repeat(9),
    );
    ann.await_text("until it is sent.", SHOW_TIMEOUT);
    expect_widths("draft", &ann, 16);
    ann.press(CTRL_U);
    ann.await_text("> type a message", SHOW_TIMEOUT);
    ann.press(F1);
    ann.await_text("Esc closes this", SHOW_TIMEOUT);
    expect_widths("help", &ann, 24);
    ann.press(ESCAPE);
    ann.await_text("> type a message", SHOW_TIMEOUT);
    ann.press(CTRL_C);
    ann.await_text("leave the discussion?", SHOW_TIMEOUT);
    expect_widths("leaving", &ann, 16);
    ann.press("n");
    ann.await_text("> type a message", SHOW_TIMEOUT);
    // The last one, because the screen tells that someone looks at the ring.
    let ring = wait::poll("the ring is closed", SHOW_TIMEOUT, &[], || {
        let ring = ring_viz::run(&["--join", &endpoint, "--once", "--format", "svg"]);
        if ring.code == 0 {
            Ok(ring)
        } else {
            Err(ring.stderr)
        }
    });
    expect_picture("ring", &normalize_ports(&ring.stdout));
    let [bob, ..] = &others;
    bob.kill();
    ann.await_text("bob is gone", SHOW_TIMEOUT);
    ann.await_text("6 people here", SHOW_TIMEOUT);
    expect_widths("gone", &ann, 16);
}

#[test]
fn the_pictures_of_a_founder_are_current() {
    let _turn = wait_for_turn();
    let here = ["--director-listen", "127.0.0.1:0"];
    let ann = Window::node("ann", (100, 12), &here);
    ann.await_text("node --join 'ringtalk://", JOIN_TIMEOUT);
    ann.await_text("> type a message", SHOW_TIMEOUT);
    expect_widths("alone", &ann, 12);
    ann.press(CTRL_C);
    ann.await_text("the discussion is gone", SHOW_TIMEOUT);
    ann.press("y");
    ann.await_restored(SHOW_TIMEOUT);
    ann.await_text("Nothing was kept.", SHOW_TIMEOUT);
}

#[test]
fn the_picture_of_a_problem_is_current() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    let ann = Window::node("ann", (80, 12), &["--join", &endpoint]);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let bob = Launch::new("bob").join(&endpoint).start();
    bob.await_ready(JOIN_TIMEOUT);
    ann.await_text("bob joined", SHOW_TIMEOUT);
    drop(director);
    ann.await_text("no director answers; /invite", JOIN_TIMEOUT);
    expect_widths("problem", &ann, 12);
}

#[test]
fn the_pictures_of_joining_are_current() {
    let _turn = wait_for_turn();
    // It accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = silent.local_addr().unwrap().to_string();
    let ann = Window::node("ann", (100, 12), &["--join", &endpoint]);
    ann.await_text("contacting", SHOW_TIMEOUT);
    expect_widths("joining", &ann, 12);
}

/// Says what the pictures of a discussion show.
fn talk(ann: &Window, others: &[TestNode; 6]) {
    ann.enter("/clear");
    ann.wait_for("forgets who came", SHOW_TIMEOUT, |text| {
        !text.contains("joined")
    });
    let [bob, carol, dmitri, eve, ..] = others;
    ann.enter("hello everybody");
    ann.await_text("hello everybody ✓", SHOW_TIMEOUT);
    for (author, text, shown) in [
        (bob, "hi ann! 你好 👋", "hi ann! 你好"),
        (carol, "/me waves", "waves"),
        (dmitri, "am I late, ann?", "am I late, ann?"),
        (eve, "I am late too", "I am late too"),
        (eve, "but I am here now", "but I am here now"),
    ] {
        author.say(text);
        ann.await_text(shown, SHOW_TIMEOUT);
    }
    ann.enter("no, we have just begun");
    ann.await_text("just begun ✓", SHOW_TIMEOUT);
    ann.await_text("everyone has your last message", SHOW_TIMEOUT);
}

/// Compares what a window shows with its picture.
#[track_caller]
fn expect_screen(name: &str, window: &Window) {
    let picture = normalize_secret(&normalize_times(&window.picture()));
    expect_picture(name, &normalize_window_port(&picture));
}

/// Compares what a window shows with its pictures, in windows of three widths.
#[track_caller]
fn expect_widths(name: &str, window: &Window, rows: u16) {
    for columns in WIDTHS {
        resize(window, columns, rows);
        expect_screen(&format!("{name}-{columns}"), window);
    }
    // So that the next state begins with another width than the first one.
    resize(window, 100, rows);
}

/// Gives a window another size, and waits until the program has drawn for it.
#[track_caller]
fn resize(window: &Window, columns: u16, rows: u16) {
    let before = window.raw().matches(CLEAR).count();
    window.resize(columns, rows);
    window.wait_for("is drawn for its new size", SHOW_TIMEOUT, |_| {
        let raw = window.raw();
        let last = raw.rsplit_once(CLEAR).map_or("", |(_, last)| last);
        raw.matches(CLEAR).count() > before && last.contains(END_OF_FRAME)
    });
}

/// Compares a picture with the one in the repository; overwrites that one if `UPDATE_EXPECT` is set.
#[track_caller]
fn expect_picture(name: &str, actual: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures");
    let path = pictures.join(format!("{name}.svg"));
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        strip_hues(actual) == strip_hues(&expected),
        "{} is another picture now (cargo xtask pictures draws it):\n{actual}",
        path.display()
    );
}

/// Removes the colours of names, which follow from the ids of nodes and so differ in every run.
fn strip_hues(picture: &str) -> String {
    let hues = ["c1", "c2", "c3", "c4", "c5", "c6", "c31", "c64", "c98"];
    hues.iter().fold(picture.to_owned(), |picture, hue| {
        picture.replace(&format!("{hue}\""), "c\"")
    })
}

/// Sets the time of every message to [`TIME`].
fn normalize_times(picture: &str) -> String {
    let is_time = |text: &str| {
        let bytes = text.as_bytes().first_chunk::<5>();
        bytes.is_some_and(|[a, b, colon, c, d]| {
            *colon == b':' && [a, b, c, d].into_iter().all(u8::is_ascii_digit)
        })
    };
    let parts = picture.split('>').map(|part| {
        if is_time(part) {
            format!("{TIME}{}", &part[TIME.len()..])
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join(">")
}

/// Sets the secret of an invite to [`SECRET`], also if it goes on in the next row.
fn normalize_secret(picture: &str) -> String {
    let Some((before, rest)) = picture.split_once(SECRET_MARK) else {
        return picture.to_owned();
    };
    let mut secret = SECRET.chars().peekable();
    let mut is_in_tag = false;
    let after: String = rest
        .chars()
        .map(|char| {
            is_in_tag = char == '<' || is_in_tag && char != '>';
            let is_of_secret = char.is_ascii_alphanumeric() || "-_".contains(char);
            if is_in_tag || !is_of_secret {
                return char;
            }
            secret.next().unwrap_or(char)
        })
        .collect();
    assert_eq!(secret.peek(), None, "a secret's length");
    [before, SECRET_MARK, &after].concat()
}

/// Sets every port to [`WINDOW_PORT`].
fn normalize_window_port(picture: &str) -> String {
    normalize_ports(picture).replace(&format!("{HOST}{PORT}"), &format!("{HOST}{WINDOW_PORT}"))
}

/// Sets the port of every node to [`PORT`].
fn normalize_ports(picture: &str) -> String {
    let mut parts = picture.split(HOST);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        whole + HOST + PORT + rest
    })
}
