//! The rooms that this node is in, as their events have described them, and the names of rooms.
//!
//! The lobby is the room `main`; it is not in the list. Not here: who is in a room (the core).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ringtalk_wire::limit::NAME_CHARS;
use ringtalk_wire::name::{from_wish, is_reserved, is_same_text, is_separator};
use ringtalk_wire::{NodeId, RingId, VectorClock};

use crate::{Members, Person, RoomEvent};

/// The name of the lobby.
pub const MAIN: &str = "main";
/// The id of no room. Typed lines go there after a command that was to move them, and could not.
pub const NOWHERE: RingId = RingId::from_bytes([0; 16]);
/// How many digits of an id stand for a room whose name is not known.
const LABEL_DIGITS: usize = 8;
/// The sign that people may put before the name of a room.
const SIGN: char = '#';

/// A room that this node is in, or is joining.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// Its id.
    pub id: RingId,
    /// The name that its creator gave it, once this node knows it.
    pub name: Option<RoomName>,
    /// True once this node is in the room and has fetched the history.
    pub ready: bool,
    /// The members; `None` before the first view.
    pub members: Option<Arc<Members>>,
    /// The clock, which covers the delivered messages and the gaps that it has passed.
    pub clock: VectorClock,
}

impl Room {
    pub(crate) const fn new(id: RingId) -> Self {
        Self {
            id,
            name: None,
            ready: false,
            members: None,
            clock: VectorClock::new(),
        }
    }

    /// Returns the node that administers the room.
    pub fn administrator(&self) -> Option<NodeId> {
        self.members.as_ref().map(|members| members.coordinator())
    }

    /// Returns the name, or the start of the id as long as the name is not known.
    pub fn label(&self) -> Cow<'_, str> {
        match &self.name {
            Some(name) => name.as_str().into(),
            None => format!("{:?}", self.id).into(),
        }
    }

    /// Returns the same without the clock, which is long, for a list.
    pub(crate) fn listed(&self) -> Self {
        Self {
            id: self.id,
            name: self.name.clone(),
            ready: self.ready,
            members: self.members.clone(),
            clock: VectorClock::new(),
        }
    }

    pub(crate) fn apply(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::Named(name) => self.name = Some(name.clone()),
            RoomEvent::Start { base } => self.clock = base.clone(),
            RoomEvent::Ready => self.ready = true,
            RoomEvent::View(members) => self.members = Some(Arc::clone(members)),
            RoomEvent::Gap {
                author,
                to,
                passed: true,
                ..
            } => self.clock.advance(*author, *to),
            _ => {}
        }
    }

    /// Returns the members, the most senior first, or nobody before the first view.
    pub fn people(&self) -> Vec<Person> {
        let members = self.members.as_deref();
        let members = members.map_or_else(Vec::new, Members::by_seniority);
        let people = members.into_iter().map(|member| Person {
            id: member.id,
            name: member.name.clone(),
        });
        people.collect()
    }
}

/// The name of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomName(String);

/// The reason why a text cannot be the name of a room.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RoomNameError {
    /// It has characters that a name cannot have.
    #[error("the name of a room can have only letters, digits and - _ . '")]
    Grammar,
    /// It has too many characters.
    #[error("the name of a room can have at most {NAME_CHARS} characters; this one has {0}")]
    TooLong(usize),
    /// It has another meaning.
    #[error("{0:?} is a reserved word")]
    Reserved(String),
    /// It looks like the id of a room, or like the start of one.
    #[error("a name that looks like an id could be taken for another room")]
    Id,
}

impl RoomName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if people would take the two names for the same: case and separators tell no names apart.
    fn is_like(&self, other: &str) -> bool {
        fold(&self.0).eq(fold(other))
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        let text = without_sign(text);
        let length = text.chars().count();
        if length > NAME_CHARS {
            return Err(RoomNameError::TooLong(length));
        }
        if is_reserved(text) {
            return Err(RoomNameError::Reserved(text.to_owned()));
        }
        let is_label = length == LABEL_DIGITS && text.chars().all(|char| char.is_ascii_hexdigit());
        if is_label || text.parse::<RingId>().is_ok() {
            return Err(RoomNameError::Id);
        }
        let name = from_wish(text).filter(|name| is_same_text(text, name));
        name.map(Self).ok_or(RoomNameError::Grammar)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The room in which a command takes effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Where typed lines go.
    Here,
    /// The lobby.
    Main,
    /// The room with this id.
    Id(RingId),
    /// The room with this name, or one that looks like it.
    Named(String),
}

impl Place {
    /// Reads the name or the id of a room.
    pub fn parse(text: &str) -> Self {
        let text = without_sign(text);
        if text.eq_ignore_ascii_case(MAIN) {
            return Self::Main;
        }
        text.parse()
            .map_or_else(|_| Self::Named(text.to_owned()), Self::Id)
    }

    /// Returns true if it means this room.
    pub(crate) fn is(&self, room: &Room) -> bool {
        match self {
            Self::Here | Self::Main => false,
            Self::Id(id) => room.id == *id,
            Self::Named(name) => room.name.as_ref().is_some_and(|known| known.is_like(name)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("here"),
            Self::Main => write!(f, "{SIGN}{MAIN}"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Named(name) => write!(
                f,
                "{SIGN}{}",
                name.chars().take(NAME_CHARS).collect::<String>()
            ),
        }
    }
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(SIGN).unwrap_or(text)
}

/// Returns what tells a name apart from others.
fn fold(name: &str) -> impl Iterator<Item = char> {
    let letters = name.chars().filter(|&char| !is_separator(char));
    letters.flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_as_it_is_or_not_at_all() {
        for text in ["kitchen", "#kitchen", "tea-time", "küche", "7"] {
            let name = text.parse::<RoomName>().unwrap();
            assert_eq!(name.as_str(), without_sign(text));
        }
        for text in ["", "#", "two words", "a:b", "-", "##x"] {
            assert_eq!(
                text.parse::<RoomName>(),
                Err(RoomNameError::Grammar),
                "{text:?}"
            );
        }
        let long = "x".repeat(33);
        assert_eq!(long.parse::<RoomName>(), Err(RoomNameError::TooLong(33)));
        let digits = "07".repeat(16);
        for text in [&*digits, "#07070707", "c0ffee00"] {
            assert_eq!(text.parse::<RoomName>(), Err(RoomNameError::Id), "{text:?}");
        }
        for text in ["main", "#Main", "all"] {
            let error = text.parse::<RoomName>().unwrap_err();
            assert!(matches!(error, RoomNameError::Reserved(_)), "{text:?}");
        }
    }

    #[test]
    fn a_room_is_found_by_its_name_or_id() {
        let id = RingId::from_bytes([7; 16]);
        let mut room = Room::new(id);
        assert_eq!(room.label(), "07070707");
        assert!(!Place::parse("tea-time").is(&room), "its name is not known");
        room.apply(&RoomEvent::Named("Tea-time".parse().unwrap()));
        assert_eq!(room.label(), "Tea-time");
        for text in ["tea-time", "#TeaTime", "tea.time", &id.to_string()] {
            assert!(Place::parse(text).is(&room), "{text}");
        }
        for text in ["main", "tea", "07070707-0707-0707-0707-070707070708"] {
            assert!(!Place::parse(text).is(&room), "{text}");
        }
        assert_eq!(Place::parse("#Main"), Place::Main);
    }
}
