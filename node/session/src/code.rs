//! The words by which programs tell errors and notices apart.
//!
//! `CONTRACT.md` says what each stands for. Not here: the sentences for people that come with them.

use serde::Serialize;

/// A word for an error or a notice. In JSON it is written in kebab case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
pub enum Code {
    /// `/me` without a text.
    ActionMissing,
    /// A member signed two different messages as one.
    AuthorForked,
    /// A line of JSON is not a command.
    BadCommand,
    /// This node passes on much of what two others say to each other.
    Carrying,
    /// A director answers again.
    DirectorReachable,
    /// No director answers.
    DirectorUnreachable,
    /// Another ring has taken this discussion's place at a director.
    Displaced,
    /// The node has ended.
    Ended,
    /// The ring has no more room.
    Full,
    /// The discussion so far does not arrive.
    HistoryStalled,
    /// A second signal came while the node was leaving.
    Interrupted,
    /// A Lamport time cannot be right.
    LamportTime,
    /// A member that the way in leads to does not answer.
    MemberUnreachable,
    /// A name may not be like that.
    NameInvalid,
    /// There is no such room.
    NoSuchRoom,
    /// The node has no place in the ring at the moment.
    NotInRing,
    /// The node is not in the discussion yet.
    NotReady,
    /// Somebody who is not a member looks at the ring.
    Observer,
    /// Everybody can join this discussion.
    OpenDiscussion,
    /// The coordinator gave this node another name than it asked for.
    OtherName,
    /// What a member sent is invalid, or the way in is refused.
    Refused,
    /// This node already has the name that it asks for.
    SameName,
    /// A member takes in messages too slowly.
    SlowMember,
    /// The node could not start.
    Start,
    /// Stdin cannot be read.
    StdinFailed,
    /// Stdout does not take what is written.
    Stdout,
    /// A typed text is not UTF-8.
    TextNotUtf8,
    /// A typed text is too long.
    TextTooLong,
    /// The text or the line of a command is too long.
    TooLong,
    /// Messages were not handed to anybody before the node left.
    Unhanded,
    /// There is no such command.
    UnknownCommand,
    /// A member cannot claim to be the coordinator.
    UnprovenCoordinator,
    /// Nobody could be reached in time.
    Unreachable,
    /// Others cannot reach this node.
    UnreachableAddress,
    /// The others run another version.
    Version,
}
