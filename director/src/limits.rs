//! The number of connections that a director serves: as many as the process may have open files, less its own.
//!
//! Not here: which connections get in (`seats`, `pending`).

use nix::sys::resource::{Resource, getrlimit};

use crate::pending::PENDING_CONNECTIONS;

/// The most connections that have sent a request, however many files may be open. Each costs 20 KiB at worst, so
/// this is 40 MiB.
const MOST_CONNECTIONS: usize = 2_048;
/// The files that an idle process needs: its listener, signals, standard streams, and those of the node if the
/// director is inside one. An eighth of all files is kept if that is more.
const OWN_FILES: usize = 32;
/// One in this many connections may be pending: an honest connection is pending for milliseconds.
const PENDING_SHARE: usize = 7;
/// How many households it takes to fill all connections.
const HOUSEHOLDS_TO_FILL: usize = 3;
/// The assumed limit of open files if the system does not tell it: the usual one.
const DEFAULT_FILES: usize = 1_024;

/// The limits on the number of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Connections that have sent a request.
    pub(crate) connections: usize,
    /// Those of one household: enough for all the nodes of one machine, but not all the room there is.
    pub(crate) connections_per_household: usize,
    /// Connections that have not sent a request yet.
    pub(crate) pending_connections: usize,
}

impl Limits {
    /// Returns the limits that follow from the open files of this process (`ulimit -n`), if `reserved` of them are for
    /// something else.
    pub(crate) fn of_process(reserved: usize) -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).ok();
        let files = files.map(|(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX));
        let files = files.unwrap_or(DEFAULT_FILES);
        Self::of_files(files.saturating_sub(reserved))
    }

    fn of_files(files: usize) -> Self {
        let spare = files.saturating_sub(OWN_FILES.max(files / 8));
        let pending_connections = (spare / PENDING_SHARE).clamp(1, PENDING_CONNECTIONS);
        let connections = spare
            .saturating_sub(pending_connections)
            .clamp(1, MOST_CONNECTIONS);
        Self {
            connections,
            connections_per_household: connections.div_ceil(HOUSEHOLDS_TO_FILL),
            pending_connections,
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
            connections_per_household: 256,
            pending_connections: 128,
        };
        assert_eq!(Limits::of_files(1_024), usual);
        for files in 0..5_000 {
            let Limits {
                connections,
                pending_connections,
                ..
            } = Limits::of_files(files);
            let room = files.saturating_sub(OWN_FILES).max(2);
            assert!(
                connections >= 1
                    && pending_connections >= 1
                    && connections + pending_connections <= room
            );
        }
        let endless = Limits::of_files(usize::MAX);
        assert_eq!(endless.connections, MOST_CONNECTIONS);
    }
}
