//! Access to single machines, for `tools/bench/micro`; no program uses it.
//!
//! Not here: the measurements (`tools/bench/micro`).

use core::fmt;

use ringtalk_wire::{Bundle, NodeId, Sealed};

use crate::Time;
use crate::config::Retention;
use crate::machines::causal::{Causal, Patience};
use crate::machines::log::Log;

/// The machine that holds bundles back until their dependencies have been delivered.
#[derive(Default)]
pub struct CausalBench(Causal);

impl CausalBench {
    /// Returns a machine that knows these authors.
    pub fn of(authors: impl IntoIterator<Item = NodeId>) -> Self {
        let mut causal = Causal::default();
        for author in authors {
            causal.admit(author);
        }
        Self(causal)
    }

    /// Receives a bundle and delivers all that are ready; returns how many bundles it delivered.
    pub fn take(&mut self, sealed: Sealed, bundle: Bundle) -> usize {
        self.0.receive(sealed, bundle, Patience::Long);
        let mut delivered = 0;
        while self.0.next(Time::default(), |_| true, |_| None).is_some() {
            delivered += 1;
        }
        delivered
    }
}

/// The machine that keeps delivered messages.
pub struct LogBench(Log);

impl LogBench {
    /// Returns a log for so many messages.
    pub fn of(messages: usize) -> Self {
        Self(Log::new(Retention::of(messages)))
    }

    /// Keeps a bundle, and evicts older ones if there are too many.
    pub fn keep(&mut self, sealed: Sealed, bundle: &Bundle) {
        self.0.push(bundle, sealed, |_| false);
    }
}

impl fmt::Debug for CausalBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CausalBench")
    }
}

impl fmt::Debug for LogBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogBench")
    }
}
