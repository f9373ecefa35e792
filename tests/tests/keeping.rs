//! Keeping parts of the discussion: a copied message, a file with the talk, and links.
//!
//! Not here: what a terminal makes of it, and the keys that pick a message (the screen's own tests).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringtalk_tests::director::Director;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch};
use ringtalk_tests::process::binary;
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

use super::screen::start_scene;

/// The time limit for what was typed to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
const ESCAPE: &str = "\u{1b}";
const UP: &str = "\u{1b}[A";

/// A folder of its own, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringtalk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Checks that a file has messages with these texts and nothing else, after their dates and times.
#[track_caller]
fn expect_saved(path: &Path, texts: &[&str]) {
    let saved = fs::read_to_string(path).expect("it was written");
    let date = "2026-12-01 00:00 ".len();
    let lines = saved.lines().map(|line| match line.strip_prefix("      ") {
        Some(further) => further,
        None => &line[date..],
    });
    assert_eq!(lines.collect::<Vec<_>>(), texts, "{saved}");
    let mode = fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_picked_message_is_copied_and_the_draft_stays() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((80, 24), &[]);
    let text = "first\n\tsecond 你好 👋";
    ann.paste(text);
    ann.enter("");
    bob.await_delivery(text, SHOW_TIMEOUT);
    ann.await_text("second 你好", SHOW_TIMEOUT);
    bob.say("the newest");
    ann.await_text("the newest", SHOW_TIMEOUT);
    ann.press(ESCAPE);
    ann.await_text("↑ picks one to copy", SHOW_TIMEOUT);
    ann.press(UP);
    ann.await_text("c copies · ", SHOW_TIMEOUT);
    ann.press("c");
    ann.await_text("sent to the clipboard", SHOW_TIMEOUT);
    assert_eq!(ann.copied(), ["the newest"]);
    ann.press(UP);
    ann.await_text("c copies · ", SHOW_TIMEOUT);
    ann.press("c");
    ann.await_text("sent to the clipboard", SHOW_TIMEOUT);
    assert_eq!(ann.copied(), ["the newest", text]);
    // A character that means nothing to a picked message ends the picking, and is typed.
    ann.press("a draft");
    ann.await_text("> a draft", SHOW_TIMEOUT);
    ann.press_and_await_read("\u{1b}\u{1b}[A");
    ann.await_text("c copies · ", SHOW_TIMEOUT);
    for key in ["\r", "\u{15}", "\u{17}", "\u{7f}", "v"] {
        ann.press_and_await_read(key);
    }
    ann.await_text("any key goes back", SHOW_TIMEOUT);
    assert!(!ann.text().contains('│'), "{}", ann.text());
    ann.press("\u{3}");
    ann.await_text("c copies · ", SHOW_TIMEOUT);
    ann.press("\u{3}");
    ann.await_text("2 people here", SHOW_TIMEOUT);
    ann.await_text("> a draft", SHOW_TIMEOUT);
    ann.enter("");
    bob.await_delivery("a draft", SHOW_TIMEOUT);
    bob.quit();
}

#[test]
fn the_talk_is_saved_once_on_the_full_screen() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((120, 24), &[]);
    let folder = Folder::new("save-screen");
    ann.paste("one\n2026-12-01 00:00 bob: not me");
    ann.enter("");
    ann.await_text("not me ✓", SHOW_TIMEOUT);
    bob.say("/me waves");
    ann.await_text("waves", SHOW_TIMEOUT);
    let path = folder.file("talk.txt");
    ann.enter(&format!("/save {}", path.display()));
    ann.await_text("2 messages written to", SHOW_TIMEOUT);
    let texts = ["ann: one", "2026-12-01 00:00 bob: not me", "* bob waves"];
    expect_saved(&path, &texts);
    ann.enter(&format!("/save {}", path.display()));
    ann.await_text("overwrites nothing; choose another name", SHOW_TIMEOUT);
    expect_saved(&path, &texts);
    ann.enter("/save /nowhere/talk.txt");
    ann.await_text("there is no such folder", SHOW_TIMEOUT);
    ann.enter("/save");
    ann.await_text("/save needs a file", SHOW_TIMEOUT);
    bob.quit();
}

#[test]
fn the_talk_is_saved_from_plain_lines_into_the_home_folder() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    let folder = Folder::new("save-lines");
    let mut command = Command::new(binary("node"));
    command.args(["--name", "ann", "--listen", "127.0.0.1:0", "--ui", "lines"]);
    command.args(["--join", &endpoint]).env("HOME", &folder.0);
    let ann = Window::open("ann", (120, 24), &command);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    ann.enter("/save ~/talk.txt");
    ann.await_text("! not saved: there is no message here yet", SHOW_TIMEOUT);
    let bob = Launch::new("bob").join(&endpoint).start();
    bob.await_ready(JOIN_TIMEOUT);
    bob.say("hello");
    ann.await_text("bob: hello", SHOW_TIMEOUT);
    ann.enter("/save ~/talk.txt");
    ann.await_text("* 1 message written to", SHOW_TIMEOUT);
    expect_saved(&folder.file("talk.txt"), &["bob: hello"]);
    ann.enter("/save ~/talk.txt");
    ann.await_text("! not saved: ", SHOW_TIMEOUT);
    ann.await_text("exists already", SHOW_TIMEOUT);
    bob.quit();
}

#[test]
fn a_wrapped_address_is_one_link() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((60, 24), &[]);
    let url = format!("https://a.example/{}end", "long/".repeat(20));
    bob.say(&format!("see {url}"));
    ann.await_text("/end", SHOW_TIMEOUT);
    let raw = ann.raw();
    let starts: Vec<&str> = raw.split("\u{1b}]8;id=").skip(1).collect();
    assert!(!starts.is_empty(), "{raw:?}");
    for start in &starts {
        let (id, rest) = start.split_once(';').expect("an id before the address");
        assert_eq!(Some(id), starts[0].split(';').next());
        assert!(rest.starts_with(&format!("{url}\u{1b}\\")), "{rest:?}");
    }
    bob.quit();
}
