//! What a face is handed, on its way to the thread that shows it.

use std::sync::Arc;

use ringtalk_session::{Answer, Event};

use crate::rush::Withheld;

/// Something to be shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// Something that happened.
    Event(Arc<Event>),
    /// What the node answers to what was typed.
    Answer(Answer),
    /// So many messages of somebody were not shown, since whoever reads did not follow.
    Withheld(Withheld),
}
