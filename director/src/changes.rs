//! Wakes the held calls of a discussion when something changed there.
//!
//! Not here: what changed; a woken call asks the registry again (`director`).

use tokio::sync::watch;

use crate::discussions::DiscussionRef;

/// The number of groups that discussions fall into. A change wakes one group rather than all calls, and a fixed
/// number needs no cleanup when discussions come and go.
const GROUPS: usize = 64;

/// A change notification for each group of discussions.
#[derive(Debug)]
pub(crate) struct Changes(Vec<watch::Sender<()>>);

impl Changes {
    /// Subscribes to the changes of a discussion, and of others in its group.
    pub(crate) fn subscribe(&self, discussion: DiscussionRef) -> watch::Receiver<()> {
        self.group(discussion).subscribe()
    }

    /// Notifies of a change in this discussion.
    pub(crate) fn notify(&self, discussion: DiscussionRef) {
        self.group(discussion).send_replace(());
    }

    /// Notifies of a change in all discussions.
    pub(crate) fn notify_all(&self) {
        for group in &self.0 {
            group.send_replace(());
        }
    }

    fn group(&self, discussion: DiscussionRef) -> &watch::Sender<()> {
        let last_byte = discussion.map_or(0, |id| id.as_uuid().as_bytes()[15]);
        &self.0[usize::from(last_byte) % GROUPS]
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self((0..GROUPS).map(|_| watch::Sender::new(())).collect())
    }
}
