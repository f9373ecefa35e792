//! The user's side of a Ringtalk node, for any face: events, commands and state.
//!
//! A node reports events to a [`Session`], and carries out the requests that it receives from it. A face holds a
//! [`Handle`]: it runs [`Command`]s, and receives [`Event`]s from where it left off. The [`Outlet`] is the face of the
//! process itself, on a terminal or stdout. It is shown everything. [`State`] is derived from the events, and is the
//! same for all faces. [`json`] writes events for programs. Not here: sockets, the protocol, and the rendering.

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
