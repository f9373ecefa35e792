//! The binaries from outside, as far as one process goes: flags, exit statuses, last words.
//!
//! Not here: anything with a second node (the workspace's `tests`).

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// Runs `node` with these arguments, a stdin that ends at once, and no settings from outside.
fn node(line: &str) -> Output {
    run(env!("CARGO_BIN_EXE_node"), line)
}

fn run(program: &str, line: &str) -> Output {
    let mut command = Command::new(program);
    for variable in ["JOIN", "START", "SECRET", "NAME", "LISTEN", "LOG"] {
        command.env_remove(format!("RINGTALK_{variable}"));
    }
    command
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn what_is_asked_about_the_program_is_answered() {
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
    let other = run(env!("CARGO_BIN_EXE_ringtalk"), "--version");
    assert!(other.status.success());
}

#[test]
fn a_wrong_command_line_is_status_2_and_says_why() {
    for (line, words) in [
        ("--nonsense", "--nonsense"),
        ("--join nowhere", "host:port"),
        ("--timeout never", "--timeout"),
        ("--start nowhere", "host:port"),
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
    assert!(text(&output.stderr).contains("no way in was found"));
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].contains(r#""code":"director-unreachable""#));
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
fn a_health_check_finds_nobody_where_nobody_is() {
    let line = format!("--healthcheck --director-listen {}", nobody());
    let output = node(&line);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn who_begins_a_discussion_is_told_how_others_get_in() {
    let output = node("--director-listen 127.0.0.1:0 --listen 127.0.0.1:0 --name ann");
    assert_eq!(output.status.code(), Some(0));
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("* you are ann, and the first here\n"),
        "{stdout}"
    );
    assert!(stdout.contains("* others join with: node --join ringtalk://127.0.0.1:"));
    assert!(stdout.ends_with("* goodbye\n"), "{stdout}");
}
