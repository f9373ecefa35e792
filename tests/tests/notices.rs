//! How a node tells its user of something: the title of the window, the bell, notifications, silence and absences.
//!
//! Not here: the words for it (the screen's own tests).

use std::time::Duration;

use ringtalk_tests::event::Event;
use ringtalk_tests::wait_for_turn;

use super::screen::start_scene;

/// The time limit for what was typed to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for a node to exit after it was told to leave.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);
const FOCUS_LOST: &str = "\u{1b}[O";
const FOCUS_GAINED: &str = "\u{1b}[I";
const PAGE_UP: &str = "\u{1b}[5~";
const WHEEL_UP: &str = "\u{1b}[<64;10;5M";

#[test]
fn the_title_counts_what_was_not_seen_and_is_restored() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((80, 12), &[]);
    ann.await_title("ringtalk", SHOW_TIMEOUT);
    ann.press_and_await_read(FOCUS_LOST);
    bob.say("hello");
    ann.await_title("(1) ringtalk", SHOW_TIMEOUT);
    bob.say("are you there, Ann?");
    ann.await_title("(2!) ringtalk", SHOW_TIMEOUT);
    ann.press(FOCUS_GAINED);
    ann.await_title("ringtalk", SHOW_TIMEOUT);
    for number in 0..20 {
        bob.say(&format!("number {number}."));
    }
    ann.await_text("number 19.", SHOW_TIMEOUT);
    ann.press(PAGE_UP);
    ann.await_text("more below", SHOW_TIMEOUT);
    bob.say("below");
    ann.await_title("(1) ringtalk", SHOW_TIMEOUT);
    ann.press("\u{1b}");
    ann.await_title("ringtalk", SHOW_TIMEOUT);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    ann.await_restored(SHOW_TIMEOUT);
    bob.quit();
}

#[test]
fn nothing_rings_or_counts_while_it_is_muted() {
    let _turn = wait_for_turn();
    let arguments = ["--highlight", "lunch", "--notifications", "osc9"];
    let (ann, bob, _director) = start_scene((100, 24), &arguments);
    let notification = "\u{1b}]9;ringtalk: bob: ";
    ann.enter("/mute");
    ann.await_text("muted: no bell", SHOW_TIMEOUT);
    ann.press_and_await_read(FOCUS_LOST);
    bob.say("ann, are you there?");
    bob.say("the next one");
    ann.await_text("the next one", SHOW_TIMEOUT);
    assert_eq!((ann.bells(), ann.title().as_str()), (0, "ringtalk"));
    assert!(!ann.raw().contains(notification), "{:?}", ann.raw());
    ann.enter("/mute off");
    ann.await_text("no longer muted", SHOW_TIMEOUT);
    ann.await_title("(2!) ringtalk", SHOW_TIMEOUT);
    bob.say("Lunch?\u{1b}]0;mine\u{7}");
    ann.wait_for("rings and notifies", SHOW_TIMEOUT, |_| {
        let words = format!("{notification}Lunch?␛]0;mine␇\u{1b}\\");
        ann.bells() == 1 && ann.raw().contains(&words)
    });
    ann.enter("/notify bob");
    ann.await_text("you are notified when bob speaks", SHOW_TIMEOUT);
    bob.say("anything");
    ann.wait_for("rings for bob", SHOW_TIMEOUT, |_| ann.bells() == 2);
    ann.await_title("(4!) ringtalk", SHOW_TIMEOUT);
    bob.quit();
}

#[test]
fn the_bell_can_be_switched_off_and_also_rings_in_plain_lines() {
    let _turn = wait_for_turn();
    for (arguments, rings) in [
        (&["--ui", "lines"][..], 1),
        (&["--ui", "lines", "--bell", "off"], 0),
        (&["--bell", "off"], 0),
    ] {
        let (ann, bob, _director) = start_scene((100, 24), arguments);
        bob.say("ann, are you there?");
        bob.say("the next one");
        ann.await_text("the next one", SHOW_TIMEOUT);
        assert_eq!(ann.bells(), rings, "{arguments:?}");
        bob.quit();
    }
}

#[test]
fn an_absence_ends_with_what_came() {
    let _turn = wait_for_turn();
    for arguments in [&[][..], &["--ui", "lines"]] {
        let (ann, bob, _director) = start_scene((180, 24), arguments);
        ann.enter("/away for lunch");
        ann.await_text(
            "you are away (for lunch), and the others see it",
            SHOW_TIMEOUT,
        );
        let is_told = |name: &'static str| {
            bob.wait_for_event("sees it", 0, SHOW_TIMEOUT, |event| match event {
                Event::Other(other) if other.name == name => Some(other.text("name").to_owned()),
                _ => None,
            })
        };
        assert_eq!(is_told("away"), "ann");
        bob.say("hello");
        bob.say("ann?");
        ann.await_text("ann?", SHOW_TIMEOUT);
        ann.enter("/back");
        ann.await_text("2 messages came meanwhile; 1 mentions you", SHOW_TIMEOUT);
        ann.enter("/back");
        ann.await_text("you are not away", SHOW_TIMEOUT);
        assert_eq!(is_told("back"), "ann");
        bob.quit();
    }
}

#[test]
fn the_mouse_stays_with_the_terminal_unless_the_wheel_is_wanted() {
    let _turn = wait_for_turn();
    for (arguments, is_reported) in [(&[][..], false), (&["--mouse-wheel"], true)] {
        let (ann, bob, _director) = start_scene((80, 12), arguments);
        for number in 0..20 {
            bob.say(&format!("number {number}."));
        }
        ann.await_text("number 19.", SHOW_TIMEOUT);
        let (on, off) = ("\u{1b}[?1000h", "\u{1b}[?1000l");
        assert_eq!(ann.raw().contains(on), is_reported);
        for mode in ["\u{1b}[?1002h", "\u{1b}[?1003h"] {
            assert!(!ann.raw().contains(mode), "movements are not reported");
        }
        if is_reported {
            ann.press(WHEEL_UP);
            ann.await_text("more below", SHOW_TIMEOUT);
        }
        ann.enter("/quit");
        assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
        ann.await_restored(SHOW_TIMEOUT);
        assert!(ann.raw().contains(off));
        bob.quit();
    }
}
