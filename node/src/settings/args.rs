//! The command line as it was typed: flags and their environment variables, as text.
//!
//! Not here: whether a value makes sense, and what follows from it (`settings`).

use clap::{ArgAction, Parser, ValueEnum};
use clap_complete::Shell;

use super::origin::Origins;
use super::{Hidden, help};

/// What flags are about.
const DISCUSSION: &str = "The discussion";
const SHOWN: &str = "What is shown";
const SAID: &str = "What is said";
const NETWORK: &str = "The network";
const PROGRAM: &str = "The program";

/// Group chat over a ring of equals: no server remembers what was said.
///
/// Without --join or --start a private discussion begins here, and the line that others type to get
/// in is printed. What is typed is a message; a line that starts with / is a command, see /help.
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
    /// A director as host:port, or an invite ringtalk://host:port/#SECRET; repeat it for several
    ///
    /// An invite leads into a private discussion. A director as host:port leads into its open
    /// discussion, which anybody who reaches the director can enter; with `RINGTALK_SECRET` set, into
    /// the private discussion that has this secret. Other users of this machine see a command line:
    /// so the secret may stand in `RINGTALK_SECRET`, and an invite that ends in a bare # asks for it
    /// at the terminal. Without such a discussion, or with a wrong secret, the exit status is 4.
    #[arg(
        long,
        help_heading = DISCUSSION,
        value_name = "WHERE",
        env = "RINGTALK_JOIN",
        hide_env_values = true
    )]
    pub(crate) join: Vec<Hidden>,

    /// Start a private discussion, registered at this director (host:port)
    ///
    /// Its secret is a new one, or that in `RINGTALK_SECRET`: of several nodes that are started with
    /// the same secret, the first founds the discussion, and the others join it.
    #[arg(
        long,
        help_heading = DISCUSSION,
        value_name = "WHERE",
        env = "RINGTALK_START",
        hide_env_values = true
    )]
    pub(crate) start: Option<Hidden>,

    /// The name shown to others, 1 to 32 characters [default: the login name]
    #[arg(long, help_heading = DISCUSSION, value_name = "NAME", env = "RINGTALK_NAME")]
    pub(crate) name: Option<String>,

    /// How long to try to get in
    #[arg(long, help_heading = DISCUSSION, value_name = "SECONDS", default_value = "30")]
    pub(crate) timeout: String,

    /// How many messages are kept for latecomers
    #[arg(long, help_heading = DISCUSSION, value_name = "N", default_value = "10000")]
    pub(crate) history: String,

    /// Say this once inside, before what is typed; repeat it for more lines
    #[arg(long, help_heading = SAID, value_name = "TEXT")]
    pub(crate) say: Vec<String>,

    /// Leave when stdin ends, once everything sent has been handed to a neighbour
    /// [default: on where --json is off and stdin is no terminal]
    #[arg(long, help_heading = SAID, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) quit_on_eof: Option<bool>,

    /// The full screen of a terminal, plain text, or nothing on stdout
    ///
    /// The full screen has keys as in a shell (Tab, arrows, Ctrl+A, Ctrl+W, Ctrl+R, ...), which /help
    /// lists; Ctrl+C on an empty line asks whether to leave.
    #[arg(long, help_heading = SHOWN, value_enum, default_value_t)]
    pub(crate) ui: Ui,

    /// One JSON object a line on stdout, instead of text
    #[arg(long, help_heading = SHOWN)]
    pub(crate) json: bool,

    /// With --json: commands on stdin, one JSON object a line
    #[arg(long, help_heading = SHOWN)]
    pub(crate) json_input: bool,

    /// Colours on the full screen and in the plain text; with `NO_COLOR` set, auto means never
    #[arg(long, help_heading = SHOWN, value_enum, default_value_t)]
    pub(crate) color: Color,

    /// Diagnostics on stderr, as tracing filters
    #[arg(
        long,
        help_heading = SHOWN,
        value_name = "FILTER",
        env = "RINGTALK_LOG",
        default_value = "warn"
    )]
    pub(crate) log: String,

    /// Where other nodes reach this one; port 0 picks a free one
    /// [default: [::]:0, or 0.0.0.0:0 without IPv6]
    #[arg(long, help_heading = NETWORK, value_name = "ADDR", env = "RINGTALK_LISTEN")]
    pub(crate) listen: Option<String>,

    /// The address that other networks use to reach this node
    #[arg(long, help_heading = NETWORK, value_name = "HOST:PORT", env = "RINGTALK_PUBLIC_ADDRESS")]
    pub(crate) public_address: Option<String>,

    /// Where the director inside listens, if there is one
    /// [default: 0.0.0.0:8080, or the next free port]
    #[arg(long, help_heading = NETWORK, value_name = "ADDR", env = "RINGTALK_DIRECTOR_LISTEN")]
    pub(crate) director_listen: Option<String>,

    /// Links beyond the two neighbours, for speed; off: neighbours only
    #[arg(long, help_heading = NETWORK, value_enum, default_value_t)]
    pub(crate) fingers: Fingers,

    /// Exit with 0 if a node (at the port of --listen) or a director (at --director-listen) answers
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) healthcheck: bool,

    /// Print completions for a shell
    #[arg(long, help_heading = PROGRAM, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) man: bool,

    /// Print help; -h is the short one
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
    /// The full screen on a terminal, else plain text
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
pub(crate) enum Fingers {
    /// In large rings
    #[default]
    Auto,
    /// Never
    Off,
}

/// Whether there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Also into a pipe
    Always,
    /// Nowhere
    Never,
}
