//! Compose projects: the files in `docker/`, brought up on this machine's Docker engine.
//!
//! Every project has a name of its own, and is gone when it is dropped. Not here: how the image is built
//! (`cargo xtask image`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::tool;
use crate::wait;

/// The image that the files name.
pub const IMAGE: &str = "ringtalk";

/// Where this is set, a machine without an engine fails the tests that need one.
const REQUIRED_VARIABLE: &str = "RINGTALK_COMPOSE_REQUIRED";

static PROJECTS: AtomicU32 = AtomicU32::new(0);

/// Services that were brought up by a compose file.
#[derive(Debug)]
pub struct Project {
    name: String,
    file: PathBuf,
    compose: Vec<&'static str>,
}

impl Project {
    /// A project by one of the files in `docker/`; nothing is started yet. Where this machine has no engine, or the
    /// image was not built, says so in one line and gives nothing.
    ///
    /// # Panics
    ///
    /// Where an engine is required.
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

    /// Runs a command of compose's, and returns what it printed.
    ///
    /// # Panics
    ///
    /// Where it fails.
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
            .args(arguments)
            // Any port of this machine that is free.
            .env("RINGTALK_PORT", "0");
        tool::finish(&mut command, "")
    }

    /// The services of the file.
    #[track_caller]
    pub fn services(&self) -> Vec<String> {
        let listed = self.compose(&["config", "--services"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The container of a service.
    #[track_caller]
    pub fn container(&self, service: &str) -> String {
        self.compose(&["ps", "-a", "-q", service]).trim().to_owned()
    }

    /// What a service has written so far.
    #[track_caller]
    pub fn logs(&self, service: &str) -> String {
        docker(&["logs", &self.container(service)])
    }

    /// Awaits that a service has written each of these.
    #[track_caller]
    pub fn writes(&self, service: &str, texts: &[&str], within: Duration) {
        let container = self.container(service);
        wait::poll(&format!("{service} writes {texts:?}"), within, &[], || {
            let logs = docker(&["logs", &container]);
            let all = texts.iter().all(|text| logs.contains(text));
            all.then_some(()).ok_or(logs)
        });
    }

    /// Something that the engine knows of a service's container, as a Go template says.
    #[track_caller]
    pub fn inspect(&self, service: &str, template: &str) -> String {
        inspect(&self.container(service), template)
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

/// Runs a command of Docker's, and returns what it printed.
///
/// # Panics
///
/// Where it fails.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    tool::run("docker", arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// Something that the engine knows of a container or an image, as a Go template says.
#[track_caller]
pub fn inspect(what: &str, template: &str) -> String {
    docker(&["inspect", "--format", template, what])
        .trim()
        .to_owned()
}

/// How compose is called here, where everything is there that a project needs.
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
