//! The open files that a program needs, and the limit that the system sets (`ulimit -n`).
//!
//! Without this check a program that may open too few fails later, in ways that name no cause: no director seems to
//! answer, or nobody gets in. Not here: how many connections fit under a high limit (`limits`).

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The files that a program opens beyond those that it was started with, in a small discussion: its listeners,
/// signals and timers, links to a few members, calls to directors, and lookups of their names. Measured: a node with
/// one link has 9, and each further link costs one. A director keeps 32 files free of connections (`limits`), and needs
/// a few more than that to serve anybody.
const OWN_FILES: u64 = 40;
/// The folder that lists the open files of this process.
const OPEN_FILES: &str = "/dev/fd";
/// The assumed number of files with which a program is started, if the system does not tell: its standard streams.
const STANDARD_STREAMS: u64 = 3;

/// The system does not let this process open enough files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too few open files: {allowed} allowed, {needed} needed. Run 'ulimit -n {needed}' first")]
pub struct TooFewFiles {
    allowed: u64,
    needed: u64,
}

/// Raises the limit to the most that the system allows, and returns an error if that is too little for a program that
/// needs `more` files than others. A coordinator has a socket for each newcomer for a while, and the usual soft limit of
/// 1,024 is there for programs older than `poll`.
pub fn prepare(more: u64) -> Result<(), TooFewFiles> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    let is_raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let allowed = if is_raised { hard } else { soft };
    check(allowed, open_now().saturating_add(more))
}

const fn check(allowed: u64, open: u64) -> Result<(), TooFewFiles> {
    let needed = open.saturating_add(OWN_FILES);
    if allowed < needed {
        Err(TooFewFiles { allowed, needed })
    } else {
        Ok(())
    }
}

/// Returns the number of files that are open now.
fn open_now() -> u64 {
    // One of the entries is the folder itself, which is open while it is read.
    let listed = fs::read_dir(OPEN_FILES).map(|entries| (entries.count() as u64).saturating_sub(1));
    listed.unwrap_or(STANDARD_STREAMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_what_is_allowed_and_what_is_needed() {
        assert_eq!(check(43, 3), Ok(()));
        let error = check(12, 3).unwrap_err().to_string();
        assert!(error.contains("12 allowed, 43 needed"), "{error}");
        let inherited = check(43, 20).unwrap_err();
        assert_eq!(inherited.needed, 60, "files of the parent count too");
    }
}
