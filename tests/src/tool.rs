//! Runs a system tool until it exits; its stderr becomes the error.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a tool, and returns its output.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    finish(Command::new(program).args(arguments), "")
}

/// Runs a command with `input` as its stdin, and returns its output.
pub(crate) fn finish(command: &mut Command, input: &str) -> Result<String, String> {
    let explain = |what: String| format!("{}: {what}", describe(command));
    let describe_error = |error: std::io::Error| explain(error.to_string());
    let mut prepared = Command::new(command.get_program());
    let mut child = prepared
        .args(command.get_args())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(describe_error)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that exits early says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(describe_error)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(explain(format!("{}: {}", output.status, complaint.trim())))
    }
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_gets_its_input_and_its_complaint_is_the_error() {
        assert_eq!(
            finish(&mut Command::new("cat"), "hello"),
            Ok("hello".to_owned())
        );
        let error = run("sh", &["-c", "echo too bad >&2; exit 3"]).unwrap_err();
        assert!(
            error.starts_with("sh -c ") && error.ends_with("too bad"),
            "{error}"
        );
        assert!(run("no-such-tool", &[]).is_err());
    }
}
