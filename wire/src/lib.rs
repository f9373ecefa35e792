//! The wire format of Ringtalk: ids, the vector clock, frames, and the only, strict decoder. `PROTOCOL.md` beside
//! this crate is the specification.
//!
//! Not here: what a node does with a frame (`ringtalk-proto`), and sockets (`ringtalk-node`).
#![no_std]

extern crate alloc;

mod bundle;
mod class;
mod clock;
mod codec;
mod control;
mod frame;
mod header;
mod history;
mod id;
mod introduction;
mod key;
pub mod limit;
pub mod name;
mod network;
mod opening;
mod preface;
mod probe;
mod reach;
mod record;
mod shape;
mod view;
mod well_formed;

pub use bundle::{Body, Brief, Bundle, BundleMessage, Sealed, ShortId, item_to_sign};
pub use class::FrameClass;
pub use clock::VectorClock;
pub use codec::{DecodeError, decode, encode, encode_item};
pub use control::{Away, Begin, Control};
pub use frame::{
    Ack, Acks, Announcement, Brought, Close, Direction, Frame, HandOver, Heartbeat, Interval, Item,
    ItemId, ItemKind, Items, Join, Meet, Name, Offer, Report, Spread, Suspect,
};
pub use header::{Channel, FrameHeader, HEADER_BYTES};
pub use history::{Byline, Cut, Digest, Has, Holding, Pull, PullEnd, Range};
pub use id::{
    DiscussionId, Epoch, MessageId, NodeId, OpeningsHash, RingId, RingKey, SealHash, SectorHash,
    ViewContent, ViewHash, ViewTag,
};
pub use introduction::{Introduction, Ticket};
pub use key::{KEY_BYTES, PublicKey, SIGNATURE_BYTES, Seal, Signature};
pub use network::NetworkId;
pub use opening::Opening;
pub use preface::{PREFACE_BYTES, PrefaceError, VERSION, check_preface, preface};
pub use probe::{Alive, Probe};
pub use reach::{Call, Checked, Circuit, Entrance, Reach};
pub use record::{
    MAIN_STREAM, RECORD_HEADER_BYTES, RECORD_TAG_BYTES, URGENT_STREAM, record_header, record_length,
};
pub use shape::{LinkShape, SendingEnd, ShapeError};
pub use view::{
    Addresses, Contact, Departed, Departure, Member, Renamed, ViewPage, ViewUpdate, view_to_sign,
};
