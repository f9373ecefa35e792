//! What the HTTP side of a director counts.
//!
//! Not here: the registry's own tally, and how Prometheus reads both (`exposition`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of requests and connections. Its labels come from fixed sets, so it stays small.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Request, u64>>,
    connections_refused: AtomicU64,
    requests_refused: AtomicU64,
}

/// An answered request: which endpoint, asked how, and the status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Request {
    /// The route, or `other`.
    pub(crate) endpoint: &'static str,
    /// The method, or `other`.
    pub(crate) method: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
}

impl Metrics {
    /// Counts a request that was answered.
    pub(crate) fn answered(&self, request: Request) {
        *self.requests().entry(request).or_default() += 1;
    }

    /// Counts a connection that found no room.
    pub(crate) fn refused_connection(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request of an address that makes too many.
    pub(crate) fn refused_request(&self) {
        self.requests_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections found no room.
    pub(crate) fn connections_refused(&self) -> u64 {
        self.connections_refused.load(Ordering::Relaxed)
    }

    /// How many requests of addresses that make too many were refused.
    pub(crate) fn requests_refused(&self) -> u64 {
        self.requests_refused.load(Ordering::Relaxed)
    }

    /// How many requests were answered in each way.
    pub(crate) fn requests(&self) -> MutexGuard<'_, BTreeMap<Request, u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
