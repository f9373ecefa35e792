//! Progress: which joining stage the user was told of, and how much of the history is here.
//!
//! Each stage is reported once, and the history in parts. Not here: the stages themselves (`joining`).

use crate::JoiningStage;

/// In how many parts the history is reported: enough for any progress bar, and few compared with its messages.
const PARTS: u64 = 100;

/// What the user was told.
#[derive(Debug)]
pub(crate) struct Progress {
    told: JoiningStage,
    /// How many messages of the history were delivered.
    done: u64,
    /// How many messages it has, as far as the neighbours have said.
    total: u64,
}

impl Progress {
    /// Creates the progress of a node that has asked the director and told its user so.
    pub(crate) const fn new() -> Self {
        Self {
            told: JoiningStage::AskingDirector,
            done: 0,
            total: 0,
        }
    }

    /// Sets how many messages the history has.
    pub(crate) const fn promise(&mut self, messages: u64) {
        debug_assert!(self.done == 0, "nothing comes before it was promised");
        self.total = messages;
    }

    /// Adds delivered messages of the history.
    pub(crate) const fn came(&mut self, messages: u64) {
        self.done += messages;
    }

    /// Returns how much of the history is here.
    pub(crate) fn fetching(&self) -> JoiningStage {
        JoiningStage::FetchingHistory {
            done: self.done,
            // The history grows if more was said meanwhile.
            total: self.total.max(self.done),
        }
    }

    /// Returns the stage if the user is to be told of it.
    pub(crate) fn news(&mut self, stage: JoiningStage) -> Option<JoiningStage> {
        let is_news = match (&self.told, &stage) {
            (
                JoiningStage::FetchingHistory { done: before, .. },
                JoiningStage::FetchingHistory { done, total },
            ) if done > before => done == total || done - before >= total / PARTS,
            (told, stage) => told != stage,
        };
        if is_news {
            self.told.clone_from(&stage);
        }
        is_news.then_some(stage)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_step_is_told_once() {
        let mut progress = Progress::new();
        assert_eq!(progress.news(JoiningStage::AskingDirector), None);
        let fetching = progress.fetching();
        assert_eq!(progress.news(fetching.clone()), Some(fetching.clone()));
        assert_eq!(progress.news(fetching), None);
        let asking = JoiningStage::AskingDirector;
        assert_eq!(progress.news(asking.clone()), Some(asking), "once more");
    }

    #[test]
    fn the_discussion_so_far_is_told_in_parts_and_to_its_end() {
        let mut progress = Progress::new();
        let told = |progress: &mut Progress| {
            let stage = progress.fetching();
            match progress.news(stage) {
                Some(JoiningStage::FetchingHistory { done, total }) => Some((done, total)),
                _ => None,
            }
        };
        assert_eq!(told(&mut progress), Some((0, 0)));
        progress.promise(1_005);
        assert_eq!(told(&mut progress), Some((0, 1_005)));
        let mut parts = Vec::new();
        for _ in 0..1_005 {
            progress.came(1);
            parts.extend(told(&mut progress));
        }
        assert_eq!(parts.len() as u64, PARTS + 1);
        assert_eq!((parts[0], parts[1]), ((10, 1_005), (20, 1_005)));
        assert_eq!(parts.last(), Some(&(1_005, 1_005)));
    }
}
