//! The binaries from outside, as far as one process goes: flags, exit statuses, last words.
//!
//! Not here: tests with a second node (the workspace's `tests`).

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// A folder that cannot exist.
const NOWHERE: &str = "/dev/null/nowhere";

/// Runs `node` with these arguments, a stdin that ends at once, and no settings from outside.
fn node(line: &str) -> Output {
    run(env!("CARGO_BIN_EXE_node"), line)
}

fn run(program: &str, line: &str) -> Output {
    run_with(program, line, NOWHERE)
}

/// Runs a program with the settings file in this folder.
fn run_with(program: &str, line: &str, settings: &str) -> Output {
    let mut command = Command::new(program);
    for variable in [
        "JOIN",
        "START",
        "SECRET",
        "NAME",
        "LISTEN",
        "DIRECTOR_LISTEN",
        "LOG",
    ] {
        command.env_remove(format!("RINGTALK_{variable}"));
    }
    command.env("XDG_CONFIG_HOME", settings);
    command
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns an address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn informational_flags_print_and_succeed() {
    for (flag, words) in [
        ("--help", "--director-listen <ADDR>"),
        ("--version", "node 0.1.0"),
        ("--man", ".TH node 1"),
        ("--completions zsh", "#compdef node"),
    ] {
        let output = node(flag);
        assert!(output.status.success(), "{flag}");
        assert!(text(&output.stdout).contains(words), "{flag}");
    }
}

/// Checks that a program calls itself `name` wherever it names itself.
#[track_caller]
fn expect_called(program: &str, name: &str) {
    for (flag, words) in [
        ("--help", format!("Usage: {name} [OPTIONS]")),
        ("--help", format!("\n  {name} --join director:8080\n")),
        ("-h", format!("Usage: {name} [OPTIONS]")),
        ("--version", format!("{name} 0.1.0\n")),
        ("--man", format!(".TH {name} 1")),
        ("--man", format!("| {name} \\-\\-join")),
        ("--completions zsh", format!("#compdef {name}\n")),
    ] {
        let stdout = text(&run(program, flag).stdout);
        assert!(stdout.contains(&words), "{flag}: {words}: {stdout}");
    }
    let nobody = nobody();
    for (line, words) in [
        ("--nonsense".to_owned(), format!("Usage: {name} [OPTIONS]")),
        (
            "ringtalk://a/#x".to_owned(),
            format!("{name}: --join: a secret has"),
        ),
        (
            format!("--healthcheck --director-listen {nobody}"),
            format!("{name}: no node and no director answers"),
        ),
        (
            format!("--timeout 0.2 {nobody}"),
            format!("{name}: could not join"),
        ),
        (
            "a:1 --listen 192.0.2.1:1".to_owned(),
            format!("{name}: cannot listen"),
        ),
    ] {
        let stderr = text(&run(program, &line).stderr);
        assert!(stderr.contains(&words), "{line}: {words}: {stderr}");
        let others = ["node: ", "ringtalk: ", "Usage: node", "Usage: ringtalk"];
        let mut others = others.iter().filter(|other| !words.contains(**other));
        assert!(
            !others.any(|other| stderr.contains(other)),
            "{line}: {stderr}"
        );
    }
    let founder = run(
        program,
        "--director-listen 127.0.0.1:0 --listen 127.0.0.1:0",
    );
    let words = format!("\n* others join with:\n{name} --join 'ringtalk://127.0.0.1:");
    assert!(text(&founder.stdout).contains(&words), "{name}");
}

#[test]
fn a_program_is_called_what_it_was_started_as() {
    expect_called(env!("CARGO_BIN_EXE_node"), "node");
    expect_called(env!("CARGO_BIN_EXE_ringtalk"), "ringtalk");
    let folder = Folder::new("names", "");
    for (file, name) in [("chat", "chat"), ("two words", "ringtalk")] {
        let link = folder.0.join(file);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_node"), &link).unwrap();
        expect_called(link.to_str().unwrap(), name);
    }
    let copy = folder.0.join("talk.copy");
    std::fs::copy(env!("CARGO_BIN_EXE_node"), &copy).unwrap();
    expect_called(copy.to_str().unwrap(), "talk.copy");
}

/// A program with a secret in its environment executes itself again.
#[test]
fn a_program_keeps_its_name_when_it_cleans_its_environment() {
    let folder = Folder::new("cleans", "");
    let link = folder.0.join("chat");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_node"), &link).unwrap();
    let mut command = Command::new(&link);
    command
        .env("XDG_CONFIG_HOME", NOWHERE)
        .env("RINGTALK_SECRET", "00112233445566778899aabbccddeeff")
        .args(["--timeout", "0.2", &nobody()])
        .stdin(Stdio::null());
    let stderr = text(&command.output().unwrap().stderr);
    assert!(stderr.contains("chat: could not join"), "{stderr}");
}

#[test]
fn a_wrong_command_line_is_status_2_and_says_why() {
    for (line, words) in [
        ("--nonsense", "--nonsense"),
        ("--join no/where", "host:port"),
        ("--timeout never", "--timeout"),
        ("--start no/where", "host:port"),
    ] {
        let output = node(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(text(&output.stderr).contains(words), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn a_director_that_cannot_be_reached_is_status_3() {
    let output = node(&format!("--json --timeout 0.5 --join {}", nobody()));
    assert_eq!(output.status.code(), Some(3));
    let stderr = text(&output.stderr);
    let words = "could not join within 0.5 s: no director answers at 127.0.0.1:";
    assert!(stderr.contains(words), "{stderr}");
    assert!(
        !stderr.contains("joining:"),
        "a pipe is told of steps: {stderr}"
    );
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], r#"{"event":"joining","stage":"asking-director"}"#);
    assert!(lines[1].contains(r#""code":"director-unreachable""#));
    assert_eq!(
        lines.last(),
        Some(&r#"{"event":"goodbye","reason":"unreachable"}"#)
    );
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = node(&format!("--join 127.0.0.1:1 --listen {address}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("choose another address with --listen"));
}

#[test]
fn a_health_check_fails_without_a_listener() {
    let line = format!("--healthcheck --director-listen {}", nobody());
    let output = node(&line);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_founder_sees_how_others_join() {
    let output = node("--director-listen 127.0.0.1:0 --listen 127.0.0.1:0 --name ann");
    assert_eq!(output.status.code(), Some(0));
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("* you are ann; nobody else is here yet\n"),
        "{stdout}"
    );
    let command = "\n* others join with:\nnode --join 'ringtalk://127.0.0.1:";
    assert!(stdout.contains(command), "{stdout}");
    let last = stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("* 1 person, ") && last.ends_with(" s, 0 messages. Nothing was kept."),
        "{stdout}"
    );
}

/// A folder with a settings file.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str, settings: &str) -> Self {
        let name = format!("ringtalk-settings-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("ringtalk")).unwrap();
        std::fs::write(folder.join("ringtalk/config.toml"), settings).unwrap();
        Self(folder)
    }

    fn node(&self, line: &str) -> Output {
        let node = env!("CARGO_BIN_EXE_node");
        run_with(node, line, self.0.to_str().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn flags_and_variables_override_the_file() {
    let settings =
        "name = \"filed\"\nlisten = \"127.0.0.1:0\"\ndirector-listen = \"127.0.0.1:0\"\n";
    let folder = Folder::new("holds", settings);
    let stdout = text(&folder.node("").stdout);
    assert!(stdout.starts_with("* you are filed; nobody"), "{stdout}");
    assert!(
        stdout.contains("node --join 'ringtalk://127.0.0.1:"),
        "{stdout}"
    );
    let stdout = text(&folder.node("--name typed").stdout);
    assert!(stdout.starts_with("* you are typed; nobody"), "{stdout}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    let command = command
        .env("XDG_CONFIG_HOME", &folder.0)
        .stdin(Stdio::null());
    let output = command.env("RINGTALK_NAME", "variable").output().unwrap();
    assert!(text(&output.stdout).starts_with("* you are variable; nobody"));
    let file = folder.0.join("ringtalk/config.toml");
    assert_eq!(std::fs::read_to_string(file).unwrap(), settings);
    let entries = std::fs::read_dir(folder.0.join("ringtalk")).unwrap();
    assert_eq!(entries.count(), 1);
}

#[test]
fn an_error_in_the_file_is_status_2_and_names_its_line() {
    for (settings, words) in [
        (
            "\nnam = \"x\"",
            "line 2: unknown key nam; did you mean name?",
        ),
        ("name = 5", "line 1: name has a value of the wrong type"),
        (
            "name = \"\\u0007\"",
            "line 1: name: a name cannot have control characters",
        ),
        (
            "\n\ntimeout = 0",
            "line 3: timeout: invalid value \"0\"; expected seconds",
        ),
        (
            "history = 1000001",
            "line 1: history: invalid value \"1000001\"; expected a number",
        ),
        (
            "history = -1",
            "line 1: history: invalid value \"-1\"; expected a number",
        ),
        (
            "listen = \"nowhere\"",
            "line 1: listen: invalid value \"nowhere\"; expected an address",
        ),
        ("public-address = \"x\"", "line 1: public-address: "),
        ("director-listen = \"x\"", "line 1: director-listen: "),
        ("log = \"a=b=c\"", "line 1: log: "),
        (
            "ui = \"tui\"",
            "line 1: ui: tui needs a terminal on stdin and stdout",
        ),
        (
            "fingers = \"many\"",
            "line 1: fingers: invalid value \"many\"; expected one of auto, off",
        ),
        ("join = \"a:1\"", "line 1: join belongs to one discussion"),
        ("name =", "line 1: invalid TOML"),
    ] {
        let folder = Folder::new("wrong", settings);
        let output = folder.node("");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{settings}: {stderr}");
        assert!(stderr.contains("ringtalk/config.toml, "), "{stderr}");
        assert!(stderr.contains(words), "{settings}: {stderr}");
        assert!(output.stdout.is_empty(), "{settings}");
        // A user who wants to know what is right can still ask.
        assert!(folder.node("--help").status.success());
        assert!(folder.node("--man").status.success());
    }
}

#[test]
fn an_error_names_the_variable_that_it_comes_from() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    let command = command.env("XDG_CONFIG_HOME", NOWHERE).stdin(Stdio::null());
    let output = command.env("RINGTALK_LISTEN", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("RINGTALK_LISTEN: invalid value \"nowhere\""),
        "{stderr}"
    );
}
