//! The codes of errors and notices, for programs.
//!
//! `CONTRACT.md` defines each of them. Not here: the sentences for people that come with them.

use serde::Serialize;

/// The code of an error or a notice. JSON writes it in kebab case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
pub enum Code {
    /// `/me` was typed without a text.
    ActionMissing,
    /// Others reach this node at another address.
    AddressChanged,
    /// A member signed two different messages as one.
    AuthorForked,
    /// A line of JSON is not a command.
    BadCommand,
    /// A director carries the link between this node and a member.
    Carried,
    /// This node carries much of the traffic between two other members.
    Carrying,
    /// A director answers again.
    DirectorReachable,
    /// No director answers.
    DirectorUnreachable,
    /// Another ring is registered for this discussion at a director.
    Displaced,
    /// The node has ended.
    Ended,
    /// The ring has no more room.
    Full,
    /// The history does not arrive.
    HistoryStalled,
    /// A second signal came while the node was leaving.
    Interrupted,
    /// The invite that was shown leads nowhere any more.
    InviteChanged,
    /// A message has an impossible Lamport time.
    LamportTime,
    /// The member that this node tries to join through does not answer.
    MemberUnreachable,
    /// The name is not valid.
    NameInvalid,
    /// The node is not in such a room, or there is none.
    NoSuchRoom,
    /// The node is not in the ring at the moment.
    NotInRing,
    /// The node is not in the discussion yet.
    NotReady,
    /// Nobody else is in the discussion.
    NobodyHere,
    /// Someone who is not a member observes the ring.
    Observer,
    /// Nobody on another machine can reach this node.
    OnlyThisMachine,
    /// Anyone can join this discussion.
    OpenDiscussion,
    /// The coordinator gave this node another name than the one that it asked for.
    OtherName,
    /// A member sent something invalid, or this node was refused entry.
    Refused,
    /// The node is in a room of this name.
    RoomNameTaken,
    /// The room is there, and nobody lets this node in.
    RoomUnreachable,
    /// This node already has the name that it asks for.
    SameName,
    /// A member accepts messages too slowly.
    SlowMember,
    /// The node could not start.
    Start,
    /// Stdin cannot be read.
    StdinFailed,
    /// Stdout does not accept the output.
    Stdout,
    /// A typed text is not UTF-8.
    TextNotUtf8,
    /// A typed text is too long.
    TextTooLong,
    /// The text or the line of a command is too long.
    TooLong,
    /// Nobody has checked whether others reach the addresses of an invite.
    UncheckedInvite,
    /// The node left before any other member had taken over some of its messages.
    Unhanded,
    /// The node is in as many rooms as it can be.
    TooManyRooms,
    /// There is no such command.
    UnknownCommand,
    /// A member claims to be the coordinator and cannot prove it.
    UnprovenCoordinator,
    /// Nobody could be reached in time.
    Unreachable,
    /// Other members cannot reach this node.
    UnreachableAddress,
    /// The other members run an incompatible version.
    Version,
    /// The input has ended, and nobody has the last messages yet.
    WaitingForTaker,
    /// The node was stopped or cut off for a while, and has caught up.
    WasAway,
}
