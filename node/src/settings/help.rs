//! The parts of `--help` and the manual page beside the flags: examples, the environment, files, exit statuses.
//!
//! `tests/tests/documents.rs` runs each example. Not here: the flags (`args`), the layout of the pages
//! (`ringtalk_director::pages`).

use ringtalk_director::pages::{self, Section};
use ringtalk_session::ProgramName;

use super::keys::KEYS;

/// The place of the program's name in an example.
const PROGRAM: &str = "{program}";

/// Example commands, and what each does. `-h` shows the first ones.
const EXAMPLES: [(&str, &str); 8] = [
    (
        "{program}",
        "Start a private discussion and print its invite",
    ),
    (
        "{program} --join 'ringtalk://192.0.2.7:8080/#EaGqGNVcyaY6oykTFuP5fAHy'",
        "Join it",
    ),
    (
        "{program} --join director:8080",
        "Join the open discussion of a director",
    ),
    (
        "{program} --start director:8080",
        "Start a private discussion at a director, which may outlive this node",
    ),
    (
        "RINGTALK_SECRET=EaGqGNVcyaY6oykTFuP5fAHy {program} --join director:8080",
        "Join a private discussion without showing the secret to other users of this machine",
    ),
    (
        "tail -f build.log | {program} --join director:8080 --name builds",
        "Send each line of a file as it is written",
    ),
    (
        "{program} --join director:8080 --say 'the build is done' </dev/null",
        "Send one message and leave",
    ),
    (
        "{program} --join director:8080 --json",
        "Take part as a program: events on stdout, one JSON object a line; messages on stdin",
    ),
];
/// The number of examples that `-h` shows.
const SHORT: usize = 3;

/// The variables that do not stand for a single flag.
const ENVIRONMENT: [(&str, &str); 4] = [
    (
        "RINGTALK_...",
        "Flags override their variables; an empty variable counts as unset",
    ),
    (
        "RINGTALK_SECRET",
        "The secret for --join host:port or --start, kept off the command line",
    ),
    (
        "NO_COLOR",
        "If set, no colours unless --color always is given",
    ),
    (
        "XDG_CONFIG_HOME",
        "Folder of the settings file; a relative path counts as unset",
    ),
];

const FILE: &str = "$XDG_CONFIG_HOME/ringtalk/config.toml, else ~/.config/ringtalk/config.toml";
const FILE_MEANING: &str = "Settings for every discussion, as TOML. Flags and variables override them. The file \
    is read if it exists, and never written. It cannot hold --join, --start or a secret. The keys, with examples:";

/// The exit statuses, as in `wire/CONTRACT.md`.
const STATUSES: [(&str, &str); 6] = [
    ("0", "Left as requested"),
    ("1", "Another failure, such as a port in use"),
    ("2", "Invalid command line, variable or settings file"),
    ("3", "Could not reach a director or member in time"),
    (
        "4",
        "Refused: wrong or missing secret, no such discussion, or incompatible version",
    ),
    (
        "5",
        "With --quit-on-eof: a line was refused, or no neighbour took a message in time",
    ),
];

/// Returns the text below the flags of `-h`.
pub(super) fn short(program: ProgramName) -> String {
    let examples = examples(program, &EXAMPLES[..SHORT]);
    examples.help() + "\n--help says more; --man prints the manual page."
}

/// Returns the text below the flags of `--help`.
pub(super) fn long(program: ProgramName) -> String {
    pages::help(&sections(program))
}

/// Returns the sections below the flags of `--help` and of the manual page.
pub(super) fn sections(program: ProgramName) -> [Section; 4] {
    let keys = KEYS.map(|(key, example)| format!("{key} = {example}"));
    [
        examples(program, &EXAMPLES),
        Section::new("Environment", ENVIRONMENT),
        Section::new("Files", [(FILE, FILE_MEANING)]).with_lines(keys),
        Section::new("Exit status", STATUSES),
    ]
}

fn examples(program: ProgramName, examples: &[(&str, &str)]) -> Section {
    let named = examples
        .iter()
        .map(|(command, meaning)| (command.replace(PROGRAM, program.as_str()), *meaning));
    Section::new("Examples", named)
}
