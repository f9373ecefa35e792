//! A session's knowledge of the discussion. It is derived from the events alone, and is the same for every face.
//!
//! Not here: its rendering (the faces).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ringtalk_wire::{NodeId, RingId, VectorClock};

use crate::{
    Code, Command, CommandError, ControlMessage, Event, Invite, Joining, MAIN, Me, Members,
    Message, Place, Presence, Reply, Room, RoomEvent,
};

/// A session's knowledge of the discussion.
#[derive(Clone, Debug)]
pub struct State {
    /// The facts about the session's own node.
    pub me: Me,
    /// The name of this node.
    pub name: String,
    /// True once the node is in the ring and has the history.
    pub ready: bool,
    /// The progress of joining.
    pub joining: Joining,
    /// The members; `None` before the first view.
    pub members: Option<Arc<Members>>,
    /// The neighbour before this node.
    pub predecessor: Option<NodeId>,
    /// The neighbour after this node.
    pub successor: Option<NodeId>,
    /// The clock, which covers the delivered messages and the gaps that it has passed.
    pub clock: VectorClock,
    /// The coordinator of the ring.
    pub coordinator: Option<NodeId>,
    /// The members whose users are away, with the reasons that they gave.
    pub away: BTreeMap<NodeId, String>,
    /// The rooms that this node is in or is joining, besides the lobby.
    pub rooms: BTreeMap<RingId, Room>,
    /// The room that this node was in and left last.
    former: Option<Room>,
    /// Where typed lines go. The node may not be in that room any more.
    pub typing: RingId,
    /// False while no director answers.
    pub director_answers: bool,
    /// The invite that newcomers need after this node leaves, if no other entrance of the present one is left.
    pub after_me: Option<Invite>,
}

impl State {
    /// Creates the state before the first event.
    pub fn new(me: Me) -> Self {
        Self {
            name: me.requested_name.clone(),
            away: BTreeMap::new(),
            rooms: BTreeMap::new(),
            former: None,
            typing: me.lobby(),
            me,
            ready: false,
            joining: Joining::new(),
            members: None,
            predecessor: None,
            successor: None,
            clock: VectorClock::new(),
            coordinator: None,
            director_answers: true,
            after_me: None,
        }
    }

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        if !self.ready {
            self.joining.apply(event);
        }
        match event {
            Event::Start { base } => self.clock = base.clone(),
            Event::Ready { name } => {
                self.ready = true;
                self.name.clone_from(name);
            }
            Event::Message(Message { room, id, .. })
            | Event::Control(ControlMessage { room, id, .. }) => {
                if let Some(clock) = self.clock_of(room) {
                    clock.advance(id.author, id.seq);
                }
                if let Event::Control(message) = event {
                    self.apply_presence(message);
                }
            }
            Event::Room(room, event) => self.apply_in_room(*room, event),
            Event::Typing { room } => self.typing = *room,
            Event::Gap {
                author,
                to,
                passed: true,
                ..
            } => self.clock.advance(*author, *to),
            Event::View(members) => {
                self.away.retain(|id, _| members.contains(id));
                self.members = Some(Arc::clone(members));
            }
            Event::Coordinator { epoch } => self.coordinator = Some(epoch.coordinator),
            Event::Neighbours {
                predecessor,
                successor,
            } => (self.predecessor, self.successor) = (*predecessor, *successor),
            Event::Relocated {
                address, invite, ..
            } => {
                self.me.address.clone_from(address);
                self.me.invite = invite.clone();
            }
            Event::Renamed { person, .. } if person.id == self.me.id => {
                self.name.clone_from(&person.name);
            }
            Event::Invite(news) => {
                self.me.invite = news.invite.clone();
                self.after_me.clone_from(&news.after_me);
            }
            Event::Error(remark) if remark.code == Code::DirectorUnreachable => {
                self.director_answers = false;
            }
            Event::Notice(remark) if remark.code == Code::DirectorReachable => {
                self.director_answers = true;
            }
            _ => {}
        }
    }

    fn apply_presence(&mut self, message: &ControlMessage) {
        let author = message.id.author;
        let is_listed = |members: &Arc<Members>| members.contains(&author);
        match &message.presence {
            Some(Presence::Away(reason)) if self.members.as_ref().is_some_and(is_listed) => {
                self.away.insert(author, reason.clone());
            }
            Some(Presence::Back) => {
                self.away.remove(&author);
            }
            _ => {}
        }
    }

    fn apply_in_room(&mut self, id: RingId, event: &RoomEvent) {
        match event {
            RoomEvent::Entering => {
                self.rooms.insert(id, Room::new(id));
            }
            RoomEvent::Left(person) if person.id == self.me.id => {
                self.former = self.rooms.remove(&id);
            }
            RoomEvent::NotEntered => drop(self.rooms.remove(&id)),
            event => {
                if let Some(room) = self.rooms.get_mut(&id) {
                    room.apply(event);
                }
            }
        }
    }

    /// Returns true if this is the id of the lobby.
    pub fn is_main(&self, room: &RingId) -> bool {
        *room == self.me.lobby()
    }

    /// Returns the clock of a room, to note what is not shown there.
    pub fn clock_of(&mut self, room: &RingId) -> Option<&mut VectorClock> {
        if self.is_main(room) {
            return Some(&mut self.clock);
        }
        self.rooms.get_mut(room).map(|room| &mut room.clock)
    }

    /// Returns the members of a room, the lobby included; `None` before the first view.
    pub fn members_of(&self, room: &RingId) -> Option<&Arc<Members>> {
        if self.is_main(room) {
            return self.members.as_ref();
        }
        self.rooms.get(room)?.members.as_ref()
    }

    /// Returns the name of a room, without a sign. If the node does not know the name (yet), returns the start of the
    /// id. It forgets the names of rooms that it has left, except for the last one.
    pub fn room_label(&self, room: &RingId) -> Cow<'_, str> {
        if self.is_main(room) {
            return MAIN.into();
        }
        let former = self.former.as_ref().filter(|former| former.id == *room);
        let known = self.rooms.get(room).or(former);
        known.map_or_else(|| format!("{room:?}").into(), Room::label)
    }

    /// Returns true if the node is in a room that this may mean, or in several.
    pub fn knows_room(&self, place: &Place) -> bool {
        self.rooms.values().any(|room| place.is(room))
    }

    /// Returns the room in which a command takes effect: the lobby, or one that the node is in.
    pub fn find_room(&self, place: &Place) -> Result<RingId, CommandError> {
        let id = match place {
            Place::Main => self.me.lobby(),
            Place::Here if self.is_main(&self.typing) => self.typing,
            Place::Here => match self.rooms.get(&self.typing) {
                Some(room) => room.id,
                None => return Err(CommandError::nowhere()),
            },
            Place::Id(id) if self.is_main(id) => *id,
            Place::Id(_) | Place::Named(_) => {
                let mut meant = self.rooms.values().filter(|room| place.is(room));
                match (meant.next(), meant.next()) {
                    (Some(room), None) => room.id,
                    (None, _) => return Err(CommandError::no_such_room(place)),
                    (Some(one), Some(other)) => {
                        return Err(CommandError {
                            code: Code::NoSuchRoom,
                            message: format!(
                                "{place} may be {} or {}: name it by its id",
                                one.id, other.id
                            ),
                        });
                    }
                }
            }
        };
        Ok(id)
    }

    /// Returns true for a new message whose author is not in the view: the author has left, or a member has brought
    /// the message.
    pub fn is_unlisted(&self, message: &Message) -> bool {
        let author = &message.id.author;
        let is_gone = |members: &Arc<Members>| !members.contains(author);
        let members = self.members_of(&message.room);
        !message.history && *author != self.me.id && members.is_some_and(is_gone)
    }

    /// Returns the answer to a command that needs only this state. Returns `None` for other commands.
    pub fn answer(&self, command: &Command) -> Option<Result<Reply, CommandError>> {
        Some(Ok(match command {
            Command::Who(place) => match self.find_room(place) {
                Ok(room) => Reply::Who {
                    room,
                    members: self.members_of(&room).cloned(),
                },
                Err(error) => return Some(Err(error)),
            },
            Command::Rooms => Reply::Rooms(self.rooms.values().map(Room::listed).collect()),
            Command::Go(None) => match self.find_room(&Place::Here) {
                Ok(room) => Reply::Typing(room),
                Err(error) => return Some(Err(error)),
            },
            Command::Ring => Reply::Ring {
                members: self.members.clone(),
                predecessor: self.predecessor,
                successor: self.successor,
            },
            Command::Face(command) => Reply::Face(command.clone()),
            Command::Help => Reply::Help,
            Command::Clear => Reply::Clear,
            Command::Say(..)
            | Command::Create(_)
            | Command::Join(_)
            | Command::Go(Some(_))
            | Command::Leave(_)
            | Command::Tell(_)
            | Command::Name(_)
            | Command::Invite
            | Command::Transcript(_)
            | Command::Quit => return None,
        }))
    }

    /// Returns a member's name, if it is known.
    pub fn name_of(&self, id: &NodeId) -> Option<&str> {
        if *id == self.me.id {
            return Some(&self.name);
        }
        let members = self.members.as_ref()?;
        members.get(id).map(|member| member.name.as_str())
    }
}
