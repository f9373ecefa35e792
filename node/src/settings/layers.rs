//! The precedence of flags over the environment over the file, and where each value was given.
//!
//! Not here: what the file says (`file`), what a value means (`settings`).

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use ringtalk_session::ProgramName;

use super::args::{Args, command};
use super::file::FileSettings;
use super::keys::KEYS;
use super::origin::{Origin, Origins};

/// Parses a command line, over the environment, over the file.
pub(super) fn layer(
    program: ProgramName,
    words: &[OsString],
    file: FileSettings,
) -> Result<Args, clap::Error> {
    let mut command = command(program);
    let matches = command.try_get_matches_from_mut(words)?;
    let flags = KEYS.iter().map(|(key, _)| *key).chain(["start"]);
    let mut origins: Vec<_> = flags
        .filter_map(|flag| Some((flag, origin_of(&matches, flag)?)))
        .collect();
    // Values from the file go in front of what was typed.
    let (program, typed) = words.split_at(words.len().min(1));
    let mut all = program.to_vec();
    for value in file.values {
        let key = value.key;
        // With --json the lines are for programs, so the user's usual face does not count.
        let is_ignored = key == "ui" && matches.get_flag("json");
        if !is_ignored && origins.iter().all(|(flag, _)| *flag != key) {
            let words = value.values.iter();
            all.extend(words.map(|value| format!("--{key}={value}").into()));
            let line = value.line;
            origins.push((key, Origin::File { line, key }));
        }
    }
    all.extend_from_slice(typed);
    let matches = command.try_get_matches_from_mut(all)?;
    let mut args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    args.origins = Origins::new(origins);
    add_places(&mut args, &matches);
    Ok(args)
}

/// Adds the places that stand alone to those of `--join`. Like the flag, they override its variable.
fn add_places(args: &mut Args, matches: &ArgMatches) {
    let discussion = &mut args.discussion;
    let is_of_variable = matches.value_source("join") == Some(ValueSource::EnvVariable);
    if is_of_variable && !discussion.places.is_empty() {
        discussion.join.clear();
    }
    discussion.join.append(&mut discussion.places);
}

/// Returns whether the command line or the environment gives a value for this flag, and which of them.
fn origin_of(matches: &ArgMatches, flag: &'static str) -> Option<Origin> {
    let id = flag.replace('-', "_");
    match matches.value_source(&id)? {
        ValueSource::CommandLine => Some(Origin::Flag(flag)),
        ValueSource::EnvVariable => {
            let mut values = matches.get_raw(&id)?;
            // An empty variable counts as none.
            let is_empty = values.all(OsStr::is_empty);
            let variable = || Origin::Variable(format!("RINGTALK_{}", id.to_uppercase()));
            (!is_empty).then(variable)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn layered(line: &str, file: &str) -> Args {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let file = FileSettings::parse(file, Path::new("/c.toml")).unwrap();
        layer(ProgramName::default(), &words, file).unwrap()
    }

    #[test]
    fn flags_override_the_file() {
        let file = "\nname = \"ann\"\ntimeout = 5";
        let args = layered("node --timeout 7", file);
        assert_eq!(
            (
                args.discussion.name.as_deref(),
                args.discussion.timeout.as_str()
            ),
            (Some("ann"), "7")
        );
        assert_eq!(args.origins.of("timeout"), Origin::Flag("timeout"));
        assert_eq!(args.origins.of("name").to_string(), "/c.toml, line 2: name");
        assert_eq!(args.origins.of("log").to_string(), "--log");
    }

    #[test]
    fn words_of_the_command_line_replace_those_of_the_file() {
        let file = "highlight = [\"a\", \"b\"]";
        let words = |line: &str| layered(line, file).output.highlight;
        assert_eq!(words("node"), ["a", "b"]);
        assert_eq!(words("node --highlight c --highlight d"), ["c", "d"]);
    }

    #[test]
    fn a_place_alone_is_one_to_join() {
        let joins = |line: &str| -> Vec<String> {
            let joins = layered(line, "").discussion.join;
            joins.iter().map(|join| join.as_str().to_owned()).collect()
        };
        assert_eq!(joins("node a:1"), ["a:1"]);
        assert_eq!(joins("node a --name ann b --join c"), ["c", "a", "b"]);
        assert!(joins("node --quit-on-eof --json").is_empty());
    }

    #[test]
    fn json_ignores_the_ui_setting_of_the_file() {
        let args = layered("node --json", "ui = \"tui\"");
        assert_eq!(args.output.ui, crate::settings::Ui::Auto);
        assert_eq!(
            layered("node", "ui = \"tui\"").output.ui,
            crate::settings::Ui::Tui
        );
    }
}
