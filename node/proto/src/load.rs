//! What a node keeps, for whoever watches its memory: each has a bound in `config`.

/// How much a node keeps now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Messages held back until what they depend on has come; at most
    /// [`HELD_MESSAGES`](crate::config::HELD_MESSAGES).
    pub held_messages: usize,
    /// Their bytes; at most [`HELD_BYTES`](crate::config::HELD_BYTES).
    pub held_bytes: usize,
    /// Messages in the log; at most the history that was asked for,
    /// [`LOG_SPARE`](crate::config::LOG_SPARE), and what else is in the oldest bundle.
    pub logged_messages: usize,
    /// Their bytes; at most [`LOG_BYTES`](crate::config::LOG_BYTES).
    pub logged_bytes: usize,
    /// Links between others that this node carries; at most 128.
    pub circuits: usize,
}
