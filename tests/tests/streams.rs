//! Stdin, stdout and the terminal at their edges: bytes that are no text, a full disk, too few files, a terminal
//! without a size or colours, a window that is gone.
//!
//! Not here: the full screen in an ordinary window (`screen`), command lines (`command_line`).

use std::process::Command;
use std::time::Duration;

use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::{Process, StdoutFormat, binary};
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

use nix::sys::signal::Signal;

/// The time limit for a text to be shown or delivered.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for a program to exit, once it has a reason.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The sequence with which every terminal code begins.
const ESCAPE: char = '\u{1b}';
/// The beginning of a file that some editors write.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A director, and bob, who prints events.
struct Scene {
    bob: TestNode,
    director: Director,
}

impl Scene {
    #[track_caller]
    fn new() -> Self {
        let director = Director::start();
        let bob = Launch::new("bob").join(&director.endpoint()).start();
        bob.await_ready(JOIN_TIMEOUT);
        Self { bob, director }
    }

    /// Returns the command line of ann, for a shell. Some of her settings stand before the program, others behind it.
    fn ann(&self, before: &str, behind: &str) -> String {
        let node = binary("node");
        let (node, endpoint) = (node.display(), self.director.endpoint());
        format!("{before} {node} --name ann --listen 127.0.0.1:0 --join {endpoint} {behind}")
    }

    #[track_caller]
    fn await_joined(&self, mark: usize) {
        self.bob
            .wait_for_event("ann comes", mark, JOIN_TIMEOUT, |event| {
                matches!(event, Event::Joined(member) if member.name == "ann").then_some(())
            });
    }

    #[track_caller]
    fn await_ann(&self, mark: usize) {
        self.await_joined(mark);
        // She is inside once she acknowledges a message: a moment before, she has been admitted and does not know it.
        self.bob.say("are you there?");
        self.bob
            .wait_for_event("ann is there", mark, JOIN_TIMEOUT, |event| {
                matches!(event, Event::Reached(reached) if reached.members == 2).then_some(())
            });
    }

    #[track_caller]
    fn await_ann_left(&self, mark: usize) {
        self.bob
            .wait_for_event("ann left", mark, SHOW_TIMEOUT, |event| match event {
                Event::Left(member) if member.name == "ann" => Some(()),
                Event::Failed(member) => panic!("{} is gone", member.name),
                _ => None,
            });
    }
}

fn shell(script: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", script]);
    shell
}

#[track_caller]
fn run(script: &str) -> Process {
    Process::start(script, &mut shell(script), StdoutFormat::Text)
}

fn window(label: &str, script: &str) -> Window {
    Window::open(label, (100, 24), &shell(script))
}

#[test]
fn a_hang_up_leaves_properly_in_every_face() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    for face in ["--ui lines", "--json", "--ui none"] {
        let mark = scene.bob.mark();
        let ann = window("ann", &scene.ann("exec", face));
        scene.await_ann(mark);
        ann.signal(Signal::SIGHUP);
        assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0, "{face}");
        scene.await_ann_left(mark);
    }
}

/// Bob reads that she joined before she does.
#[test]
fn a_hang_up_in_the_moment_of_joining_is_no_failure() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    for round in 0..8 {
        let mark = scene.bob.mark();
        let ann = window("ann", &scene.ann("exec", "--json"));
        scene.await_joined(mark);
        ann.signal(Signal::SIGHUP);
        assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0, "round {round}");
        scene.await_ann_left(mark);
    }
}

/// The shell ignores hang-ups, and so does the program that it starts.
#[test]
fn the_live_ring_ends_when_its_window_vanishes() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let (viz, endpoint) = (binary("ring-viz"), scene.director.endpoint());
    let script = format!("trap '' HUP; {} --join {endpoint}; exit $?", viz.display());
    let mut live = window("ring-viz", &script);
    live.await_text("bob", JOIN_TIMEOUT);
    live.close();
    assert_eq!(live.exit_code(EXIT_TIMEOUT), 0);
}

#[test]
fn a_terminal_without_a_size_gets_plain_lines() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let ann = window("ann", &scene.ann("stty rows 0 cols 0; exec", ""));
    ann.await_text("also here: bob", JOIN_TIMEOUT);
    ann.enter("in plain lines");
    scene.bob.await_delivery("in plain lines", SHOW_TIMEOUT);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    assert!(!ann.raw().contains("\u{1b}[?1049h"), "{}", ann.raw());
}

#[test]
fn a_dumb_terminal_gets_neither_colours_nor_a_full_screen() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let ann = window("ann", &scene.ann("export TERM=dumb CI=true; exec", ""));
    ann.await_text("also here: bob", JOIN_TIMEOUT);
    scene.bob.say("hello, ann");
    ann.await_text("bob: hello, ann", SHOW_TIMEOUT);
    ann.enter("/nonsense");
    ann.await_text("unknown command", SHOW_TIMEOUT);
    ann.enter("/quit");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    assert!(!ann.raw().contains(ESCAPE), "{:?}", ann.raw());

    let (viz, endpoint) = (binary("ring-viz"), scene.director.endpoint());
    let script = format!("TERM=dumb CI=true {} --join {endpoint}", viz.display());
    let live = window("ring-viz", &script);
    assert_eq!(live.exit_code(EXIT_TIMEOUT), 2);
    live.await_text("TERM is dumb", SHOW_TIMEOUT);
    assert!(!live.raw().contains(ESCAPE), "{:?}", live.raw());
}

#[test]
fn a_line_that_is_refused_is_named_on_stderr_and_in_the_exit_status() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let long = "x".repeat(16 * 1024 + 1);
    for (number, (line, why)) in [
        (&b"not \xff UTF-8"[..], "not valid UTF-8"),
        (long.as_bytes(), "longer than 16384 bytes"),
        (b"/usr/bin/true failed", "is no command"),
    ]
    .into_iter()
    .enumerate()
    {
        let ann = run(&scene.ann("exec", ""));
        let text = format!("round {number}");
        ann.write([text.as_bytes(), b"\n\n", line, b"\nand on\n"].concat());
        ann.close_stdin();
        assert_eq!(ann.exit_code(JOIN_TIMEOUT), 5, "{why}");
        scene.bob.await_delivery(&text, SHOW_TIMEOUT);
        let journal = ann.journal();
        let stderr = journal.stderr_text();
        assert!(stderr.contains("node: input line 3: "), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        assert!(
            stderr.contains("node: 1 line of stdin was refused"),
            "{stderr}"
        );
        assert!(!journal.stdout_text().contains(why), "{why}");
    }
    scene.bob.await_delivery("and on", SHOW_TIMEOUT);
}

#[test]
fn no_line_of_utf_16_is_sent() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let ann = run(&scene.ann("exec", "--say 'that was all'"));
    let utf_16 = "\u{feff}first\nsecond\n".encode_utf16();
    ann.write(utf_16.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    ann.close_stdin();
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 5);
    scene.bob.await_delivery("that was all", SHOW_TIMEOUT);
    assert_eq!(scene.bob.journal().texts.len(), 1);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let ann = run(&scene.ann("exec", ""));
    ann.write(format!("{BYTE_ORDER_MARK}first\r\n"));
    ann.close_stdin();
    assert_eq!(ann.exit_code(JOIN_TIMEOUT), 0);
    scene.bob.await_delivery("first", SHOW_TIMEOUT);
}

#[test]
fn closed_standard_streams_hold_up_nothing() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    for closed in ["<&-", "<&- >&-", "<&- >&- 2>&-"] {
        let text = format!("without {closed}");
        let ann = run(&scene.ann("exec", &format!("--say '{text}' {closed}")));
        scene.bob.await_delivery(&text, JOIN_TIMEOUT);
        assert_eq!(ann.exit_code(JOIN_TIMEOUT), 0, "{closed}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_told_nothing() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    for script in [
        scene.ann("", "</dev/null | head -n 1"),
        scene.ann("", "--man | true"),
        scene.ann("", "--help | true"),
    ] {
        let program = run(&script);
        assert_eq!(program.exit_code(JOIN_TIMEOUT), 0, "{script}");
        assert_eq!(program.journal().stderr_text(), "", "{script}");
    }
}

/// A job in the background that read the terminal would be stopped.
#[test]
fn a_node_without_a_face_runs_in_the_background() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let mark = scene.bob.mark();
    let in_background = scene.ann("set -m;", "--ui none &");
    let script = format!("{in_background} read -r line; kill -TERM $!; wait $!; exit $?");
    let ann = window("shell", &script);
    scene.await_ann(mark);
    ann.enter("for the shell");
    assert_eq!(ann.exit_code(EXIT_TIMEOUT), 0);
    scene.await_ann_left(mark);

    let mark = scene.bob.mark();
    let service = run(&scene.ann("exec", "--ui none --say started </dev/null"));
    scene.bob.await_delivery("started", JOIN_TIMEOUT);
    service.signal(Signal::SIGTERM);
    assert_eq!(service.exit_code(EXIT_TIMEOUT), 0);
    scene.await_ann_left(mark);
}

#[test]
fn too_few_open_files_are_named_at_the_start() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let [director, viz] = ["director", "ring-viz"].map(binary);
    let endpoint = scene.director.endpoint();
    let mut needed = 0_u64;
    for script in [
        scene.ann("ulimit -n 12; exec", ""),
        scene.ann("ulimit -n 12; exec", "--json"),
        format!(
            "ulimit -n 12; exec {} --listen 127.0.0.1:0",
            director.display()
        ),
        format!(
            "ulimit -n 12; exec {} --once --join {endpoint}",
            viz.display()
        ),
    ] {
        let program = run(&script);
        assert_eq!(program.exit_code(EXIT_TIMEOUT), 1, "{script}");
        let journal = program.journal();
        let stderr = journal.stderr_text();
        let words = ": too few open files: 12 allowed, ";
        let (_, number) = stderr
            .split_once(words)
            .unwrap_or_else(|| panic!("{stderr}"));
        let number = number.split(' ').next().map(str::parse);
        // The files that this test was started with, and that its children inherit, count too.
        needed = number.and_then(Result::ok).expect("a number");
        assert!(needed >= 43, "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let is_told = journal.stdout_text().contains(r#""code":"start""#);
        assert_eq!(is_told, script.contains("--json"), "{script}");
    }
    // The number that the error asks for is enough for a founder with its director, a member, and the talk of both.
    let founder = format!(
        "ulimit -n {needed}; exec {} --name host --listen 127.0.0.1:0 --director-listen 127.0.0.1:0",
        binary("node").display()
    );
    let founder = run(&founder);
    let invite = founder.wait_for("prints the invite", JOIN_TIMEOUT, |journal| {
        let text = journal.stdout_text();
        let mut words = text.split('\'');
        words
            .find(|word| word.starts_with("ringtalk://"))
            .map(str::to_owned)
    });
    let guest = Launch::new("guest").join(&invite).start();
    guest.await_ready(JOIN_TIMEOUT);
    founder.write("welcome\n");
    guest.await_delivery("welcome", SHOW_TIMEOUT);
}

#[test]
fn a_full_disk_behind_stdout_is_one_true_sentence() {
    let _turn = wait_for_turn();
    let scene = Scene::new();
    let viz = binary("ring-viz");
    let endpoint = scene.director.endpoint();
    for command in [
        scene.ann("exec", ""),
        scene.ann("exec", "--json --quit-on-eof"),
        scene.ann("exec", "--man"),
        scene.ann("exec", "--help"),
        format!("exec {} --once --join {endpoint}", viz.display()),
        format!("exec {} --completions bash", viz.display()),
        format!("exec {} --man", binary("director").display()),
    ] {
        let program = run(&format!("{command} >/dev/full </dev/null"));
        assert_eq!(program.exit_code(JOIN_TIMEOUT), 1, "{command}");
        let stderr = program.journal().stderr_text();
        let words = ": cannot write to stdout: No space left on device";
        assert!(stderr.contains(words), "{command}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{command}: {stderr}");
    }
}
