//! The settings of a node: the command line, the environment and the user's file, resolved and validated.
//!
//! Raw text ([`Args`]) goes in, and one [`Task`] comes out; code that has [`Settings`] need not check them again. Not
//! here: anything that is only known by trying, such as whether a port is free.

mod args;
mod destination;
mod file;
mod help;
mod hidden;
mod keys;
mod layers;
mod manual;
mod origin;
mod place;
mod prompt;
mod surroundings;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind;
use clap_complete::Shell;
use ringtalk_director::api::Address;
use ringtalk_session::text::harmless_lines;
use ringtalk_session::{Name, NameError, Request};
use ringtalk_terminal::{Mistake, Show, parse_line, request};
use time::UtcOffset;
use tracing_subscriber::EnvFilter;

pub(crate) use args::Args;
pub use destination::{Destination, DestinationError};
pub use hidden::Hidden;
pub(crate) use manual::manual;
pub(crate) use place::invite;
pub use place::{Place, PlaceError};
pub use prompt::ask_for_secret;
pub use surroundings::secret_variable;

use crate::secret::Secret;
use crate::status::Status;

use args::{Color, Fingers, Ui};
use file::{FileError, Settled};
use hidden::without_secrets;
use layers::layer;
use origin::Origin;
use surroundings::Surroundings;

/// The most messages that can be kept for latecomers.
const HISTORY: usize = 1_000_000;
/// The longest `--timeout`: a year, so that it can be added to any clock.
const TIMEOUT_SECONDS: f64 = 31_536_000.0;
/// The address on which the director inside listens by default.
const DIRECTOR_LISTEN: &str = "0.0.0.0:8080";

/// The task of the program.
#[derive(Debug)]
pub(crate) enum Task {
    /// Take part in a discussion.
    Run(Box<Settings>),
    /// Check whether a node or a director answers.
    Check {
        /// The address of a node, if its port is known.
        node: Option<SocketAddr>,
        /// The address of a director.
        director: SocketAddr,
    },
    /// Print completions for a shell.
    Complete(Shell),
    /// Print the manual page.
    Manual,
}

/// The settings of a node that takes part in a discussion.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The way in.
    pub(crate) entry: Entry,
    /// The secret of the discussion.
    pub(crate) secret: Secret,
    /// The name to ask for.
    pub(crate) name: Name,
    /// The address to listen on; `None` for any port of any address.
    pub(crate) listen: Option<SocketAddr>,
    /// The address that other networks dial.
    pub(crate) public_address: Option<Address>,
    /// What to show.
    pub(crate) show: Show,
    /// The offset of local time from UTC.
    pub(crate) offset: UtcOffset,
    /// The requests to carry out before those that are typed.
    pub(crate) say: Vec<Request>,
    /// Whether to leave when stdin ends.
    pub(crate) quit_on_eof: bool,
    /// How long to try to get in.
    pub(crate) timeout: Duration,
    /// The number of messages kept for latecomers.
    pub(crate) history: usize,
    /// Whether there are links beyond the neighbours.
    pub(crate) fingers: bool,
    /// What to log.
    pub(crate) log: EnvFilter,
}

/// The way into a discussion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Ask these directors in turn: at least one.
    Join(Vec<Place>),
    /// Begin a private discussion, with a director inside this node.
    Host {
        /// The address on which the director listens.
        listen: SocketAddr,
        /// Whether no other port will do.
        exactly: bool,
    },
}

/// The problem with the command line, the environment or the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("--join and --start: choose one")]
    JoinAndStart,
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{origin}: {error}")]
    Value { origin: Origin, error: ValueError },
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("a value on the command line is empty: leave the flag out, or give it a value")]
    Empty,
    #[error("--say: {0}")]
    Say(Mistake),
    #[error("--json writes lines, so it does not go with --ui {0}")]
    Json(&'static str),
    #[error("--json-input is for programs that read JSON too: add --json")]
    JsonInput,
}

/// The problem with a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("{0}")]
    Start(PlaceError),
    #[error(
        "an invite leads into a discussion that exists; name a director, host:port, and let \
         RINGTALK_SECRET give the secret, if it is not to be a new one"
    )]
    StartInvite,
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{0:?} is no address to listen on, such as 0.0.0.0:4000 or [::]:0")]
    Listen(String),
    #[error("{0}")]
    PublicAddress(#[from] ringtalk_director::api::AddressError),
    #[error("{0:?} is no number of seconds above 0, such as 30")]
    Timeout(String),
    #[error("{0:?} is no number from 0 to {HISTORY}")]
    History(String),
    #[error("{0}; such as warn, or ringtalk_node=debug")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    #[error("for tui, stdin and stdout have to be a terminal; lines is for everything else")]
    NoTerminal,
}

impl Args {
    /// Adds to an error where the wrong value was given.
    fn locate<T, E: Into<ValueError>>(
        &self,
        flag: &'static str,
        read: Result<T, E>,
    ) -> Result<T, SettingsError> {
        read.map_err(|error| SettingsError::Value {
            origin: self.origins.of(flag),
            error: error.into(),
        })
    }
}

impl Task {
    /// Parses the command line. If it is wrong, prints why and ends the process with status 2, or 4 if a secret is
    /// wrong or missing.
    pub(crate) fn from_command_line() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        let around = Surroundings::look();
        let args = layer(&words, Settled::default()).unwrap_or_else(|error| reject(&error));
        let resolved = if is_left_empty(typed()) {
            Err(SettingsError::Empty)
        } else if args.completions.is_some() || args.man {
            Self::resolve(&args, &around)
        } else {
            settled(&around).and_then(|file| {
                let args = layer(&words, file).unwrap_or_else(|error| reject(&error));
                Self::resolve(&args, &around)
            })
        };
        resolved.unwrap_or_else(|error| {
            // The text may repeat an invite, which comes from somebody else.
            let text = harmless_lines(&error.to_string());
            if error.is_refusal() {
                let _ = writeln!(io::stderr(), "node: {text}");
                process::exit(Status::Refused as i32);
            }
            let kind = ErrorKind::ValueValidation;
            reject(&Args::command().error(kind, text))
        })
    }

    fn resolve(args: &Args, around: &Surroundings) -> Result<Self, SettingsError> {
        if let Some(shell) = args.completions {
            Ok(Self::Complete(shell))
        } else if args.man {
            Ok(Self::Manual)
        } else if args.healthcheck {
            Ok(Self::Check {
                node: args
                    .locate("listen", listen(args.listen.as_deref()))?
                    .filter(|addr| addr.port() != 0),
                director: director_listen(args)?.0,
            })
        } else {
            Settings::resolve(args, around).map(|settings| Self::Run(Box::new(settings)))
        }
    }
}

impl Settings {
    /// Resolves the command line of a node that another program runs, without the program's name.
    pub(crate) fn of_arguments<A>(arguments: A) -> Result<Self, String>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let named = [OsString::from("node")].into_iter();
        let words = named.chain(arguments.into_iter().map(Into::into));
        let words: Vec<OsString> = words.collect();
        // The settings file is the user's, and how that program behaves is its own matter.
        let mut args = layer(&words, Settled::default()).map_err(|error| error.to_string())?;
        // Stdin is that program's too: nothing that the node does depends on it.
        args.quit_on_eof.get_or_insert(false);
        Self::resolve(&args, &Surroundings::look()).map_err(|error| error.to_string())
    }

    fn resolve(args: &Args, around: &Surroundings) -> Result<Self, SettingsError> {
        let show = show(args, around)?;
        let (entry, secret) = entry(args, around)?;
        let name = match given(args.name.as_deref()) {
            Some(name) => args.locate("name", name.parse())?,
            None => Name::of_login(around.logins.iter().cloned()),
        };
        let public_address = given(args.public_address.as_deref()).map(str::parse);
        let reads_a_pipe = !around.stdin_is_terminal && show != Show::Nothing;
        let quit_by_default = !args.json && reads_a_pipe;
        Ok(Self {
            entry,
            secret,
            name,
            listen: args.locate("listen", listen(args.listen.as_deref()))?,
            public_address: args.locate("public-address", public_address.transpose())?,
            show,
            say: say(&args.say)?,
            offset: around.offset.unwrap_or(UtcOffset::UTC),
            quit_on_eof: args.quit_on_eof.unwrap_or(quit_by_default),
            timeout: args.locate("timeout", timeout(&args.timeout))?,
            history: args.locate("history", history(&args.history))?,
            fingers: args.fingers == Fingers::Auto,
            log: args.locate("log", EnvFilter::try_new(&args.log))?,
        })
    }
}

impl SettingsError {
    const fn is_refusal(&self) -> bool {
        matches!(self, Self::Destination(error) if error.is_refusal())
    }
}

/// Prints what is wrong with the command line, or what it asks for, and ends the process. A secret that was typed is
/// not repeated.
pub fn reject(error: &clap::Error) -> ! {
    let typed: Vec<String> = typed().collect();
    let hide = |text: &str| without_secrets(text, typed.iter().map(String::as_str));
    let rendered = error.render();
    let plain = rendered.to_string();
    if !error.use_stderr() || hide(&plain) == plain {
        error.exit();
    }
    let text = if io::stderr().is_terminal() {
        hide(&rendered.ansi().to_string())
    } else {
        hide(&plain)
    };
    let _ = io::stderr().write_all(text.as_bytes());
    process::exit(error.exit_code());
}

/// Returns the command line, as text.
fn typed() -> impl Iterator<Item = String> {
    std::env::args_os().map(|text| text.to_string_lossy().into_owned())
}

/// Returns true if the user typed an empty value: that is a mistake, and not the same as no value.
fn is_left_empty(mut arguments: impl Iterator<Item = String>) -> bool {
    arguments.any(|text| text.is_empty() || (text.starts_with("--") && text.ends_with('=')))
}

/// Reads the user's file, if it exists.
fn settled(around: &Surroundings) -> Result<Settled, SettingsError> {
    let file = around.file.as_deref().map(Settled::read);
    Ok(file.transpose()?.unwrap_or_default())
}

/// Parses lines as if they had been typed; fails if one of them cannot be sent.
fn say(lines: &[String]) -> Result<Vec<Request>, SettingsError> {
    let parsed = lines.iter().cloned().filter_map(parse_line);
    let sayable = parsed.map(|line| match line {
        Err(mistake) => Err(SettingsError::Say(mistake)),
        sayable => Ok(request(sayable)),
    });
    sayable.collect()
}

/// Returns `None` for an empty text, because a compose file leaves a variable out by leaving it empty.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn entry(args: &Args, around: &Surroundings) -> Result<(Entry, Secret), SettingsError> {
    let variable = around.secret.as_ref().map(Hidden::as_str);
    let joins = args.join.iter().map(Hidden::as_str);
    let ask = || match around.prompt {
        Some(prompt) => prompt(),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let Destination { places, secret } = Destination::find(joins, variable, ask)?;
    let start = given(args.start.as_ref().map(Hidden::as_str));
    match (places.is_empty(), start) {
        (false, Some(_)) => Err(SettingsError::JoinAndStart),
        (true, Some(start)) => {
            let places = args.locate("start", started(start))?;
            Ok((Entry::Join(places), private(secret)?))
        }
        (false, None) => Ok((Entry::Join(places), secret.unwrap_or(Secret::open()))),
        (true, None) => {
            let (listen, exactly) = director_listen(args)?;
            Ok((Entry::Host { listen, exactly }, private(secret)?))
        }
    }
}

/// Returns the directors at which a private discussion is to be started.
fn started(text: &str) -> Result<Vec<Place>, ValueError> {
    let found = Destination::find([text], None, || Err(io::ErrorKind::NotFound.into()));
    match found {
        Ok(Destination { places, .. })
            if !places.is_empty() && places.iter().all(|place| place.may_found) =>
        {
            Ok(places)
        }
        Err(DestinationError::Join(error @ PlaceError::Address { .. })) => {
            Err(ValueError::Start(error))
        }
        Ok(_) | Err(_) => Err(ValueError::StartInvite),
    }
}

/// Returns the secret that was given, or a new one.
fn private(secret: Option<Secret>) -> Result<Secret, getrandom::Error> {
    secret.map_or_else(Secret::generate, Ok)
}

fn director_listen(args: &Args) -> Result<(SocketAddr, bool), SettingsError> {
    let wanted = listen(args.director_listen.as_deref());
    Ok(match args.locate("director-listen", wanted)? {
        Some(address) => (address, true),
        None => (
            DIRECTOR_LISTEN.parse().expect("the default is an address"),
            false,
        ),
    })
}

fn listen(text: Option<&str>) -> Result<Option<SocketAddr>, ValueError> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let address = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let no_address = || ValueError::Listen(text.to_owned());
    address.map(Some).ok_or_else(no_address)
}

fn show(args: &Args, around: &Surroundings) -> Result<Show, SettingsError> {
    let color = match args.color {
        Color::Auto => around.stdout_is_terminal && !around.no_color,
        Color::Always => true,
        Color::Never => false,
    };
    if args.json_input && !args.json {
        return Err(SettingsError::JsonInput);
    }
    match (args.json, args.ui) {
        (true, Ui::Tui) => Err(SettingsError::Json("tui")),
        (true, Ui::None) => Err(SettingsError::Json("none")),
        (true, Ui::Auto | Ui::Lines) => Ok(Show::Json {
            commands: args.json_input,
        }),
        (false, Ui::None) => Ok(Show::Nothing),
        (false, Ui::Tui) if !around.have_terminal() => {
            args.locate("ui", Err(ValueError::NoTerminal))
        }
        (false, Ui::Tui) => Ok(Show::Screen { color }),
        (false, Ui::Auto) if around.have_screen() => Ok(Show::Screen { color }),
        (false, Ui::Auto | Ui::Lines) => Ok(Show::Lines { color }),
    }
}

fn timeout(text: &str) -> Result<Duration, ValueError> {
    let seconds = text.parse::<f64>().ok();
    let valid = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_SECONDS);
    let valid = valid.ok_or_else(|| ValueError::Timeout(text.to_owned()))?;
    Ok(Duration::from_secs_f64(valid))
}

fn history(text: &str) -> Result<usize, ValueError> {
    match text.parse() {
        Ok(messages) if messages <= HISTORY => Ok(messages),
        _ => Err(ValueError::History(text.to_owned())),
    }
}

#[cfg(test)]
mod tests;
