//! M1: every queue and log stays within its bounds, and all rings of a process together stay within its budgets, however
//! slow a reader is and however much is sent.

use ringtalk_proto::Load;
use ringtalk_proto::config::{
    HELD_BYTES, HELD_MESSAGES, LINK_QUEUE_LIMIT, LOG_SPARE, PULL_BYTES, UNLISTED_BYTES,
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

/// Checks how many messages a node logs, if it keeps `history` messages for latecomers.
pub(crate) fn check_log(node: NodeId, load: &Load, history: usize) -> Check {
    // The oldest bundle stays while any of its messages has to stay.
    let bound = history + LOG_SPARE + BUNDLE_MESSAGES;
    let logged = load.logged_messages;
    ensure(logged <= bound, "M1", || {
        format!("{node:?} has {logged} messages logged, {bound} at most")
    })
}

/// Checks what the nodes of all rings of a process keep together, if their logs may have `log_bytes`.
pub(crate) fn check_budgets(node: NodeId, loads: &[Load], log_bytes: usize) -> Check {
    let sum = |of: fn(&Load) -> usize| loads.iter().map(of).sum::<usize>();
    let bounds = [
        (
            "messages held back",
            sum(|load| load.held_messages),
            HELD_MESSAGES,
        ),
        ("bytes held back", sum(|load| load.held_bytes), HELD_BYTES),
        ("bytes parked", sum(|load| load.parked_bytes), HELD_BYTES),
        (
            "bytes of the unlisted",
            sum(|load| load.unlisted_bytes),
            UNLISTED_BYTES,
        ),
        ("bytes logged", sum(|load| load.logged_bytes), log_bytes),
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
    use ringtalk_proto::config::LOG_BYTES;

    use super::*;
    use crate::oracle::tests_support::{id, violated};

    #[test]
    fn a_sum_beyond_any_budget_is_detected() {
        let check = |loads: &[Load]| violated(check_budgets(id(1), loads, LOG_BYTES));
        let empty = Load::default();
        for full in [
            Load {
                held_messages: HELD_MESSAGES,
                ..empty
            },
            Load {
                held_bytes: HELD_BYTES,
                ..empty
            },
            Load {
                parked_bytes: HELD_BYTES,
                ..empty
            },
            Load {
                unlisted_bytes: UNLISTED_BYTES,
                ..empty
            },
            Load {
                logged_bytes: LOG_BYTES,
                ..empty
            },
        ] {
            assert_eq!(check(&[empty, full]), None);
            let one_each = Load {
                held_messages: 1,
                held_bytes: 1,
                parked_bytes: 1,
                unlisted_bytes: 1,
                logged_bytes: 1,
                ..empty
            };
            assert_eq!(check(&[one_each, full]), Some("M1"), "{full:?}");
        }
    }

    #[test]
    fn a_log_of_too_many_messages_is_detected() {
        let logged_messages = 50 + LOG_SPARE + BUNDLE_MESSAGES;
        let mut load = Load {
            logged_messages,
            ..Load::default()
        };
        assert_eq!(check_log(id(1), &load, 50), Ok(()));
        load.logged_messages += 1;
        assert_eq!(violated(check_log(id(1), &load, 50)), Some("M1"));
    }

    #[test]
    fn a_queue_beyond_its_bound_is_detected() {
        assert_eq!(check_queue(id(1), LINK_QUEUE_LIMIT), Ok(()));
        let full = check_queue(id(1), BOUND_BYTES + 1);
        assert_eq!(violated(full), Some("M1"));
    }
}
