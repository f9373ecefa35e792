//! The raw command line: flags and their environment variables, as text.
//!
//! Not here: whether a value makes sense, what follows from it (`settings`).

use clap::{ArgAction, Parser, ValueEnum};
use clap_complete::Shell;

use super::origin::Origins;
use super::{Hidden, help};

/// The headings of the flags.
const DISCUSSION: &str = "Discussion";
const OUTPUT: &str = "Output";
const INPUT: &str = "Input";
const NETWORK: &str = "Network";
const PROGRAM: &str = "Program";

/// Group chat without a server that remembers it.
///
/// Without --join or --start, node starts a private discussion and prints the command that others
/// run to join it. Each line that you type is a message. A line that starts with / is a command;
/// /help lists them.
#[expect(clippy::struct_excessive_bools, reason = "each flag is one")]
#[derive(Debug, Default, Parser)]
#[command(
    name = "node",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true,
    after_help = help::short(),
    after_long_help = help::long()
)]
pub(crate) struct Args {
    /// Join: an invite ringtalk://host:port/#SECRET, or a director host:port; repeat it for several
    ///
    /// An invite leads to a private discussion. A director's host:port leads to its open discussion,
    /// which anyone who can reach the director may join. If `RINGTALK_SECRET` is set, it leads to the
    /// private discussion with that secret. Other users of this machine can see command lines. To keep
    /// the secret off them, set `RINGTALK_SECRET`, or end the invite with a bare # and node asks for it.
    /// If the secret is wrong or there is no such discussion, the exit status is 4.
    #[arg(
        long,
        help_heading = DISCUSSION,
        value_name = "WHERE",
        env = "RINGTALK_JOIN",
        hide_env_values = true
    )]
    pub(crate) join: Vec<Hidden>,

    /// Start a private discussion and register it at this director (host:port)
    ///
    /// The secret is new unless `RINGTALK_SECRET` is set. If several nodes start with the same secret,
    /// the first one founds the discussion and the others join it.
    #[arg(
        long,
        help_heading = DISCUSSION,
        value_name = "WHERE",
        env = "RINGTALK_START",
        hide_env_values = true
    )]
    pub(crate) start: Option<Hidden>,

    /// Your name, 1 to 32 characters [default: the login name]
    #[arg(long, help_heading = DISCUSSION, value_name = "NAME", env = "RINGTALK_NAME")]
    pub(crate) name: Option<String>,

    /// How long to try to join
    #[arg(long, help_heading = DISCUSSION, value_name = "SECONDS", default_value = "30")]
    pub(crate) timeout: String,

    /// How many messages to keep for newcomers
    #[arg(long, help_heading = DISCUSSION, value_name = "N", default_value = "10000")]
    pub(crate) history: String,

    /// Send this message after joining; repeat it for more messages
    #[arg(long, help_heading = INPUT, value_name = "TEXT")]
    pub(crate) say: Vec<String>,

    /// Leave when stdin ends and a neighbour has every message
    /// [default: true if stdin is not a terminal and --json is not given]
    #[arg(long, help_heading = INPUT, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) quit_on_eof: Option<bool>,

    /// Use the full screen, write plain text, or write nothing to stdout
    ///
    /// The full screen has the keys of a shell (Tab, arrows, Ctrl+A, Ctrl+W, Ctrl+R, ...); /help lists
    /// them. Ctrl+C on an empty line asks whether to leave.
    #[arg(long, help_heading = OUTPUT, value_enum, default_value_t)]
    pub(crate) ui: Ui,

    /// Write events to stdout, one JSON object a line
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// With --json: read commands from stdin, one JSON object a line
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json_input: bool,

    /// When to use colours; if `NO_COLOR` is set, auto means never
    #[arg(long, help_heading = OUTPUT, value_enum, default_value_t)]
    pub(crate) color: Color,

    /// Diagnostics to log to stderr, as tracing filters
    #[arg(
        long,
        help_heading = OUTPUT,
        value_name = "FILTER",
        env = "RINGTALK_LOG",
        default_value = "warn"
    )]
    pub(crate) log: String,

    /// Address to listen on for other nodes; port 0 picks a free port
    /// [default: [::]:0, or 0.0.0.0:0 without IPv6]
    #[arg(long, help_heading = NETWORK, value_name = "ADDR", env = "RINGTALK_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Address at which nodes on other networks reach this one
    #[arg(long, help_heading = NETWORK, value_name = "HOST:PORT", env = "RINGTALK_PUBLIC_ADDRESS")]
    pub(crate) public_address: Option<String>,

    /// Address to listen on for newcomers, if this node starts a discussion without --start
    /// [default: 0.0.0.0:8080, or the next free port]
    #[arg(long, help_heading = NETWORK, value_name = "ADDR", env = "RINGTALK_DIRECTOR_LISTEN")]
    pub(crate) director_listen: Option<String>,

    /// Whether large rings use links beyond the two neighbours, for speed
    #[arg(long, help_heading = NETWORK, value_enum, default_value_t)]
    pub(crate) fingers: FingerMode,

    /// Exit with 0 if a node answers at the port of --listen, or a director at --director-listen
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) healthcheck: bool,

    /// Print completions for this shell
    #[arg(long, help_heading = PROGRAM, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) man: bool,

    /// Print help; -h prints a summary
    #[arg(long, short, help_heading = PROGRAM, action = ArgAction::Help)]
    pub(crate) help: Option<bool>,

    /// Print the version
    #[arg(long, short = 'V', help_heading = PROGRAM, action = ArgAction::Version)]
    pub(crate) version: Option<bool>,

    /// Where values were given
    #[arg(skip)]
    pub(crate) origins: Origins,
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
