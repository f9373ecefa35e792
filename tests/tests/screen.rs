//! The full screen in a real terminal: what a person types and sees, and that the terminal is restored.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::binary;
use ringtalk_tests::trace::{
    can_trace, count_in_memory, recording_opens, with_delayed_exit, write_calls,
};
use ringtalk_tests::wait;
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

/// The time limit for what was typed to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for a hundred thousand messages.
const PASTE_TIMEOUT: Duration = Duration::from_secs(60);
/// A pause that no paste makes, and the time limit for a key to end a paste: less than the time after which it ends
/// by itself.
const STALL_TIME: Duration = Duration::from_millis(200);
const INTERRUPT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long a node is stopped without being declared dead.
const STOP_TIME: Duration = Duration::from_secs(1);
/// How long a node is held at its exit, so that its memory can be searched, and the time limit for wiping it.
const EXIT_DELAY_SECONDS: u32 = 6;
const WIPE_TIMEOUT: Duration = Duration::from_secs(3);
const TEXT_OF_ANN: &str = "canary-said-by-ann-0123456789abc";
const TEXT_OF_BOB: &str = "canary-said-by-bob-0123456789abc";

/// The time limit for a node to exit after it was told to leave.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts ann in a window, and bob, who prints events, both at a director.
#[track_caller]
pub(crate) fn start_scene(size: (u16, u16), arguments: &[&str]) -> (Window, TestNode, Director) {
    let director = Director::start();
    let endpoint = director.endpoint();
    let all = [&["--join", endpoint.as_str()], arguments].concat();
    let ann = Window::node("ann", size, &all);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let bob = Launch::new("bob").join(&endpoint).start();
    bob.await_ready(JOIN_TIMEOUT);
    ann.await_text("bob joined", SHOW_TIMEOUT);
    (ann, bob, director)
}

/// Checks that the terminal is restored, and shows nothing of the conversation.
#[track_caller]
fn expect_restored(window: &Window, talk: &[&str]) {
    window.await_restored(SHOW_TIMEOUT);
    for text in talk {
        assert!(!window.text().contains(text), "{}", window.text());
    }
}

#[test]
fn people_join_chat_and_leave() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.enter("hello bob 你好");
    bob.await_delivery("hello bob 你好", SHOW_TIMEOUT);
    ann.await_text("hello bob 你好 ✓", SHOW_TIMEOUT);
    bob.say("hi Ann!");
    ann.await_text("hi Ann!", SHOW_TIMEOUT);
    assert_eq!(ann.bells(), 1);
    ann.await_text(
        "2 people here · everyone has your last message",
        SHOW_TIMEOUT,
    );
    ann.press("b\t");
    ann.await_text("> bob:", SHOW_TIMEOUT);
    ann.press("\u{3}");
    ann.wait_for("clears its line", SHOW_TIMEOUT, |text| {
        !text.contains("> bob")
    });
    ann.enter("/nonsense");
    ann.await_text("unknown command", SHOW_TIMEOUT);
    ann.press("\u{15}\u{3}");
    ann.await_text("leave the discussion?", SHOW_TIMEOUT);
    ann.press("n\u{4}");
    ann.await_text("leave the discussion?", SHOW_TIMEOUT);
    ann.press("y");
    bob.wait_for_event("ann left", 0, SHOW_TIMEOUT, |event| {
        matches!(event, Event::Left(member) if member.name == "ann").then_some(())
    });
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    expect_restored(&ann, &["hello", "hi Ann!", "bob"]);
    ann.await_text("you left; 1 is still there", SHOW_TIMEOUT);
    bob.say("/quit");
}

#[test]
fn a_paste_is_one_message_and_a_window_may_change() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.paste("one\n\ttwo\nthree");
    ann.await_text("three", SHOW_TIMEOUT);
    ann.enter("");
    bob.await_delivery("one\n\ttwo\nthree", SHOW_TIMEOUT);
    ann.await_text("ann (you)", SHOW_TIMEOUT);
    ann.resize(60, 12);
    ann.wait_for("hides the members", SHOW_TIMEOUT, |text| {
        !text.contains("ann (you)")
    });
    ann.await_text("2 people here", SHOW_TIMEOUT);
    ann.resize(140, 30);
    ann.await_text("ann (you)", SHOW_TIMEOUT);
    for row in ann.text().lines() {
        assert!(row.chars().count() <= 140, "{row}");
    }
}

#[test]
fn a_key_that_comes_in_two_reads_is_a_key() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.enter("said before");
    bob.await_delivery("said before", SHOW_TIMEOUT);
    for part in ["\u{1b}", "["] {
        ann.press_and_await_read(part);
    }
    ann.press("A");
    ann.await_text("> said before", SHOW_TIMEOUT);
    ann.press("\u{3}");
    for part in ["\u{1b}", "[200~one\r", "two\u{1b}", "[201~"] {
        ann.press_and_await_read(part);
    }
    ann.await_text("two", SHOW_TIMEOUT);
    ann.press("!\r");
    bob.await_delivery("one\ntwo!", SHOW_TIMEOUT);
}

#[test]
fn a_paste_without_an_end_ends_all_the_same() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.press_and_await_read("\u{1b}[200~without an end");
    wait::sleep("it is the pause that makes Ctrl+C a key", STALL_TIME);
    ann.press("\u{3}");
    ann.await_text("> without an end", INTERRUPT_TIMEOUT);
    ann.press("\u{15}\u{1b}[200~nor this one");
    ann.await_text("> nor this one", SHOW_TIMEOUT);
    ann.press("\u{15}still here\r");
    bob.await_delivery("still here", SHOW_TIMEOUT);
}

/// This is what a paste looks like in a terminal that does not know bracketed paste.
#[test]
fn lines_that_come_in_one_burst_are_one_message() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.press("one\rb\ttwo\r\rthree\r");
    ann.await_text("three", SHOW_TIMEOUT);
    ann.press("\r");
    bob.await_delivery("one\nb\ttwo\n\nthree", SHOW_TIMEOUT);
}

#[test]
fn nothing_is_sent_from_a_window_that_shows_nothing() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let bob = Launch::new("bob").join(&director.endpoint()).start();
    bob.await_ready(JOIN_TIMEOUT);
    let open = |name: &str, ui: &str| {
        let (node, endpoint) = (binary("node"), director.endpoint());
        let run = format!(
            "{} --name {name} --listen 127.0.0.1:0 --join {endpoint} {ui}",
            node.display()
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("stty rows 0 cols 0; exec {run}")]);
        let window = Window::open(name, (100, 24), &shell);
        bob.wait_for_event(name, 0, JOIN_TIMEOUT, |event| {
            matches!(event, Event::Joined(member) if member.name == name).then_some(())
        });
        window
    };
    let ann = open("ann", "");
    ann.await_text("* you are ann", JOIN_TIMEOUT);
    ann.enter("in plain lines");
    bob.await_delivery("in plain lines", SHOW_TIMEOUT);
    let cyd = open("cyd", "--ui tui");
    cyd.press_and_await_read("said blindly\r");
    cyd.resize(90, 24);
    cyd.await_text("you are cyd", SHOW_TIMEOUT);
    cyd.enter("seen");
    bob.await_delivery("seen", SHOW_TIMEOUT);
    assert!(!cyd.text().contains("blindly"), "{}", cyd.text());
}

#[test]
fn resizing_a_window_loses_no_key() {
    let _turn = wait_for_turn();
    let here = ["--director-listen", "127.0.0.1:0"];
    let ann = Window::node("ann", (90, 24), &here);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let mut written = "> ".to_owned();
    for columns in (80..100).cycle().take(60) {
        written.push('x');
        ann.resize(columns, 24);
        ann.press("x");
        ann.wait_for("shows the key in the new window", SHOW_TIMEOUT, |text| {
            let rule = text.lines().next().and_then(|row| row.find('│'));
            text.contains(&written) && rule == Some(usize::from(columns) - 18)
        });
    }
}

#[test]
fn the_terminal_is_restored_after_a_signal() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((80, 24), &["--log", "debug"]);
    ann.enter("secret talk");
    bob.await_delivery("secret talk", SHOW_TIMEOUT);
    assert!(!ann.text().contains("DEBUG"), "{}", ann.text());
    ann.signal(Signal::SIGTERM);
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    expect_restored(&ann, &["secret talk"]);
    // Diagnostics are held back until the screen is closed.
    ann.await_text("DEBUG", SHOW_TIMEOUT);
}

#[test]
fn a_failure_is_shown_after_the_terminal_is_restored() {
    let _turn = wait_for_turn();
    let arguments = ["--join", "127.0.0.1:1", "--timeout", "1"];
    let ann = Window::node("ann", (80, 24), &arguments);
    ann.await_text("joining · no director answers yet", SHOW_TIMEOUT);
    ann.enter("said too early");
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 3);
    expect_restored(&ann, &[]);
    ann.await_text("could not join within 1 s", SHOW_TIMEOUT);
}

#[test]
fn a_terminal_that_takes_nothing_holds_up_nobody() {
    let _turn = wait_for_turn();
    let (ann, bob, director) = start_scene((100, 24), &[]);
    ann.set_stalled(true);
    for number in 1..=3_000 {
        bob.say(&format!("message {number} with some words to fill rows"));
    }
    // Ann coordinates: a newcomer needs her node, and the whole history.
    let carol = Launch::new("carol").join(&director.endpoint()).start();
    carol.await_ready(JOIN_TIMEOUT);
    carol.await_delivery("message 3000 with some words to fill rows", JOIN_TIMEOUT);
    assert_eq!(bob.journal().errors_since(0).count(), 0);
    ann.set_stalled(false);
    ann.await_text("message 3000 ", SHOW_TIMEOUT);
    ann.enter("still here");
    bob.await_delivery("still here", SHOW_TIMEOUT);
}

#[test]
fn the_shell_has_the_terminal_while_a_node_is_stopped() {
    let _turn = wait_for_turn();
    let mut shell = Command::new("sh");
    shell.args(["-i"]).env("PS1", "prompt> ");
    let window = Window::open("shell", (100, 24), &shell);
    window.await_text("prompt>", SHOW_TIMEOUT);
    let node = binary("node");
    let here = "--listen 127.0.0.1:0 --director-listen 127.0.0.1:0";
    window.enter(&format!("{} --name ann {here}", node.display()));
    window.await_text("you are ann", JOIN_TIMEOUT);
    window.enter("before");
    window.await_text("ann │ before", SHOW_TIMEOUT);
    window.press("\u{1a}");
    window.wait_for("has its prompt", SHOW_TIMEOUT, |text| {
        text.contains("Stopped") && text.matches("prompt>").count() == 2
    });
    window.enter("fg");
    window.await_text("ann │ before", SHOW_TIMEOUT);
    window.enter("/quit");
    window.wait_for("has its prompt", SHOW_TIMEOUT, |text| {
        text.matches("prompt>").count() == 3
    });
    window.enter("echo status $?");
    window.await_text("status 0", SHOW_TIMEOUT);
}

#[test]
fn a_node_leaves_when_its_window_is_closed() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((80, 24), &[]);
    ann.signal(Signal::SIGHUP);
    bob.wait_for_event("ann left", 0, SHOW_TIMEOUT, |event| {
        matches!(event, Event::Left(member) if member.name == "ann").then_some(())
    });
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
}

/// The system notifies only the shell that the window is gone, and the shell may not pass it on.
#[test]
fn a_node_leaves_when_its_window_vanishes_without_a_signal() {
    let _turn = wait_for_turn();
    for ui in ["--ui tui", "--ui lines", "--json"] {
        let director = Director::start();
        let bob = Launch::new("bob").join(&director.endpoint()).start();
        bob.await_ready(JOIN_TIMEOUT);
        let node = binary("node");
        let (node, endpoint) = (node.display(), director.endpoint());
        let run = format!("{node} --name ann --listen 127.0.0.1:0 --join {endpoint} {ui}");
        // The first shell ignores hang-ups, and so does the node that it starts; the second does not.
        for shell in [
            format!("trap '' HUP; {run}; exit $?"),
            format!("exec {run}"),
        ] {
            let mark = bob.mark();
            let mut command = Command::new("sh");
            command.args(["-c", &shell]);
            let mut ann = Window::open("ann", (100, 24), &command);
            bob.wait_for_event("ann comes", mark, JOIN_TIMEOUT, |event| {
                matches!(event, Event::Joined(member) if member.name == "ann").then_some(())
            });
            ann.wait_for("is ready", JOIN_TIMEOUT, |text| {
                text.contains("you are ann") || text.contains(r#""event":"ready""#)
            });
            ann.close();
            assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0, "{shell}");
            bob.wait_for_event("ann left", mark, SHOW_TIMEOUT, |event| match event {
                Event::Left(member) if member.name == "ann" => Some(()),
                Event::Failed(member) => panic!("{shell}: {} is gone", member.name),
                _ => None,
            });
        }
    }
}

/// In plain lines, a text that is too long for a row could continue where another author's line would begin.
#[test]
fn nobodys_text_looks_like_another_line() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((80, 24), &["--ui", "lines"]);
    let imitated = "12:34 cyd: I agree";
    for wide in ["x", "±", "🇨🇭", "👩‍👩‍👧", "1\u{fe0f}\u{20e3}"] {
        for columns in 60..72 {
            let padding = wide.repeat(columns / wide.chars().count());
            bob.say(&format!("{padding}{imitated}"));
        }
    }
    bob.say(&format!("{}* cyd is gone", "y ".repeat(40)));
    bob.say("that was all");
    ann.await_text("that was all", SHOW_TIMEOUT);
    let text = ann.text();
    let begins = text.lines().find(|line| {
        line.starts_with("12:34") || line.starts_with("* cyd") || line.starts_with("cyd")
    });
    assert_eq!(begins, None, "{text}");
    ann.enter("/quit");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
}

/// Ctrl-D does not end plain lines in a terminal, and what is typed after it is still read.
#[test]
fn text_typed_after_the_end_of_input_is_read() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &["--ui", "lines"]);
    for time in 1..=3 {
        ann.press("\u{4}");
        ann.wait_for("says how to leave", SHOW_TIMEOUT, |text| {
            text.matches("Ctrl+D does not leave").count() == time
        });
    }
    ann.enter("still here");
    bob.await_delivery("still here", SHOW_TIMEOUT);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
}

#[test]
fn a_node_started_to_ignore_hang_ups_keeps_running() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' HUP; exec "$0" "$@""#]);
    shell.arg(binary("node"));
    let ann = Launch::through("ann", shell)
        .join(&director.endpoint())
        .start();
    ann.await_ready(JOIN_TIMEOUT);
    ann.process().signal(Signal::SIGHUP);
    ann.say("still here");
    ann.await_delivery("still here", SHOW_TIMEOUT);
    ann.quit();
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
}

#[test]
fn a_signal_at_the_secret_prompt_restores_the_terminal() {
    let _turn = wait_for_turn();
    let ask = || {
        let invite = ["--join", "ringtalk://127.0.0.1:1/#", "--timeout", "1"];
        let window = Window::node("ann", (80, 24), &invite);
        window.await_text("the secret of the discussion (not shown):", JOIN_TIMEOUT);
        window.wait_for("hides what is typed", SHOW_TIMEOUT, |_| {
            !window.unrestored().is_empty()
        });
        window
    };
    for (key, signal) in [
        (Some("\u{3}"), Signal::SIGINT),
        (None, Signal::SIGTERM),
        (None, Signal::SIGHUP),
    ] {
        let window = ask();
        match key {
            Some(key) => window.press(key),
            None => window.signal(signal),
        }
        assert_eq!(window.exit_code(SHOW_TIMEOUT), -(signal as i32));
        window.await_restored(SHOW_TIMEOUT);
    }
    // No shell here could resume it, so the system does not stop it: it asks again.
    let window = ask();
    window.signal(Signal::SIGTSTP);
    window.wait_for("asks again", SHOW_TIMEOUT, |text| {
        text.matches("(not shown):").count() == 2 && !window.unrestored().is_empty()
    });
    window.enter("00112233445566778899aabbccddeeff");
    assert_eq!(window.exit_code(JOIN_TIMEOUT), 3);
    window.await_restored(SHOW_TIMEOUT);
    assert!(!window.raw().contains("0011"), "{}", window.raw());
}

#[test]
fn memory_has_nothing_of_the_talk_when_the_screen_is_gone() {
    let _turn = wait_for_turn();
    if !can_trace() {
        return;
    }
    let director = Director::start();
    let mut held = with_delayed_exit(&binary("node"), EXIT_DELAY_SECONDS);
    held.args(["--name", "ann", "--listen", "127.0.0.1:0"]);
    held.args(["--join", &director.endpoint()]);
    let ann = Window::open("ann", (120, 24), &held);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let bob = Launch::new("bob").join(&director.endpoint()).start();
    bob.await_ready(JOIN_TIMEOUT);
    ann.enter(TEXT_OF_ANN);
    bob.await_delivery(TEXT_OF_ANN, SHOW_TIMEOUT);
    bob.say(TEXT_OF_BOB);
    ann.await_text(TEXT_OF_BOB, SHOW_TIMEOUT);
    let canaries = [TEXT_OF_ANN, TEXT_OF_BOB];
    let count = || canaries.map(|canary| count_in_memory(ann.pid(), canary.as_bytes()));
    assert!(
        count().iter().all(|there| *there > Some(0)),
        "{:?}",
        count()
    );
    // The code that reads keys keeps its last input, so later keys must overwrite the message.
    ann.press(&"x".repeat(1_100));
    ann.await_text("xxx", SHOW_TIMEOUT);
    ann.press("\u{15}");
    ann.enter("/quit");
    let quit = Instant::now();
    loop {
        let (looked, left) = (quit.elapsed(), count());
        assert!(left.iter().all(Option::is_some), "it ended too soon");
        assert!(looked < WIPE_TIMEOUT, "still in memory: {left:?}");
        if left == [Some(0); 2] {
            break;
        }
    }
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 0);
}

#[test]
fn the_full_screen_opens_nothing_for_writing() {
    let _turn = wait_for_turn();
    if !can_trace() {
        return;
    }
    let notes = std::env::temp_dir().join(format!("ringtalk-screen-{}", std::process::id()));
    let mut traced = recording_opens(&binary("node"), &notes);
    traced.args(["--name", "ann", "--listen", "127.0.0.1:0"]);
    let ann = Window::open("ann", (80, 24), &traced);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    // An invite starts in the first column and is in one row, so that it can be copied.
    ann.await_text("\nnode --join 'ringtalk://127.0.0.1:", SHOW_TIMEOUT);
    ann.enter("/invite");
    ann.await_text("nobody has checked yet", SHOW_TIMEOUT);
    ann.enter("something");
    ann.await_text("ann │ something", SHOW_TIMEOUT);
    ann.resize(100, 30);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 0);
    let opened = std::fs::read_to_string(&notes).expect("there are notes");
    assert!(opened.contains("openat"), "nothing was noted: {opened}");
    assert_eq!(write_calls(&notes), [""; 0]);
    std::fs::remove_file(&notes).expect("the notes can go");
}

/// More messages than may wait for a screen arrive at once, and it misses none.
#[test]
fn authors_wait_for_a_slow_screen() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let ann = Window::node("ann", (140, 50), &["--join", &director.endpoint()]);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let names = ["bob", "carol", "dan", "eve"];
    let authors = names.map(|name| Launch::new(name).join(&director.endpoint()).start());
    for author in &authors {
        author.await_ready(JOIN_TIMEOUT);
        // In the list of members: several who join are one line of the discussion.
        let listed = format!("│ {}", author.process().label());
        ann.await_text(&listed, SHOW_TIMEOUT);
    }
    ann.signal(Signal::SIGSTOP);
    for author in &authors {
        let line = |number| format!("line {number} of what {} pastes", author.process().label());
        author.paste(&(1..=25_000).map(line).collect::<Vec<_>>());
    }
    wait::sleep(
        "messages pile up at ann's node, and she is not declared dead yet",
        STOP_TIME,
    );
    ann.signal(Signal::SIGCONT);
    let bob = &authors[0];
    for name in names {
        bob.await_delivery(&format!("line 25000 of what {name} pastes"), PASTE_TIMEOUT);
    }
    // This message depends on everything that bob has delivered.
    bob.say("that was all");
    ann.await_text("that was all", PASTE_TIMEOUT);
    ann.enter("all of it is here");
    ann.await_text("all of it is here ✓", PASTE_TIMEOUT);
}

#[test]
fn drafts_survive_the_keys_around_them() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    let (up, down, undo) = ("\u{1b}[A", "\u{1b}[B", "\u{1f}");
    ann.enter("said");
    bob.await_delivery("said", SHOW_TIMEOUT);
    ann.press("draftA");
    ann.press(up);
    ann.await_text("> said", SHOW_TIMEOUT);
    ann.press("\u{3}");
    ann.press("draftB");
    ann.await_text("> draftB", SHOW_TIMEOUT);
    ann.press(up);
    ann.await_text("> draftA", SHOW_TIMEOUT);
    ann.press(down);
    ann.press(down);
    ann.await_text("> draftB", SHOW_TIMEOUT);
    ann.press("\u{3}");
    ann.press("\u{3}");
    ann.await_text("leave the discussion?", SHOW_TIMEOUT);
    ann.press("hello");
    ann.await_text("> hello", SHOW_TIMEOUT);
    ann.press("\u{15}");
    ann.press(undo);
    ann.await_text("> hello", SHOW_TIMEOUT);
    ann.enter("");
    bob.await_delivery("hello", SHOW_TIMEOUT);
    ann.press("\u{12}");
    ann.press("ftA");
    ann.await_text("find what you wrote: fta", SHOW_TIMEOUT);
    ann.enter("");
    ann.await_text("> draftA", SHOW_TIMEOUT);
    ann.enter("");
    bob.await_delivery("draftA", SHOW_TIMEOUT);
}

/// A terminal without bracketed paste sends a paste as keys, all at once.
#[test]
fn a_burst_of_keys_is_text_and_no_command() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &[]);
    ann.press("a\ttab\tin it\r");
    bob.await_delivery("a\ttab\tin it", SHOW_TIMEOUT);
    ann.press("/quit\ris the first line of a long paste\r\tand this is the last one\r");
    ann.await_text("and this is the last one", SHOW_TIMEOUT);
    ann.enter("");
    ann.await_text("Enter again sends it", SHOW_TIMEOUT);
    ann.enter("");
    let text = "/quit\nis the first line of a long paste\n\tand this is the last one";
    bob.await_delivery(text, SHOW_TIMEOUT);
}

#[test]
fn a_command_finds_messages() {
    let _turn = wait_for_turn();
    let (ann, bob, _director) = start_scene((100, 24), &["--ui", "lines"]);
    bob.say("Lunch at noon?");
    bob.say("or tea");
    ann.await_text("or tea", SHOW_TIMEOUT);
    ann.enter("/SEARCH lunch");
    ann.await_text("1 message has \"lunch\":", SHOW_TIMEOUT);
    ann.wait_for("repeats the message", SHOW_TIMEOUT, |text| {
        text.matches("bob: Lunch at noon?").count() == 2
    });
    ann.enter("/bye");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
}
