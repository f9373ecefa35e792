//! Removes secrets from the environment, before anything else happens.
//!
//! The system keeps a process's first environment for as long as the process lives: monitors and crash reports show
//! it, and child processes inherit it. No program can wipe it, so this program executes itself again in the same
//! process, and passes the secrets through a pipe that is read once. If the system does not allow that, the program
//! goes on as it is. Not here: what the secrets mean (`settings`).

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::unistd::{close, dup};
use ringtalk_director::masking::is_secret_char;
use zeroize::Zeroizing;

/// The variable for a secret alone.
const SECRET: &str = "RINGTALK_SECRET";
/// The variable for directors and invites, and so for the secrets in invites.
const JOIN: &str = "RINGTALK_JOIN";
/// The variable with the descriptor of the pipe, which holds the secrets from the other two.
const HANDLE: &str = "RINGTALK_SECRET_HANDLE";
/// The separator between that secret and the one of the invites: no variable contains it.
const SEPARATOR: char = '\0';
/// The most bytes that are passed on. Every pipe holds so much without a reader, and it is room for a hundred secrets.
const PASSED_BYTES: usize = 4_096;

/// A text that is wiped on drop.
type SecretText = Zeroizing<String>;

/// Removes secrets from the environment. A program calls this first, since all that it did before is done again.
pub fn clean_environment() {
    let [secret, join] = [SECRET, JOIN].map(|name| env::var(name).ok().map(Zeroizing::new));
    if let Some(found) = EnvironmentSecrets::new(secret.unwrap_or_default(), join.as_deref()) {
        // `re_execute` only returns if the program cannot be started; then the variables are read as they are.
        let _ = found.re_execute();
    }
}

/// Returns the value of `RINGTALK_SECRET` that the environment has, or had.
pub(crate) fn secret() -> Option<SecretText> {
    let inherited = inherited_secrets().map(|inherited| &inherited.secret);
    let inherited = inherited.filter(|secret| !secret.is_empty()).cloned();
    inherited.or_else(|| {
        let value = env::var_os(SECRET)?;
        // A value that is not UTF-8 is not a secret either, but it must not be ignored.
        Some(Zeroizing::new(value.to_string_lossy().into_owned()))
    })
}

/// Returns the secret that the invites in the environment had.
pub(crate) fn invite_secret() -> Option<&'static str> {
    // A user who types an invite with a bare # wants to be asked.
    let is_typed = env::args_os().any(|word| is_bare_invite(&word.to_string_lossy()));
    let inherited = inherited_secrets().filter(|_| !is_typed)?;
    Some(inherited.of_invites.as_str()).filter(|secret| !secret.is_empty())
}

/// Returns true for an argument that is an invite without its secret, with or without the flag before it.
fn is_bare_invite(argument: &str) -> bool {
    let (invite, behind) = argument.rsplit_once('#').unwrap_or_default();
    // A mark that was copied with the invite may follow.
    !behind.contains(is_secret_char) && invite.to_ascii_lowercase().contains("ringtalk://")
}

/// The secrets in the environment.
#[derive(PartialEq, Eq)]
struct EnvironmentSecrets {
    secret: SecretText,
    of_invites: SecretText,
    /// The invites without their secret; `None` if they had none.
    join: Option<String>,
}

impl EnvironmentSecrets {
    /// Returns `None` if there is no secret, too much to pass on, or two different ones, which the settings refuse.
    fn new(secret: SecretText, join: Option<&String>) -> Option<Self> {
        let parted = join.and_then(|join| without_secret(join));
        let (join, of_invites) = parted.unzip();
        let found = Self {
            secret,
            of_invites: of_invites.unwrap_or_default(),
            join,
        };
        let [secret, of_invites] = [found.secret.trim(), found.of_invites.as_str()];
        let conflict = !secret.is_empty() && !of_invites.is_empty() && secret != of_invites;
        let length = found.secret.len() + found.of_invites.len();
        let fits = !conflict && (1..PASSED_BYTES).contains(&length);
        fits.then_some(found)
    }

    fn re_execute(&self) -> io::Result<()> {
        let (reader, mut writer) = io::pipe()?;
        for part in [self.secret.as_str(), "\0", self.of_invites.as_str()] {
            writer.write_all(part.as_bytes())?;
        }
        drop(writer);
        // A started program inherits this descriptor, but not those that the library makes.
        let inherited = dup(&reader)?;
        let mut words = env::args_os();
        let mut command = Command::new(env::current_exe()?);
        if let Some(name) = words.next() {
            command.arg0(name);
        }
        command
            .args(words)
            .env_remove(SECRET)
            .env(HANDLE, inherited.as_raw_fd().to_string());
        if let Some(join) = &self.join {
            command.env(JOIN, join);
        }
        Err(command.exec())
    }
}

/// Takes the one secret out of the invites in a text. Returns the rest, in which each invite ends in a bare #, and the
/// secret; `None` if there is no secret, or if there are two different ones.
fn without_secret(join: &str) -> Option<(String, SecretText)> {
    let mut secret: Option<&str> = None;
    let mut parts = join.split('#');
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (fragment, after) = part.split_at(part.find(',').unwrap_or(part.len()));
        // Marks that were copied with the invite are no part of the secret.
        let fragment = fragment.trim_matches(|char| !is_secret_char(char));
        if !fragment.is_empty() && *secret.get_or_insert(fragment) != fragment {
            return None;
        }
        rest.push('#');
        rest.push_str(after);
    }
    secret.map(|secret| (rest, Zeroizing::new(secret.to_owned())))
}

/// The secrets that the environment had when this process was first started.
struct InheritedSecrets {
    secret: SecretText,
    of_invites: SecretText,
}

fn inherited_secrets() -> Option<&'static InheritedSecrets> {
    static INHERITED: OnceLock<Option<InheritedSecrets>> = OnceLock::new();
    INHERITED.get_or_init(read_pipe).as_ref()
}

fn read_pipe() -> Option<InheritedSecrets> {
    let handle: RawFd = env::var(HANDLE).ok()?.parse().ok()?;
    let passed = File::open(format!("/dev/fd/{handle}")).ok()?;
    let _ = close(handle);
    let mut text = Zeroizing::new(String::with_capacity(PASSED_BYTES));
    passed
        .take(PASSED_BYTES as u64)
        .read_to_string(&mut text)
        .ok()?;
    let (secret, of_invites) = text.split_once(SEPARATOR)?;
    Some(InheritedSecrets {
        secret: Zeroizing::new(secret.to_owned()),
        of_invites: Zeroizing::new(of_invites.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(join: &str) -> Option<(String, String)> {
        without_secret(join).map(|(rest, secret)| (rest, String::clone(&secret)))
    }

    #[test]
    fn only_an_invite_ends_in_a_bare_hash() {
        for argument in [
            "ringtalk://a:1/#",
            "--join=ringtalk://a:1/#",
            "<Ringtalk://a:1/#>",
        ] {
            assert!(is_bare_invite(argument));
        }
        for argument in ["I like C#", "#", "ringtalk://a:1/#secret"] {
            assert!(!is_bare_invite(argument));
        }
    }

    #[test]
    fn invites_lose_their_secret_and_nothing_else() {
        let pair = |rest: &str, secret: &str| Some((rest.to_owned(), secret.to_owned()));
        assert_eq!(
            parted("ringtalk://a:1/#secret"),
            pair("ringtalk://a:1/#", "secret")
        );
        assert_eq!(
            parted("a:1, ringtalk://b:2,c:3/#secret , d:4,ringtalk://e:5/#secret"),
            pair("a:1, ringtalk://b:2,c:3/#, d:4,ringtalk://e:5/#", "secret")
        );
        assert_eq!(
            parted("ringtalk://a:1/#,ringtalk://b:2/#secret"),
            pair("ringtalk://a:1/#,ringtalk://b:2/#", "secret")
        );
        assert_eq!(
            parted("<ringtalk://a:1/#secret>."),
            pair("<ringtalk://a:1/#", "secret")
        );
        for other in ["", "a:1", "ringtalk://a:1/#", "a#one,b#other"] {
            assert_eq!(parted(other), None, "{other}");
        }
    }

    #[test]
    fn an_environment_without_a_secret_is_left_as_it_is() {
        let found = |secret: &str, join: &str| {
            let secret = Zeroizing::new(secret.to_owned());
            EnvironmentSecrets::new(secret, Some(&join.to_owned())).is_some()
        };
        assert!(!found("", "") && !found("", "a:1,ringtalk://b:2/#"));
        assert!(!found(&"x".repeat(PASSED_BYTES), ""));
        assert!(found("secret", "") && found("", "ringtalk://b:2/#secret"));
        assert!(found("secret", "ringtalk://b:2/#secret"));
        assert!(!found("secret", "ringtalk://b:2/#other"));
    }
}
