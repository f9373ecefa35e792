//! The settings of a node: the command line, the environment and the user's file, resolved and validated.
//!
//! Raw text ([`Args`]) goes in, and one [`ProgramTask`] comes out; code that has [`Settings`] need not check them again.
//! Not here: anything that is only known by trying, such as whether a port is free.

mod args;
mod attention;
mod destination;
mod endpoint;
mod file;
mod help;
mod hidden;
mod keys;
mod layers;
mod link_local;
mod origin;
mod process_context;
mod prompt;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process;
use std::time::Duration;

use clap::error::ErrorKind;
use ringtalk_director::api::Address;
use ringtalk_director::pages;
use ringtalk_session::text::escape_multiline;
use ringtalk_session::{NameError, ProgramName, Request, RequestedName};
use ringtalk_terminal::{AttentionSettings, FaceKind, Mistake, parse_line, to_request};
use time::UtcOffset;
use tracing_subscriber::EnvFilter;

pub(crate) use args::Args;
pub use destination::{Destination, DestinationError};
pub(crate) use endpoint::invite;
pub use endpoint::{Endpoint, EndpointError};
pub use hidden::{Hidden, mask_secrets};
pub use process_context::secret_variable;
pub use prompt::ask_for_secret;

use crate::secret::Secret;
use crate::status::Status;

use args::{Color, FingerMode, USUAL_LOG, Ui};
use attention::{WORD_CHARS, WORDS};
use file::{FileError, FileSettings};
use hidden::without_secrets;
use layers::layer;
use link_local::{LINK_LOCAL, is_link_local};
use origin::Origin;
use process_context::ProcessContext;

/// The port of a director, and of a node that founds, if none is given.
pub(crate) const DEFAULT_PORT: u16 = 8080;
/// The most messages that can be kept for latecomers.
const HISTORY: usize = 1_000_000;
/// The longest `--timeout`: a year, so that it can be added to any clock.
const TIMEOUT_SECONDS: f64 = 31_536_000.0;

/// The task of the program.
#[derive(Debug)]
pub(crate) enum ProgramTask {
    /// Take part in a discussion.
    Run(Box<Settings>),
    /// Check whether a node or a director answers at one of these addresses.
    Check(Vec<SocketAddr>),
    /// Print this page.
    Print(Vec<u8>),
}

/// The settings of a node that takes part in a discussion.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The name of the program, for people.
    pub(crate) program: ProgramName,
    /// How to join.
    pub(crate) entry: EntryMode,
    /// The secret of the discussion.
    pub(crate) secret: Secret,
    /// The name to ask for.
    pub(crate) name: RequestedName,
    /// The address to listen on; `None` for all addresses, with the default port if this node founds.
    pub(crate) listen: Option<SocketAddr>,
    /// A further address on which to answer newcomers.
    pub(crate) director_listen: Option<SocketAddr>,
    /// The address that other networks dial.
    pub(crate) public_address: Option<Address>,
    /// The face.
    pub(crate) show: FaceKind,
    /// The events that the user wants to be told of.
    pub(crate) attention: AttentionSettings,
    /// Whether the wheel of the mouse scrolls.
    pub(crate) mouse_wheel: bool,
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
    /// The filter for diagnostics; `None` if a person reads them who did not ask for any.
    pub(crate) log: Option<EnvFilter>,
}

/// How a node gets into a discussion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EntryMode {
    /// Ask these directors in turn: at least one.
    Join(Vec<Endpoint>),
    /// Begin a private discussion without any director.
    Found,
}

impl EntryMode {
    /// Returns the endpoints at which this node joins; none if it founds.
    pub(crate) fn into_endpoints(self) -> Vec<Endpoint> {
        match self {
            Self::Join(endpoints) => endpoints,
            Self::Found => Vec::new(),
        }
    }
}

/// The problem with the command line, the environment or the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{0}")]
    Destination(#[from] DestinationError),
    #[error("--join and --start cannot be combined: choose one")]
    JoinAndStart,
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{origin}: {error}")]
    Value { origin: Origin, error: ValueError },
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}: the value is empty; give a value, or leave this out")]
    Empty(String),
    #[error("--say: {0}")]
    Say(Mistake),
    #[error("--json cannot be combined with --ui {0}, because it writes lines")]
    Json(&'static str),
    #[error("--json-input needs --json")]
    JsonInput,
}

/// The problem with a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("{0}")]
    Start(EndpointError),
    #[error(
        "an invite belongs to an existing discussion; expected a director as host:port. To choose \
         the secret of the new discussion, set RINGTALK_SECRET"
    )]
    StartInvite,
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("invalid value {0:?}; expected an address such as 0.0.0.0:4000 or [::]:0")]
    Listen(String),
    #[error("{LINK_LOCAL}")]
    LinkLocal,
    #[error("{0}")]
    PublicAddress(#[from] ringtalk_director::api::AddressError),
    #[error("invalid value {0:?}; expected seconds, above 0 and at most {TIMEOUT_SECONDS}")]
    Timeout(String),
    #[error("invalid value {0:?}; expected a number from 0 to {HISTORY}")]
    History(String),
    #[error("{0}; expected a filter such as warn or ringtalk_node=debug")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    #[error("invalid word {0:?}; expected 1 to {WORD_CHARS} characters with a letter or a digit")]
    Highlight(String),
    #[error("more than {WORDS} words")]
    ManyHighlights,
    #[error("tui needs a terminal on stdin and stdout; use lines instead")]
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

impl ProgramTask {
    /// Parses the command line. If it is wrong, prints why and ends the process with status 2, or 4 if a secret is
    /// wrong or missing.
    pub(crate) fn from_command_line(program: ProgramName) -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        let context = ProcessContext::read();
        let layered = |file| {
            layer(program, &words, file).unwrap_or_else(|error| reject(program.as_str(), &error))
        };
        let args = layered(FileSettings::default());
        let resolved = if let Some(flag) = left_empty(command_line()) {
            Err(SettingsError::Empty(flag))
        } else if args.program.completions.is_some() || args.program.man {
            Self::resolve(program, &args, &context)
        } else {
            read_user_file(&context)
                .and_then(|file| Self::resolve(program, &layered(file), &context))
        };
        resolved.unwrap_or_else(|error| {
            // The text may repeat an invite, which comes from somebody else.
            let text = mask_secrets(&escape_multiline(&error.to_string()));
            if error.is_refusal() {
                let _ = writeln!(io::stderr(), "{program}: {text}");
                process::exit(Status::Refused as i32);
            }
            let kind = ErrorKind::ValueValidation;
            reject(program.as_str(), &args::command(program).error(kind, text))
        })
    }

    fn resolve(
        program: ProgramName,
        args: &Args,
        context: &ProcessContext,
    ) -> Result<Self, SettingsError> {
        let command = || args::command(program);
        if let Some(shell) = args.program.completions {
            Ok(Self::Print(pages::completions(shell, command())))
        } else if args.program.man {
            let sections = help::sections(program);
            Ok(Self::Print(pages::manual(command(), &sections)))
        } else if args.program.healthcheck {
            let network = &args.network;
            let wanted = args.locate("listen", listen(network.listen.as_deref()))?;
            let further = listen(network.director_listen.as_deref());
            let further = args.locate("director-listen", further)?;
            // A director in the same container, or a node that chose the port itself.
            let default = SocketAddr::from(([0, 0, 0, 0], DEFAULT_PORT));
            let known = wanted.filter(|addr| addr.port() != 0);
            let further = further.filter(|addr| addr.port() != 0);
            let targets: Vec<SocketAddr> = known
                .into_iter()
                .chain([further.unwrap_or(default)])
                .collect();
            Ok(Self::Check(targets))
        } else {
            let settings = Settings::resolve(program, args, context)?;
            Ok(Self::Run(Box::new(settings)))
        }
    }
}

impl Settings {
    /// Resolves the command line of a node that another program runs, without the program's name.
    pub(crate) fn from_arguments<A>(arguments: A) -> Result<Self, String>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let program = ProgramName::default();
        let named = [OsString::from(program.as_str())].into_iter();
        let words = named.chain(arguments.into_iter().map(Into::into));
        let words: Vec<OsString> = words.collect();
        // The settings file is the user's, and how that program behaves is its own matter.
        let args = layer(program, &words, FileSettings::default());
        let mut args = args.map_err(|error| error.to_string())?;
        // Stdin is that program's too: nothing that the node does depends on it.
        args.input.quit_on_eof.get_or_insert(false);
        Self::resolve(program, &args, &ProcessContext::read()).map_err(|error| error.to_string())
    }

    fn resolve(
        program: ProgramName,
        args: &Args,
        context: &ProcessContext,
    ) -> Result<Self, SettingsError> {
        let show = show(args, context)?;
        let (entry, secret) = entry_mode(args, context)?;
        let name = match non_empty(args.discussion.name.as_deref()) {
            Some(name) => args.locate("name", name.parse())?,
            None => RequestedName::of_login(context.logins.iter().cloned()),
        };
        let director_listen = listen(args.network.director_listen.as_deref());
        let public_address = non_empty(args.network.public_address.as_deref());
        let public_address = public_address.map(self::public_address);
        let reads_a_pipe = !context.stdin_is_terminal && show != FaceKind::Nothing;
        let quit_by_default = !args.output.json && reads_a_pipe;
        let is_for_people = matches!(show, FaceKind::Screen { .. } | FaceKind::Lines { .. });
        Ok(Self {
            program,
            entry,
            secret,
            name,
            listen: args.locate("listen", listen(args.network.listen.as_deref()))?,
            director_listen: args.locate("director-listen", director_listen)?,
            public_address: args.locate("public-address", public_address.transpose())?,
            show,
            attention: args.locate("highlight", attention::resolve(&args.output))?,
            mouse_wheel: args.output.mouse_wheel.unwrap_or(false),
            say: parse_say(&args.input.say)?,
            offset: context.offset.unwrap_or(UtcOffset::UTC),
            quit_on_eof: args.input.quit_on_eof.unwrap_or(quit_by_default),
            timeout: args.locate("timeout", timeout(&args.discussion.timeout))?,
            history: args.locate("history", history(&args.discussion.history))?,
            fingers: args.network.fingers == FingerMode::Auto,
            log: if is_for_people && args.output.log == USUAL_LOG {
                None
            } else {
                Some(args.locate("log", EnvFilter::try_new(&args.output.log))?)
            },
        })
    }
}

impl SettingsError {
    const fn is_refusal(&self) -> bool {
        matches!(self, Self::Destination(error) if error.is_refusal())
    }
}

/// Prints what is wrong with the command line, or what it asks for, and ends the process. A secret that was typed is
/// not repeated. `program` is its name.
pub fn reject(program: &str, error: &clap::Error) -> ! {
    let typed: Vec<String> = command_line().collect();
    pages::exit(program, error, |text| {
        mask_secrets(&without_secrets(text, typed.iter().map(String::as_str)))
    })
}

/// Returns the command line, as text.
fn command_line() -> impl Iterator<Item = String> {
    std::env::args_os().map(|text| text.to_string_lossy().into_owned())
}

/// Returns the flag whose value the user left empty: that is a mistake, and not the same as no value.
fn left_empty(arguments: impl Iterator<Item = String>) -> Option<String> {
    let mut before = String::new();
    for text in arguments {
        if text.is_empty() {
            let is_flag = before.starts_with('-');
            return Some(if is_flag {
                before
            } else {
                "an argument".to_owned()
            });
        }
        let flag = text.strip_suffix('=');
        if let Some(flag) = flag.filter(|flag| flag.starts_with("--") && !flag.contains('=')) {
            return Some(flag.to_owned());
        }
        before = text;
    }
    None
}

/// Reads the user's file, if it exists.
fn read_user_file(context: &ProcessContext) -> Result<FileSettings, SettingsError> {
    let file = context.file.as_deref().map(FileSettings::read);
    Ok(file.transpose()?.unwrap_or_default())
}

/// Parses lines as if they had been typed; fails if one of them cannot be sent.
fn parse_say(lines: &[String]) -> Result<Vec<Request>, SettingsError> {
    let typed = lines.iter().cloned().filter_map(parse_line);
    let parsed = typed.map(|line| match line {
        Err(mistake) => Err(SettingsError::Say(mistake)),
        parsed => Ok(to_request(parsed)),
    });
    parsed.collect()
}

/// Returns `None` for an empty text, because a compose file leaves a variable out by leaving it empty.
fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn entry_mode(args: &Args, context: &ProcessContext) -> Result<(EntryMode, Secret), SettingsError> {
    let variable = context.secret.as_ref().map(Hidden::as_str);
    let joins = args.discussion.join.iter().map(Hidden::as_str);
    let ask = || match context.prompt {
        Some(prompt) => prompt(),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let Destination { endpoints, secret } = Destination::resolve(joins, variable, ask)?;
    let start = non_empty(args.discussion.start.as_ref().map(Hidden::as_str));
    match (endpoints.is_empty(), start) {
        (false, Some(_)) => Err(SettingsError::JoinAndStart),
        (true, Some(start)) => {
            let endpoints = args.locate("start", parse_start(start))?;
            Ok((EntryMode::Join(endpoints), secret_or_new(secret)?))
        }
        (false, None) => Ok((EntryMode::Join(endpoints), secret.unwrap_or(Secret::open()))),
        (true, None) => Ok((EntryMode::Found, secret_or_new(secret)?)),
    }
}

/// Returns the directors at which a private discussion is to be started.
fn parse_start(text: &str) -> Result<Vec<Endpoint>, ValueError> {
    let found = Destination::resolve([text], None, || Err(io::ErrorKind::NotFound.into()));
    match found {
        Ok(Destination { endpoints, .. })
            if !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.may_found) =>
        {
            Ok(endpoints)
        }
        Err(DestinationError::Join(
            error @ (EndpointError::Address { .. }
            | EndpointError::LinkLocal(_)
            | EndpointError::Web(_)),
        )) => Err(ValueError::Start(error)),
        Ok(_) | Err(_) => Err(ValueError::StartInvite),
    }
}

/// Returns the secret that was given, or a new one.
fn secret_or_new(secret: Option<Secret>) -> Result<Secret, getrandom::Error> {
    secret.map_or_else(Secret::generate, Ok)
}

fn listen(text: Option<&str>) -> Result<Option<SocketAddr>, ValueError> {
    let Some(text) = non_empty(text) else {
        return Ok(None);
    };
    if is_link_local(text) {
        return Err(ValueError::LinkLocal);
    }
    let address = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let no_address = || ValueError::Listen(text.to_owned());
    address.map(Some).ok_or_else(no_address)
}

fn public_address(text: &str) -> Result<Address, ValueError> {
    if is_link_local(text) {
        return Err(ValueError::LinkLocal);
    }
    Ok(text.parse()?)
}

fn show(args: &Args, context: &ProcessContext) -> Result<FaceKind, SettingsError> {
    let color = match args.output.color {
        Color::Auto => context.has_colors(),
        Color::Always => true,
        Color::Never => false,
    };
    if args.output.json_input && !args.output.json {
        return Err(SettingsError::JsonInput);
    }
    match (args.output.json, args.output.ui) {
        (true, Ui::Tui) => Err(SettingsError::Json("tui")),
        (true, Ui::None) => Err(SettingsError::Json("none")),
        (true, Ui::Auto | Ui::Lines) => Ok(FaceKind::Json {
            commands: args.output.json_input,
        }),
        (false, Ui::None) => Ok(FaceKind::Nothing),
        (false, Ui::Tui) if !context.has_terminal() => {
            args.locate("ui", Err(ValueError::NoTerminal))
        }
        (false, Ui::Tui) => Ok(FaceKind::Screen { color }),
        (false, Ui::Auto) if context.has_screen() => Ok(FaceKind::Screen { color }),
        (false, Ui::Auto | Ui::Lines) => Ok(FaceKind::Lines { color }),
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
