//! M1: the queue of a link stays within its bound, however slow the reader.

use ringtalk_proto::config::{LINK_QUEUE_LIMIT, PULL_BYTES};
use ringtalk_wire::NodeId;

use super::{Check, ensure};

/// A core that has seen the limit passed closes the link; one answer to a pull may pass it.
const BOUND_BYTES: usize = LINK_QUEUE_LIMIT + PULL_BYTES;

/// A node has queued so many bytes on one link.
pub(crate) fn queue_is_bounded(node: NodeId, bytes: usize) -> Check {
    ensure(bytes <= BOUND_BYTES, "M1", || {
        format!("{node:?} has queued {bytes} bytes on one link")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, violated};

    #[test]
    fn a_queue_beyond_its_bound_is_seen() {
        assert_eq!(queue_is_bounded(id(1), LINK_QUEUE_LIMIT), Ok(()));
        let full = queue_is_bounded(id(1), BOUND_BYTES + 1);
        assert_eq!(violated(full), Some("M1"));
    }
}
