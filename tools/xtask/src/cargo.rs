//! A cargo command: it is built, printed so that a person can repeat it, and run.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One invocation of cargo, run in the workspace root.
#[derive(Debug, Clone)]
pub(crate) struct Cargo {
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Cargo {
    /// Creates a command from words separated by blanks.
    pub(crate) fn new(words: &str) -> Self {
        Self {
            arguments: words.split_whitespace().map(str::to_owned).collect(),
            environment: Vec::new(),
        }
    }

    /// Adds arguments unchanged; they may contain blanks.
    pub(crate) fn arguments<'a>(mut self, more: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(more.into_iter().map(str::to_owned));
        self
    }

    /// Sets an environment variable for this command.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs the command and passes its output through. An exit status other than zero is an error.
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        let status = self.command(root).status();
        let status = status.with_context(|| format!("could not start `{self}`"))?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }

    /// Starts the command in the background. If it fails, the later run of the same build reports the error.
    pub(crate) fn begin(&self, root: &Path) -> Result<()> {
        let mut command = self.command(root);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        let started = command.spawn();
        started.with_context(|| format!("could not start `{self}`"))?;
        Ok(())
    }

    /// Runs the command and returns what it wrote to standard output.
    pub(crate) fn read(&self, root: &Path) -> Result<String> {
        let output = self.command(root).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("could not start `{self}`"))?;
        if !output.status.success() {
            bail!("`{self}` ended with {}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` did not print UTF-8"))
    }

    fn command(&self, root: &Path) -> Command {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(root).args(&self.arguments);
        // `cargo run` describes this crate in the environment. Build scripts that watch these
        // variables would rebuild whenever the gate and a plain `cargo build` take turns.
        for (name, _) in env::vars_os().filter(|(name, _)| describes_this_crate(name)) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn describes_this_crate(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Prints the command in shell syntax, so that it can be copied from a report.
impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "cargo")?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_as_a_shell_takes_it() {
        let doc = Cargo::new("doc --no-deps").variable("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            doc.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
        let tree = Cargo::new("tree").arguments(["--format", "{p}"]);
        assert_eq!(tree.to_string(), "cargo tree --format '{p}'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_failing_command_is_an_error() {
        let error = Cargo::new("planted-failure")
            .read(Path::new("."))
            .unwrap_err();
        assert!(error.to_string().contains("planted-failure"), "{error}");
    }
}
