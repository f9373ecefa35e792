//! The process of a director.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::http::{self, Response};
use crate::network::Host;
use crate::process::{Process, StdoutFormat, binary};
use crate::registrant::{Registrant, Request};
use crate::wait::{self, Witness};

/// The time limit for a director to listen.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for an answer: the director holds a call for up to two seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The text that a director prints once it listens.
const LISTENING: &str = "director listening on http://";

/// A running director.
#[derive(Debug)]
pub struct Director {
    process: Process,
    address: SocketAddr,
}

impl Director {
    /// Starts a director on a free loopback port.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    /// Starts a director at an address.
    #[track_caller]
    pub fn start_at(address: &str) -> Self {
        Self::start_command(Command::new(binary("director")), address)
    }

    /// Starts a director on a host.
    #[track_caller]
    pub fn start_on(host: &Host) -> Self {
        let endpoint = format!("{}:0", host.address());
        Self::start_command(host.command(binary("director")), &endpoint)
    }

    /// Starts a director on a host, which carries this many circuits.
    #[track_caller]
    pub fn start_carrying_on(host: &Host, circuits: u16) -> Self {
        let endpoint = format!("{}:0", host.address());
        let mut command = host.command(binary("director"));
        command.args(["--carry", &circuits.to_string()]);
        Self::start_command(command, &endpoint)
    }

    /// Starts a director on a free loopback port, through another program, such as a sandbox.
    #[track_caller]
    pub fn start_through(command: Command) -> Self {
        Self::start_command(command, "127.0.0.1:0")
    }

    #[track_caller]
    fn start_command(mut command: Command, address: &str) -> Self {
        let process = Process::start(
            "director",
            command.args(["--listen", address]),
            StdoutFormat::Text,
        );
        let address = process.wait_for("says where it listens", START_TIMEOUT, |journal| {
            let stdout = journal.stdout_text();
            let (_, rest) = stdout.split_once(LISTENING)?;
            let (address, _) = rest.split_once('\n')?;
            address.trim().trim_end_matches('/').parse().ok()
        });
        Self { process, address }
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what to pass to `--join`.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Returns its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends a `GET` request.
    #[track_caller]
    pub fn fetch(&self, path: &str) -> Response {
        self.ask("GET", path, None)
    }

    /// Sends a `POST` request with a JSON body.
    #[track_caller]
    pub fn post(&self, path: &str, body: &str) -> Response {
        self.ask("POST", path, Some(body))
    }

    /// Sends a request, and waits for the answer.
    ///
    /// # Panics
    ///
    /// If no complete answer comes in time.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Response {
        http::ask(self.address, method, path, body, ANSWER_TIMEOUT)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.describe()))
    }

    /// Sends a request that is signed with a node's key, and waits for the answer.
    ///
    /// # Panics
    ///
    /// If no complete answer comes in time.
    #[track_caller]
    pub fn ask_as(
        &self,
        registrant: &Registrant,
        method: &str,
        path: &str,
        body: &str,
    ) -> Response {
        let request = Request { method, path, body };
        registrant
            .ask(self.address, request, ANSWER_TIMEOUT)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.describe()))
    }

    /// Waits until `GET /` redirects to a node's address. Returns how long that took.
    #[track_caller]
    pub fn await_redirect_to(&self, address: &str, within: Duration) -> Duration {
        let since = std::time::Instant::now();
        let location = format!("http://{address}/");
        let what = format!("GET / redirects to {location}");
        wait::poll(&what, within, &[self], || {
            let answer = self.fetch("/");
            let is_there = answer.status == 307 && answer.header("location") == Some(&location);
            is_there.then_some(()).ok_or_else(|| answer.to_string())
        });
        since.elapsed()
    }
}

impl Witness for Director {
    fn describe(&self) -> String {
        self.process.describe()
    }
}
