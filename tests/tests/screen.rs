//! The full screen in a real terminal: what a person types and sees, and that the terminal is restored.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::alone;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_tests::process::binary;
use ringtalk_tests::trace::{
    can_trace, held_at_the_end, in_memory, noting_what_is_opened, written_files,
};
use ringtalk_tests::window::Window;

/// The time limit for what was typed to be shown, on a machine that does other work too.
const SOON: Duration = Duration::from_secs(5);
/// The time limit for a hundred thousand messages.
const MUCH: Duration = Duration::from_secs(60);
/// How long a node is stopped without being declared dead.
const STOPPED: Duration = Duration::from_secs(1);
/// How long a node is held at its exit, so that its memory can be searched, and the time limit for wiping it.
const HELD_SECONDS: u32 = 6;
const WIPED: Duration = Duration::from_secs(3);
const SAID_BY_ANN: &str = "canary-said-by-ann-0123456789abc";
const SAID_BY_BOB: &str = "canary-said-by-bob-0123456789abc";

/// The time limit for a node to exit after it was told to leave.
const GONE: Duration = Duration::from_secs(2);

/// A director, ann in a window, and bob, who prints events.
struct Scene {
    ann: Window,
    bob: Node,
    director: Director,
}

impl Scene {
    fn new(size: (u16, u16), arguments: &[&str]) -> Self {
        let director = Director::start();
        let place = director.place();
        let all = [&["--join", place.as_str()], arguments].concat();
        let ann = Window::node("ann", size, &all);
        ann.sees("you are ann", IN_TIME);
        let bob = Launch::new("bob").join(&place).start();
        bob.ready(IN_TIME);
        ann.sees("bob joined", SOON);
        Self { ann, bob, director }
    }
}

/// Checks that the terminal is restored, and shows nothing of the conversation.
#[track_caller]
fn is_given_back(window: &Window, talk: &[&str]) {
    window.is_given_back(SOON);
    for said in talk {
        assert!(!window.text().contains(said), "{}", window.text());
    }
}

#[test]
fn people_join_chat_and_leave() {
    let _alone = alone();
    let Scene {
        ann,
        bob,
        director: _director,
    } = Scene::new((100, 24), &[]);
    ann.enter("hello bob 你好");
    bob.hears("hello bob 你好", SOON);
    ann.sees("hello bob 你好 ✓", SOON);
    bob.say("hi Ann!");
    ann.sees("hi Ann!", SOON);
    assert_eq!(ann.bells(), 1);
    ann.sees(
        "ring 2 · ← bob · bob → · coordinator you · reached 1/1 · director ok",
        SOON,
    );
    ann.press("b\t");
    ann.sees("> bob:", SOON);
    ann.press("\u{3}");
    ann.wait("clears its line", SOON, |text| !text.contains("> bob"));
    ann.enter("/nonsense");
    ann.sees("there is no command", SOON);
    ann.press("\u{15}\u{3}");
    ann.sees("leave the discussion?", SOON);
    ann.press("n\u{4}");
    ann.sees("leave the discussion?", SOON);
    ann.press("y");
    bob.wait_for_event("ann left", 0, SOON, |event| {
        matches!(event, Event::Left(left) if left.name == "ann").then_some(())
    });
    assert_eq!(ann.exit_code(GONE), 0);
    is_given_back(&ann, &["hello", "hi Ann!", "bob"]);
    bob.say("/quit");
}

#[test]
fn a_paste_is_one_message_and_a_window_may_change() {
    let _alone = alone();
    let Scene {
        ann,
        bob,
        director: _director,
    } = Scene::new((100, 24), &[]);
    ann.paste("one\n\ttwo\nthree");
    ann.sees("three", SOON);
    ann.enter("");
    bob.hears("one\n\ttwo\nthree", SOON);
    ann.sees("2 members", SOON);
    ann.resize(60, 12);
    ann.wait("hides the members", SOON, |text| {
        !text.contains("2 members")
    });
    ann.sees("★ you", SOON);
    ann.resize(140, 30);
    ann.sees("2 members", SOON);
    ann.sees("director ok", SOON);
    for row in ann.text().lines() {
        assert!(row.chars().count() <= 140, "{row}");
    }
}

#[test]
fn who_types_while_the_window_changes_loses_nothing() {
    let _alone = alone();
    let here = ["--director-listen", "127.0.0.1:0"];
    let ann = Window::node("ann", (90, 24), &here);
    ann.sees("you are ann", IN_TIME);
    let mut written = "> ".to_owned();
    for columns in (80..100).cycle().take(60) {
        written.push('x');
        ann.resize(columns, 24);
        ann.press("x");
        ann.wait("shows the key in the new window", SOON, |text| {
            let rule = text.lines().next().and_then(|row| row.find('│'));
            text.contains(&written) && rule == Some(usize::from(columns) - 18)
        });
    }
}

#[test]
fn the_terminal_comes_back_after_a_signal() {
    let _alone = alone();
    let Scene {
        ann,
        bob,
        director: _director,
    } = Scene::new((80, 24), &["--log", "debug"]);
    ann.enter("secret talk");
    bob.hears("secret talk", SOON);
    assert!(!ann.text().contains("DEBUG"), "{}", ann.text());
    ann.signal(Signal::SIGTERM);
    assert_eq!(ann.exit_code(GONE), 0);
    is_given_back(&ann, &["secret talk"]);
    // Diagnostics are held back until the screen is closed.
    ann.sees("DEBUG", SOON);
}

#[test]
fn a_failure_is_told_on_the_terminal_that_came_back() {
    let _alone = alone();
    let arguments = ["--join", "127.0.0.1:1", "--timeout", "1"];
    let ann = Window::node("ann", (80, 24), &arguments);
    ann.sees("joining · no director answers yet", SOON);
    ann.enter("said too early");
    assert_eq!(ann.exit_code(IN_TIME), 3);
    is_given_back(&ann, &[]);
    ann.sees("no way in was found within 1 s", SOON);
}

#[test]
fn a_terminal_that_takes_nothing_holds_up_nobody() {
    let _alone = alone();
    let Scene { ann, bob, director } = Scene::new((100, 24), &[]);
    ann.stall(true);
    for number in 1..=3_000 {
        bob.say(&format!("message {number} with some words to fill rows"));
    }
    // Ann coordinates: a newcomer needs her node, and the whole history.
    let carol = Launch::new("carol").join(&director.place()).start();
    carol.ready(IN_TIME);
    carol.hears("message 3000 with some words to fill rows", IN_TIME);
    assert_eq!(bob.journal().errors_since(0).count(), 0);
    ann.stall(false);
    ann.sees("message 3000 ", SOON);
    ann.enter("still here");
    bob.hears("still here", SOON);
}

#[test]
fn the_shell_has_the_terminal_while_a_node_is_stopped() {
    let _alone = alone();
    let mut shell = Command::new("sh");
    shell.args(["-i"]).env("PS1", "prompt> ");
    let window = Window::open("shell", (100, 24), &shell);
    window.sees("prompt>", SOON);
    let node = binary("node");
    let here = "--listen 127.0.0.1:0 --director-listen 127.0.0.1:0";
    window.enter(&format!("{} --name ann {here}", node.display()));
    window.sees("you are ann", IN_TIME);
    window.enter("before");
    window.sees("ann │ before", SOON);
    window.press("\u{1a}");
    window.wait("has its prompt", SOON, |text| {
        text.contains("Stopped") && text.matches("prompt>").count() == 2
    });
    window.enter("fg");
    window.sees("ann │ before", SOON);
    window.enter("/quit");
    window.wait("has its prompt", SOON, |text| {
        text.matches("prompt>").count() == 3
    });
    window.enter("echo status $?");
    window.sees("status 0", SOON);
}

#[test]
fn closing_the_window_is_leaving() {
    let _alone = alone();
    let scene = Scene::new((80, 24), &[]);
    scene.ann.signal(Signal::SIGHUP);
    scene.bob.wait_for_event("ann left", 0, SOON, |event| {
        matches!(event, Event::Left(left) if left.name == "ann").then_some(())
    });
    assert_eq!(scene.ann.exit_code(GONE), 0);
}

/// The system notifies only the shell that the window is gone, and the shell may not pass it on.
#[test]
fn a_window_that_goes_without_a_word_is_leaving() {
    let _alone = alone();
    for ui in ["--ui tui", "--ui lines", "--json"] {
        let director = Director::start();
        let bob = Launch::new("bob").join(&director.place()).start();
        bob.ready(IN_TIME);
        let node = binary("node");
        let (node, place) = (node.display(), director.place());
        let run = format!("{node} --name ann --listen 127.0.0.1:0 --join {place} {ui}");
        // The first shell ignores hang-ups, and so does the node that it starts; the second does not.
        for shell in [
            format!("trap '' HUP; {run}; exit $?"),
            format!("exec {run}"),
        ] {
            let mark = bob.mark();
            let mut command = Command::new("sh");
            command.args(["-c", &shell]);
            let mut ann = Window::open("ann", (100, 24), &command);
            bob.wait_for_event("ann comes", mark, IN_TIME, |event| {
                matches!(event, Event::Joined(joined) if joined.name == "ann").then_some(())
            });
            ann.wait("is ready", IN_TIME, |text| {
                text.contains("you are ann") || text.contains(r#""event":"ready""#)
            });
            ann.close();
            assert_eq!(ann.exit_code(GONE), 0, "{shell}");
            bob.wait_for_event("ann left", mark, SOON, |event| match event {
                Event::Left(person) if person.name == "ann" => Some(()),
                Event::Failed(person) => panic!("{shell}: {} is gone", person.name),
                _ => None,
            });
        }
    }
}

/// In plain lines, a text that is too long for a row could continue where another author's line would begin.
#[test]
fn nobodys_text_looks_like_another_line() {
    let _alone = alone();
    let Scene {
        ann,
        bob,
        director: _director,
    } = Scene::new((80, 24), &["--ui", "lines"]);
    let imitated = "12:34 cyd: I agree";
    for wide in ["x", "±", "🇨🇭", "👩‍👩‍👧", "1\u{fe0f}\u{20e3}"] {
        for columns in 60..72 {
            let padding = wide.repeat(columns / wide.chars().count());
            bob.say(&format!("{padding}{imitated}"));
        }
    }
    bob.say(&format!("{}* cyd is gone", "y ".repeat(40)));
    bob.say("that was all");
    ann.sees("that was all", SOON);
    let text = ann.text();
    let begins = text.lines().find(|line| {
        line.starts_with("12:34") || line.starts_with("* cyd") || line.starts_with("cyd")
    });
    assert_eq!(begins, None, "{text}");
    ann.enter("/quit");
    assert_eq!(ann.exit_code(GONE), 0);
}

/// Ctrl-D does not end plain lines in a terminal, and what is typed after it is still read.
#[test]
fn what_is_typed_after_the_end_of_input_is_read() {
    let _alone = alone();
    let Scene {
        ann,
        bob,
        director: _director,
    } = Scene::new((100, 24), &["--ui", "lines"]);
    for time in 1..=3 {
        ann.press("\u{4}");
        ann.wait("says how to leave", SOON, |text| {
            text.matches("Ctrl-D does not leave").count() == time
        });
    }
    ann.enter("still here");
    bob.hears("still here", SOON);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(GONE), 0);
}

#[test]
fn who_is_told_to_ignore_hang_ups_goes_on() {
    let _alone = alone();
    let director = Director::start();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' HUP; exec "$0" "$@""#]);
    shell.arg(binary("node"));
    let ann = Launch::by("ann", shell).join(&director.place()).start();
    ann.ready(IN_TIME);
    ann.process().signal(Signal::SIGHUP);
    ann.say("still here");
    ann.hears("still here", SOON);
    ann.quit();
    assert_eq!(ann.exit_code(GONE), 0);
}

#[test]
fn what_ends_the_prompt_for_the_secret_gives_the_terminal_back() {
    let _alone = alone();
    let ask = || {
        let invite = ["--join", "ringtalk://127.0.0.1:1/#", "--timeout", "1"];
        let window = Window::node("ann", (80, 24), &invite);
        window.sees("the secret of the discussion (not shown):", IN_TIME);
        window.wait("hides what is typed", SOON, |_| {
            !window.not_given_back().is_empty()
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
        assert_eq!(window.exit_code(SOON), -(signal as i32));
        window.is_given_back(SOON);
    }
    // No shell here could resume it, so the system does not stop it: it asks again.
    let window = ask();
    window.signal(Signal::SIGTSTP);
    window.wait("asks again", SOON, |text| {
        text.matches("(not shown):").count() == 2 && !window.not_given_back().is_empty()
    });
    window.enter("00112233445566778899aabbccddeeff");
    assert_eq!(window.exit_code(IN_TIME), 3);
    window.is_given_back(SOON);
    assert!(!window.raw().contains("0011"), "{}", window.raw());
}

#[test]
fn memory_has_nothing_of_the_talk_when_the_screen_is_gone() {
    let _alone = alone();
    if !can_trace() {
        return;
    }
    let director = Director::start();
    let mut held = held_at_the_end(&binary("node"), HELD_SECONDS);
    held.args(["--name", "ann", "--listen", "127.0.0.1:0"]);
    held.args(["--join", &director.place()]);
    let ann = Window::open("ann", (120, 24), &held);
    ann.sees("you are ann", IN_TIME);
    let bob = Launch::new("bob").join(&director.place()).start();
    bob.ready(IN_TIME);
    ann.enter(SAID_BY_ANN);
    bob.hears(SAID_BY_ANN, SOON);
    bob.say(SAID_BY_BOB);
    ann.sees(SAID_BY_BOB, SOON);
    let canaries = [SAID_BY_ANN, SAID_BY_BOB];
    let look = || canaries.map(|canary| in_memory(ann.pid(), canary.as_bytes()));
    assert!(look().iter().all(|there| *there > Some(0)), "{:?}", look());
    // The code that reads keys keeps its last input, so later keys must overwrite the message.
    ann.press(&"x".repeat(1_100));
    ann.sees("xxx", SOON);
    ann.press("\u{15}");
    ann.enter("/quit");
    let quit = Instant::now();
    loop {
        let (looked, left) = (quit.elapsed(), look());
        assert!(left.iter().all(Option::is_some), "it ended too soon");
        assert!(looked < WIPED, "still in memory: {left:?}");
        if left == [Some(0); 2] {
            break;
        }
    }
    assert_eq!(ann.exit_code(IN_TIME), 0);
}

#[test]
fn the_full_screen_opens_nothing_for_writing() {
    let _alone = alone();
    if !can_trace() {
        return;
    }
    let notes = std::env::temp_dir().join(format!("ringtalk-screen-{}", std::process::id()));
    let mut traced = noting_what_is_opened(&binary("node"), &notes);
    traced.args(["--name", "ann", "--listen", "127.0.0.1:0"]);
    traced.args(["--director-listen", "127.0.0.1:0"]);
    let ann = Window::open("ann", (80, 24), &traced);
    ann.sees("you are ann", IN_TIME);
    // An invite starts in the first column and is in one row, so that it can be copied.
    ann.sees("\nringtalk://127.0.0.1:", SOON);
    ann.enter("/invite");
    ann.enter("something");
    ann.sees("ann │ something", SOON);
    ann.resize(100, 30);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(IN_TIME), 0);
    let opened = std::fs::read_to_string(&notes).expect("there are notes");
    assert!(opened.contains("openat"), "nothing was noted: {opened}");
    assert_eq!(written_files(&notes), [""; 0]);
    std::fs::remove_file(&notes).expect("the notes can go");
}

/// More messages than may wait for a screen arrive at once, and it misses none.
#[test]
fn what_comes_faster_than_a_screen_shows_it_is_waited_for() {
    let _alone = alone();
    let director = Director::start();
    let ann = Window::node("ann", (140, 50), &["--join", &director.place()]);
    ann.sees("you are ann", IN_TIME);
    let names = ["bob", "carol", "dan", "eve"];
    let authors = names.map(|name| Launch::new(name).join(&director.place()).start());
    for author in &authors {
        author.ready(IN_TIME);
        ann.sees(&format!("{} joined", author.process().label()), SOON);
    }
    ann.signal(Signal::SIGSTOP);
    for author in &authors {
        let line = |number| format!("line {number} of what {} pastes", author.process().label());
        author.paste(&(1..=25_000).map(line).collect::<Vec<_>>());
    }
    // Waits so that messages pile up at ann's node, but not so long that she is declared dead.
    std::thread::sleep(STOPPED);
    ann.signal(Signal::SIGCONT);
    let bob = &authors[0];
    for name in names {
        bob.hears(&format!("line 25000 of what {name} pastes"), MUCH);
    }
    // This message depends on everything that bob has delivered.
    bob.say("that was all");
    ann.sees("that was all", MUCH);
    ann.enter("all of it is here");
    ann.sees("all of it is here ✓", MUCH);
}
