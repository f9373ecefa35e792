//! The driver of a Ringtalk node: everything around the protocol core, which does no I/O itself.
//!
//! Here are the sockets, the time, the director client, the reception for newcomers, and what joins a face to them. The
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
pub mod link;
pub mod observer;
mod reception;
pub mod secret;
mod settings;
mod start;
mod status;
mod traces;

use std::env;
use std::process::ExitCode;

use ringtalk_session::ProgramName;

pub use environment::clean_environment;
pub use ringtalk_director::{open_files, pages};
pub use settings::{
    Destination, DestinationError, Endpoint, EndpointError, Hidden, ask_for_secret, mask_secrets,
    reject, secret_variable,
};

use settings::ProgramTask;

/// Does what the command line asks for, and returns the exit status.
pub fn run() -> ExitCode {
    clean_environment();
    let program = ProgramName::of_path(&env::args_os().next().unwrap_or_default());
    match ProgramTask::from_command_line(program) {
        ProgramTask::Run(settings) => start::start(*settings),
        ProgramTask::Check(targets) => healthcheck::check(program, &targets),
        ProgramTask::Print(text) => pages::print(program.as_str(), &text),
    }
}
