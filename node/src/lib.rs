//! The driver of a Ringtalk node: everything around the protocol core, which does no I/O itself.
//!
//! Here are the sockets, the time, the director client, the director inside, and what joins a face to them. The
//! binaries `node` and `ringtalk` call [`run`]. Other programs use [`link`](mod@link) to talk to a node, [`observer`]
//! to look at a ring, [`embedded`] to run a node inside them, and [`Destination`] to say which discussion they mean.
//! Not here: events and commands (`ringtalk-session`), the faces (`ringtalk-terminal`), the meaning of frames
//! (`ringtalk-proto`), their encoding (`ringtalk-wire`).

mod address;
mod director_client;
mod driver;
pub mod embedded;
mod environment;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod healthcheck;
pub mod identity;
mod inside;
pub mod link;
pub mod observer;
pub mod secret;
mod settings;
mod start;
mod status;
mod traces;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

pub use environment::clean_environment;
pub use settings::{
    Destination, DestinationError, Endpoint, EndpointError, Hidden, ask_for_secret, mask_secrets,
    reject, secret_variable,
};

use settings::{Args, ProgramTask};

/// Does what the command line asks for, and returns the exit status.
pub fn run() -> ExitCode {
    clean_environment();
    match ProgramTask::from_command_line() {
        ProgramTask::Run(settings) => start::start(*settings),
        ProgramTask::Check { node, director } => healthcheck::check(node, director),
        ProgramTask::Complete(shell) => print(&completions(shell)),
        ProgramTask::Manual => print(&settings::manual()),
    }
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "node", &mut text);
    text
}

fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_manual_and_completions() {
        let manual = String::from_utf8(settings::manual()).unwrap();
        assert!(manual.contains("director\\-listen"));
        let completions = String::from_utf8(completions(Shell::Bash)).unwrap();
        assert!(completions.contains("--director-listen"));
    }
}
