//! The health check for containers: whether a node or a director of this host answers `/healthz`.
//!
//! Not here: how it is asked (`ringtalk_director::healthcheck`).

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use ringtalk_session::ProgramName;

/// Returns success if a node or a director answers at one of these addresses.
pub(crate) fn check(program: ProgramName, targets: &[SocketAddr]) -> ExitCode {
    let check = |target: &&SocketAddr| ringtalk_director::healthcheck(**target).is_ok();
    if targets.iter().any(|target| check(&target)) {
        return ExitCode::SUCCESS;
    }
    let targets: Vec<String> = targets.iter().map(SocketAddr::to_string).collect();
    let targets = targets.join(" or ");
    let _ = writeln!(
        io::stderr(),
        "{program}: no node and no director answers at {targets}"
    );
    ExitCode::FAILURE
}
