//! Wakes the held calls of a discussion when something changed there.
//!
//! Not here: what changed. Who is woken asks the registry again.

use tokio::sync::watch;

use crate::discussions::Which;

/// How many groups discussions fall into. A change wakes a whole group, so this many times fewer
/// calls than all; a fixed number needs no tidying when discussions come and go.
const GROUPS: usize = 64;

/// A bell for each group of discussions.
#[derive(Debug)]
pub(crate) struct News(Vec<watch::Sender<()>>);

impl News {
    /// Hears of all changes of a discussion from now on, and of some others.
    pub(crate) fn subscribe(&self, which: Which) -> watch::Receiver<()> {
        self.group(which).subscribe()
    }

    /// Something changed in this discussion.
    pub(crate) fn announce(&self, which: Which) {
        self.group(which).send_replace(());
    }

    /// Something changed for everybody.
    pub(crate) fn announce_to_all(&self) {
        for group in &self.0 {
            group.send_replace(());
        }
    }

    fn group(&self, which: Which) -> &watch::Sender<()> {
        let last_byte = which.map_or(0, |id| id.as_uuid().as_bytes()[15]);
        &self.0[usize::from(last_byte) % GROUPS]
    }
}

impl Default for News {
    fn default() -> Self {
        Self((0..GROUPS).map(|_| watch::Sender::new(())).collect())
    }
}
