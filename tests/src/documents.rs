//! Extracts the commands and flags that the READMEs, `--help` and the manual page name.
//!
//! Not here: the effects of the commands (the tests).

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::process::{Process, StdoutFormat, binary};
use crate::wait::Witness;

/// The READMEs at the time of the build, each with its path.
pub const READMES: [(&str, &str); 7] = [
    ("README.md", include_str!("../../README.md")),
    ("node/README.md", include_str!("../../node/README.md")),
    ("docker/README.md", include_str!("../../docker/README.md")),
    (
        "tools/ring-viz/README.md",
        include_str!("../../tools/ring-viz/README.md"),
    ),
    (
        "tools/sim/README.md",
        include_str!("../../tools/sim/README.md"),
    ),
    (
        "tools/fuzz/README.md",
        include_str!("../../tools/fuzz/README.md"),
    ),
    (
        "tools/bench/README.md",
        include_str!("../../tools/bench/README.md"),
    ),
];

/// The manual of the node at the time of the build.
pub const MANUAL: &str = READMES[1].1;

/// The contract with other programs at the time of the build.
pub const CONTRACT: &str = include_str!("../../wire/CONTRACT.md");

/// Returns the section of the contract under this heading, up to the next heading of the same level.
///
/// # Panics
///
/// If it has no such heading.
#[track_caller]
pub fn section_of_contract(heading: &str) -> &'static str {
    let start = CONTRACT.find(&format!("\n## {heading}\n"));
    let start = start.unwrap_or_else(|| panic!("the contract has no section {heading}"));
    let rest = &CONTRACT[start + 1..];
    let end = rest[1..].find("\n## ").map_or(rest.len(), |end| end + 1);
    &rest[..end]
}

/// Returns what `program` prints for a flag such as `--help`.
///
/// # Panics
///
/// If it fails.
#[track_caller]
pub fn read_output(program: &str, flag: &str) -> String {
    let mut command = Command::new(binary(program));
    let asked = Process::start(program, command.arg(flag), StdoutFormat::Text);
    let code = asked.exit_code(std::time::Duration::from_secs(5));
    assert_eq!(code, 0, "{}", asked.describe());
    asked.journal().stdout_text()
}

/// Returns the commands in the `sh` blocks of all READMEs.
pub fn commands_of_readmes() -> Vec<String> {
    let blocks = READMES
        .iter()
        .flat_map(|(_, text)| text.split("```sh\n").skip(1));
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks.flat_map(split_commands).collect()
}

/// Returns the commands below `Examples:`, which are less indented than their descriptions.
pub fn examples_of_help(help: &str) -> Vec<String> {
    let section = help.split("\nExamples:\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.trim().is_empty());
    let commands = lines.filter_map(|line| line.strip_prefix("  "));
    commands
        .filter(|line| !line.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

/// Returns the commands in the EXAMPLES section of a manual page.
pub fn examples_of_manual(page: &str) -> Vec<String> {
    let section = page.split("\n.SH EXAMPLES\n").nth(1).unwrap_or_default();
    let section = section.split("\n.SH ").next().unwrap_or_default();
    let commands = section.lines().filter_map(|line| line.strip_prefix("\\fB"));
    commands
        .filter_map(|line| line.strip_suffix("\\fR"))
        .map(|line| line.replace("\\-", "-").replace("\\*(Aq", "'"))
        .collect()
}

/// Returns the flags that a text names.
pub fn flags(text: &str) -> BTreeSet<String> {
    let is_flag = |char: char| char.is_ascii_lowercase() || char == '-';
    let words = text.split(|char| !is_flag(char));
    let flags = words.filter(|word| word.len() > 3 && word.starts_with("--"));
    let flags = flags.filter(|word| !word[2..].starts_with('-'));
    flags
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

/// Returns the environment variables that a text names.
pub fn variables(text: &str) -> BTreeSet<String> {
    let is_variable = |char: char| char.is_ascii_uppercase() || char == '_';
    let words = text.split(|char| !is_variable(char));
    let own = words.filter(|word| word.starts_with("RINGTALK_") && !word.ends_with('_'));
    own.map(str::to_owned).collect()
}

/// Returns the description of a flag in a help text, its defaults included.
pub fn paragraph<'a>(help: &'a str, flag: &str) -> Option<&'a str> {
    let start = help
        .find(&format!("{flag} "))
        .or_else(|| help.find(&format!("{flag}\n")))?;
    let rest = &help[start..];
    let end = rest.find("\n      -").or_else(|| rest.find("\n  -"));
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Splits a script into commands; a command ends where the shell accepts it as complete.
fn split_commands(block: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut command = String::new();
    for line in block.lines().map(without_comment) {
        if !command.is_empty() {
            command.push('\n');
        }
        command.push_str(line);
        if is_complete(&command) {
            commands.push(std::mem::take(&mut command));
        }
    }
    commands.retain(|command| !command.trim().is_empty());
    commands.extend(Some(command).filter(|rest| !rest.is_empty()));
    commands
}

/// Returns a line without its comment.
fn without_comment(line: &str) -> &str {
    let comment = line
        .find(" #")
        .or_else(|| line.starts_with('#').then_some(0));
    line[..comment.unwrap_or(line.len())].trim_end()
}

fn is_complete(command: &str) -> bool {
    if command.ends_with('\\') {
        return false;
    }
    let mut shell = Command::new("bash");
    let checked = shell.args(["-n", "-c", command]).stderr(Stdio::null());
    checked.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_have_several_lines_and_comments() {
        let block =
            "one   # why\n# nothing\ntwo \\\n  more\nwhile read -r a; do\n  b\ndone\nc '/#x'\n";
        let expected = [
            "one",
            "two \\\n  more",
            "while read -r a; do\n  b\ndone",
            "c '/#x'",
        ];
        assert_eq!(split_commands(block), expected);
    }

    #[test]
    fn examples_are_found_in_help_and_manual() {
        let help = "x\n\nExamples:\n  a 'b'\n      what it does\n  c\n      more\n\nFiles:\n  d\n";
        assert_eq!(examples_of_help(help), ["a 'b'", "c"]);
        let page = ".SH X\n.SH EXAMPLES\n.TP\n\\fBa \\-\\-b \\*(Aqc\\*(Aq\\fR\nwhat\n.SH FILES\n\\fBd\\fR\n";
        assert_eq!(examples_of_manual(page), ["a --b 'c'"]);
    }

    #[test]
    fn flags_are_words_with_two_dashes() {
        let found = flags("--join WHERE, `--quit-on-eof`; ---- --x a--bc");
        let expected = ["--join", "--quit-on-eof"].map(str::to_owned);
        assert!(
            expected.iter().all(|flag| found.contains(flag)),
            "{found:?}"
        );
        assert!(!found.contains("----"), "{found:?}");
    }
}
