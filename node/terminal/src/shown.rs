//! What a face is handed, on its way to the thread that shows it.

use ringtalk_session::{Answer, Event};

use crate::rush::Withheld;

/// Something to be shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// Something that happened.
    Event(Event),
    /// The node's answer to a command.
    Answer(Answer),
    /// Messages of an author were not shown, because the reader was too slow.
    Withheld(Withheld),
}
