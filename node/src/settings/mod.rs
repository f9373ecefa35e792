//! What the node was told to do: the command line and the environment, resolved and valid.
//!
//! Raw text in ([`Args`]), one [`Task`] out; whoever holds [`Settings`] need not check them again.
//! Not here: anything that could only be known by trying, such as whether a port is free.

mod args;
mod name;
mod place;
mod surroundings;

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use ringtalk_director::api::Address;
use time::UtcOffset;
use tracing_subscriber::EnvFilter;

pub(crate) use args::Args;
pub(crate) use name::{Name, NameError};
pub(crate) use place::invite;
pub use place::{Place, PlaceError, places};

use args::{Color, Fingers, Ui};
use surroundings::Surroundings;

/// The most messages that can be kept for latecomers.
const HISTORY: usize = 1_000_000;
/// The longest `--timeout`: a year, so that it can be added to any clock.
const TIMEOUT_SECONDS: f64 = 31_536_000.0;
/// Where the director inside listens unless something else was asked for.
const DIRECTOR_LISTEN: &str = "0.0.0.0:8080";

/// What the program is to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Take part in a discussion.
    Run(Box<Settings>),
    /// Say whether somebody answers.
    Check {
        /// Where a node would, if its port is known.
        node: Option<SocketAddr>,
        /// Where a director would.
        director: SocketAddr,
    },
    /// Print completions for a shell.
    Complete(Shell),
    /// Print the manual page.
    Manual,
}

/// How to take part.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The way in.
    pub(crate) entry: Entry,
    /// The name to ask for.
    pub(crate) name: Name,
    /// Where to listen; none for any port on any address.
    pub(crate) listen: Option<SocketAddr>,
    /// What other networks dial.
    pub(crate) public_address: Option<Address>,
    /// What to show.
    pub(crate) show: Show,
    /// How far local time is from UTC.
    pub(crate) offset: UtcOffset,
    /// Leave when stdin ends.
    pub(crate) quit_on_eof: bool,
    /// How long to try to get in.
    pub(crate) timeout: Duration,
    /// Messages kept for latecomers.
    pub(crate) history: usize,
    /// Whether there are links beyond the neighbours.
    pub(crate) fingers: bool,
    /// What to log.
    pub(crate) log: EnvFilter,
    /// True where the full screen was asked for, which does not exist yet.
    pub(crate) wants_full_screen: bool,
}

/// The way into a discussion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Ask these directors in turn: at least one.
    Join(Vec<Place>),
    /// Begin a discussion, with a director inside.
    Host {
        /// Where it listens.
        listen: SocketAddr,
        /// False where another port will do.
        exactly: bool,
    },
}

/// What is shown on stdout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Show {
    /// Plain text.
    Lines {
        /// With colours.
        color: bool,
    },
    /// One JSON object a line.
    Json,
    /// Nothing.
    Nothing,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("--join: {0}")]
    Join(#[from] PlaceError),
    #[error("--join and --start: choose one")]
    JoinAndStart,
    #[error(
        "--start: this version has no private discussions yet; start an open one with --join, or \
         with neither"
    )]
    Start,
    #[error("RINGTALK_SECRET: this version has no private discussions yet; unset it")]
    Secret,
    #[error("a value on the command line is empty: leave the flag out, or give it a value")]
    Empty,
    #[error("--name: {0}")]
    Name(#[from] NameError),
    #[error("{flag}: {text:?} is no address to listen on, such as 0.0.0.0:4000 or [::]:0")]
    Listen { flag: &'static str, text: String },
    #[error("--public-address: {0}")]
    PublicAddress(#[from] ringtalk_director::api::AddressError),
    #[error("--timeout: {0:?} is no number of seconds above 0")]
    Timeout(String),
    #[error("--history: {0:?} is no number from 0 to {HISTORY}")]
    History(String),
    #[error("--log: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    #[error("--json writes lines, so it does not go with --ui {0}")]
    Json(&'static str),
}

impl Task {
    /// Reads the command line; where it is wrong, says so and ends the process with status 2.
    pub(crate) fn from_command_line() -> Self {
        let args = Args::parse();
        let resolved = if is_left_empty(std::env::args()) {
            Err(SettingsError::Empty)
        } else {
            Self::resolve(args, &Surroundings::look())
        };
        resolved.unwrap_or_else(|error| {
            let kind = ErrorKind::ValueValidation;
            Args::command().error(kind, error).exit()
        })
    }

    fn resolve(args: Args, around: &Surroundings) -> Result<Self, SettingsError> {
        if let Some(shell) = args.completions {
            Ok(Self::Complete(shell))
        } else if args.man {
            Ok(Self::Manual)
        } else if args.healthcheck {
            Ok(Self::Check {
                node: listen("--listen", args.listen.as_deref())?.filter(|addr| addr.port() != 0),
                director: director_listen(args.director_listen.as_deref())?.0,
            })
        } else {
            Settings::resolve(args, around).map(|settings| Self::Run(Box::new(settings)))
        }
    }
}

impl Settings {
    fn resolve(args: Args, around: &Surroundings) -> Result<Self, SettingsError> {
        if given(around.secret.as_deref()).is_some() {
            return Err(SettingsError::Secret);
        }
        let show = show(&args, around)?;
        let entry = entry(&args)?;
        let name = match given(args.name.as_deref()) {
            Some(name) => name.parse()?,
            None => Name::of_login(around.logins.iter().cloned()),
        };
        let quit_by_default = !args.json && !around.stdin_is_terminal;
        Ok(Self {
            entry,
            name,
            listen: listen("--listen", args.listen.as_deref())?,
            public_address: given(args.public_address.as_deref())
                .map(str::parse)
                .transpose()?,
            show,
            offset: around.offset.unwrap_or(UtcOffset::UTC),
            quit_on_eof: args.quit_on_eof.unwrap_or(quit_by_default),
            timeout: timeout(&args.timeout)?,
            history: history(args.history)?,
            fingers: args.fingers == Fingers::Auto,
            log: EnvFilter::try_new(&args.log)?,
            wants_full_screen: args.ui == Ui::Tui,
        })
    }
}

/// True where somebody typed an empty value: that is a mistake, and not the same as no value.
fn is_left_empty(mut arguments: impl Iterator<Item = String>) -> bool {
    arguments.any(|text| text.is_empty() || (text.starts_with("--") && text.ends_with('=')))
}

/// An empty variable is as good as none: that is how a compose file leaves one out.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn entry(args: &Args) -> Result<Entry, SettingsError> {
    let mut found: Vec<Place> = Vec::new();
    for text in &args.join {
        for place in places(text)? {
            match found
                .iter_mut()
                .find(|known| known.director == place.director)
            {
                Some(known) => known.may_found |= place.may_found,
                None => found.push(place),
            }
        }
    }
    match (found.is_empty(), given(args.start.as_deref())) {
        (false, Some(_)) => Err(SettingsError::JoinAndStart),
        (true, Some(_)) => Err(SettingsError::Start),
        (false, None) => Ok(Entry::Join(found)),
        (true, None) => {
            let (listen, exactly) = director_listen(args.director_listen.as_deref())?;
            Ok(Entry::Host { listen, exactly })
        }
    }
}

fn director_listen(text: Option<&str>) -> Result<(SocketAddr, bool), SettingsError> {
    let flag = "--director-listen";
    Ok(match listen(flag, text)? {
        Some(address) => (address, true),
        None => (
            DIRECTOR_LISTEN.parse().expect("the default is an address"),
            false,
        ),
    })
}

fn listen(flag: &'static str, text: Option<&str>) -> Result<Option<SocketAddr>, SettingsError> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let address = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let no_address = || SettingsError::Listen {
        flag,
        text: text.to_owned(),
    };
    address.map(Some).ok_or_else(no_address)
}

fn show(args: &Args, around: &Surroundings) -> Result<Show, SettingsError> {
    let color = match args.color {
        Color::Auto => around.stdout_is_terminal && !around.no_color,
        Color::Always => true,
        Color::Never => false,
    };
    match (args.json, args.ui) {
        (true, Ui::Tui) => Err(SettingsError::Json("tui")),
        (true, Ui::None) => Err(SettingsError::Json("none")),
        (true, Ui::Auto | Ui::Lines) => Ok(Show::Json),
        (false, Ui::None) => Ok(Show::Nothing),
        (false, Ui::Auto | Ui::Tui | Ui::Lines) => Ok(Show::Lines { color }),
    }
}

fn timeout(text: &str) -> Result<Duration, SettingsError> {
    let seconds = text.parse::<f64>().ok();
    let valid = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_SECONDS);
    let valid = valid.ok_or_else(|| SettingsError::Timeout(text.to_owned()))?;
    Ok(Duration::from_secs_f64(valid))
}

fn history(text: String) -> Result<usize, SettingsError> {
    match text.parse() {
        Ok(messages) if messages <= HISTORY => Ok(messages),
        _ => Err(SettingsError::History(text)),
    }
}

#[cfg(test)]
mod tests;
