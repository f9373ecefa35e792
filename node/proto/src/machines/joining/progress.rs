//! Progress: which joining stage the user was told of, and how much of the history is here.
//!
//! Each stage is reported once, and the history in parts. Not here: the stages themselves (`joining`).

use crate::JoiningStage;

/// In how many parts the history is reported: enough for any progress bar, and few compared with its messages.
const REPORTS: u64 = 100;

/// The last report to the user.
#[derive(Debug)]
pub(crate) struct Progress {
    reported: JoiningStage,
    /// How many messages of the history were delivered.
    done: u64,
    /// How many messages it has, as far as the neighbours have said.
    total: u64,
}

impl Progress {
    /// Creates the progress of a node that has asked the director and told its user so.
    pub(crate) const fn new() -> Self {
        Self {
            reported: JoiningStage::AskingDirector,
            done: 0,
            total: 0,
        }
    }

    /// Sets how many messages the history has.
    pub(crate) const fn set_total(&mut self, messages: u64) {
        debug_assert!(self.done == 0, "nothing comes before it was promised");
        self.total = messages;
    }

    /// Adds delivered messages of the history.
    pub(crate) const fn add_done(&mut self, messages: u64) {
        self.done += messages;
    }

    /// Returns how much of the history is here.
    pub(crate) fn stage(&self) -> JoiningStage {
        JoiningStage::FetchingHistory {
            done: self.done,
            // The history grows if more was said meanwhile.
            total: self.total.max(self.done),
        }
    }

    /// Returns the stage if the user is to be told of it.
    pub(crate) fn next_report(&mut self, stage: JoiningStage) -> Option<JoiningStage> {
        let is_news = match (&self.reported, &stage) {
            (
                JoiningStage::FetchingHistory { done: before, .. },
                JoiningStage::FetchingHistory { done, total },
            ) if done > before => done == total || done - before >= total / REPORTS,
            (reported, stage) => reported != stage,
        };
        if is_news {
            self.reported.clone_from(&stage);
        }
        is_news.then_some(stage)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_step_is_reported_once() {
        let mut progress = Progress::new();
        assert_eq!(progress.next_report(JoiningStage::AskingDirector), None);
        let fetching = progress.stage();
        assert_eq!(
            progress.next_report(fetching.clone()),
            Some(fetching.clone())
        );
        assert_eq!(progress.next_report(fetching), None);
        let asking = JoiningStage::AskingDirector;
        assert_eq!(
            progress.next_report(asking.clone()),
            Some(asking),
            "once more"
        );
    }

    #[test]
    fn the_history_is_reported_in_parts_and_to_its_end() {
        let mut progress = Progress::new();
        let reported = |progress: &mut Progress| {
            let stage = progress.stage();
            match progress.next_report(stage) {
                Some(JoiningStage::FetchingHistory { done, total }) => Some((done, total)),
                _ => None,
            }
        };
        assert_eq!(reported(&mut progress), Some((0, 0)));
        progress.set_total(1_005);
        assert_eq!(reported(&mut progress), Some((0, 1_005)));
        let mut parts = Vec::new();
        for _ in 0..1_005 {
            progress.add_done(1);
            parts.extend(reported(&mut progress));
        }
        assert_eq!(parts.len() as u64, REPORTS + 1);
        assert_eq!((parts[0], parts[1]), ((10, 1_005), (20, 1_005)));
        assert_eq!(parts.last(), Some(&(1_005, 1_005)));
    }
}
