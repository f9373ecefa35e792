//! The process that looks at a ring from outside, and what it prints as JSON.

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::event::Epoch;
use crate::id::NodeId;
use crate::network::Host;
use crate::process::{Output, Process, binary};

/// How long a look may take: its own limit is 5 s, and members that say nothing add a little.
const LOOK: Duration = Duration::from_secs(15);

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Look {
    /// The exit status.
    pub code: i32,
    /// What was printed.
    pub stdout: String,
    /// What was complained of.
    pub stderr: String,
}

/// The ring as it was reported.
#[derive(Clone, Debug, Deserialize)]
pub struct Ring {
    /// The coordinator's reign.
    pub epoch: Epoch,
    /// Who coordinates.
    pub coordinator: NodeId,
    /// The members, in ring order.
    pub members: Vec<Place>,
    /// Whether the ring is closed.
    pub closed: bool,
}

/// A member, as it reported itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// Who.
    pub node_id: NodeId,
    /// Under which name.
    pub name: String,
    /// What others dial.
    pub address: String,
    /// The order of admission.
    pub seniority: u64,
    /// The node before it, as it says itself.
    pub predecessor: Option<NodeId>,
    /// The node after it, as it says itself.
    pub successor: Option<NodeId>,
    /// To whom it has links for speed.
    pub fingers: Vec<NodeId>,
}

/// Runs `ring-viz` with these arguments, to its end.
#[track_caller]
pub fn run(arguments: &[&str]) -> Look {
    finish(Command::new(binary("ring-viz")), arguments)
}

/// The same on a host of a network.
#[track_caller]
pub fn run_on(host: &Host, arguments: &[&str]) -> Look {
    finish(host.command(binary("ring-viz")), arguments)
}

#[track_caller]
fn finish(mut command: Command, arguments: &[&str]) -> Look {
    let process = Process::start("ring-viz", command.args(arguments), Output::Text);
    let code = process.exit_code(LOOK);
    let journal = process.journal();
    Look {
        code,
        stdout: journal.stdout_text(),
        stderr: journal.stderr_text(),
    }
}

/// Looks once at the ring that the director at `place` knows.
#[track_caller]
pub fn look(place: &str, format: &str) -> Look {
    run(&["--join", place, "--once", "--format", format])
}

impl Look {
    /// What was printed, read as JSON.
    ///
    /// # Panics
    ///
    /// Where it is not what the contract says.
    #[track_caller]
    pub fn ring(&self) -> Ring {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}
