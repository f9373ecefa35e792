//! What `--help` and the manual page say beside the flags: examples, the environment, files, exit statuses.
//!
//! One text for both. Each example is run by `tests/tests/documents.rs`. Not here: the flags (`args`), and how the page is set (`manual`).

use super::keys::KEYS;

/// Commands, and what each does. The first ones are those of `-h`.
pub(super) const EXAMPLES: [(&str, &str); 8] = [
    (
        "node",
        "Start a private discussion, and print the invite that others need",
    ),
    (
        "node --join 'ringtalk://192.0.2.7:8080/#EaGqGNVcyaY6oykTFuP5fAHy'",
        "Take part in it",
    ),
    (
        "node --join director:8080",
        "Take part in the open discussion of a director",
    ),
    (
        "node --start director:8080",
        "Start a private discussion at a director that outlives this node",
    ),
    (
        "RINGTALK_SECRET=EaGqGNVcyaY6oykTFuP5fAHy node --join director:8080",
        "Take part in a private one, without showing the secret to other users of this machine",
    ),
    (
        "tail -f build.log | node --join director:8080 --name builds",
        "Say each line of a file as it comes",
    ),
    (
        "node --join director:8080 --say 'the build is done' </dev/null",
        "Say one thing, and leave",
    ),
    (
        "node --join director:8080 --json",
        "Be a program's part of it: events on stdout, one JSON object a line, and messages on stdin",
    ),
];
/// How many of them `-h` has.
const SHORT: usize = 3;

/// Variables that stand for no flag.
pub(super) const ENVIRONMENT: [(&str, &str); 4] = [
    (
        "RINGTALK_...",
        "Each flag that names a variable: the flag comes before it, and an empty one counts as none",
    ),
    (
        "RINGTALK_SECRET",
        "The secret for --join host:port or --start, which no command line need show",
    ),
    ("NO_COLOR", "No colours, unless --color always is given"),
    (
        "XDG_CONFIG_HOME",
        "Where the file of settings is looked for; a relative path counts as none",
    ),
];

pub(super) const FILE: &str =
    "$XDG_CONFIG_HOME/ringtalk/config.toml, else ~/.config/ringtalk/config.toml";
pub(super) const FILE_MEANING: &str = "What is the same in every discussion, as TOML. It is read if it is there, and \
    never written; flags and variables come before it. What leads into a discussion is not in it. The keys, \
    with examples:";

/// Exit statuses, as in `wire/CONTRACT.md`.
pub(super) const STATUSES: [(&str, &str); 6] = [
    ("0", "Left as asked"),
    (
        "1",
        "A failure not listed here, such as a port that is taken",
    ),
    (
        "2",
        "The command line, a variable or the file of settings is wrong",
    ),
    ("3", "No director or member could be reached in time"),
    (
        "4",
        "Refused: wrong, mistyped or missing secret, no such discussion, incompatible version",
    ),
    (
        "5",
        "With --quit-on-eof: something could not be handed to anybody in time",
    ),
];

/// What stands below the flags of `-h`.
pub(super) fn short() -> String {
    section("Examples", &EXAMPLES[..SHORT])
        + "\n--help says more, --man all of it as a manual page."
}

/// What stands below the flags of `--help`.
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
