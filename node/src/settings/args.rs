//! The raw command line: flags and their environment variables, as text.
//!
//! Not here: whether a value makes sense, what follows from it (`settings`).

use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use ringtalk_session::ProgramName;

use super::origin::Origins;
use super::{Hidden, help};

/// The log filter, if the user asks for no other.
pub(crate) const USUAL_LOG: &str = "warn";

/// Group chat without a server that remembers it.
///
/// Without WHERE, it starts a private discussion and prints the command that others run to join
/// it. Each line that you type is a message. A line that starts with / is a command; /help lists
/// them.
#[derive(Debug, Default, Parser)]
#[command(
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) discussion: DiscussionArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,

    /// Where values were given
    #[arg(skip)]
    pub(crate) origins: Origins,
}

/// Returns the command line of a program that was started under this name.
pub(crate) fn command(program: ProgramName) -> clap::Command {
    let name = program.as_str();
    let command = Args::command().name(name).bin_name(name);
    command
        .after_help(help::short(program))
        .after_long_help(help::long(program))
}

// The flags about the discussion. Not a doc comment: clap would take it for the description of the program.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Discussion")]
pub(crate) struct DiscussionArgs {
    /// The same as --join WHERE
    #[arg(value_name = "WHERE")]
    pub(crate) places: Vec<Hidden>,

    /// Join: an invite ringtalk://host:port/#SECRET, or a director host:port; repeat it for several
    ///
    /// An invite leads to a private discussion. A director's host:port leads to its open discussion,
    /// which anyone who can reach the director may join. If `RINGTALK_SECRET` is set, it leads to the
    /// private discussion with that secret. A missing port means 8080. Other users of this machine can
    /// see command lines. To keep the secret off them, set `RINGTALK_SECRET`, or end the invite with a
    /// bare # and type the secret when asked. If the secret is wrong or there is no such discussion,
    /// the exit status is 4.
    #[arg(
        long,
        value_name = "WHERE",
        env = "RINGTALK_JOIN",
        hide_env_values = true
    )]
    pub(crate) join: Vec<Hidden>,

    /// Start a private discussion and register it at this director (host, or host:port)
    ///
    /// The secret is new unless `RINGTALK_SECRET` is set. If several nodes start with the same secret,
    /// the first one founds the discussion and the others join it.
    #[arg(
        long,
        value_name = "WHERE",
        env = "RINGTALK_START",
        hide_env_values = true
    )]
    pub(crate) start: Option<Hidden>,

    /// Your name, 1 to 32 characters [default: the login name]
    #[arg(long, value_name = "NAME", env = "RINGTALK_NAME")]
    pub(crate) name: Option<String>,

    /// How long to try to join
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub(crate) timeout: String,

    /// How many messages to keep for newcomers
    #[arg(long, value_name = "N", default_value = "10000")]
    pub(crate) history: String,
}

// The flags about input. Not a doc comment: clap would take it for the description of the program.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Send this message after joining; repeat it for more messages
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Vec<String>,

    /// Leave when stdin ends and a neighbour has every message
    /// [default: true if stdin is not a terminal and --json is not given]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) quit_on_eof: Option<bool>,
}

// The flags about output. Not a doc comment: clap would take it for the description of the program.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Use the full screen, write plain text, or write nothing to stdout
    ///
    /// The full screen has the keys of a shell (Tab, arrows, Ctrl+A, Ctrl+W, Ctrl+R, ...); /help lists
    /// them. Ctrl+C on an empty line asks whether to leave.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) ui: Ui,

    /// Write events to stdout, one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// With --json: read commands from stdin, one JSON object a line
    #[arg(long)]
    pub(crate) json_input: bool,

    /// When to use colours; if `NO_COLOR` is set, auto means never
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,

    /// A word that counts as a mention of you, like your name; repeat it for more words
    #[arg(long, value_name = "WORD")]
    pub(crate) highlight: Vec<String>,

    /// When to ring the terminal's bell: for mentions and for people of /notify, or never
    #[arg(long, value_enum, default_value_t)]
    pub(crate) bell: Bell,

    /// Desktop notifications for mentions and for people of /notify, by the sequence that your terminal knows
    ///
    /// osc9: iTerm2, kitty, Ghostty. osc777: foot, rxvt. There is one a second at most,
    /// and none while you see the newest messages, if the terminal reports the focus.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) notifications: Notifications,

    /// Scroll the full screen with the wheel of the mouse; to select text with the mouse, hold Shift
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) mouse_wheel: Option<bool>,

    /// Diagnostics to log to stderr, as tracing filters
    #[arg(
        long,
        value_name = "FILTER",
        env = "RINGTALK_LOG",
        default_value = USUAL_LOG
    )]
    pub(crate) log: String,
}

// The flags about the network. Not a doc comment: clap would take it for the description of the program.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Address to listen on for other nodes and for newcomers; port 0 picks a free port
    /// [default: port 8080 or the next free one if this node starts a discussion without --start,
    /// else a free port]
    #[arg(long, value_name = "ADDR", env = "RINGTALK_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Address at which nodes on other networks reach this one
    #[arg(long, value_name = "HOST:PORT", env = "RINGTALK_PUBLIC_ADDRESS")]
    pub(crate) public_address: Option<String>,

    /// Another address to listen on for newcomers
    #[arg(long, value_name = "ADDR", env = "RINGTALK_DIRECTOR_LISTEN")]
    pub(crate) director_listen: Option<String>,

    /// Whether large rings use links beyond the two neighbours, for speed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) fingers: FingerMode,
}

// The flags about the program itself. Not a doc comment: clap would take it for the description of the program.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct ProgramArgs {
    /// Exit with 0 if a node or a director answers at --listen, --director-listen, or else port 8080
    #[arg(long)]
    pub(crate) healthcheck: bool,

    /// Print completions for this shell
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long)]
    pub(crate) man: bool,

    /// Print help; -h prints a summary
    #[arg(long, short, action = ArgAction::Help)]
    pub(crate) help: Option<bool>,

    /// Print the version
    #[arg(long, short = 'V', action = ArgAction::Version)]
    pub(crate) version: Option<bool>,
}

/// Which face the user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Ui {
    /// The full screen if stdin and stdout are terminals, else plain text
    #[default]
    Auto,
    /// The full screen
    Tui,
    /// Plain text
    Lines,
    /// Nothing
    None,
}

/// Whether there are links beyond the neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum FingerMode {
    /// Use them in large rings
    #[default]
    Auto,
    /// Use the two neighbours only
    Off,
}

/// When the bell rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Bell {
    /// For mentions and for people of /notify
    #[default]
    Mentions,
    /// Never
    Off,
}

/// Which notifications there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Notifications {
    /// None
    #[default]
    Off,
    /// As in iTerm2, kitty and Ghostty
    Osc9,
    /// As in foot and rxvt
    Osc777,
}

/// Whether there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// If stdout is a terminal
    #[default]
    Auto,
    /// Even in a pipe
    Always,
    /// Never
    Never,
}
