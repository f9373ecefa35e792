//! The commands that a face carries out by itself, with what it has shown.
//!
//! The session hands them to the face as they are. Not here: what a face does with them (`ringtalk-terminal`), and the
//! commands that need the node (`command`).

/// A command that a face carries out by itself. Only the user of that face notices it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaceCommand {
    /// Find the messages with this text, in upper or lower case.
    Search(String),
    /// Write the messages that were shown to this file.
    Save(String),
    /// Do not ring or notify; `None` changes between on and off.
    Mute(Option<bool>),
    /// Notify the user of this person, or no longer; `None` lists such persons.
    Notify(Option<String>),
    /// Count what comes from now on, because the user is away, for this reason.
    Away(Option<String>),
    /// Tell the user what came meanwhile.
    Back,
}

impl FaceCommand {
    /// Returns the command's name, as programs write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Search(_) => "search",
            Self::Save(_) => "save",
            Self::Mute(_) => "mute",
            Self::Notify(_) => "notify",
            Self::Away(_) => "away",
            Self::Back => "back",
        }
    }
}
