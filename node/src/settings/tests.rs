//! The resolution of command lines.

use clap::Parser;

use ringtalk_session::Command;

use super::*;

fn resolve(line: &str, around: &Surroundings) -> Result<Task, SettingsError> {
    let words = line.split_whitespace();
    let args = Args::try_parse_from(std::iter::once("node").chain(words)).unwrap();
    Task::resolve(&args, around)
}

fn settings(line: &str) -> Settings {
    match resolve(line, &Surroundings::default()).unwrap() {
        Task::Run(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

fn error(line: &str) -> String {
    let error = resolve(line, &Surroundings::default()).unwrap_err();
    error.to_string()
}

#[test]
fn the_definition_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn without_flags_a_discussion_begins_here() {
    let settings = settings("");
    let listen = DIRECTOR_LISTEN.parse().unwrap();
    let host = Entry::Host {
        listen,
        exactly: false,
    };
    assert_eq!(settings.entry, host);
    assert_eq!(settings.timeout, Duration::from_secs(30));
    assert_eq!(settings.history, 10_000);
    assert_eq!(settings.show, Show::Lines { color: false });
    assert_eq!(settings.name.to_string(), "node");
    assert!(settings.quit_on_eof, "stdin is no terminal here");
    assert!(!settings.secret.is_open());
}

#[test]
fn directors_are_tried_in_the_order_given_and_once() {
    let settings = settings("--join ringtalk://b:2/ --join a:1 --join b:2");
    assert!(settings.secret.is_open());
    let Entry::Join(places) = settings.entry else {
        panic!("expected to join");
    };
    let directors: Vec<_> = places
        .iter()
        .map(|place| (place.director.as_str(), place.may_found))
        .collect();
    assert_eq!(directors, [("b:2", true), ("a:1", true)]);
}

#[test]
fn eof_ends_a_pipe_but_neither_a_terminal_nor_a_program() {
    let terminal = Surroundings {
        stdin_is_terminal: true,
        ..Surroundings::default()
    };
    let quits = |line: &str, around: &Surroundings| match resolve(line, around).unwrap() {
        Task::Run(settings) => settings.quit_on_eof,
        other => panic!("{other:?}"),
    };
    assert!(!quits("", &terminal));
    assert!(quits("--quit-on-eof", &terminal));
    assert!(!quits("--json", &Surroundings::default()));
    assert!(quits("--json --quit-on-eof", &Surroundings::default()));
    assert!(!quits("--quit-on-eof=false", &Surroundings::default()));
}

#[test]
fn colours_are_for_terminals() {
    let mut around = Surroundings {
        stdout_is_terminal: true,
        ..Surroundings::default()
    };
    let color = |line: &str, around: &Surroundings| match resolve(line, around).unwrap() {
        Task::Run(settings) => settings.show,
        other => panic!("{other:?}"),
    };
    assert_eq!(color("", &around), Show::Lines { color: true });
    around.no_color = true;
    assert_eq!(color("", &around), Show::Lines { color: false });
    assert_eq!(
        color("--color always", &around),
        Show::Lines { color: true }
    );
    let json = Show::Json { commands: false };
    assert_eq!(color("--json --color always", &around), json);
    assert_eq!(color("--ui none", &around), Show::Nothing);
}

#[test]
fn the_full_screen_is_for_terminals() {
    let around = |stdin_is_terminal, stdout_is_terminal, term: &str| Surroundings {
        stdin_is_terminal,
        stdout_is_terminal,
        term: Some(term.into()),
        ..Surroundings::default()
    };
    let show = |line: &str, around: &Surroundings| match resolve(line, around) {
        Ok(Task::Run(settings)) => settings.show,
        other => panic!("{other:?}"),
    };
    let terminal = around(true, true, "xterm");
    let screen = Show::Screen { color: true };
    let lines = Show::Lines { color: true };
    assert_eq!(show("", &terminal), screen);
    assert_eq!(show("--ui lines", &terminal), lines);
    let piped = around(false, true, "xterm");
    assert_eq!(show("", &piped), lines);
    let dumb = around(true, true, "dumb");
    assert_eq!(show("", &dumb), lines);
    assert_eq!(show("--ui tui", &dumb), screen);
}

#[test]
fn what_is_said_first_is_read_as_if_it_was_typed() {
    let said = settings("--say hello --say /who").say;
    let hello = Command::Say("hello".to_owned().try_into().unwrap());
    assert_eq!(said[0].command, Ok(hello));
    assert!(!matches!(&said[1].command, Ok(Command::Say(_)) | Err(_)));
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    for (line, words) in [
        ("--say /nonsense", "--say: there is no command"),
        ("--join host", "--join: \"host\" is neither"),
        ("--join a:1 --start b:2", "choose one"),
        ("--start host", "--start: \"host\" is neither"),
        ("--start ringtalk://b:2/", "--start: an invite leads"),
        ("--start ringtalk://b:2/#secret", "--start: an invite leads"),
        ("--join ringtalk://a:1/#secret", "a secret has 24 letters"),
        ("--join ringtalk://a:1/#", "RINGTALK_SECRET"),
        ("--listen nowhere", "--listen: \"nowhere\""),
        ("--director-listen 1:2:3", "--director-listen"),
        ("--public-address host:0", "--public-address"),
        ("--timeout 0", "--timeout"),
        ("--timeout soon", "--timeout"),
        ("--timeout inf", "--timeout"),
        ("--history -1", "--history"),
        ("--history 1000001", "--history"),
        ("--log a=b=c", "--log"),
        ("--json --ui none", "--json"),
        ("--ui tui", "have to be a terminal"),
    ] {
        let line = line.replacen("--history -1", "--history=-1", 1);
        assert!(error(&line).contains(words), "{line}: {}", error(&line));
    }
    let long = "x".repeat(33);
    assert!(error(&format!("--name {long}")).contains("32 characters"));
}

/// Returns surroundings with this text in `RINGTALK_SECRET`.
fn with_secret(secret: &str) -> Surroundings {
    Surroundings {
        secret: Some(Hidden::from(secret.to_owned())),
        ..Surroundings::default()
    }
}

#[test]
fn a_secret_in_the_environment_is_that_of_whatever_is_started_or_joined() {
    let text = "00112233445566778899aabbccddeeff";
    for (line, may_found) in [
        ("", None),
        ("--start a:1", Some(true)),
        ("--join a:1", Some(false)),
    ] {
        let Ok(Task::Run(settings)) = resolve(line, &with_secret(text)) else {
            panic!("{line} is no task");
        };
        assert_eq!(settings.secret, text.parse().unwrap());
        match settings.entry {
            Entry::Join(places) => assert_eq!(may_found, Some(places[0].may_found)),
            Entry::Host { .. } => assert_eq!(may_found, None),
        }
    }
}

#[test]
fn a_mistyped_secret_is_refused_wherever_it_stands() {
    for line in ["", "--start a:1", "--join a:1"] {
        let error = resolve(line, &with_secret("mistyped")).unwrap_err();
        assert!(error.is_refusal(), "{line}: {error}");
    }
    let error = resolve("--join ringtalk://a:1/#mistyped", &Surroundings::default());
    assert!(error.unwrap_err().is_refusal());
}

#[test]
fn a_new_private_discussion_has_a_new_secret() {
    let [one, other] = ["--start a:1", "--start a:1"].map(settings);
    assert_ne!(one.secret, other.secret);
    let Entry::Join(places) = one.entry else {
        panic!("expected to ask a director");
    };
    assert!(places[0].may_found);
}

#[test]
fn nothing_shows_what_was_typed() {
    let words = ["node", "--join", "ringtalk://a:1/#mistyped"];
    let args = Args::try_parse_from(words).unwrap();
    assert!(!format!("{args:?}").contains("mistyped"));
    assert!(!error("--join ringtalk://a:1/#mistyped").contains("#mistyped"));
    assert!(!error("--start ringtalk://a:1/#mistyped").contains("mistyped"));
}

#[test]
fn empty_values_count_as_absent() {
    let settings = settings("--join= --listen= --public-address= --name=");
    assert!(matches!(settings.entry, Entry::Host { .. }));
    assert_eq!(settings.listen, None);
    assert_eq!(settings.public_address, None);
}

#[test]
fn a_health_check_needs_to_know_the_port() {
    let check = |line| match resolve(line, &Surroundings::default()).unwrap() {
        Task::Check { node, director } => (node, director.port()),
        other => panic!("{other:?}"),
    };
    assert_eq!(check("--healthcheck"), (None, 8080));
    assert_eq!(check("--healthcheck --listen [::]:0"), (None, 8080));
    let node = Some("[::]:4000".parse().unwrap());
    let line = "--healthcheck --listen [::]:4000 --director-listen 0.0.0.0:90";
    assert_eq!(check(line), (node, 90));
}

#[test]
fn an_empty_value_on_the_command_line_is_a_mistake() {
    let typed = |arguments: &[&str]| is_left_empty(arguments.iter().map(|&text| text.to_owned()));
    assert!(typed(&["node", "--name", ""]));
    assert!(typed(&["node", "--name="]));
    assert!(!typed(&["node", "--name", "ann"]));
}
