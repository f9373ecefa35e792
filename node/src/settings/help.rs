//! The parts of `--help` and the manual page beside the flags: examples, the environment, files, exit statuses.
//!
//! `tests/tests/documents.rs` runs each example. Not here: the flags (`args`), the layout of the page (`manual`).

use super::keys::KEYS;

/// Example commands, and what each does. `-h` shows the first ones.
pub(super) const EXAMPLES: [(&str, &str); 8] = [
    ("node", "Start a private discussion and print its invite"),
    (
        "node --join 'ringtalk://192.0.2.7:8080/#EaGqGNVcyaY6oykTFuP5fAHy'",
        "Join it",
    ),
    (
        "node --join director:8080",
        "Join the open discussion of a director",
    ),
    (
        "node --start director:8080",
        "Start a private discussion at a director, which may outlive this node",
    ),
    (
        "RINGTALK_SECRET=EaGqGNVcyaY6oykTFuP5fAHy node --join director:8080",
        "Join a private discussion without showing the secret to other users of this machine",
    ),
    (
        "tail -f build.log | node --join director:8080 --name builds",
        "Send each line of a file as it is written",
    ),
    (
        "node --join director:8080 --say 'the build is done' </dev/null",
        "Send one message and leave",
    ),
    (
        "node --join director:8080 --json",
        "Take part as a program: events on stdout, one JSON object a line; messages on stdin",
    ),
];
/// The number of examples that `-h` shows.
const SHORT: usize = 3;

/// The variables that do not stand for a single flag.
pub(super) const ENVIRONMENT: [(&str, &str); 4] = [
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

pub(super) const FILE: &str =
    "$XDG_CONFIG_HOME/ringtalk/config.toml, else ~/.config/ringtalk/config.toml";
pub(super) const FILE_MEANING: &str = "Settings for every discussion, as TOML. Flags and variables override them. node \
    reads the file if it exists, and never writes it. It cannot hold --join, --start or a secret. The keys, \
    with examples:";

/// The exit statuses, as in `wire/CONTRACT.md`.
pub(super) const STATUSES: [(&str, &str); 6] = [
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
        "With --quit-on-eof: no neighbour took a message in time",
    ),
];

/// Returns the text below the flags of `-h`.
pub(super) fn short() -> String {
    section("Examples", &EXAMPLES[..SHORT]) + "\n--help says more; --man prints the manual page."
}

/// Returns the text below the flags of `--help`.
pub(super) fn long() -> String {
    let keys = KEYS.map(|(key, example)| format!("      {key} = {example}\n"));
    [
        section("Examples", &EXAMPLES),
        section("Environment", &ENVIRONMENT),
        section("Files", &[(FILE, FILE_MEANING)])
            .trim_end()
            .to_owned()
            + "\n"
            + &keys.concat(),
        section("Exit status", &STATUSES),
    ]
    .join("\n")
}

fn section(heading: &str, items: &[(&str, &str)]) -> String {
    let items = items
        .iter()
        .map(|(term, meaning)| format!("  {term}\n      {meaning}\n"));
    format!("{heading}:\n{}", items.collect::<String>())
}
