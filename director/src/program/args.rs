//! The command line of `director`, resolved into one valid [`Task`].
//!
//! Values are read as text first: clap would repeat a wrong value, and a user may have put a secret there. Not here:
//! the tasks themselves (`program`).

use std::net::SocketAddr;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::masking::mask_words;
use crate::pages::{self, Section};

/// The name of the program.
pub(super) const NAME: &str = "director";

/// Example commands, and what each does. `tests/tests/documents.rs` runs every one.
const EXAMPLES: [(&str, &str); 4] = [
    (
        "director",
        "Serve everyone who can reach port 8080 of this machine",
    ),
    (
        "director --listen 127.0.0.1:9000",
        "Serve this machine only, on another port",
    ),
    (
        "director --carry 100",
        "Also carry up to 100 links between members who are both behind routers",
    ),
    (
        "director --listen 127.0.0.1:9000 --healthcheck",
        "Exit with 0 if that director is healthy",
    ),
];

/// The exit statuses, as in `wire/CONTRACT.md`.
const STATUSES: [(&str, &str); 3] = [
    ("0", "Stopped by a signal; with --healthcheck: healthy"),
    ("1", "Cannot listen; with --healthcheck: not healthy"),
    ("2", "Invalid command line"),
];

/// Points newcomers at the coordinator of a Ringtalk discussion.
///
/// It keeps leases of a few seconds in memory and nothing else, so it can be restarted at any time.
///
/// It serves one open discussion, which anyone who can reach it may join, and many private ones. Of
/// those it sees ids and addresses, never a secret, a name or a message.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    bin_name = NAME,
    version,
    max_term_width = 100,
    after_help = pages::help(&sections())
)]
struct Args {
    /// Address to listen on; port 0 picks a free port
    #[arg(
        long,
        value_name = "ADDR",
        env = "RINGTALK_DIRECTOR_LISTEN",
        hide_env_values = true,
        default_value = "0.0.0.0:8080"
    )]
    listen: String,

    /// Carry up to this many links for members who cannot reach each other
    ///
    /// The links are encrypted from end to end, so the director reads nothing. It copies 1 MiB a
    /// second for one link, and 8 MiB a second for all. Each link takes two open files.
    #[arg(long, value_name = "N", default_value = "0")]
    carry: String,

    /// Exit with 0 if a director on this host answers at the port of --listen, else with 1
    #[arg(long)]
    healthcheck: bool,

    /// Diagnostics to log to stderr, as tracing filters
    #[arg(
        long,
        value_name = "FILTER",
        env = "RINGTALK_LOG",
        default_value = "warn"
    )]
    log: String,

    /// Print completions for this shell
    #[arg(long, value_name = "SHELL", value_enum)]
    completions: Option<Shell>,

    /// Print the manual page
    #[arg(long)]
    man: bool,
}

/// The task of the program.
#[derive(Debug)]
pub(super) enum Task {
    /// Print this page.
    Print(Vec<u8>),
    /// Check whether a director answers here.
    Check(SocketAddr),
    /// Run a director.
    Serve {
        /// The address to listen on.
        listen: SocketAddr,
        /// The most circuits to carry.
        circuits: u16,
        /// The filter for diagnostics.
        log: Box<EnvFilter>,
    },
}

impl Task {
    /// Reads the command line. If it is wrong, prints why and ends the process with status 2.
    pub(super) fn from_command_line() -> Self {
        Args::try_parse()
            .and_then(|args| Self::resolve(&args))
            // Repeats no secret that was typed in a wrong place.
            .unwrap_or_else(|error| pages::exit(NAME, &error, mask_words))
    }

    fn resolve(args: &Args) -> Result<Self, clap::Error> {
        if let Some(shell) = args.completions {
            return Ok(Self::Print(pages::completions(shell, Args::command())));
        }
        if args.man {
            return Ok(Self::Print(pages::manual(Args::command(), &sections())));
        }
        let listen = args.listen.parse().map_err(|_| {
            let expected = "expected an address such as 0.0.0.0:8080 or [::]:8080";
            invalid(format!(
                "--listen: invalid value {:?}; {expected}",
                args.listen
            ))
        })?;
        if args.healthcheck {
            return Ok(Self::Check(listen));
        }
        let circuits = args.carry.parse().map_err(|_| {
            let expected = format!("expected a number of links, at most {}", u16::MAX);
            invalid(format!(
                "--carry: invalid value {:?}; {expected}",
                args.carry
            ))
        })?;
        let log = EnvFilter::try_new(&args.log).map_err(|error| {
            let expected = "expected a filter such as warn or ringtalk_director=debug";
            invalid(format!("--log: {error}; {expected}"))
        })?;
        let log = Box::new(log);
        Ok(Self::Serve {
            listen,
            circuits,
            log,
        })
    }
}

fn sections() -> [Section; 2] {
    [
        Section::new("Examples", EXAMPLES),
        Section::new("Exit status", STATUSES),
    ]
}

fn invalid(text: String) -> clap::Error {
    Args::command().error(ErrorKind::ValueValidation, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str) -> Result<Task, clap::Error> {
        let words = std::iter::once(NAME).chain(line.split_whitespace());
        Args::try_parse_from(words).and_then(|args| Task::resolve(&args))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn each_task_is_read() {
        let listen: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let task = resolve("--listen 127.0.0.1:9 --healthcheck").unwrap();
        assert!(matches!(task, Task::Check(address) if address == listen));
        let task = resolve("--listen 127.0.0.1:9").unwrap();
        assert!(matches!(task, Task::Serve { listen: address, .. } if address == listen));
        for line in ["--man", "--completions bash", "--man --listen nowhere"] {
            assert!(matches!(resolve(line), Ok(Task::Print(_))), "{line}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_expected() {
        for (line, words) in [
            (
                "--listen nowhere",
                "--listen: invalid value \"nowhere\"; expected",
            ),
            ("--log a=b=c", "--log: "),
            (
                "--carry 65536",
                "--carry: invalid value \"65536\"; expected",
            ),
            ("--carry many", "--carry: invalid value \"many\"; expected"),
        ] {
            let error = resolve(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }
}
