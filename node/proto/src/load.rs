//! How much a node keeps, for monitoring its memory. Every figure has a bound.

/// How much a node keeps at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Messages held back until their dependencies arrive; at most [`HELD_MESSAGES`](crate::config::HELD_MESSAGES).
    pub held_messages: usize,
    /// Their bytes; at most [`HELD_BYTES`](crate::config::HELD_BYTES).
    pub held_bytes: usize,
    /// Bytes of bundles that wait to be relayed; at most [`HELD_BYTES`](crate::config::HELD_BYTES).
    pub parked_bytes: usize,
    /// Bytes of frames from peers that no view lists; at most [`UNLISTED_BYTES`](crate::config::UNLISTED_BYTES).
    pub unlisted_bytes: usize,
    /// Messages in the log; at most the configured history, [`LOG_SPARE`](crate::config::LOG_SPARE), and the rest of
    /// the oldest bundle.
    pub logged_messages: usize,
    /// Their bytes; at most [`LOG_BYTES`](crate::config::LOG_BYTES).
    pub logged_bytes: usize,
    /// Circuits between two other nodes that this node carries; at most 128.
    pub circuits: usize,
}
