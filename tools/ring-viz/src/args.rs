//! The command line: raw flags, then one valid [`Settings`].
//!
//! Not here: whether anybody answers where it points.

use std::io::{self, IsTerminal, Write};
use std::process;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use ringtalk_node::secret::Secret;
use ringtalk_node::{
    Destination, DestinationError, Hidden, Place, ask_for_secret, reject, secret_variable,
};
use ringtalk_session::text::harmless_lines;

use crate::Status;

/// The longest `--timeout`: an hour, since rings change all the time.
const TIMEOUT_SECONDS: f64 = 3_600.0;

/// Each is run by `tests/tests/documents.rs`.
const EXAMPLES: &str = "\
Examples:
  ring-viz --join director:8080 --once
      Print the ring as JSON
  ring-viz --join director:8080 --once --format svg > ring.svg
      Draw it";

/// Shows the ring of a Ringtalk discussion, as its nodes themselves report it.
///
/// It only looks: it is no member, and members are told once that somebody looks. In a terminal the ring is live; the exit
/// status is 0 then, and with --once 0 where the ring is closed, 6 where it is not. It is 3 where nobody
/// could be reached, 4 where it was refused.
#[derive(Debug, Parser)]
#[command(name = "ring-viz", version, max_term_width = 100, after_help = EXAMPLES)]
struct Args {
    /// A director as host:port, or an invite ringtalk://host:port/#SECRET; repeat it for several
    ///
    /// A director as host:port is asked for its open discussion; with `RINGTALK_SECRET` set, for the
    /// private discussion that has this secret. An invite that ends in a bare # asks for the secret at
    /// the terminal.
    #[arg(
        long,
        value_name = "WHERE",
        env = "RINGTALK_JOIN",
        hide_env_values = true
    )]
    join: Vec<Hidden>,

    /// Look once, print what is there, and exit
    #[arg(long)]
    once: bool,

    /// What to show [default: tui; with --once json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// How long to look for the ring, and to wait for it to settle where its views are changing
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    timeout: String,
}

/// What `--format` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// The ring live in the terminal; q quits
    Tui,
    /// A picture for browsers
    Svg,
    /// A graph for graphviz
    Dot,
    /// One JSON object for programs
    Json,
}

/// What to look at, and how to show it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Directors that may know the ring: at least one.
    pub(crate) places: Vec<Place>,
    /// The secret of the discussion.
    pub(crate) secret: Secret,
    /// How to show it.
    pub(crate) show: Show,
    /// How long to try.
    pub(crate) timeout: Duration,
}

/// How the ring is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Show {
    /// Live in the terminal.
    Live,
    /// A picture for browsers.
    Svg,
    /// A graph for graphviz.
    Dot,
    /// One JSON object.
    Json,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("--join is missing: name a director as host:port, or an invite")]
    Nowhere,
    #[error("the live view needs a terminal: add --once, with --format svg, dot or json")]
    NoTerminal,
    #[error("--format svg, dot and json are printed once: add --once")]
    NotOnce,
    #[error("--format tui is live: leave --once out, or choose svg, dot or json")]
    Tui,
    #[error("--timeout: {0:?} is no number of seconds above 0, at most {TIMEOUT_SECONDS}")]
    Timeout(String),
}

impl Settings {
    /// Reads the command line; where it is wrong, says so and ends the process with status 2, or 4
    /// where a secret is wrong or missing.
    pub(crate) fn from_command_line() -> Self {
        let args = Args::try_parse().unwrap_or_else(|error| reject(&error));
        let variable = secret_variable();
        let variable = variable.as_ref().map(Hidden::as_str);
        let in_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self::resolve(&args, in_terminal, variable, ask_for_secret).unwrap_or_else(|error| {
            // An invite comes from somebody else.
            let text = harmless_lines(&error.to_string());
            if error.is_refusal() {
                let _ = writeln!(io::stderr(), "ring-viz: {text}");
                process::exit(Status::Refused as i32);
            }
            let kind = ErrorKind::ValueValidation;
            reject(&Args::command().error(kind, text))
        })
    }

    fn resolve(
        args: &Args,
        in_terminal: bool,
        variable: Option<&str>,
        ask: impl FnOnce() -> io::Result<Hidden>,
    ) -> Result<Self, SettingsError> {
        let joins = args.join.iter().map(Hidden::as_str);
        let Destination { places, secret } = Destination::find(joins, variable, ask)?;
        if places.is_empty() {
            return Err(SettingsError::Nowhere);
        }
        Ok(Self {
            places,
            secret: secret.unwrap_or(Secret::open()),
            show: show(args, in_terminal)?,
            timeout: timeout(&args.timeout)?,
        })
    }
}

impl SettingsError {
    const fn is_refusal(&self) -> bool {
        matches!(self, Self::Destination(error) if error.is_refusal())
    }
}

fn show(args: &Args, in_terminal: bool) -> Result<Show, SettingsError> {
    match (args.once, args.format) {
        (true, Some(Format::Tui)) => Err(SettingsError::Tui),
        (true, Some(Format::Svg)) => Ok(Show::Svg),
        (true, Some(Format::Dot)) => Ok(Show::Dot),
        (true, Some(Format::Json) | None) => Ok(Show::Json),
        (false, Some(Format::Tui) | None) if in_terminal => Ok(Show::Live),
        (false, Some(Format::Tui) | None) => Err(SettingsError::NoTerminal),
        (false, Some(_)) => Err(SettingsError::NotOnce),
    }
}

fn timeout(text: &str) -> Result<Duration, SettingsError> {
    let seconds = text.parse::<f64>().ok();
    let valid = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_SECONDS);
    let valid = valid.ok_or_else(|| SettingsError::Timeout(text.to_owned()))?;
    Ok(Duration::from_secs_f64(valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str) -> Result<Settings, SettingsError> {
        let words = line.split_whitespace();
        let args = Args::try_parse_from(std::iter::once("ring-viz").chain(words)).unwrap();
        Settings::resolve(&args, false, None, || Err(io::ErrorKind::NotFound.into()))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn json_is_what_is_printed_once() {
        let settings = resolve("--once --join a:1 --join ringtalk://b:2,c:3/").unwrap();
        assert_eq!(settings.show, Show::Json);
        assert_eq!(settings.timeout, Duration::from_secs(5));
        let directors: Vec<&str> = settings
            .places
            .iter()
            .map(|p| p.director.as_str())
            .collect();
        assert_eq!(directors, ["a:1", "b:2", "c:3"]);
    }

    #[test]
    fn each_format_is_a_picture() {
        for (format, show) in [("svg", Show::Svg), ("dot", Show::Dot), ("json", Show::Json)] {
            let settings = resolve(&format!("--once --join a:1 --format {format}")).unwrap();
            assert_eq!(settings.show, show);
        }
    }

    #[test]
    fn a_terminal_has_it_live() {
        for line in ["--join a:1", "--join a:1 --format tui"] {
            let words = line.split(' ');
            let args = Args::try_parse_from(std::iter::once("ring-viz").chain(words)).unwrap();
            assert_eq!(show(&args, true).unwrap(), Show::Live);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (line, words) in [
            ("--once", "--join is missing"),
            ("--once --join=", "--join is missing"),
            ("--once --join host", "neither"),
            (
                "--once --join ringtalk://a:1/#secret",
                "a secret has 24 letters",
            ),
            ("--join a:1", "needs a terminal"),
            ("--join a:1 --format tui", "needs a terminal"),
            ("--join a:1 --format svg", "add --once"),
            ("--join a:1 --once --format tui", "leave --once out"),
            ("--join a:1 --once --timeout 0", "--timeout"),
            ("--join a:1 --once --timeout soon", "--timeout"),
        ] {
            let error = resolve(line).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_secret_in_the_environment_is_never_ignored() {
        let args = Args::try_parse_from(["ring-viz", "--once", "--join", "a:1"]).unwrap();
        let nobody = || Err(io::ErrorKind::NotFound.into());
        let error = Settings::resolve(&args, true, Some("mistyped"), nobody).unwrap_err();
        assert!(error.is_refusal());
        let text = "00112233445566778899aabbccddeeff";
        let settings = Settings::resolve(&args, true, Some(text), nobody).unwrap();
        assert_eq!(settings.secret, text.parse().unwrap());
    }
}
