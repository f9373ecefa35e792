//! The user's settings file: what is the same in every discussion, under the names of the long flags.
//!
//! The file is read if it exists, and never written. It has nothing that belongs to one discussion or to one run,
//! above all no secret: a disk would keep that longer than the discussion lasts. Not here: what a value means, the
//! precedence of flags and the environment (`layers`).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use toml::de::{DeTable, DeValue};

use super::args::Args;
use super::keys::KEYS;
use super::origin::FileLine;

/// The settings that lead into one discussion, and do not belong in the file.
const NOT_KEPT: [&str; 3] = ["join", "start", "secret"];
/// The path of the file in the folder of the user's settings.
const CONFIG_PATH: &str = "ringtalk/config.toml";
/// The largest file that is read: a hundred times what all keys take.
const FILE_BYTES: u64 = 64 * 1024;
/// The most wrong letters in an unknown key for which a key is suggested.
const WRONG_LETTERS: usize = 3;

/// The contents of the file.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    pub(super) values: Vec<FileValue>,
}

/// One value of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FileValue {
    pub(super) key: &'static str,
    /// The values as they would be typed behind the flag, each behind a flag of its own.
    pub(super) values: Vec<String>,
    pub(super) line: FileLine,
}

/// The reason why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot read {}: {error}; make it readable, or move it away", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} is longer than {FILE_BYTES} bytes: is that the settings file?", .0.display())]
    TooLong(PathBuf),
    #[error("{line}: {problem}")]
    Wrong {
        line: FileLine,
        problem: LineProblem,
    },
}

/// The problem with a line.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum LineProblem {
    #[error("invalid TOML ({0}); expected a line such as name = \"ann\"")]
    Toml(String),
    #[error("unknown key {key}{meant}; expected one of {}", all_keys())]
    Unknown { key: String, meant: String },
    #[error(
        "{0} belongs to one discussion, and a disk would keep it for longer; give it on the command \
         line or in the environment (see --help)"
    )]
    NotKept(String),
    #[error("{0} cannot be set in this file: give it on the command line")]
    EachRun(String),
    #[error("{key} has a value of the wrong type; expected one such as {key} = {example}")]
    Kind {
        key: &'static str,
        example: &'static str,
    },
    #[error("{key}: invalid value {value:?}; expected one of {choices}")]
    Choice {
        key: &'static str,
        value: String,
        choices: String,
    },
}

/// Returns the path of the file: in `$XDG_CONFIG_HOME`, else in `~/.config`. A path that is not absolute counts as
/// none, as in the XDG base directory specification.
pub(super) fn config_path(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let own = || Some(home.and_then(absolute)?.join(".config"));
    Some(xdg.and_then(absolute).or_else(own)?.join(CONFIG_PATH))
}

impl FileSettings {
    /// Reads the file, if it exists.
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        let unreadable = |error| FileError::Unreadable {
            path: path.to_owned(),
            error,
        };
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => file.take(FILE_BYTES + 1).read_to_string(&mut text),
            Err(error) if is_absence(&error) => return Ok(Self::default()),
            Err(error) => Err(error),
        }
        .map_err(unreadable)?;
        if text.len() as u64 > FILE_BYTES {
            return Err(FileError::TooLong(path.to_owned()));
        }
        Self::parse(&text, path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, FileError> {
        let line = |span: Range<usize>| FileLine {
            path: path.to_owned(),
            number: 1 + text
                .get(..span.start)
                .map_or(0, |before| before.matches('\n').count()),
        };
        let table = DeTable::parse(text).map_err(|error| FileError::Wrong {
            line: line(error.span().unwrap_or_default()),
            problem: LineProblem::Toml(error.message().to_owned()),
        })?;
        let mut lines: Vec<_> = table.into_inner().into_iter().collect();
        lines.sort_by_key(|(key, _)| key.span().start);
        let flags = Args::command();
        let values = lines.into_iter().map(|(key, value)| {
            let line = line(key.span());
            match parse_value(key.get_ref(), value.get_ref(), &flags) {
                Ok((key, values)) => Ok(FileValue { key, values, line }),
                Err(problem) => Err(FileError::Wrong { line, problem }),
            }
        });
        Ok(Self {
            values: values.collect::<Result<_, _>>()?,
        })
    }
}

/// Returns true if the error means that the file does not exist.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns a key and its values, as they would be typed.
fn parse_value(
    key: &str,
    value: &DeValue<'_>,
    flags: &Command,
) -> Result<(&'static str, Vec<String>), LineProblem> {
    let known = KEYS.iter().find(|(known, _)| *known == key);
    let &(key, example) = known.ok_or_else(|| unknown(key, flags))?;
    let is_digit = |char: char| char.is_ascii_digit();
    let value = match value {
        DeValue::Array(items) if example.starts_with('[') => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            let texts: Option<Vec<&str>> = texts.collect();
            let texts = texts.ok_or(LineProblem::Kind { key, example })?;
            return Ok((key, texts.into_iter().map(str::to_owned).collect()));
        }
        DeValue::String(text) if example.starts_with(['"', '[']) => text.as_ref(),
        DeValue::Integer(number) if example.starts_with(is_digit) && number.radix() == 10 => {
            number.as_str()
        }
        DeValue::Boolean(is_on) if example == "true" => {
            return Ok((key, vec![is_on.to_string()]));
        }
        DeValue::Float(number) if example.starts_with(is_digit) => number.as_str(),
        _ => return Err(LineProblem::Kind { key, example }),
    };
    let choices = choices(key, flags);
    if choices.is_empty() || choices.iter().any(|choice| choice == value) {
        return Ok((key, vec![value.to_owned()]));
    }
    Err(LineProblem::Choice {
        key,
        value: value.to_owned(),
        choices: choices.join(", "),
    })
}

/// Returns the words that a flag takes; empty if it takes any.
fn choices(key: &str, flags: &Command) -> Vec<String> {
    let mut flags = flags.get_arguments();
    let flag = flags.find(|flag| flag.get_long() == Some(key));
    let values = flag.map(clap::Arg::get_possible_values);
    let values = values.unwrap_or_default().into_iter();
    values.map(|value| value.get_name().to_owned()).collect()
}

/// Returns the problem with an unknown key.
fn unknown(key: &str, flags: &Command) -> LineProblem {
    let key = key.to_owned();
    if NOT_KEPT.contains(&key.as_str()) {
        return LineProblem::NotKept(key);
    }
    if flags
        .get_arguments()
        .any(|flag| flag.get_long() == Some(&key))
    {
        return LineProblem::EachRun(key);
    }
    let distance = |known: &&str| strsim::osa_distance(&key, known);
    let nearest = KEYS.iter().map(|(known, _)| *known).min_by_key(distance);
    let meant = nearest.filter(|nearest| distance(nearest) <= WRONG_LETTERS);
    let meant = meant.map_or_else(String::new, |known| format!("; did you mean {known}?"));
    LineProblem::Unknown { key, meant }
}

fn all_keys() -> String {
    KEYS.map(|(key, _)| key).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(&'static str, String)>, String> {
        let parsed = FileSettings::parse(text, Path::new("/c.toml"));
        let parsed = parsed.map_err(|error| error.to_string())?;
        let values = parsed.values.into_iter();
        Ok(values
            .map(|value| (value.key, value.values.join("; ")))
            .collect())
    }

    #[test]
    fn every_key_is_a_flag_and_its_example_is_good() {
        for (key, example) in KEYS {
            let read = read(&format!("{key} = {example}")).unwrap();
            assert_eq!(read.len(), 1, "{key}");
            let quotes = ['"', '[', ']'];
            let values = example.replace("\", \"", "; ");
            assert_eq!(read, [(key, values.trim_matches(quotes).to_owned())]);
            for value in read[0].1.split("; ") {
                let line = format!("--{key}={value}");
                let args = <Args as clap::Parser>::try_parse_from(["node", line.as_str()]);
                assert!(args.is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn the_manual_shows_every_key() {
        let manual = include_str!("../../README.md");
        let block = manual.split("```toml\n").nth(1).unwrap();
        let block = block.split("```").next().unwrap();
        let mut shown: Vec<_> = read(block)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        let mut keys = KEYS.map(|(key, _)| key);
        shown.sort_unstable();
        keys.sort_unstable();
        assert_eq!(shown, keys);
    }

    #[test]
    fn values_are_as_they_would_be_typed() {
        let text = "# mine\n\ntimeout = 2.5\nname = 'a \"b\"'\nhistory = 1_000\n";
        let expected = [("timeout", "2.5"), ("name", "a \"b\""), ("history", "1000")];
        assert_eq!(
            read(text).unwrap(),
            expected.map(|(key, value)| (key, value.to_owned()))
        );
        let list = read("highlight = ['a', \"b c\"]").unwrap();
        assert_eq!(list, [("highlight", "a; b c".to_owned())]);
        let wheel = read("mouse-wheel = false").unwrap();
        assert_eq!(wheel, [("mouse-wheel", "false".to_owned())]);
        let single = read("highlight = 'a'").unwrap();
        assert_eq!(single, [("highlight", "a".to_owned())]);
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn an_error_names_its_line_and_the_remedy() {
        for (text, words) in [
            (
                "name = ann",
                &["/c.toml, line 1: invalid TOML", "name = \"ann\""][..],
            ),
            (
                "\n\nnam = \"ann\"",
                &["/c.toml, line 3: unknown key nam; did you mean name?"],
            ),
            (
                "public_address = \"a:1\"",
                &["did you mean public-address?"],
            ),
            (
                "zzzzzzzz = 1",
                &["unknown key zzzzzzzz; expected one of name, listen,"],
            ),
            ("[name]\nx = 1", &["line 1", "name = \"ann\""]),
            (
                "name = 5",
                &[
                    "line 1: name has a value of the wrong type",
                    "name = \"ann\"",
                ],
            ),
            ("log = true", &["log = \"warn\""]),
            ("timeout = \"30\"", &["timeout = 30"]),
            ("history = 0x10", &["history = 10000"]),
            (
                "ui = \"lins\"",
                &["ui: invalid value \"lins\"; expected one of auto, tui, lines, none"],
            ),
            ("color = \"x\"", &["always"]),
            ("highlight = [1]", &["highlight = [\"lunch\", \"on call\"]"]),
            ("mouse-wheel = \"yes\"", &["mouse-wheel = true"]),
            ("bell = \"loud\"", &["expected one of mentions, off"]),
            ("name = [\"ann\"]", &["name = \"ann\""]),
            (
                "name = \"a\"\nname = \"b\"",
                &["line 2: invalid TOML", "duplicate key"],
            ),
            ("join = \"a:1\"", &["join belongs to one discussion"]),
            ("json = true", &["json cannot be set in this file"]),
        ] {
            let error = read(text).unwrap_err();
            for words in words {
                assert!(error.contains(words), "{text}: {error}");
            }
        }
    }

    #[test]
    fn no_error_repeats_a_secret() {
        for text in [
            "secret = \"EaGqGNVcyaY6oykTFuP5fAHy\"",
            "join = \"ringtalk://a:1/#EaGqGNVcyaY6oykTFuP5fAHy\"",
            "start = EaGqGNVcyaY6oykTFuP5fAHy",
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("EaGq"), "{error}");
        }
    }

    #[test]
    fn a_relative_folder_counts_as_none() {
        let path = |xdg: &str, home: &str| {
            let given = |text: &str| Some(OsString::from(text));
            let found = config_path(given(xdg), given(home))?;
            Some(found.to_str().unwrap().to_owned())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(path("/x", "/h"), some("/x/ringtalk/config.toml"));
        assert_eq!(path("x", "/h"), some("/h/.config/ringtalk/config.toml"));
        assert_eq!(path("", "/h"), some("/h/.config/ringtalk/config.toml"));
        assert_eq!(path("", "h"), None);
        assert_eq!(config_path(None, None), None);
    }

    #[test]
    fn a_missing_file_gives_no_settings() {
        let nowhere = Path::new("/dev/null/ringtalk/config.toml");
        assert_eq!(FileSettings::read(nowhere).unwrap().values, []);
        let error = FileSettings::read(Path::new("/")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /: "), "{error}");
        let error = FileSettings::read(Path::new("/dev/zero")).unwrap_err();
        assert!(matches!(error, FileError::TooLong(_)), "{error}");
    }
}
