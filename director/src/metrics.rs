//! Counts of the HTTP side of a director.
//!
//! Not here: the counts of the registries (`registry`), and the Prometheus format (`exposition`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of requests and connections. The labels come from fixed sets, so the map stays small.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<RequestLabels, u64>>,
    connections_refused: AtomicU64,
    requests_refused: AtomicU64,
}

/// The labels under which an answered request is counted: endpoint, method and status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RequestLabels {
    /// The route, or `other`.
    pub(crate) endpoint: &'static str,
    /// The method, or `other`.
    pub(crate) method: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
}

impl Metrics {
    /// Counts a request that was answered.
    pub(crate) fn count_request(&self, labels: RequestLabels) {
        *self.requests().entry(labels).or_default() += 1;
    }

    /// Counts a connection that was closed for lack of room.
    pub(crate) fn count_refused_connection(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was rejected by the rate limit.
    pub(crate) fn count_refused_request(&self) {
        self.requests_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of connections that were closed for lack of room.
    pub(crate) fn connections_refused(&self) -> u64 {
        self.connections_refused.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that were rejected by the rate limit.
    pub(crate) fn requests_refused(&self) -> u64 {
        self.requests_refused.load(Ordering::Relaxed)
    }

    /// Returns the number of answered requests by endpoint, method and status.
    pub(crate) fn requests(&self) -> MutexGuard<'_, BTreeMap<RequestLabels, u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
