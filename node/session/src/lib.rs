//! What a user of a Ringtalk node sees and asks for, in any face: events, commands and state.
//!
//! A node tells a [`Session`] what happens, and carries out the requests that come from it. A face has a [`Handle`]: it
//! runs [`Command`]s, and receives [`Event`]s from where it left off. One face is the [`Outlet`]: a person sits in
//! front of it, or reads its output, and it is shown everything. [`State`] follows from the events, and is the same for
//! all faces. [`json`] writes events for programs. Not here: sockets, the protocol, and how anything looks.

mod code;
mod command;
mod event;
mod handle;
mod joining;
pub mod json;
mod log;
mod losses;
mod me;
mod members;
mod name;
mod naming;
mod outlet;
mod session;
mod state;
#[cfg(test)]
mod test_support;
pub mod text;
mod words;

pub use ringtalk_wire::{DiscussionId, Epoch, Member, MessageId, NodeId, VectorClock};

pub use code::Code;
pub use command::{Asker, Command, CommandError, Reply, Request, Tag};
pub use event::{Event, Goodbye, Message, Person, Progress, Remark, Stage};
pub use handle::{Handle, Heard, Snapshot, Subscription};
pub use joining::Joining;
pub use log::{EventId, EventIdError};
pub use me::{Invite, Me};
pub use members::Members;
pub use name::{Name, NameError};
pub use outlet::{Answer, Backlog, End, Nowhere, Outlet, Unseen};
pub use session::{Call, Session};
pub use state::State;
pub use words::{Words, WordsError};
