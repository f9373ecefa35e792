//! The talk in a file: the messages that a face has shown, written once, when the user asks for it.
//!
//! Each message begins a line with its date, and its further lines are indented, so no line of a text looks like another
//! person's message. Runs of blanks are shortened, so that blanks cannot push the rest of a line into a row of its own.
//! Texts and names come here harmless already. Not here: which messages a face still has.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ringtalk_session::text::collapse_blanks;
use time::Date;

/// The permissions of the file: nobody else may read what people said.
const MODE: u32 = 0o600;
/// The indent of the further lines of a message.
const INDENT: &str = "      ";

/// A message, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SavedMessage<'a> {
    pub(crate) day: Date,
    /// The time of day, as it was shown.
    pub(crate) time: &'a str,
    /// The name of the room with a blank behind it, or nothing while there is one room only.
    pub(crate) room: &'a str,
    pub(crate) name: &'a str,
    /// True if the text says what the author does.
    pub(crate) is_action: bool,
    /// The text, with its line ends.
    pub(crate) text: &'a str,
}

/// The reason why the talk is not saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    #[error("not saved: there is no message here yet")]
    Empty,
    #[error(
        "not saved: /save writes files only for a person at a terminal; redirect stdout to keep the talk"
    )]
    Piped,
    #[error("not saved: ~ is unknown, because HOME is not set; give the whole path")]
    NoHome,
    #[error(
        "not saved: {} exists already, and /save overwrites nothing; choose another name, or move that file \
         away",
        .0.display()
    )]
    Exists(PathBuf),
    #[error("not saved: cannot create {}: {}; choose another place", .path.display(), describe(error))]
    Create { path: PathBuf, error: io::Error },
    #[error("not saved: cannot write {}: {}; nothing is left of it", .path.display(), describe(error))]
    Write { path: PathBuf, error: io::Error },
}

/// Writes messages to a new file, whose path is given as it was typed. Returns the words for the user.
pub(crate) fn save<'a>(
    typed: &str,
    messages: impl Iterator<Item = SavedMessage<'a>>,
) -> Result<String, SaveError> {
    let path = expand_home(typed, env::var_os("HOME"))?;
    let messages = match write_new(&path, messages)? {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    Ok(format!(
        "{messages} written to {}; the room is told",
        path.display()
    ))
}

/// Returns the path that was typed, with the user's home folder in the place of `~`.
fn expand_home(typed: &str, home: Option<OsString>) -> Result<PathBuf, SaveError> {
    let rest = typed.strip_prefix('~');
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        None => Ok(typed.into()),
        Some(rest) => {
            let mut path = home
                .filter(|home| !home.is_empty())
                .ok_or(SaveError::NoHome)?;
            path.push(rest);
            Ok(path.into())
        }
    }
}

/// Writes messages to a file that does not exist yet, and returns their number.
fn write_new<'a>(
    path: &Path,
    messages: impl Iterator<Item = SavedMessage<'a>>,
) -> Result<usize, SaveError> {
    let mut messages = messages.peekable();
    if messages.peek().is_none() {
        return Err(SaveError::Empty);
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(MODE).open(path);
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SaveError::Exists(path.to_owned()),
        _ => SaveError::Create {
            path: path.to_owned(),
            error,
        },
    })?;
    write_all(file, messages).map_err(|error| {
        // A part of the talk could be taken for the whole.
        let _ = fs::remove_file(path);
        let path = path.to_owned();
        SaveError::Write { path, error }
    })
}

fn write_all<'a>(
    file: File,
    messages: impl Iterator<Item = SavedMessage<'a>>,
) -> io::Result<usize> {
    let mut file = BufWriter::new(file);
    let mut count = 0;
    for message in messages {
        writeln!(file, "{}", message.lines())?;
        count += 1;
    }
    file.flush()?;
    Ok(count)
}

impl SavedMessage<'_> {
    fn lines(&self) -> String {
        let Self {
            day,
            time,
            room,
            name,
            is_action,
            text,
        } = self;
        let (year, month, date) = (day.year(), u8::from(day.month()), day.day());
        let head = if *is_action {
            format!("* {name} ")
        } else {
            format!("{name}: ")
        };
        let lines: Vec<String> = text.split('\n').map(collapse_blanks).collect();
        let text = lines.join(&format!("\n{INDENT}"));
        format!("{year:04}-{month:02}-{date:02} {time} {room}{head}{text}")
    }
}

/// Returns the reason for an error in a few words.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such folder".to_owned(),
        ErrorKind::PermissionDenied => "you may not write there".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is a file".to_owned(),
        ErrorKind::StorageFull => "there is no room left".to_owned(),
        _ => {
            let words = error.to_string();
            let reason = words.split(" (os error ").next();
            reason.unwrap_or_default().to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use time::Month;

    use super::*;

    fn message<'a>(time: &'a str, name: &'a str, text: &'a str) -> SavedMessage<'a> {
        SavedMessage {
            day: Date::from_calendar_date(2023, Month::November, 14).unwrap(),
            time,
            room: "",
            name,
            is_action: false,
            text,
        }
    }

    /// Returns the path of a file that does not exist.
    fn new_path(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("ringtalk-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn no_text_looks_like_another_persons_line() {
        let path = new_path("lines");
        let action = SavedMessage {
            is_action: true,
            ..message("22:14?", "bob", "waves")
        };
        let forged = message("22:13", "ann", "one\n2023-11-14 22:13 bob: two\n\nthree");
        let said = save(path.to_str().unwrap(), [forged, action].into_iter()).unwrap();
        assert_eq!(
            said,
            format!("2 messages written to {}; the room is told", path.display())
        );
        let written = fs::read_to_string(&path).unwrap();
        let expected = "2023-11-14 22:13 ann: one\n      2023-11-14 22:13 bob: two\n      \n      three\n\
                        2023-11-14 22:14? * bob waves\n";
        assert_eq!(written, expected);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn nothing_is_overwritten_and_an_error_says_what_to_do() {
        let path = new_path("kept");
        fs::write(&path, "mine").unwrap();
        let one = || [message("22:13", "ann", "hello")].into_iter();
        for (typed, words) in [
            (
                path.to_str().unwrap(),
                "exists already, and /save overwrites nothing; choose another",
            ),
            (
                "/nowhere/at/all",
                "cannot create /nowhere/at/all: there is no such folder; choose",
            ),
            ("/dev/null/file", "a part of the path is a file"),
            ("/tmp", "exists already"),
        ] {
            let error = save(typed, one()).unwrap_err().to_string();
            assert!(error.starts_with("not saved: "), "{error}");
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        let nothing = save(path.to_str().unwrap(), std::iter::empty());
        assert!(matches!(nothing, Err(SaveError::Empty)), "{nothing:?}");
        assert!(!path.exists());
    }

    #[test]
    fn a_disk_without_room_leaves_no_part_of_the_talk() {
        // A device that is always full, but it exists: only what is written to it fails.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = write_all(full, [message("22:13", "ann", "hello")].into_iter()).unwrap_err();
        assert_eq!(describe(&error), "there is no room left");
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let expand = |typed: &str| expand_home(typed, Some("/home/ann".into())).unwrap();
        assert_eq!(expand("~/talk.txt"), Path::new("/home/ann/talk.txt"));
        assert_eq!(expand("~"), Path::new("/home/ann"));
        assert_eq!(expand("~bob/talk"), Path::new("~bob/talk"));
        assert_eq!(expand("a ~/b"), Path::new("a ~/b"));
        let error = expand_home("~/talk", None).unwrap_err().to_string();
        assert!(error.contains("HOME is not set"), "{error}");
    }
}
