//! M1: every queue and the log stay within their bounds, however slow a reader is and however much is sent.

use ringtalk_proto::Load;
use ringtalk_proto::config::{
    HELD_BYTES, HELD_MESSAGES, LINK_QUEUE_LIMIT, LOG_BYTES, LOG_SPARE, PULL_BYTES,
};
use ringtalk_wire::NodeId;
use ringtalk_wire::limit::BUNDLE_MESSAGES;

use super::{Check, ensure};

/// A core closes a link when it sees the limit passed; one answer to a pull may pass it.
const BOUND_BYTES: usize = LINK_QUEUE_LIMIT + PULL_BYTES;

/// Checks how many bytes a node has queued on one link.
pub(crate) fn check_queue(node: NodeId, bytes: usize) -> Check {
    ensure(bytes <= BOUND_BYTES, "M1", || {
        format!("{node:?} has queued {bytes} bytes on one link")
    })
}

/// Checks what a node holds back and logs, if it keeps `history` messages for latecomers.
pub(crate) fn check_load(node: NodeId, load: &Load, history: usize) -> Check {
    // The oldest bundle stays while any of its messages has to stay.
    let log_messages = history + LOG_SPARE + BUNDLE_MESSAGES;
    let bounds = [
        ("messages held back", load.held_messages, HELD_MESSAGES),
        ("bytes held back", load.held_bytes, HELD_BYTES),
        ("messages logged", load.logged_messages, log_messages),
        ("bytes logged", load.logged_bytes, LOG_BYTES),
    ];
    for (what, number, bound) in bounds {
        ensure(number <= bound, "M1", || {
            format!("{node:?} has {number} {what}, {bound} at most")
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, violated};

    #[test]
    fn a_load_beyond_any_bound_is_detected() {
        let check = |load: &Load| violated(check_load(id(1), load, 50));
        let sound = Load::default();
        assert_eq!(check(&sound), None);
        for load in [
            Load {
                held_messages: HELD_MESSAGES + 1,
                ..sound
            },
            Load {
                held_bytes: HELD_BYTES + 1,
                ..sound
            },
            Load {
                logged_messages: 50 + LOG_SPARE + BUNDLE_MESSAGES + 1,
                ..sound
            },
            Load {
                logged_bytes: LOG_BYTES + 1,
                ..sound
            },
        ] {
            assert_eq!(check(&load), Some("M1"), "{load:?}");
        }
    }

    #[test]
    fn a_queue_beyond_its_bound_is_detected() {
        assert_eq!(check_queue(id(1), LINK_QUEUE_LIMIT), Ok(()));
        let full = check_queue(id(1), BOUND_BYTES + 1);
        assert_eq!(violated(full), Some("M1"));
    }
}
