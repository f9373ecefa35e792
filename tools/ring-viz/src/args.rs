//! The command line: raw flags, then one valid [`Settings`].
//!
//! Not here: contact with the directors (`survey`).

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use ringtalk_node::pages::{self, Section};
use ringtalk_node::secret::Secret;
use ringtalk_node::{
    Destination, DestinationError, Endpoint, Hidden, ask_for_secret, mask_secrets, reject,
    secret_variable,
};
use ringtalk_session::text::escape_multiline;

use crate::ExitStatus;

/// The longest `--timeout`, in seconds: an hour, since rings change all the time.
const TIMEOUT_SECONDS: f64 = 3_600.0;

/// The name of the program.
pub(crate) const NAME: &str = "ring-viz";

/// Example commands, and what each does. `tests/tests/documents.rs` runs each of them.
const EXAMPLES: [(&str, &str); 2] = [
    (
        "ring-viz --join director:8080 --once",
        "Print the ring as JSON",
    ),
    (
        "ring-viz --join director:8080 --once --format svg > ring.svg",
        "Draw it",
    ),
];

/// The exit statuses, as in `wire/CONTRACT.md`.
const STATUSES: [(&str, &str); 6] = [
    (
        "0",
        "The ring is closed; without --once: the live view has ended",
    ),
    ("1", "Another failure"),
    ("2", "Invalid command line or variable"),
    ("3", "Could not reach a director or member in time"),
    (
        "4",
        "Refused: wrong or missing secret, no such discussion, or incompatible version",
    ),
    ("6", "With --once: the ring is not closed"),
];

/// Shows the ring of a Ringtalk discussion, as its nodes report it.
///
/// ring-viz only observes: it is not a member, and sees no messages. Members are told once that it is there.
/// In a terminal it shows the ring live.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    bin_name = NAME,
    version,
    max_term_width = 100,
    after_help = pages::help(&sections())
)]
struct Args {
    /// An invite ringtalk://host:port/#SECRET, or a director host:port; repeat it for several
    ///
    /// A director's host:port leads to its open discussion or, if `RINGTALK_SECRET` is set, to the private
    /// discussion with that secret. If an invite ends with a bare #, ring-viz asks for the secret.
    #[arg(
        long,
        value_name = "WHERE",
        env = "RINGTALK_JOIN",
        hide_env_values = true
    )]
    join: Vec<Hidden>,

    /// Print the ring once and exit
    #[arg(long)]
    once: bool,

    /// Output format [default: tui; with --once json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// How long to look for the ring and, with --once, to wait for it to settle
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    timeout: String,

    /// Print completions for this shell
    #[arg(long, value_name = "SHELL", value_enum)]
    completions: Option<Shell>,

    /// Print the manual page
    #[arg(long)]
    man: bool,
}

/// A value of `--format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Live in the terminal; q quits
    Tui,
    /// A picture for browsers
    Svg,
    /// A graph for Graphviz
    Dot,
    /// One JSON object for programs
    Json,
}

/// The ring to observe, and how to show it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The directors that may know the ring: at least one.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The secret of the discussion.
    pub(crate) secret: Secret,
    /// The output.
    pub(crate) output: Output,
    /// The time limit for finding the ring, and, unless live, for it to settle.
    pub(crate) timeout: Duration,
}

/// A form in which the ring is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    /// Live in the terminal.
    Live,
    /// A picture for browsers.
    Svg,
    /// A graph for graphviz.
    Dot,
    /// One JSON object.
    Json,
}

/// An error in the command line.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("--join is missing: give an invite, or a director as host:port")]
    Nowhere,
    #[error("the live view needs a terminal; to print the ring instead, add --once")]
    NoTerminal,
    #[error(
        "TERM is dumb: the live view needs a terminal that moves the cursor; to print the ring \
         instead, add --once"
    )]
    Dumb,
    #[error("--format svg, dot and json need --once")]
    NotOnce,
    #[error("--format tui is live: remove --once, or choose svg, dot or json")]
    Tui,
    #[error(
        "--timeout: invalid value {0:?}; expected seconds, above 0 and at most {TIMEOUT_SECONDS}"
    )]
    Timeout(String),
}

/// The task of the program.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print this page.
    Print(Vec<u8>),
    /// Observe a ring.
    Observe(Settings),
}

impl Task {
    /// Reads the command line. If it is invalid, prints the error and exits with status 2, or with status 4 if a
    /// secret is wrong or missing.
    pub(crate) fn from_command_line() -> Self {
        let args = Args::try_parse().unwrap_or_else(|error| reject(NAME, &error));
        if let Some(shell) = args.completions {
            Self::Print(pages::completions(shell, Args::command()))
        } else if args.man {
            Self::Print(pages::manual(Args::command(), &sections()))
        } else {
            Self::Observe(Settings::from_args(&args))
        }
    }
}

fn sections() -> [Section; 2] {
    [
        Section::new("Examples", EXAMPLES),
        Section::new("Exit status", STATUSES),
    ]
}

impl Settings {
    /// Resolves the flags. If one is invalid, prints the error and exits.
    fn from_args(args: &Args) -> Self {
        let variable = secret_variable();
        let variable = variable.as_ref().map(Hidden::as_str);
        let terminal = TerminalKind::of_process();
        Self::resolve(args, terminal, variable, ask_for_secret).unwrap_or_else(|error| {
            // The error may quote an invite, which somebody else wrote.
            let text = mask_secrets(&escape_multiline(&error.to_string()));
            if error.is_refusal() {
                let _ = writeln!(io::stderr(), "{NAME}: {text}");
                process::exit(ExitStatus::Refused as i32);
            }
            let kind = ErrorKind::ValueValidation;
            reject(NAME, &Args::command().error(kind, text))
        })
    }

    fn resolve(
        args: &Args,
        terminal: TerminalKind,
        variable: Option<&str>,
        ask: impl FnOnce() -> io::Result<Hidden>,
    ) -> Result<Self, SettingsError> {
        let joins = args.join.iter().map(Hidden::as_str);
        let Destination { endpoints, secret } = Destination::resolve(joins, variable, ask)?;
        if endpoints.is_empty() {
            return Err(SettingsError::Nowhere);
        }
        Ok(Self {
            endpoints,
            secret: secret.unwrap_or(Secret::open()),
            output: output(args, terminal)?,
            timeout: timeout(&args.timeout)?,
        })
    }
}

impl SettingsError {
    const fn is_refusal(&self) -> bool {
        matches!(self, Self::Destination(error) if error.is_refusal())
    }
}

/// The terminal in which the program runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TerminalKind {
    /// None, or only for input or output.
    None,
    /// One that only writes line after line.
    Dumb,
    /// One that moves the cursor.
    Full,
}

impl TerminalKind {
    fn of_process() -> Self {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            Self::None
        } else if env::var_os("TERM").is_some_and(|term| term == "dumb") {
            Self::Dumb
        } else {
            Self::Full
        }
    }
}

fn output(args: &Args, terminal: TerminalKind) -> Result<Output, SettingsError> {
    match (args.once, args.format) {
        (true, Some(Format::Tui)) => Err(SettingsError::Tui),
        (true, Some(Format::Svg)) => Ok(Output::Svg),
        (true, Some(Format::Dot)) => Ok(Output::Dot),
        (true, Some(Format::Json) | None) => Ok(Output::Json),
        (false, None | Some(Format::Tui)) => match terminal {
            TerminalKind::None => Err(SettingsError::NoTerminal),
            TerminalKind::Dumb => Err(SettingsError::Dumb),
            TerminalKind::Full => Ok(Output::Live),
        },
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
        Settings::resolve(&args, TerminalKind::None, None, || {
            Err(io::ErrorKind::NotFound.into())
        })
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn once_prints_json_by_default() {
        let settings = resolve("--once --join a:1 --join ringtalk://b:2,c:3/").unwrap();
        assert_eq!(settings.output, Output::Json);
        assert_eq!(settings.timeout, Duration::from_secs(5));
        let directors: Vec<&str> = settings
            .endpoints
            .iter()
            .map(|p| p.director.as_str())
            .collect();
        assert_eq!(directors, ["a:1", "b:2", "c:3"]);
    }

    #[test]
    fn each_format_selects_its_output() {
        for (format, output) in [
            ("svg", Output::Svg),
            ("dot", Output::Dot),
            ("json", Output::Json),
        ] {
            let settings = resolve(&format!("--once --join a:1 --format {format}")).unwrap();
            assert_eq!(settings.output, output);
        }
    }

    #[test]
    fn a_terminal_gets_the_live_view() {
        for line in ["--join a:1", "--join a:1 --format tui"] {
            let words = line.split(' ');
            let args = Args::try_parse_from(std::iter::once("ring-viz").chain(words)).unwrap();
            assert_eq!(output(&args, TerminalKind::Full).unwrap(), Output::Live);
            let dumb = output(&args, TerminalKind::Dumb).unwrap_err();
            assert!(dumb.to_string().contains("TERM is dumb"));
        }
    }

    #[test]
    fn an_invalid_command_line_is_refused_with_a_reason() {
        for (line, words) in [
            ("--once", "--join is missing"),
            ("--once --join=", "--join is missing"),
            ("--once --join a/b", "neither"),
            (
                "--once --join ringtalk://a:1/#secret",
                "a secret has 24 letters",
            ),
            ("--join a:1", "needs a terminal"),
            ("--join a:1 --format tui", "needs a terminal"),
            ("--join a:1 --format svg", "need --once"),
            ("--join a:1 --once --format tui", "remove --once"),
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
        let terminal = TerminalKind::Full;
        let error = Settings::resolve(&args, terminal, Some("mistyped"), nobody).unwrap_err();
        assert!(error.is_refusal());
        let text = "00112233445566778899aabbccddeeff";
        let settings = Settings::resolve(&args, TerminalKind::Full, Some(text), nobody).unwrap();
        assert_eq!(settings.secret, text.parse().unwrap());
    }
}
