//! Rooms: how commands create, join and leave them, and what their users are told.
//!
//! Not here: how a room's node finds a member (the core), and the words for people (the faces).

use std::collections::BTreeMap;
use std::time::Duration;

use ringtalk_proto::{DeliveredControl, Event as CoreEvent, Input, Node, RoomError};
use ringtalk_session::{
    Code, CommandError, ControlMessage, Event, NOWHERE, Person, Place, Presence, Remark, Reply,
    Requester, RoomEvent, RoomName, Succession,
};
use ringtalk_wire::{Away, Begin, BundleMessage, Control, Epoch, NodeId, RingId};
use tokio::time::Instant;

use super::clock::{Moment, wall_clock_ms};
use super::{Driver, translation};

/// How long this node tries to get into a room.
const JOIN_TIME: Duration = Duration::from_secs(10);

/// The most commands that may wait for rooms.
const AWAITED: usize = 64;

/// What is known of the rooms beside what the core knows.
#[derive(Debug)]
pub(super) struct Rooms {
    /// Where typed lines go.
    pub(super) typing: RingId,
    /// The commands that wait until this node is in a room, or has left it.
    awaited: Vec<AwaitedRoom>,
    administrators: BTreeMap<RingId, NodeId>,
    /// How many messages nobody had taken when rooms were left.
    untaken: u64,
    /// True once the others were told that the user is away, until they are told of the return.
    is_away: bool,
}

/// A command that waits.
#[derive(Debug)]
struct AwaitedRoom {
    room: RingId,
    command: &'static str,
    requester: Requester,
    /// When to give up; leaving always ends.
    deadline: Option<Instant>,
}

impl AwaitedRoom {
    const fn enters(&self) -> bool {
        self.deadline.is_some()
    }
}

impl Rooms {
    /// Returns the rooms of a node whose typed lines go to the lobby.
    pub(super) const fn new(lobby: RingId) -> Self {
        Self {
            typing: lobby,
            awaited: Vec::new(),
            administrators: BTreeMap::new(),
            untaken: 0,
            is_away: false,
        }
    }

    /// Returns true while a command from stdin waits: later ones wait too.
    pub(super) fn is_awaited(&self) -> bool {
        let mut awaited = self.awaited.iter();
        awaited.any(|one| !matches!(one.requester, Requester::Handle(_)))
    }

    /// Returns when to give up on a room.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.awaited.iter().filter_map(|one| one.deadline).min()
    }

    /// Takes the commands that wait for a room, and are to `enter` it or to leave it.
    fn take(&mut self, room: &RingId, enter: bool) -> Vec<AwaitedRoom> {
        let is_meant = |one: &mut AwaitedRoom| one.room == *room && one.enters() == enter;
        self.awaited.extract_if(.., is_meant).collect()
    }

    /// Takes all commands that wait.
    pub(super) fn take_requesters(&mut self) -> Vec<(&'static str, Requester)> {
        let awaited = std::mem::take(&mut self.awaited).into_iter();
        awaited.map(|one| (one.command, one.requester)).collect()
    }
}

impl Driver {
    /// Creates a room on behalf of a command, which is answered when this node is in it.
    pub(super) fn create_room(&mut self, name: &RoomName, requester: Requester) {
        const COMMAND: &str = "create";
        let place = Place::Named(name.to_string());
        let is_taken = self.session.state().knows_room(&place);
        if is_taken {
            let message =
                format!("not created: you are in a room called #{name}; /room {name} goes there");
            let error = CommandError {
                code: Code::RoomNameTaken,
                message,
            };
            return self.refuse_move(COMMAND, requester, error);
        }
        let mut random = [0; 16];
        let created = match getrandom::fill(&mut random) {
            Ok(()) => {
                let name = name.to_string();
                let begin = Begin { name, random };
                let now = self.clock.now();
                let created = self.host.create_room(now, begin, wall_clock_ms());
                created.map_err(room_error)
            }
            Err(error) => Err(CommandError {
                code: Code::NotReady,
                message: format!("not created: no random numbers: {error}"),
            }),
        };
        match created {
            Ok(room) => {
                self.await_room(room, COMMAND, requester);
                self.tell(Event::Room(room, RoomEvent::Named(name.clone())));
            }
            Err(error) => self.refuse_move(COMMAND, requester, error),
        }
    }

    /// Joins a room on behalf of a command, which is answered when this node is in it.
    pub(super) fn join_room(&mut self, place: &Place, requester: Requester) {
        const COMMAND: &str = "join";
        let known = self.session.state().find_room(place);
        let room = match (known, place) {
            (Ok(room), _) | (Err(_), &Place::Id(room)) => room,
            (Err(error), place) => {
                let is_ambiguous = self.session.state().knows_room(place);
                let unknown = CommandError {
                    code: Code::NoSuchRoom,
                    message: format!(
                        "you are not in {place}: a room is joined by its id, which its members see with /rooms"
                    ),
                };
                let error = if is_ambiguous { error } else { unknown };
                return self.refuse_move(COMMAND, requester, error);
            }
        };
        let lobby = self.host.lobby().ring();
        let is_ready = |node: &Node| node.is_ready();
        if room == lobby || self.host.room(&room).is_some_and(is_ready) {
            return self.answer_entry(COMMAND, room, requester);
        }
        match self.host.join_room(self.clock.now(), room) {
            Ok(()) | Err(RoomError::Joined) => self.await_room(room, COMMAND, requester),
            Err(error) => self.refuse_move(COMMAND, requester, room_error(error)),
        }
    }

    /// Lets typed lines go to another room on behalf of a command.
    pub(super) fn go_to_room(&mut self, place: &Place, requester: Requester) {
        const COMMAND: &str = "room";
        match self.find_room(place) {
            Ok(room) => {
                self.type_in(room);
                self.session
                    .answer(COMMAND, requester, Ok(Reply::Typing(room)));
            }
            Err(error) => self.refuse_move(COMMAND, requester, error),
        }
    }

    /// Refuses a command that was to let typed lines go to another room. They go to none then: what comes next was
    /// written for that room, perhaps before the refusal.
    fn refuse_move(
        &mut self,
        command: &'static str,
        requester: Requester,
        mut error: CommandError,
    ) {
        if matches!(requester, Requester::Typist) {
            self.requests.note_refused();
            self.type_in(NOWHERE);
            error
                .message
                .push_str("; nothing typed now is sent, until /room or /join says where it goes");
        }
        self.session.answer(command, requester, Err(error));
    }

    /// Leaves a room on behalf of a command, which is answered when that is done.
    pub(super) fn leave_room(&mut self, place: &Place, requester: Requester) {
        const COMMAND: &str = "leave";
        let found = self.session.state().find_room(place);
        match found {
            Ok(room) if room == self.host.lobby().ring() => {
                let error = CommandError {
                    code: Code::BadCommand,
                    message: "everyone is in #main: /quit leaves the discussion".to_owned(),
                };
                self.session.answer(COMMAND, requester, Err(error));
            }
            Ok(room) => {
                self.rooms.awaited.push(AwaitedRoom {
                    room,
                    command: COMMAND,
                    requester,
                    deadline: None,
                });
                self.feed_in(&room, Input::Leave);
            }
            Err(error) => self.session.answer(COMMAND, requester, Err(error)),
        }
    }

    fn await_room(&mut self, room: RingId, command: &'static str, requester: Requester) {
        if self.rooms.awaited.len() >= AWAITED {
            let error = CommandError {
                code: Code::TooManyRooms,
                message: "not done: too many commands wait for rooms; try again soon".to_owned(),
            };
            return self.refuse_move(command, requester, error);
        }
        if !self.session.state().rooms.contains_key(&room) {
            self.tell(Event::Room(room, RoomEvent::Entering));
        }
        self.rooms.awaited.push(AwaitedRoom {
            room,
            command,
            requester,
            deadline: Some(Instant::now() + JOIN_TIME),
        });
    }

    fn answer_entry(&mut self, command: &'static str, room: RingId, requester: Requester) {
        if matches!(requester, Requester::Typist) {
            self.type_in(room);
        }
        self.session
            .answer(command, requester, Ok(Reply::Entered(room)));
    }

    /// Lets typed lines go to a room from now on.
    pub(super) fn type_in(&mut self, room: RingId) {
        self.rooms.typing = room;
        self.tell(Event::Typing { room });
    }

    /// Gives up on rooms that nobody has let this node into in time.
    pub(super) fn expire_rooms(&mut self) {
        let now = Instant::now();
        let is_over = |one: &AwaitedRoom| one.deadline.is_some_and(|deadline| deadline <= now);
        let over = self.rooms.awaited.iter().filter(|one| is_over(one));
        let over: Vec<RingId> = over.map(|one| one.room).collect();
        for room in over {
            let error = if self.host.has_found(&room) {
                CommandError {
                    code: Code::RoomUnreachable,
                    message: "not joined: nobody in that room lets you in; try again soon"
                        .to_owned(),
                }
            } else {
                CommandError {
                    code: Code::NoSuchRoom,
                    message: "not joined: nobody was found who is in that room".to_owned(),
                }
            };
            self.refuse_entry(&room, &error);
            self.feed_in(&room, Input::Leave);
        }
    }

    /// Refuses the commands that wait to enter a room.
    fn refuse_entry(&mut self, room: &RingId, error: &CommandError) {
        for awaited in self.rooms.take(room, true) {
            self.refuse_move(awaited.command, awaited.requester, error.clone());
        }
    }

    /// Returns the node of a room, or of the lobby.
    pub(super) fn node_of(&self, room: &RingId) -> Option<&Node> {
        let lobby = self.host.lobby();
        if *room == lobby.ring() {
            Some(lobby)
        } else {
            self.host.room(room)
        }
    }

    pub(super) fn feed_in(&mut self, room: &RingId, input: Input) {
        self.host.handle_in(self.clock.now(), room, input);
    }

    /// Returns how many of this node's messages no other member has taken, in all rooms.
    pub(super) fn untaken(&self) -> u64 {
        let rooms = self.host.rooms().map(|(_, node)| node.untaken());
        self.host.lobby().untaken() + rooms.sum::<u64>() + self.rooms.untaken
    }

    /// Tells the others of the user's presence: of absence in the lobby, of saved copies in all rooms.
    pub(super) fn announce(&mut self, presence: &Presence) {
        let lobby = self.host.lobby().ring();
        match presence {
            Presence::Away(reason) => {
                self.rooms.is_away = true;
                self.control(&lobby, &Control::Away(Away::because(reason)));
            }
            Presence::Back if std::mem::take(&mut self.rooms.is_away) => {
                self.control(&lobby, &Control::Back);
            }
            Presence::Back => {}
            Presence::Saved => {
                let is_inside = |(_, node): &(RingId, &Node)| node.is_ready();
                let rooms = self.host.rooms().filter(is_inside);
                let rooms: Vec<RingId> = rooms.map(|(room, _)| room).collect();
                for room in rooms.into_iter().chain([lobby]) {
                    self.control(&room, &Control::Saved);
                }
            }
        }
    }

    fn control(&mut self, room: &RingId, control: &Control) {
        let (timestamp_ms, body) = (wall_clock_ms(), control.body());
        let message = BundleMessage { timestamp_ms, body };
        self.feed_in(room, Input::Say(message.into()));
    }

    /// Tells the user what a program says in a room.
    pub(super) fn handle_control(&mut self, room: RingId, message: DeliveredControl, now: Moment) {
        let DeliveredControl {
            id,
            name,
            control,
            history,
        } = message;
        let presence = match control {
            Some(Control::Begin(begin)) => {
                if let Ok(name) = begin.name.parse() {
                    let named = Event::Room(room, RoomEvent::Named(name));
                    self.session.record(named, now.at);
                }
                None
            }
            Some(Control::Away(away)) => Some(Presence::Away(away.reason)),
            Some(Control::Back) => Some(Presence::Back),
            Some(Control::Saved) => Some(Presence::Saved),
            None => None,
        };
        let message = ControlMessage {
            room,
            id,
            name,
            presence,
            history,
        };
        self.session.record(Event::Control(message), now.at);
    }

    /// Handles an event of a room other than the lobby.
    pub(super) fn handle_room_event(&mut self, room: RingId, event: CoreEvent, now: Moment) {
        let event = match event {
            CoreEvent::Message(message) => {
                let message = translation::message(room, message, now.wall_ms);
                Event::Message(message)
            }
            CoreEvent::Control(message) => return self.handle_control(room, message, now),
            CoreEvent::Coordinator { epoch } => {
                let Some(event) = self.note_administrator(room, epoch) else {
                    return;
                };
                Event::Room(room, event)
            }
            CoreEvent::Error { kind, message } => {
                let label = self.session.state().room_label(&room).into_owned();
                Event::Error(Remark {
                    code: translation::code(kind),
                    message: format!("#{label}: {message}"),
                })
            }
            event => match translation::room_event(event) {
                Some(event) => Event::Room(room, event),
                None => return,
            },
        };
        let is_entry = matches!(event, Event::Room(_, RoomEvent::Ready));
        self.session.record(event, now.at);
        if is_entry {
            for awaited in self.rooms.take(&room, true) {
                self.answer_entry(awaited.command, room, awaited.requester);
            }
        }
    }

    /// Returns what to tell of a new epoch in a room: nothing if the same node goes on.
    fn note_administrator(&mut self, room: RingId, epoch: Epoch) -> Option<RoomEvent> {
        let id = epoch.coordinator;
        let previous = self.rooms.administrators.insert(room, id);
        let view = self.host.room(&room)?.view()?;
        let cause = match previous {
            Some(before) if before == id => return None,
            Some(before) if view.contains(&before) => Succession::Merged,
            Some(before) if view.has_left(&before) => Succession::HandedOver,
            Some(_) => Succession::Failed,
            None if id == self.host.lobby().id() => Succession::Created,
            // It joined under this administrator.
            None => return None,
        };
        let name = view
            .member(&id)
            .map_or_else(String::new, |one| one.name.clone());
        Some(RoomEvent::Administrator {
            administrator: Person { id, name },
            previous,
            cause,
        })
    }

    /// Handles the end of a room for this node, with the number of its messages that nobody has taken.
    pub(super) fn finish_room(&mut self, room: RingId, untaken: u64) {
        self.rooms.administrators.remove(&room);
        if self.leave_state.has_begun() {
            self.rooms.untaken += untaken;
            return;
        }
        let (me, label, was_alone, was_inside) = {
            let state = self.session.state();
            let was_inside = state.rooms.get(&room).is_some_and(|room| room.ready);
            let members = state.members_of(&room).map(|members| members.len());
            let label = state.room_label(&room).into_owned();
            let me = Person {
                id: state.me.id,
                name: state.name.clone(),
            };
            let was_alone = members.is_none_or(|members| members <= 1);
            (me, label, was_alone, was_inside)
        };
        if untaken > 0 && !was_alone {
            let message = format!(
                "{untaken} of your messages in #{label} may be lost: no member has confirmed delivery"
            );
            self.warn(Code::Unhanded, message);
        }
        let end = if was_inside {
            RoomEvent::Left(me)
        } else {
            RoomEvent::NotEntered
        };
        self.tell(Event::Room(room, end));
        self.refuse_entry(&room, &CommandError::room_ended(&label));
        for awaited in self.rooms.take(&room, false) {
            self.session
                .answer(awaited.command, awaited.requester, Ok(Reply::Accepted));
        }
    }
}

fn room_error(error: RoomError) -> CommandError {
    match error {
        RoomError::TooMany => CommandError {
            code: Code::TooManyRooms,
            message: "not done: you are in 128 rooms, or were in 4,096; leave one first".to_owned(),
        },
        RoomError::Joined | RoomError::NotReady => CommandError {
            code: Code::NotInRing,
            message:
                "not done: this node is not in the ring at the moment; try again in a few seconds"
                    .to_owned(),
        },
    }
}
