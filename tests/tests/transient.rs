//! Nothing is left behind: no file is written, and neither memory nor the log keeps any of the conversation.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getuid};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::{Process, StdoutFormat, binary};
use ringtalk_tests::trace::{
    can_trace, count_in_memory, recording_opens, with_delayed_exit, write_calls,
};
use ringtalk_tests::wait::{Witness, poll};
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

/// The time limit, after `/quit`, for the conversation to be wiped from memory.
const WIPE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a node is held at its exit, so that its memory can be searched.
const EXIT_DELAY_SECONDS: u32 = 6;

/// A user's settings file, which is read and never written.
const SETTINGS: &str = "ringtalk/config.toml";

/// Each is 32 bytes long.
const TEXT_OF_ANN: &str = "canary-said-by-ann-0123456789abc";
const TEXT_OF_BOB: &str = "canary-said-by-bob-0123456789abc";
const NAME_OF_BOB: &str = "canary-name-of-bob-0123456789abc";
const NEW_NAME: &str = "canary-new-name-00-0123456789abc";
const CANARIES: [&str; 4] = [TEXT_OF_ANN, TEXT_OF_BOB, NAME_OF_BOB, NEW_NAME];

/// Makes both talk and deliver each other's message, and then renames ann.
#[track_caller]
fn talk(ann: &TestNode, bob: &TestNode) {
    ann.await_ready(JOIN_TIMEOUT);
    bob.await_ready(JOIN_TIMEOUT);
    ann.say(TEXT_OF_ANN);
    bob.await_delivery(TEXT_OF_ANN, JOIN_TIMEOUT);
    bob.say(TEXT_OF_BOB);
    ann.await_delivery(TEXT_OF_BOB, JOIN_TIMEOUT);
    ann.command(&format!("/name {NEW_NAME}"));
    bob.wait_for_event("the new name", 0, JOIN_TIMEOUT, |event| {
        matches!(event, Event::Renamed(renamed) if renamed.name == NEW_NAME).then_some(())
    });
}

#[test]
fn a_node_opens_nothing_for_writing() {
    let _turn = wait_for_turn();
    if !can_trace() {
        return;
    }
    let director = Director::start();
    let folder = std::env::temp_dir().join(format!("ringtalk-notes-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the notes");
    fs::create_dir_all(folder.join("ringtalk")).expect("a folder for settings");
    fs::write(folder.join(SETTINGS), "history = 100\n").expect("a file of settings");
    let settings = folder.to_str().expect("a folder with a name");
    let nodes: Vec<(TestNode, _)> = ["ann", "bob", "eve"]
        .map(|name| {
            let notes = folder.join(name);
            let traced = recording_opens(&binary("node"), &notes);
            let launch = Launch::through(name, traced).join(&director.endpoint());
            let launch = launch.environment("XDG_CONFIG_HOME", settings);
            let node = launch.start();
            node.await_ready(JOIN_TIMEOUT);
            (node, notes)
        })
        .into();
    for (number, (node, _)) in nodes.iter().enumerate() {
        let text = format!("hello {number}");
        node.say(&text);
        for (other, _) in &nodes {
            other.await_delivery(&text, JOIN_TIMEOUT);
        }
    }
    for (node, _) in &nodes {
        node.quit();
    }
    for (node, notes) in &nodes {
        assert_eq!(node.exit_code(JOIN_TIMEOUT), 0);
        let opened = fs::read_to_string(notes).expect("there are notes");
        assert!(opened.contains(SETTINGS), "no settings were read: {opened}");
        assert_eq!(write_calls(notes), [""; 0]);
    }
    fs::remove_dir_all(&folder).expect("the notes can go");
}

#[test]
fn memory_has_nothing_of_the_talk_after_quit() {
    let _turn = wait_for_turn();
    if !can_trace() {
        return;
    }
    let director = Director::start();
    let held = with_delayed_exit(&binary("node"), EXIT_DELAY_SECONDS);
    let ann = Launch::through("ann", held)
        .join(&director.endpoint())
        .start();
    ann.await_ready(JOIN_TIMEOUT);
    let bob = Launch::new(NAME_OF_BOB).join(&director.endpoint()).start();
    talk(&ann, &bob);
    let pid = ann.process().pid();
    for canary in CANARIES {
        let there = count_in_memory(pid, canary.as_bytes());
        assert!(there > Some(0), "{canary} was never there: {there:?}");
    }
    ann.quit();
    let quit = Instant::now();
    let clean = loop {
        let looked = quit.elapsed();
        let left = CANARIES.map(|canary| count_in_memory(pid, canary.as_bytes()));
        assert!(
            left.iter().all(Option::is_some),
            "it ended before it could be looked at"
        );
        assert!(looked < WIPE_TIMEOUT, "still in memory: {left:?}");
        if left.iter().all(|left| *left == Some(0)) {
            break looked;
        }
    };
    report("after /quit nothing is in memory after", clean);
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 0);
}

#[test]
fn no_other_process_can_inspect_one_that_has_a_secret() {
    let _turn = wait_for_turn();
    let secret = "00112233445566778899aabbccddeeff";
    let nowhere = "127.0.0.1:1";
    let invite = format!("ringtalk://{nowhere}/#{secret}");
    for program in ["node", "ring-viz"] {
        let arguments: &[&str] = match program {
            "node" => &["--timeout", "10", "--ui", "none"],
            _ => &["--timeout", "10", "--once"],
        };
        for (name, value) in [("RINGTALK_SECRET", secret), ("RINGTALK_JOIN", &invite)] {
            let mut command = unprivileged(program);
            command.env("RINGTALK_JOIN", nowhere).env(name, value);
            let process = Process::start(program, command.args(arguments), StdoutFormat::Text);
            await_privacy(process.pid(), secret, &[&process]);
        }
        // The same at the prompt, where the secret is about to be typed.
        let mut command = unprivileged(program);
        command.args(["--join", &format!("ringtalk://{nowhere}/#")]);
        let window = Window::open(program, (80, 24), &command);
        window.await_text("the secret of the discussion", JOIN_TIMEOUT);
        await_privacy(window.pid(), secret, &[&window]);
    }
}

/// Waits until only root can look into a process, until it leaves no core file, and until its environment does not
/// hold the secret.
#[track_caller]
fn await_privacy(pid: Pid, secret: &str, witnesses: &[&dyn Witness]) {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    poll("nobody looks into it", JOIN_TIMEOUT, witnesses, || {
        let environment = folder.join("environ");
        let owner = fs::metadata(&environment)
            .map_err(|error| error.to_string())?
            .uid();
        if owner != 0 {
            return Err(format!("user {owner} may look into it"));
        }
        let limits = fs::read_to_string(folder.join("limits")).unwrap_or_default();
        let core = limits.lines().find(|line| line.contains("core file"));
        let core: Vec<&str> = core.unwrap_or_default().split_whitespace().collect();
        if core[4..6] != ["0", "0"] {
            return Err(format!("it may leave a core file: {core:?}"));
        }
        // An unprivileged test cannot even try.
        let environment = fs::read(environment).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        if environment.contains(secret) {
            return Err(format!("the secret is in its environment: {environment:?}"));
        }
        Ok(())
    });
}

/// Returns a command that runs a program as an unprivileged user: what root starts belongs to root, protected or not.
fn unprivileged(program: &str) -> Command {
    if !getuid().is_root() {
        return Command::new(binary(program));
    }
    // The program may be in a folder that the user cannot read.
    let copy = std::env::temp_dir().join(format!("ringtalk-{}-{program}", std::process::id()));
    if !copy.exists() {
        fs::copy(binary(program), &copy).expect("a copy of the program");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("a copy of ours");
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65532",
        "--regid",
        "65532",
        "--clear-groups",
        "--",
    ]);
    command.arg(copy);
    command
}

#[test]
fn the_most_talkative_log_has_nothing_of_the_talk() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let tracing = |name: &str| {
        let launch = Launch::new(name).join(&director.endpoint());
        let node = launch.environment("RINGTALK_LOG", "trace").start();
        node.await_ready(JOIN_TIMEOUT);
        node
    };
    let (ann, bob) = (tracing("ann"), tracing(NAME_OF_BOB));
    talk(&ann, &bob);
    ann.quit();
    bob.quit();
    for node in [&ann, &bob] {
        assert_eq!(node.exit_code(JOIN_TIMEOUT), 0);
        let log = node.journal().stderr_text();
        assert!(!log.is_empty(), "nothing was logged");
        for canary in CANARIES {
            assert!(!log.contains(canary), "{canary} is in the log");
        }
    }
}
