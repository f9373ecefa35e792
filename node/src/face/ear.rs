//! The face for a program that has the node inside.
//!
//! Not here: how such a program runs the node (`embedded`).

use std::fmt;

use ringtalk_proto::Event;

/// What hears the core's events, in their order. It is called by the node's own task: whatever takes long
/// in it holds up the node.
pub struct Ear(Box<dyn FnMut(&Event) + Send>);

impl Ear {
    /// Has this hear everything.
    pub fn new(hear: impl FnMut(&Event) + Send + 'static) -> Self {
        Self(Box::new(hear))
    }

    pub(super) fn hear(&mut self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}
