//! The user's side of a Ringtalk node, for any face: events, commands and state.
//!
//! A node reports events to a [`Session`], and carries out the requests that it receives from it. A face holds a
//! [`Handle`]: it runs [`Command`]s, and receives [`Event`]s from where it left off. The [`Outlet`] is the face of the
//! process itself, on a terminal or stdout. It is shown everything. [`State`] is derived from the events, and is the
//! same for all faces. [`json`] writes events for programs. Not here: sockets, the protocol, and the rendering.

mod code;
mod command;
mod event;
mod face_command;
mod handle;
mod joining;
pub mod json;
mod log;
mod losses;
mod me;
mod members;
mod message_text;
mod naming;
mod outlet;
mod pending;
mod program_name;
mod requested_name;
mod room;
mod room_event;
mod session;
mod solitude;
mod state;
#[cfg(test)]
mod test_support;
pub mod text;

pub use ringtalk_wire::{DiscussionId, Epoch, Member, MessageId, NodeId, RingId, VectorClock};

pub use code::Code;
pub use command::{Command, CommandError, Presence, Reply, Request, Requester, Tag};
pub use event::{ControlMessage, Event, Goodbye, JoinProgress, JoinStage, Message, Person, Remark};
pub use face_command::FaceCommand;
pub use handle::{Handle, Snapshot, Subscription, Update};
pub use joining::Joining;
pub use log::{EventId, EventIdError};
pub use me::{Invite, InviteState, Me};
pub use members::Members;
pub use message_text::{MessageText, MessageTextError};
pub use outlet::{Answer, Backlog, FinishFuture, NullOutlet, Outlet, OutletEnd, OutletError};
pub use program_name::ProgramName;
pub use requested_name::{NameError, RequestedName};
pub use room::{MAIN, NOWHERE, Place, Room, RoomName, RoomNameError};
pub use room_event::{RoomEvent, Succession};
pub use session::{Session, SessionInput};
pub use state::State;
