//! The resolution of command lines.

use clap::Parser;

use ringtalk_session::Command;

use super::*;

fn resolve(line: &str, context: &ProcessContext) -> Result<ProgramTask, SettingsError> {
    let words = line.split_whitespace();
    let words: Vec<OsString> = std::iter::once("node")
        .chain(words)
        .map(Into::into)
        .collect();
    let program = ProgramName::of_path("node".as_ref());
    let args = layer(program, &words, FileSettings::default()).unwrap();
    ProgramTask::resolve(program, &args, context)
}

fn settings(line: &str) -> Settings {
    match resolve(line, &ProcessContext::default()).unwrap() {
        ProgramTask::Run(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

fn error(line: &str) -> String {
    let error = resolve(line, &ProcessContext::default()).unwrap_err();
    error.to_string()
}

#[test]
fn the_definition_is_sound() {
    args::command(ProgramName::default()).debug_assert();
}

#[test]
fn without_flags_a_discussion_begins_here() {
    let settings = settings("");
    assert_eq!(settings.entry, EntryMode::Found);
    assert_eq!((settings.listen, settings.director_listen), (None, None));
    assert_eq!(settings.timeout, Duration::from_secs(30));
    assert_eq!(settings.history, 10_000);
    assert_eq!(settings.show, FaceKind::Lines { color: false });
    assert_eq!(settings.name.to_string(), "node");
    assert!(settings.quit_on_eof, "stdin is no terminal here");
    assert!(!settings.secret.is_open());
}

#[test]
fn directors_are_tried_in_the_order_given_and_once() {
    let settings = settings("--join ringtalk://b:2/ --join a:1 --join b:2");
    assert!(settings.secret.is_open());
    let EntryMode::Join(endpoints) = settings.entry else {
        panic!("expected to join");
    };
    let directors: Vec<_> = endpoints
        .iter()
        .map(|endpoint| (endpoint.director.as_str(), endpoint.may_found))
        .collect();
    assert_eq!(directors, [("b:2", true), ("a:1", true)]);
}

#[test]
fn eof_ends_a_pipe_but_neither_a_terminal_nor_a_program() {
    let terminal = ProcessContext {
        stdin_is_terminal: true,
        ..ProcessContext::default()
    };
    let quits = |line: &str, context: &ProcessContext| match resolve(line, context).unwrap() {
        ProgramTask::Run(settings) => settings.quit_on_eof,
        other => panic!("{other:?}"),
    };
    assert!(!quits("", &terminal));
    assert!(quits("--quit-on-eof", &terminal));
    assert!(!quits("--json", &ProcessContext::default()));
    assert!(quits("--json --quit-on-eof", &ProcessContext::default()));
    assert!(!quits("--quit-on-eof=false", &ProcessContext::default()));
}

#[test]
fn colours_are_for_terminals() {
    let mut context = ProcessContext {
        stdout_is_terminal: true,
        ..ProcessContext::default()
    };
    let color = |line: &str, context: &ProcessContext| match resolve(line, context).unwrap() {
        ProgramTask::Run(settings) => settings.show,
        other => panic!("{other:?}"),
    };
    assert_eq!(color("", &context), FaceKind::Lines { color: true });
    context.no_color = true;
    assert_eq!(color("", &context), FaceKind::Lines { color: false });
    assert_eq!(
        color("--color always", &context),
        FaceKind::Lines { color: true }
    );
    let json = FaceKind::Json { commands: false };
    assert_eq!(color("--json --color always", &context), json);
    assert_eq!(color("--ui none", &context), FaceKind::Nothing);
}

#[test]
fn the_full_screen_is_for_terminals() {
    let context = |stdin_is_terminal, stdout_is_terminal, term: &str| ProcessContext {
        stdin_is_terminal,
        stdout_is_terminal,
        term: Some(term.into()),
        ..ProcessContext::default()
    };
    let show = |line: &str, context: &ProcessContext| match resolve(line, context) {
        Ok(ProgramTask::Run(settings)) => settings.show,
        other => panic!("{other:?}"),
    };
    let terminal = context(true, true, "xterm");
    let screen = FaceKind::Screen { color: true };
    let lines = FaceKind::Lines { color: true };
    assert_eq!(show("", &terminal), screen);
    assert_eq!(show("--ui lines", &terminal), lines);
    let piped = context(false, true, "xterm");
    assert_eq!(show("", &piped), lines);
    let dumb = context(true, true, "dumb");
    assert_eq!(show("", &dumb), FaceKind::Lines { color: false });
    assert_eq!(show("--ui tui", &dumb), FaceKind::Screen { color: false });
    let sizeless = ProcessContext {
        window: Some((0, 0)),
        ..terminal
    };
    assert_eq!(show("", &sizeless), lines);
    assert_eq!(show("--ui tui", &sizeless), screen);
}

#[test]
fn say_is_parsed_like_typed_input() {
    let said = settings("--say hello --say /who").say;
    let hello = Command::say("hello".to_owned().try_into().unwrap());
    assert_eq!(said[0].command, Ok(hello));
    assert!(!matches!(&said[1].command, Ok(Command::Say(..)) | Err(_)));
}

#[test]
fn a_place_alone_is_joined() {
    for line in ["b:2 a", "--join b:2 a:8080", "b:2,a"] {
        let EntryMode::Join(endpoints) = settings(line).entry else {
            panic!("expected to join");
        };
        let directors = endpoints.iter().map(|endpoint| endpoint.director.as_str());
        assert_eq!(directors.collect::<Vec<_>>(), ["b:2", "a:8080"], "{line}");
    }
    let invite = "ringtalk://a/#00112233445566778899aabbccddeeff";
    assert!(!settings(invite).secret.is_open());
    assert!(error("b:2 --start a:1").contains("choose one"));
}

#[test]
fn invalid_values_are_refused_with_a_reason() {
    for (line, words) in [
        ("--say /nonsense", "--say: unknown command"),
        ("--join a/b", "--join: \"a/b\" is neither"),
        ("--join a:1 --start b:2", "choose one"),
        ("--start a/b", "--start: \"a/b\" is neither"),
        ("--start ringtalk://b:2/", "--start: an invite belongs"),
        (
            "--start ringtalk://b:2/#secret",
            "--start: an invite belongs",
        ),
        ("--join ringtalk://a:1/#secret", "a secret has 24 letters"),
        ("--join ringtalk://a:1/#", "RINGTALK_SECRET"),
        ("--listen nowhere", "--listen: invalid value \"nowhere\""),
        ("--director-listen 1:2:3", "--director-listen"),
        ("--public-address host:0", "--public-address"),
        ("--timeout 0", "--timeout"),
        ("--timeout soon", "--timeout"),
        ("--timeout inf", "--timeout"),
        ("--history -1", "--history"),
        ("--history 1000001", "--history"),
        ("--log a=b=c", "--log"),
        ("--json --ui none", "--json"),
        ("--ui tui", "needs a terminal"),
    ] {
        let line = line.replacen("--history -1", "--history=-1", 1);
        assert!(error(&line).contains(words), "{line}: {}", error(&line));
    }
    let long = "x".repeat(33);
    assert!(error(&format!("--name {long}")).contains("32 characters"));
}

/// Returns a context with this text in `RINGTALK_SECRET`.
fn with_secret(secret: &str) -> ProcessContext {
    ProcessContext {
        secret: Some(Hidden::from(secret.to_owned())),
        ..ProcessContext::default()
    }
}

#[test]
fn a_secret_in_the_environment_is_used_to_start_and_to_join() {
    let text = "00112233445566778899aabbccddeeff";
    for (line, may_found) in [
        ("", None),
        ("--start a:1", Some(true)),
        ("--join a:1", Some(false)),
    ] {
        let Ok(ProgramTask::Run(settings)) = resolve(line, &with_secret(text)) else {
            panic!("{line} is no task");
        };
        assert_eq!(settings.secret, text.parse().unwrap());
        match settings.entry {
            EntryMode::Join(endpoints) => assert_eq!(may_found, Some(endpoints[0].may_found)),
            EntryMode::Found => assert_eq!(may_found, None),
        }
    }
}

#[test]
fn a_mistyped_secret_is_refused_wherever_it_stands() {
    for line in ["", "--start a:1", "--join a:1"] {
        let error = resolve(line, &with_secret("mistyped")).unwrap_err();
        assert!(error.is_refusal(), "{line}: {error}");
    }
    let error = resolve(
        "--join ringtalk://a:1/#mistyped",
        &ProcessContext::default(),
    );
    assert!(error.unwrap_err().is_refusal());
}

#[test]
fn a_new_private_discussion_has_a_new_secret() {
    let [one, other] = ["--start a:1", "--start a:1"].map(settings);
    assert_ne!(one.secret, other.secret);
    let EntryMode::Join(endpoints) = one.entry else {
        panic!("expected to ask a director");
    };
    assert!(endpoints[0].may_found);
}

#[test]
fn a_typed_secret_is_never_shown() {
    let words = ["node", "--join", "ringtalk://a:1/#mistyped"];
    let args = Args::try_parse_from(words).unwrap();
    assert!(!format!("{args:?}").contains("mistyped"));
    assert!(!error("--join ringtalk://a:1/#mistyped").contains("#mistyped"));
    assert!(!error("--start ringtalk://a:1/#mistyped").contains("mistyped"));
}

#[test]
fn empty_values_count_as_absent() {
    let settings = settings("--join= --listen= --public-address= --name=");
    assert_eq!(settings.entry, EntryMode::Found);
    assert_eq!(settings.listen, None);
    assert_eq!(settings.public_address, None);
}

#[test]
fn a_health_check_asks_where_the_node_listens() {
    let check = |line: &str| match resolve(line, &ProcessContext::default()).unwrap() {
        ProgramTask::Check(targets) => targets,
        other => panic!("{other:?}"),
    };
    let default: SocketAddr = "0.0.0.0:8080".parse().unwrap();
    assert_eq!(check("--healthcheck"), [default]);
    assert_eq!(check("--healthcheck --listen [::]:0"), [default]);
    let node: SocketAddr = "[::]:4000".parse().unwrap();
    assert_eq!(check("--healthcheck --listen [::]:4000"), [node, default]);
    let further: SocketAddr = "0.0.0.0:90".parse().unwrap();
    let line = "--healthcheck --listen [::]:4000 --director-listen 0.0.0.0:90";
    assert_eq!(check(line), [node, further]);
}

#[test]
fn an_empty_value_on_the_command_line_is_a_mistake() {
    let typed = |arguments: &[&str]| left_empty(arguments.iter().map(|&text| text.to_owned()));
    let name = Some("--name".to_owned());
    assert_eq!(typed(&["node", "--name", ""]), name);
    assert_eq!(typed(&["node", "--json", "--name="]), name);
    assert_eq!(typed(&["node", ""]), Some("an argument".to_owned()));
    assert_eq!(typed(&["node", "--name", "ann", "--say=1 + 1 ="]), None);
}

#[test]
fn a_link_local_address_is_refused_wherever_it_stands() {
    for flag in [
        "join",
        "start",
        "listen",
        "director-listen",
        "public-address",
    ] {
        let flag = format!("--{flag} [fe80::1%eth0]:4000");
        let error = error(&flag);
        assert!(
            error.contains("means nothing on another machine"),
            "{error}"
        );
    }
}
