//! C2, FIFO: the numbers of an author are delivered consecutively from the start of the node's clock on, except for
//! gaps that were shown.

use ringtalk_wire::{MessageId, NodeId};

use super::reach::Reach;
use super::{Check, ensure};

/// Checks that a node delivers the message of the author that was due.
pub(crate) fn is_next(reach: &Reach, node: NodeId, message: MessageId) -> Check {
    let due = reach.of(node, message.author) + 1;
    ensure(message.seq == due, "C2", || {
        format!("{node:?} delivers {message:?}, but {due} was due")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[test]
    fn the_next_one_is_fine_and_no_other() {
        let mut reach = Reach::default();
        reach.step(id(1), message(2, 1));
        assert_eq!(is_next(&reach, id(1), message(2, 2)), Ok(()));
        let skipped = is_next(&reach, id(1), message(2, 3));
        assert_eq!(violated(skipped), Some("C2"));
        let back = is_next(&reach, id(1), message(2, 1));
        assert_eq!(violated(back), Some("C2"));
    }

    #[test]
    fn a_gap_that_was_shown_is_fine() {
        let mut reach = Reach::default();
        reach.pass(id(1), id(2), 1, 2);
        assert_eq!(is_next(&reach, id(1), message(2, 3)), Ok(()));
    }
}
