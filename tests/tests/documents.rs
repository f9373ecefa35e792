//! The README, `--help` and the manual page are right: every command that they tell people to type is run here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use ringtalk_tests::director::Director;
use ringtalk_tests::documents::{
    MANUAL, READMES, commands_of_readmes, examples_of_help, examples_of_manual, flags, paragraph,
    read_output, section_of_contract, variables,
};
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::{Process, StdoutFormat, binary};
use ringtalk_tests::wait::{self, Witness};
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

/// The time limit for a program to exit after a signal.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The interval at which a question is repeated.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// The expected outcome of a command.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It prints this, and runs until a signal stops it, with exit status 0.
    Runs(&'static str),
    /// The same for a pipeline or a coprocess: what goes through it arrives.
    Pipes(&'static str),
    /// A member of the open discussion delivers this, and the command exits with status 0.
    Sends(&'static str),
    /// It shows this on a terminal, and exits with status 0 when `q` is pressed.
    Shows(&'static str),
    /// It prints this, and exits with status 0.
    Exits(&'static str),
    /// It is not run here, for this reason.
    NotRun(&'static str),
}

use Outcome::{Exits, NotRun, Pipes, Runs, Sends, Shows};

const GATE: &str = "it is what the gate runs, or a longer run of the same";
const ENGINE: &str = "it needs a Docker engine: tests/tests/compose.rs";
const HOURS: &str = "it measures for long, and the gate checks that it can be built";
const SIMULATOR: &str = "the gate runs the simulator, its named scenarios and planted bugs";

/// Every command in the documents, and its outcome. The test fails for a command that is not listed here.
const COMMANDS: &[(&str, Outcome)] = &[
    ("ringtalk", Runs("ringtalk --join 'ringtalk://")),
    (
        "ringtalk --join 'ringtalk://192.0.2.7:8080/#EaGqGNVcyaY6oykTFuP5fAHy'",
        Runs("also here: "),
    ),
    (
        "RINGTALK_SECRET=EaGqGNVcyaY6oykTFuP5fAHy ringtalk --join director:8080",
        Runs("also here: "),
    ),
    ("ringtalk --join director:8080", Runs("also here: ")),
    (
        "ringtalk --start director:8080",
        Runs("ringtalk --join 'ringtalk://"),
    ),
    (
        "tail -f build.log | ringtalk --join director:8080 --name builds",
        Pipes("builds: all is well"),
    ),
    (
        "ringtalk --join director:8080 --say 'the build is done' </dev/null",
        Sends("the build is done"),
    ),
    (
        "ringtalk --join director:8080 --json",
        Runs(r#""event":"ready""#),
    ),
    (
        "ringtalk --join director:8080 --json </dev/null | grep --line-buffered '\"event\":\"message\"'",
        Pipes("what ann said"),
    ),
    (CLOCK, Pipes("")),
    ("director", Runs("director listening on http://")),
    (
        "director --listen 127.0.0.1:9000",
        Runs("director listening on http://127.0.0.1:"),
    ),
    ("director --listen 127.0.0.1:9000 --healthcheck", Exits("")),
    ("director --carry 100", Runs("director listening on")),
    ("ring-viz --join director:8080", Shows("ann")),
    (
        "ring-viz --join director:8080 --once",
        Exits(r#""closed":true"#),
    ),
    (
        "ring-viz --join director:8080 --once --format svg > ring.svg",
        Exits(""),
    ),
    (
        "ring-viz --join director:8080 --once --format dot | dot -Tpng > ring.png",
        Exits(""),
    ),
    ("cargo xtask ci", NotRun(GATE)),
    ("cargo xtask test", NotRun(GATE)),
    ("cargo xtask image", NotRun(ENGINE)),
    (
        "docker compose -p ringtalk -f docker/compose.yaml up",
        NotRun(ENGINE),
    ),
    (
        "docker attach --sig-proxy=false ringtalk-ann-1",
        NotRun(ENGINE),
    ),
    (
        "cargo build --release --manifest-path tools/bench/Cargo.toml",
        NotRun(HOURS),
    ),
    (
        "tools/bench/target/release/bench --members 8,32 --bytes 256",
        NotRun(HOURS),
    ),
    (
        "cargo run --release -p ringtalk-sim -- run --seeds 0..1000",
        NotRun(SIMULATOR),
    ),
    (
        "cargo run --release -p ringtalk-sim -- run --scenario FILE.toml",
        NotRun(SIMULATOR),
    ),
    (
        "cargo run --release -p ringtalk-sim -- mutants",
        NotRun(SIMULATOR),
    ),
    (
        "cargo run --release -p ringtalk-sim -- explore --nodes 4",
        NotRun(SIMULATOR),
    ),
    (
        "cargo run --release -p ringtalk-sim -- scale --nodes 200 --json",
        NotRun(SIMULATOR),
    ),
    ("cargo xtask soak", NotRun(SIMULATOR)),
    (
        "cargo xtask fuzz --seconds 600",
        NotRun("the gate replays what the fuzzer has found"),
    ),
];

/// The README's bot: it answers questions for the time.
const CLOCK: &str = r#"coproc ringtalk --join director:8080 --name clock --json &&
while read -r event; do
  case $event in
    *'"message":"what time is it?"'*'"history":false'*) date >&"${COPROC[1]}" ;;
  esac
done <&"${COPROC[0]}""#;

/// Flags of other programs that the README names.
const OF_OTHERS: &str =
    "--release --bin --path --manifest-path --sig-proxy --all --locked --line-buffered";

/// A shell and its children, which are killed together.
struct Group(Process);

impl Deref for Group {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(self.0.pid(), Signal::SIGKILL);
    }
}

/// A director with ann in its open discussion, and a private discussion that host has started.
struct DocumentsScene {
    folder: PathBuf,
    ann: TestNode,
    host: TestNode,
    secret: String,
    director: Director,
}

impl DocumentsScene {
    fn new() -> Self {
        let director = Director::start();
        let endpoint = director.endpoint();
        let ann = Launch::new("ann").join(&endpoint).start();
        ann.await_ready(JOIN_TIMEOUT);
        let host = Launch::new("host")
            .arguments(&["--start", &endpoint])
            .start();
        let invite = host.await_ready(JOIN_TIMEOUT).invite;
        let (_, secret) = invite.split_once('#').expect("an invite has a secret");
        let folder =
            std::env::temp_dir().join(format!("ringtalk-documents-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("build.log"), "all is well\n").expect("a log");
        Self {
            folder,
            secret: secret.to_owned(),
            ann,
            host,
            director,
        }
    }

    /// Returns a command with the addresses and the secret of this scene filled in.
    fn fill_in(&self, command: &str) -> String {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let free = free.expect("a free port").to_string();
        let endpoint = self.director.endpoint();
        let elsewhere = if command.contains("--healthcheck") {
            &endpoint
        } else {
            &free
        };
        command
            .replace("127.0.0.1:9000", elsewhere)
            .replace("192.0.2.7:8080", &endpoint)
            .replace("director:8080", &endpoint)
            .replace("EaGqGNVcyaY6oykTFuP5fAHy", &self.secret)
    }

    /// Runs a command in a shell that finds the programs in its path, in a process group of its own.
    #[track_caller]
    fn start(&self, command: &str) -> Group {
        let mut shell = self.shell(command);
        shell.process_group(0);
        Group(Process::start(command, &mut shell, StdoutFormat::Text))
    }

    fn shell(&self, command: &str) -> Command {
        let programs = binary("node");
        let programs = programs.parent().expect("a program is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}:{}", programs.display(), self.shims().display());
        let mut shell = Command::new("bash");
        shell.args(["-c", &self.fill_in(command)]);
        shell.current_dir(&self.folder).env("PATH", path);
        // The default ports may be taken.
        shell.env("RINGTALK_LISTEN", "127.0.0.1:0");
        shell.env("RINGTALK_DIRECTOR_LISTEN", "127.0.0.1:0");
        shell
    }

    /// Returns a folder with a substitute for Graphviz's `dot`, for machines that do not have it.
    fn shims(&self) -> PathBuf {
        let shims = self.folder.join("shims");
        std::fs::create_dir_all(&shims).expect("a folder");
        let dot = shims.join("dot");
        std::fs::write(&dot, "#!/bin/sh\nexec grep digraph\n").expect("a program");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&dot, mode).expect("a program can be run");
        shims
    }

    #[track_caller]
    fn check(&self, command: &str, outcome: Outcome) {
        match outcome {
            NotRun(reason) => println!("not run here: {command}: {reason}"),
            Runs(text) => {
                let process = self.start(command);
                process.await_stdout(text, JOIN_TIMEOUT);
                process.signal(Signal::SIGTERM);
                assert_eq!(process.exit_code(EXIT_TIMEOUT), 0, "{}", process.describe());
            }
            Pipes(text) => {
                let process = self.start(command);
                self.check_pipe(command, &process, text);
                drop(process);
                self.await_alone();
            }
            Sends(text) => {
                let process = self.start(command);
                self.ann.await_delivery(text, JOIN_TIMEOUT);
                assert_eq!(process.exit_code(JOIN_TIMEOUT), 0, "{}", process.describe());
            }
            Shows(text) => {
                let window = Window::open(command, (100, 30), &self.shell(command));
                window.await_text(text, JOIN_TIMEOUT);
                window.press("q");
                assert_eq!(window.exit_code(EXIT_TIMEOUT), 0);
            }
            Exits(text) => {
                let process = self.start(command);
                assert_eq!(process.exit_code(JOIN_TIMEOUT), 0, "{}", process.describe());
                process.await_stdout(text, JOIN_TIMEOUT);
                if let Some((_, file)) = command.split_once("> ") {
                    let drawn = std::fs::read(self.folder.join(file)).expect("it is there");
                    assert!(!drawn.is_empty(), "{command} wrote nothing");
                }
            }
        }
    }

    /// Waits until a program that was killed is no member any more: the next command may look at the ring.
    #[track_caller]
    fn await_alone(&self) {
        self.ann
            .wait_for("is alone again", JOIN_TIMEOUT, |journal| {
                let views = journal.since(0).filter_map(|event| match event {
                    Event::View(view) => Some(view.members.len()),
                    _ => None,
                });
                (views.last() == Some(1)).then_some(())
            });
    }

    /// Checks that what goes through a pipe arrives.
    #[track_caller]
    fn check_pipe(&self, command: &str, process: &Process, text: &str) {
        match command {
            CLOCK => {
                await_joined(&self.ann, "clock");
                self.ask_the_time();
            }
            _ if command.starts_with("tail") => {
                self.ann.await_delivery("all is well", JOIN_TIMEOUT);
                process.await_stdout(text, JOIN_TIMEOUT);
            }
            _ => {
                self.ann.say("what ann said");
                process.await_stdout(text, JOIN_TIMEOUT);
            }
        }
    }
}

impl DocumentsScene {
    /// Asks until the clock answers: to the clock, a question from before it was ready is history.
    #[track_caller]
    fn ask_the_time(&self) {
        let mut asked: Option<Instant> = None;
        wait::poll("hears the time", JOIN_TIMEOUT, &[&self.ann], || {
            if asked.is_none_or(|at| at.elapsed() > ASK_INTERVAL) {
                self.ann.say("what time is it?");
                asked = Some(Instant::now());
            }
            let texts = &self.ann.journal().texts;
            let is_time = |text: &String| text.contains(" 20");
            let is_told = texts.iter().any(is_time);
            is_told.then_some(()).ok_or("no year in anything said")
        });
    }
}

impl Drop for DocumentsScene {
    fn drop(&mut self) {
        self.ann.quit();
        self.host.quit();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until a node shows that a member has joined.
#[track_caller]
fn await_joined(node: &TestNode, name: &str) {
    node.wait_for_event("sees who comes", 0, JOIN_TIMEOUT, |event| match event {
        Event::Joined(member) if member.name == name => Some(()),
        _ => None,
    });
}

/// Returns all commands in the documents, as users who have installed the programs type them.
fn documented_commands() -> BTreeSet<String> {
    let of_help = |program| examples_of_help(&read_output(program, "--help"));
    let all = [
        commands_of_readmes(),
        of_help("ringtalk"),
        of_help("director"),
        of_help("ring-viz"),
    ];
    let all = all.into_iter().flatten();
    all.map(
        |command| match command.strip_prefix("cargo run --release --bin ") {
            Some(program) => program.replacen(" -- ", " ", 1),
            None => command,
        },
    )
    .collect()
}

#[test]
fn every_documented_command_works_as_documented() {
    let _turn = wait_for_turn();
    let scene = DocumentsScene::new();
    let known: BTreeMap<&str, Outcome> = COMMANDS.iter().copied().collect();
    let documented_commands = documented_commands();
    for command in &documented_commands {
        let outcome = known.get(command.as_str());
        let outcome = outcome.unwrap_or_else(|| panic!("no test knows what comes of: {command}"));
        scene.check(command, *outcome);
    }
    for command in known.keys() {
        assert!(
            documented_commands.contains(*command),
            "nobody is told to type: {command}"
        );
    }
}

#[test]
fn help_and_manual_have_the_same_examples() {
    let _turn = wait_for_turn();
    for program in ["ringtalk", "node", "director", "ring-viz"] {
        let help = examples_of_help(&read_output(program, "--help"));
        assert!(help.len() > 1, "{program}: {help:?}");
        assert_eq!(help, examples_of_manual(&read_output(program, "--man")));
        let short = examples_of_help(&read_output(program, "-h"));
        assert!(!short.is_empty() && help.starts_with(&short), "{short:?}");
        let first_words = help.iter().filter(|example| example.starts_with(program));
        assert!(first_words.count() > 0, "{program}: {help:?}");
    }
}

#[test]
fn the_manual_has_every_section() {
    let _turn = wait_for_turn();
    let of_every_program = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS"];
    let of_node = [
        "DISCUSSION",
        "OUTPUT",
        "INPUT",
        "NETWORK",
        "PROGRAM",
        "ENVIRONMENT",
        "FILES",
    ];
    for (program, more) in [
        ("ringtalk", &of_node[..]),
        ("director", &["OPTIONS"]),
        ("ring-viz", &["OPTIONS"]),
    ] {
        let page = read_output(program, "--man");
        assert!(page.contains(&format!("\n.TH {program} 1")), "{page}");
        for section in of_every_program.iter().chain(more) {
            let quoted = format!("\n.SH \"{section}\"\n");
            let plain = format!("\n.SH {section}\n");
            assert!(
                page.contains(&quoted) || page.contains(&plain),
                "{program} has no {section}: {page}"
            );
        }
    }
}

#[test]
fn every_flag_is_documented_everywhere() {
    let _turn = wait_for_turn();
    let of_node = flags(&read_output("node", "--help"));
    assert!(of_node.len() > 15, "{of_node:?}");
    for shell in ["bash", "zsh", "fish"] {
        let completions = read_output("node", &format!("--completions={shell}"));
        for flag in &of_node {
            let name = flag.trim_start_matches('-');
            assert!(
                completions.contains(name),
                "{shell} does not complete {flag}"
            );
        }
    }
    for program in ["director", "ring-viz"] {
        let page = read_output(program, "--man").replace("\\-", "-");
        let completions = ["bash", "zsh", "fish"]
            .map(|shell| read_output(program, &format!("--completions={shell}")));
        for flag in flags(&read_output(program, "--help")) {
            assert!(
                page.contains(&flag),
                "the manual of {program} has no {flag}"
            );
            let name = flag.trim_start_matches('-');
            for completions in &completions {
                assert!(
                    completions.contains(name),
                    "{program} does not complete {flag}"
                );
            }
        }
    }
    let page = read_output("node", "--man").replace("\\-", "-");
    for flag in &of_node {
        assert!(page.contains(flag.as_str()), "the manual has no {flag}");
        let key = format!("\n{} = ", flag.trim_start_matches('-'));
        let is_in_manual = flags(MANUAL).contains(flag) || MANUAL.contains(&key);
        assert!(is_in_manual, "node/README.md has no {flag}");
    }
    let all = ["director", "ring-viz"].map(|program| flags(&read_output(program, "--help")));
    let mut known: BTreeSet<String> = all.into_iter().flatten().chain(of_node).collect();
    known.extend(flags(OF_OTHERS));
    known.extend(flags(&OF_TOOLS.concat()));
    for (path, text) in READMES {
        for flag in flags(text) {
            assert!(
                known.contains(&flag),
                "{path} has {flag}, which no program has"
            );
        }
    }
}

/// Flags of the simulator and the benchmark, whose own tests check them.
const OF_TOOLS: [&str; 2] = [
    "--seeds --scenario --nodes --lasts --dead --talk --newcomers --json --in-room --rooms ",
    "--members --bytes --rounds --seconds --peers --restart",
];

#[test]
fn the_contract_has_every_flag_variable_and_exit_status() {
    let _turn = wait_for_turn();
    for program in ["node", "director", "ring-viz"] {
        let help = read_output(program, "--help");
        let section = section_of_contract(&format!("`{program}`"));
        let table = section.split("\n### ").next().expect("a section begins");
        let general = ["--help", "--version"].map(str::to_owned);
        let built: BTreeSet<String> = flags(&help).into_iter().chain(general.clone()).collect();
        let listed: BTreeSet<String> = flags(table).into_iter().chain(general).collect();
        assert_eq!(built, listed, "{program}");
        let listed = variables(table);
        for variable in variables(&help) {
            assert!(
                listed.contains(&variable) || program == "ring-viz",
                "the contract has no {variable}"
            );
        }
    }
    let help = read_output("node", "--help");
    let (_, built) = help.split_once("Exit status:\n").expect("exit statuses");
    let built = built
        .lines()
        .filter_map(|line| line.trim().parse::<u8>().ok());
    let listed = section_of_contract("`node`").lines();
    let listed = listed.filter_map(|line| line.split('|').nth(1)?.trim().parse::<u8>().ok());
    let built: Vec<u8> = built.collect();
    assert_eq!(built, listed.collect::<Vec<u8>>());
    assert_eq!(built, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_contract_has_every_request() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let rows = section_of_contract("`director`").lines();
    let requests = rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    let requests = requests.filter_map(|(request, _)| request.split_once(" /"));
    let requests: Vec<_> = requests
        .map(|(method, path)| (method, format!("/{path}")))
        .collect();
    assert!(requests.len() > 6, "{requests:?}");
    for (method, path) in &requests {
        let body = (*method != "GET").then_some("{}");
        let answer = director.ask(method, path, body);
        assert!(
            ![404, 405].contains(&answer.status),
            "{method} {path}: {answer}"
        );
    }
    let routes = include_str!("../../director/src/app.rs")
        .split(".route(\"")
        .skip(1);
    for route in routes.filter_map(|rest| rest.split('"').next()) {
        let is_listed = requests.iter().any(|(_, path)| path == route);
        assert!(is_listed, "the contract has no {route}");
    }
    for (method, path) in [("GET", "/nothing"), ("PUT", "/register_node")] {
        let answer = director.ask(method, path, None);
        assert!(
            [404, 405].contains(&answer.status),
            "{method} {path}: {answer}"
        );
    }
}

#[test]
fn defaults_match_the_help() {
    let _turn = wait_for_turn();
    for (program, flag, default) in [
        ("node", "--timeout", "[default: 30]"),
        ("node", "--history", "[default: 10000]"),
        ("node", "--ui", "[default: auto]"),
        ("node", "--fingers", "[default: auto]"),
        ("node", "--color", "[default: auto]"),
        ("node", "--bell", "[default: mentions]"),
        ("node", "--notifications", "[default: off]"),
        ("node", "--log", "[default: warn]"),
        ("node", "--name", "[default: the login name]"),
        ("director", "--listen", "[default: 0.0.0.0:8080]"),
        ("director", "--log", "[default: warn]"),
        ("ring-viz", "--timeout", "[default: 5]"),
    ] {
        let help = read_output(program, "--help");
        let description =
            paragraph(&help, flag).unwrap_or_else(|| panic!("{program} has no {flag}"));
        let description: Vec<&str> = description.split_whitespace().collect();
        let description = description.join(" ");
        assert!(
            description.contains(default),
            "{program} {flag}: {description}"
        );
    }
    let host = Launch::bare("login")
        .arguments(&["--json"])
        .environment("USER", "somebody")
        .start();
    let ready = host.await_ready(JOIN_TIMEOUT);
    assert_eq!(ready.name, "somebody");
    let port = ready.address.rsplit_once(':').map(|(_, port)| port.parse());
    let port: u16 = port.expect("a port").expect("a number");
    assert!((8080..9080).contains(&port), "a founder listens at {port}");
    host.quit();
}
