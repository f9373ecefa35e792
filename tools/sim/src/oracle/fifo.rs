//! C2, FIFO: the numbers of an author are delivered consecutively from the start of the node's clock on, except for
//! gaps that were shown.

use ringtalk_wire::{MessageId, NodeId};

use super::watermarks::Watermarks;
use super::{Check, ensure};

/// Checks that a node delivers the message of the author that was due.
pub(crate) fn check_next(watermarks: &Watermarks, node: NodeId, message: MessageId) -> Check {
    let due = watermarks.of(node, message.author) + 1;
    ensure(message.seq == due, "C2", || {
        format!("{node:?} delivers {message:?}, but {due} was due")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[test]
    fn only_the_next_message_passes() {
        let mut watermarks = Watermarks::default();
        watermarks.advance(id(1), message(2, 1));
        assert_eq!(check_next(&watermarks, id(1), message(2, 2)), Ok(()));
        let skipped = check_next(&watermarks, id(1), message(2, 3));
        assert_eq!(violated(skipped), Some("C2"));
        let back = check_next(&watermarks, id(1), message(2, 1));
        assert_eq!(violated(back), Some("C2"));
    }

    #[test]
    fn a_message_after_a_shown_gap_passes() {
        let mut watermarks = Watermarks::default();
        watermarks.pass_gap(id(1), id(2), 1, 2);
        assert_eq!(check_next(&watermarks, id(1), message(2, 3)), Ok(()));
    }
}
