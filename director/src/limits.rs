//! How many connections a director serves: as many as the process may have files open, less what it needs itself.
//!
//! Not here: who gets one of them (`seats`, `guests`).

use nix::sys::resource::{Resource, getrlimit};

use crate::guests::GUESTS;

/// The most connections that have asked something, however many files may be open. Each costs some 20 KiB at
/// worst, so this is 40 MiB.
const MOST_CONNECTIONS: usize = 2_048;
/// How many files a process needs that serves nobody: its listener, signals, standard streams, and others' needs
/// where the director is inside a node. An eighth of all, if that is more.
const OWN_FILES: usize = 32;
/// One guest to so many connections in all: an honest one is a guest for milliseconds.
const GUESTS_AMONG: usize = 7;
/// How many households it takes to have all connections.
const HOUSEHOLDS: usize = 3;
/// What is taken for the limit if the system does not tell: the usual one.
const USUAL_FILES: usize = 1_024;

/// How many connections there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// That have asked something.
    pub(crate) connections: usize,
    /// Of these, from one household: all the nodes of one machine, but not all the room there is.
    pub(crate) connections_of_household: usize,
    /// That have asked nothing yet.
    pub(crate) guests: usize,
}

impl Limits {
    /// Those of this process (`ulimit -n`).
    pub(crate) fn of_process() -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).ok();
        let files = files.map(|(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX));
        Self::of_files(files.unwrap_or(USUAL_FILES))
    }

    fn of_files(files: usize) -> Self {
        let spare = files.saturating_sub(OWN_FILES.max(files / 8));
        let guests = (spare / GUESTS_AMONG).clamp(1, GUESTS);
        let connections = spare.saturating_sub(guests).clamp(1, MOST_CONNECTIONS);
        Self {
            connections,
            connections_of_household: connections.div_ceil(HOUSEHOLDS),
            guests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fewer_connections_than_files() {
        let usual = Limits {
            connections: 768,
            connections_of_household: 256,
            guests: 128,
        };
        assert_eq!(Limits::of_files(1_024), usual);
        for files in 0..5_000 {
            let Limits {
                connections,
                guests,
                ..
            } = Limits::of_files(files);
            let room = files.saturating_sub(OWN_FILES).max(2);
            assert!(connections >= 1 && guests >= 1 && connections + guests <= room);
        }
        let endless = Limits::of_files(usize::MAX);
        assert_eq!(endless.connections, MOST_CONNECTIONS);
    }
}
