//! The precedence of flags over the environment over the file, and where each value was given.
//!
//! Not here: what the file says (`file`), what a value means (`settings`).

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, Parser};

use super::args::Args;
use super::file::FileSettings;
use super::keys::KEYS;
use super::origin::{Origin, Origins};

/// Parses a command line, over the environment, over the file.
pub(super) fn layer(words: &[OsString], file: FileSettings) -> Result<Args, clap::Error> {
    let matches = Args::command().try_get_matches_from(words)?;
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
            all.push(format!("--{key}={}", value.value).into());
            let line = value.line;
            origins.push((key, Origin::File { line, key }));
        }
    }
    all.extend_from_slice(typed);
    let mut args = Args::try_parse_from(all)?;
    args.origins = Origins::new(origins);
    Ok(args)
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
        layer(&words, file).unwrap()
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
    fn json_ignores_the_ui_setting_of_the_file() {
        let args = layered("node --json", "ui = \"tui\"");
        assert_eq!(args.output.ui, crate::settings::Ui::Auto);
        assert_eq!(
            layered("node", "ui = \"tui\"").output.ui,
            crate::settings::Ui::Tui
        );
    }
}
