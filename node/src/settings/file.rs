//! The user's file of settings: what is the same in every discussion, under the names of the long flags.
//!
//! It is read where it is there, and never written. What belongs to one discussion or to one run is not in
//! it, above all no secret: a disk would keep that longer than the discussion lasts. Not here: what
//! a value means, and that flags and the environment come first (`layers`).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use toml::de::{DeTable, DeValue};

use super::args::Args;
use super::keys::KEYS;
use super::origin::Line;

/// What leads into one discussion, and is not kept.
const NOT_KEPT: [&str; 3] = ["join", "start", "secret"];
/// Where the file is in the folder of the user's settings.
const PLACE: &str = "ringtalk/config.toml";
/// The longest file: a hundred times what all keys take.
const FILE_BYTES: u64 = 64 * 1024;
/// How many letters a key may be wrong in to be recognized.
const WRONG_LETTERS: usize = 3;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) entries: Vec<Entry>,
}

/// One value of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    /// As it would be typed behind the flag.
    pub(super) value: String,
    pub(super) line: Line,
}

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot read {}: {error}; make it readable, or move it away", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} has more than {FILE_BYTES} bytes: is that the file of settings?", .0.display())]
    TooLong(PathBuf),
    #[error("{line}: {problem}")]
    Wrong { line: Line, problem: Problem },
}

/// What is wrong with a line.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("this is no TOML ({0}); a line looks like name = \"ann\"")]
    Toml(String),
    #[error("there is no key {key}{meant}; there are {}", all_keys())]
    Unknown { key: String, meant: String },
    #[error(
        "{0} leads into one discussion, and a disk would keep it for longer; give it on the command \
         line or in the environment (see --help)"
    )]
    NotKept(String),
    #[error("{0} is said anew in each run: give it on the command line")]
    EachRun(String),
    #[error("{key} has a value of another kind; write it as in {key} = {example}")]
    Kind {
        key: &'static str,
        example: &'static str,
    },
    #[error("{key}: {value:?} is none of {choices}")]
    Choice {
        key: &'static str,
        value: String,
        choices: String,
    },
}

/// Where the file is: in `$XDG_CONFIG_HOME`, else in `~/.config`. A path that is not absolute counts as
/// none, as in the XDG base directory specification.
pub(super) fn place(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let own = || Some(home.and_then(absolute)?.join(".config"));
    Some(xdg.and_then(absolute).or_else(own)?.join(PLACE))
}

impl Settled {
    /// Reads the file, if it is there.
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
        let line = |span: Range<usize>| Line {
            path: path.to_owned(),
            number: 1 + text
                .get(..span.start)
                .map_or(0, |before| before.matches('\n').count()),
        };
        let table = DeTable::parse(text).map_err(|error| FileError::Wrong {
            line: line(error.span().unwrap_or_default()),
            problem: Problem::Toml(error.message().to_owned()),
        })?;
        let mut lines: Vec<_> = table.into_inner().into_iter().collect();
        lines.sort_by_key(|(key, _)| key.span().start);
        let flags = Args::command();
        let entries = lines.into_iter().map(|(key, value)| {
            let line = line(key.span());
            match entry(key.get_ref(), value.get_ref(), &flags) {
                Ok((key, value)) => Ok(Entry { key, value, line }),
                Err(problem) => Err(FileError::Wrong { line, problem }),
            }
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }
}

/// True where there is no such file.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A key and its value, as it would be typed.
fn entry(
    key: &str,
    value: &DeValue<'_>,
    flags: &Command,
) -> Result<(&'static str, String), Problem> {
    let known = KEYS.iter().find(|(known, _)| *known == key);
    let &(key, example) = known.ok_or_else(|| unknown(key, flags))?;
    let value = match value {
        DeValue::String(text) if example.starts_with('"') => text.as_ref(),
        DeValue::Integer(number) if !example.starts_with('"') && number.radix() == 10 => {
            number.as_str()
        }
        DeValue::Float(number) if !example.starts_with('"') => number.as_str(),
        _ => return Err(Problem::Kind { key, example }),
    };
    let choices = choices(key, flags);
    if choices.is_empty() || choices.iter().any(|choice| choice == value) {
        return Ok((key, value.to_owned()));
    }
    Err(Problem::Choice {
        key,
        value: value.to_owned(),
        choices: choices.join(", "),
    })
}

/// The words that a flag takes; nothing where it takes any.
fn choices(key: &str, flags: &Command) -> Vec<String> {
    let mut flags = flags.get_arguments();
    let flag = flags.find(|flag| flag.get_long() == Some(key));
    let values = flag.map(clap::Arg::get_possible_values);
    let values = values.unwrap_or_default().into_iter();
    values.map(|value| value.get_name().to_owned()).collect()
}

/// What to say of a key that is none.
fn unknown(key: &str, flags: &Command) -> Problem {
    let key = key.to_owned();
    if NOT_KEPT.contains(&key.as_str()) {
        return Problem::NotKept(key);
    }
    if flags
        .get_arguments()
        .any(|flag| flag.get_long() == Some(&key))
    {
        return Problem::EachRun(key);
    }
    let distance = |known: &&str| strsim::osa_distance(&key, known);
    let nearest = KEYS.iter().map(|(known, _)| *known).min_by_key(distance);
    let meant = nearest.filter(|nearest| distance(nearest) <= WRONG_LETTERS);
    let meant = meant.map_or_else(String::new, |known| format!("; did you mean {known}?"));
    Problem::Unknown { key, meant }
}

fn all_keys() -> String {
    KEYS.map(|(key, _)| key).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(&'static str, String)>, String> {
        let parsed = Settled::parse(text, Path::new("/c.toml"));
        let parsed = parsed.map_err(|error| error.to_string())?;
        let entries = parsed.entries.into_iter();
        Ok(entries.map(|entry| (entry.key, entry.value)).collect())
    }

    #[test]
    fn every_key_is_a_flag_and_its_example_is_good() {
        for (key, example) in KEYS {
            let read = read(&format!("{key} = {example}")).unwrap();
            assert_eq!(read, [(key, example.trim_matches('"').to_owned())]);
            let line = format!("--{}={}", key, example.trim_matches('"'));
            let args = <Args as clap::Parser>::try_parse_from(["node", line.as_str()]);
            assert!(args.is_ok(), "{line}");
        }
    }

    #[test]
    fn the_readme_shows_every_key() {
        let readme = include_str!("../../../README.md");
        let block = readme.split("```toml\n").nth(1).unwrap();
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
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_to_do() {
        for (text, words) in [
            (
                "name = ann",
                &["/c.toml, line 1: this is no TOML", "name = \"ann\""][..],
            ),
            (
                "\n\nnam = \"ann\"",
                &["/c.toml, line 3: there is no key nam; did you mean name?"],
            ),
            (
                "public_address = \"a:1\"",
                &["did you mean public-address?"],
            ),
            (
                "zzzzzzzz = 1",
                &["there is no key zzzzzzzz; there are name, listen,"],
            ),
            ("[name]\nx = 1", &["line 1", "name = \"ann\""]),
            (
                "name = 5",
                &["line 1: name has a value of another kind", "name = \"ann\""],
            ),
            ("log = true", &["log = \"warn\""]),
            ("timeout = \"30\"", &["timeout = 30"]),
            ("history = 0x10", &["history = 10000"]),
            (
                "ui = \"lins\"",
                &["ui: \"lins\" is none of auto, tui, lines, none"],
            ),
            ("color = \"x\"", &["always"]),
            (
                "name = \"a\"\nname = \"b\"",
                &["line 2: this is no TOML", "duplicate key"],
            ),
            ("join = \"a:1\"", &["join leads into one discussion"]),
            ("json = true", &["json is said anew"]),
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
        let place = |xdg: &str, home: &str| {
            let given = |text: &str| Some(OsString::from(text));
            let found = place(given(xdg), given(home))?;
            Some(found.to_str().unwrap().to_owned())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(place("/x", "/h"), some("/x/ringtalk/config.toml"));
        assert_eq!(place("x", "/h"), some("/h/.config/ringtalk/config.toml"));
        assert_eq!(place("", "/h"), some("/h/.config/ringtalk/config.toml"));
        assert_eq!(place("", "h"), None);
        assert_eq!(super::place(None, None), None);
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        let nowhere = Path::new("/dev/null/ringtalk/config.toml");
        assert_eq!(Settled::read(nowhere).unwrap().entries, []);
        let error = Settled::read(Path::new("/")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /: "), "{error}");
        let error = Settled::read(Path::new("/dev/zero")).unwrap_err();
        assert!(matches!(error, FileError::TooLong(_)), "{error}");
    }
}
