//! The full screen in a real terminal: what stands there after an update is what a repaint would show.
//!
//! Terminals disagree about the width of many characters. Not here: the same in an emulator (`tty::painter`, in the
//! node's own tests).

use std::process::Command;
use std::time::Duration;

use ringtalk_tests::director::Director;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch};
use ringtalk_tests::process::binary;
use ringtalk_tests::tmux::Tmux;
use ringtalk_tests::wait_for_turn;

/// The time limit for what was said to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
/// Texts in many scripts, and kinds of emoji, one a line: the same as in the painter's own tests.
const SCRIPTS: &str = include_str!("../../node/terminal/src/tty/scripts.txt");

/// Checks that a repaint changes nothing but the line of input, in which another letter is typed.
#[track_caller]
fn expect_repainted(ann: &Tmux, what: &str) {
    ann.press(&["C-u", "a"]);
    ann.await_text("> a", SHOW_TIMEOUT);
    let mut shown = ann.rows();
    ann.press(&["C-l", "C-u", "b"]);
    ann.await_text("> b", SHOW_TIMEOUT);
    let mut repainted = ann.rows();
    shown.pop();
    repainted.pop();
    for (number, (row, wanted)) in shown.iter().zip(&repainted).enumerate() {
        if row.matches(JOINER).count() < wanted.matches(JOINER).count() {
            let (row, wanted) = (without_joiners(row), without_joiners(wanted));
            assert_eq!(row, wanted, "row {number} after {what:?}");
        } else {
            assert_eq!(row, wanted, "row {number} after {what:?}");
        }
    }
    assert_eq!(shown.len(), repainted.len());
}

/// The zero-width joiner. tmux 3.3 forgets one if a read ends behind it, and then shows what it joins side by side.
const JOINER: char = '\u{200d}';

/// Returns a row without joiners, and without the columns that they save.
fn without_joiners(row: &str) -> String {
    row.chars()
        .filter(|char| ![JOINER, ' '].contains(char))
        .collect()
}

#[test]
fn every_script_is_shown_in_tmux_as_a_repaint_shows_it() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    // The list of members stands beside the texts in the wider window only.
    for size in [(60, 20), (80, 24)] {
        let mut node = Command::new(binary("node"));
        node.args([
            "--name",
            "ann",
            "--listen",
            "127.0.0.1:0",
            "--join",
            &endpoint,
        ]);
        let Some(ann) = Tmux::or_skip(size, &node) else {
            return;
        };
        ann.await_text("you are ann", JOIN_TIMEOUT);
        let bob = Launch::new("bob").join(&endpoint).start();
        bob.await_ready(JOIN_TIMEOUT);
        let url = format!("see https://a.example/{}", "long/".repeat(20));
        bob.say(&url);
        ann.await_text("https://a.example/long/", SHOW_TIMEOUT);
        expect_repainted(&ann, &url);
        for (number, line) in SCRIPTS.lines().enumerate() {
            let (_, text) = line.split_once(": ").expect("a name before the text");
            bob.say(&format!("[{text}] {text}{text} end"));
            let plain = format!("plain line {number} and some more text");
            bob.say(&plain);
            ann.await_text(&plain, SHOW_TIMEOUT);
            expect_repainted(&ann, line);
        }
        // Text that is typed and deleted again leaves nothing behind either.
        for line in SCRIPTS.lines() {
            ann.press(&["C-u"]);
            ann.press(&["-l", line]);
        }
        ann.press(&["C-u"]);
        expect_repainted(&ann, "what was typed");
        ann.press(&["C-u"]);
        ann.press(&["-l", "/quit"]);
        ann.press(&["Enter"]);
        bob.quit();
        bob.exit_code(SHOW_TIMEOUT);
    }
}
