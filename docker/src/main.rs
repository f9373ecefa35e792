//! The one program of the container image: its name decides whether it is `node`, `director` or `ring-viz`.
//!
//! The three share most of their code, so one program takes half the space of three, and half the time to build.

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let called = env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    match name.to_str() {
        Some("director") => ringtalk_director::run(),
        Some("ring-viz") => ringtalk_ring_viz::run(),
        _ => ringtalk_node::run(),
    }
}
