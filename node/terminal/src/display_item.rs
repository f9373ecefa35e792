//! The items that a face is given to show, on their way to its thread.

use ringtalk_session::{Answer, Event};

use crate::overload::WithheldMessages;

/// An item to be shown.
#[derive(Clone, Debug)]
pub(crate) enum DisplayItem {
    /// An event.
    Event(Event),
    /// The node's answer to a command.
    Answer(Answer),
    /// A gap: messages of an author that were not shown, because the reader was too slow.
    Withheld(WithheldMessages),
}
