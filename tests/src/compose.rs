//! Compose projects: runs the files in `docker/` on this machine's Docker engine.
//!
//! Every project has a unique name, and is removed when it is dropped. Not here: the build of the image (`cargo
//! xtask image`).

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::ring_viz::Ring;
use crate::tool;
use crate::wait;

/// The image that the compose files name.
pub const IMAGE: &str = "ringtalk";

/// If this variable is set, tests that need a Docker engine fail without one, instead of being skipped.
const REQUIRED_VARIABLE: &str = "RINGTALK_COMPOSE_REQUIRED";

static PROJECTS: AtomicU32 = AtomicU32::new(0);

/// The services of one compose file.
#[derive(Debug)]
pub struct Project {
    name: String,
    file: PathBuf,
    /// The variables of the file that stand for ports of this machine, and their values.
    ports: Vec<(&'static str, u16)>,
    compose: Vec<&'static str>,
}

impl Project {
    /// Returns a project for one of the files in `docker/`; nothing is started yet. Without an engine or the image,
    /// prints the reason in one line and returns `None`.
    ///
    /// # Panics
    ///
    /// If an engine is required and there is none.
    #[track_caller]
    pub fn or_skip(file: &str) -> Option<Self> {
        match compose_command() {
            Ok(compose) => Some(Self {
                name: format!(
                    "ringtalk-{}-{}",
                    std::process::id(),
                    PROJECTS.fetch_add(1, Ordering::Relaxed)
                ),
                file: Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("../docker")
                    .join(file),
                // Port 0: the engine picks a free port.
                ports: vec![("RINGTALK_PORT", 0)],
                compose,
            }),
            Err(why) => {
                assert!(
                    std::env::var_os(REQUIRED_VARIABLE).is_none(),
                    "{REQUIRED_VARIABLE} is set, and {why}"
                );
                println!("skipped: {why}");
                None
            }
        }
    }

    /// Returns the same project, with a free port of this machine for each of these variables.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn with_ports(mut self, variables: &[&'static str]) -> Self {
        let free = |variable: &&'static str| {
            let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
            let address = listener.local_addr().expect("an address");
            (*variable, address.port())
        };
        self.ports = variables.iter().map(free).collect();
        self
    }

    /// Runs a compose command, and returns its output.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[track_caller]
    pub fn compose(&self, arguments: &[&str]) -> String {
        self.try_compose(arguments)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_compose(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.compose[0]);
        command
            .args(&self.compose[1..])
            .args(["-p", &self.name, "-f"])
            .arg(&self.file)
            .args(arguments);
        for (variable, port) in &self.ports {
            command.env(variable, port.to_string());
        }
        tool::finish(&mut command, "")
    }

    /// Returns the services of the file.
    #[track_caller]
    pub fn services(&self) -> Vec<String> {
        let listed = self.compose(&["config", "--services"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Returns the container of a service.
    #[track_caller]
    pub fn container(&self, service: &str) -> String {
        self.compose(&["ps", "-a", "-q", service]).trim().to_owned()
    }

    /// Returns what a service has printed so far.
    #[track_caller]
    pub fn logs(&self, service: &str) -> String {
        docker(&["logs", &self.container(service)])
    }

    /// Waits until a service has printed each of these texts.
    #[track_caller]
    pub fn await_output(&self, service: &str, texts: &[&str], within: Duration) {
        let container = self.container(service);
        wait::poll(&format!("{service} writes {texts:?}"), within, &[], || {
            let logs = docker(&["logs", &container]);
            let all = texts.iter().all(|text| logs.contains(text));
            all.then_some(()).ok_or(logs)
        });
    }

    /// Runs a Docker command whose last argument is the container of a service.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str], service: &str) -> String {
        docker(&[arguments, &[&self.container(service)]].concat())
    }

    /// Disconnects a service from one of the file's networks.
    #[track_caller]
    pub fn disconnect(&self, network: &str, service: &str) {
        let network = format!("{}_{network}", self.name);
        self.docker(&["network", "disconnect", &network], service);
    }

    /// Reconnects a service to one of the file's networks, where it gets the first free address.
    #[track_caller]
    pub fn connect(&self, network: &str, service: &str) {
        let network = format!("{}_{network}", self.name);
        self.docker(&["network", "connect", &network], service);
    }

    /// Starts another container, which takes the first free address of one of the file's networks.
    #[track_caller]
    pub fn occupy_address(&self, network: &str) -> AddressHolder {
        let network = format!("{}_{network}", self.name);
        let container = docker(&["run", "-d", "--network", &network, IMAGE, "director"]);
        AddressHolder(container.trim().to_owned())
    }

    /// Returns the address of a service on one of the file's networks.
    #[track_caller]
    pub fn address(&self, network: &str, service: &str) -> String {
        let template = format!(
            "{{{{(index .NetworkSettings.Networks \"{}_{network}\").IPAddress}}}}",
            self.name
        );
        self.inspect(service, &template)
    }

    /// Runs `ring-viz` in a service's container, and returns the ring that it finds through `director`.
    pub fn read_ring(&self, service: &str, director: &str) -> Result<Ring, String> {
        let arguments = [
            "exec",
            &self.container(service),
            "ring-viz",
            "--join",
            director,
            "--once",
        ];
        let output = tool::run("docker", &arguments)?;
        serde_json::from_str(&output).map_err(|error| format!("{error} in {output}"))
    }

    /// Attaches to the stdin of a service's container.
    ///
    /// # Panics
    ///
    /// If `docker` cannot be started.
    #[track_caller]
    pub fn attach(&self, service: &str) -> Typist {
        let mut child = Command::new("docker")
            .args(["attach", "--sig-proxy=false", &self.container(service)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker attach");
        let stdin = child.stdin.take().expect("a pipe");
        Typist { child, stdin }
    }

    /// Inspects a service's container, and returns what a Go template selects.
    #[track_caller]
    pub fn inspect(&self, service: &str, template: &str) -> String {
        inspect(&self.container(service), template)
    }
}

/// A container that occupies an address until it is dropped.
#[derive(Debug)]
pub struct AddressHolder(String);

impl Drop for AddressHolder {
    fn drop(&mut self) {
        let gone = tool::run("docker", &["rm", "--force", &self.0]);
        if let Err(error) = gone
            && !std::thread::panicking()
        {
            panic!("{error}");
        }
    }
}

/// The stdin of a container.
#[derive(Debug)]
pub struct Typist {
    child: Child,
    stdin: ChildStdin,
}

impl Typist {
    /// Types a line.
    ///
    /// # Panics
    ///
    /// If the container no longer reads.
    #[track_caller]
    pub fn say(&mut self, text: &str) {
        let line = format!("{text}\n");
        self.stdin
            .write_all(line.as_bytes())
            .expect("it still reads");
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        // `docker attach` only connects the streams: the container goes on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let gone = self.try_compose(&["down", "--volumes", "--timeout", "1"]);
        if let Err(error) = gone
            && !std::thread::panicking()
        {
            panic!("{error}");
        }
    }
}

/// Runs a Docker command, and returns its output.
///
/// # Panics
///
/// If it fails.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    tool::run("docker", arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// Inspects a container or an image, and returns what a Go template selects.
#[track_caller]
pub fn inspect(what: &str, template: &str) -> String {
    docker(&["inspect", "--format", template, what])
        .trim()
        .to_owned()
}

/// Returns the command for compose here, if there is an engine, compose and the image.
fn compose_command() -> Result<Vec<&'static str>, String> {
    tool::run("docker", &["version"]).map_err(|_| "no Docker engine answers".to_owned())?;
    let commands = [vec!["docker", "compose"], vec!["docker-compose"]];
    let found = commands.into_iter().find(|command| {
        let version = [&command[1..], &["version"]].concat();
        tool::run(command[0], &version).is_ok()
    });
    let found = found.ok_or("there is neither `docker compose` nor `docker-compose`")?;
    tool::run("docker", &["image", "inspect", IMAGE])
        .map_err(|_| "there is no image yet: `cargo xtask image` builds it".to_owned())?;
    Ok(found)
}
