//! A node inside another program, which receives what a user would see and sends what a user would type.
//!
//! It is the same node: the same driver, links and protocol, with a program in place of the terminal. A program
//! receives events through a [`Handle`], or through an [`EventSink`] if it must miss none, however many there are. Not
//! here: what a node does (`driver`).

use std::ffi::OsString;
use std::fmt;

use ringtalk_session::{Answer, Backlog, OutletError, Request, Requester};
pub use ringtalk_session::{
    Command, CommandError, Event, EventId, Handle, MessageText, MessageTextError, NullOutlet,
    Outlet, Place, Reply, Snapshot, Subscription, Update,
};
use tokio::sync::mpsc;

use crate::driver::Driver;
use crate::settings::Settings;
use crate::start::{StartError, UserIo, assemble, prepare};

/// The number of batches of texts that wait for the node; the program waits beyond that.
const BATCHES: usize = 2;

/// The reason why a node did not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The command line makes no sense.
    #[error("{0}")]
    Settings(String),
    /// The node could not start.
    #[error("{0}")]
    Start(String),
    /// A text cannot be sent.
    #[error("{0}")]
    Text(MessageTextError),
    /// The node could not go on.
    #[error("{0}")]
    Ended(String),
}

impl From<StartError> for EmbeddedError {
    fn from(error: StartError) -> Self {
        Self::Start(error.to_string())
    }
}

/// A sender of many texts at once, which does not wait until they are on their way.
#[derive(Clone, Debug)]
pub struct MessageSender(mpsc::Sender<Vec<Request>>);

impl MessageSender {
    /// Sends a few texts; waits while the node has no room for more. If one of them is not valid, none is sent.
    pub async fn say(&self, texts: Vec<String>) -> Result<(), EmbeddedError> {
        let requests = texts.into_iter().map(|text| {
            let text = MessageText::try_from(text)?;
            Ok(Request {
                command: Ok(Command::Say(Place::Main, text)),
                requester: Requester::Typist,
            })
        });
        let requests = requests.collect::<Result<_, MessageTextError>>();
        let sent = self.0.send(requests.map_err(EmbeddedError::Text)?).await;
        sent.map_err(|_| EmbeddedError::Ended(String::from("the node has ended")))
    }
}

/// An outlet that receives every event, in order. The node's own task calls it, so slow code in it delays the node.
pub struct EventSink {
    on_event: Box<dyn FnMut(&Event) + Send>,
    backlog: Backlog,
}

impl EventSink {
    /// Creates an outlet that calls `on_event` with every event.
    pub fn new(on_event: impl FnMut(&Event) + Send + 'static) -> Self {
        Self {
            on_event: Box::new(on_event),
            backlog: Backlog::new(0),
        }
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}

impl Outlet for EventSink {
    fn show(&mut self, turn: &mut Vec<Event>) {
        for event in turn {
            (self.on_event)(event);
        }
    }

    fn answer(&mut self, _: Answer) {}

    fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    fn check(&mut self) -> Result<(), OutletError> {
        Ok(())
    }
}

/// A node that has not started yet.
#[derive(Debug)]
pub struct EmbeddedNode {
    settings: Settings,
    typed: mpsc::Receiver<Vec<Request>>,
}

impl EmbeddedNode {
    /// Creates a node from its command line, without the program's name.
    pub fn new<A>(arguments: A) -> Result<(Self, MessageSender), EmbeddedError>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let settings = Settings::from_arguments(arguments).map_err(EmbeddedError::Settings)?;
        let (sender, typed) = mpsc::channel(BATCHES);
        Ok((Self { settings, typed }, MessageSender(sender)))
    }

    /// Assembles the node on the current single-threaded runtime; the tasks that it leaves there end with the runtime.
    /// From then on core dumps are off for the whole process, and the node handles the signals that ask to end.
    /// [`NullOutlet`] is an outlet for programs that use the handle only.
    pub async fn start(self, outlet: impl Outlet + 'static) -> Result<RunningNode, EmbeddedError> {
        prepare()?;
        let user_io = UserIo::for_program(Box::new(outlet), self.typed);
        let mut driver = Box::pin(assemble(self.settings, user_io)).await?;
        let handle = driver.handle();
        Ok(RunningNode { driver, handle })
    }
}

/// An assembled node, which does nothing until it [runs](RunningNode::run).
#[derive(Debug)]
pub struct RunningNode {
    driver: Driver,
    handle: Handle,
}

impl RunningNode {
    /// Returns a handle, which sends the node commands and receives its events.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs the node until it ends.
    pub async fn run(self) -> Result<(), EmbeddedError> {
        match self.driver.start().await.error {
            Some(error) => Err(EmbeddedError::Ended(error.message)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;

    fn say(text: &str) -> Command {
        Command::Say(Place::Main, text.to_owned().try_into().unwrap())
    }

    /// The command line that founds a discussion on this machine.
    const HERE: [&str; 6] = [
        "--listen",
        "127.0.0.1:0",
        "--director-listen",
        "127.0.0.1:0",
        "--name",
        "ann",
    ];

    async fn until_ready(handle: &Handle) {
        let mut subscription = handle.subscribe(None);
        loop {
            let is_ready = match subscription.next().await {
                Some(Update::Reset(snapshot)) => snapshot.state.ready,
                Some(Update::Events(events)) => {
                    let mut events = events.iter();
                    events.any(|(_, event)| matches!(**event, Event::Ready { .. }))
                }
                None => panic!("the node has ended"),
            };
            if is_ready {
                return;
            }
        }
    }

    /// Receives messages until the last one of these, and nothing else; returns the id of the last event.
    async fn receive_messages(
        subscription: &mut Subscription,
        seqs: RangeInclusive<u64>,
    ) -> EventId {
        let mut received = Vec::new();
        loop {
            let Some(Update::Events(events)) = subscription.next().await else {
                panic!("events are kept");
            };
            for (id, event) in events {
                if let Event::Message(message) = &*event {
                    received.push(message.id.seq);
                    if message.id.seq == *seqs.end() {
                        assert!(received.into_iter().eq(seqs), "none lost, none doubled");
                        return id;
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_subscriber_resumes_or_gets_a_reset() {
        let (node, sender) = EmbeddedNode::new(HERE).unwrap();
        let node = node.start(NullOutlet::default()).await.unwrap();
        let handle = node.handle();
        let talk = async {
            until_ready(&handle).await;
            let say = async |count: usize| sender.say(vec![String::from("hello"); count]).await;
            let mut first = handle.subscribe(Some(handle.snapshot().last));
            say(10).await.unwrap();
            let left_at = receive_messages(&mut first, 1..=10).await;
            drop(first);
            say(100).await.unwrap();
            let mut second = handle.subscribe(Some(left_at));
            let left_at = receive_messages(&mut second, 11..=110).await;

            // The second subscriber stops reading until its position in the log is gone.
            let mut fast = handle.subscribe(Some(left_at));
            say(10_000).await.unwrap();
            receive_messages(&mut fast, 111..=10_110).await;
            let Ok(Reply::Sent { id: last, .. }) = handle.run(self::say("the last of them")).await
            else {
                panic!("it is said");
            };
            assert_eq!(last.seq, 10_111);
            let other_run = "0000000000000001-7".parse().unwrap();
            let mut ends = [Some(left_at), Some(other_run), None].map(|id| handle.subscribe(id));
            for subscription in ends.iter_mut().chain([&mut second]) {
                let Some(Update::Reset(snapshot)) = subscription.next().await else {
                    panic!("what happened since is not kept");
                };
                assert_eq!(snapshot.state.clock.get(&last.author), last.seq);
            }
            say(5).await.unwrap();
            for subscription in ends.iter_mut().chain([&mut second]) {
                receive_messages(subscription, 10_112..=10_116).await;
            }
            handle.run(Command::Quit).await.unwrap();
        };
        let both = async { tokio::join!(Box::pin(node.run()), talk) };
        let (ended, ()) = timeout(Duration::from_secs(30), both).await.unwrap();
        ended.unwrap();
    }

    #[tokio::test]
    async fn a_face_needs_only_a_session_handle() {
        let (node, _sender) = EmbeddedNode::new(HERE).unwrap();
        let node = node.start(NullOutlet::default()).await.unwrap();
        let handle = node.handle();
        let talk = async {
            until_ready(&handle).await;
            let before = handle.snapshot().last;
            let mut out = Vec::new();
            let face = ringtalk_face::write_transcript(&handle, Some(before), &mut out);
            let talk = async {
                let said = handle.run(say("# no *heading*\n\u{202e}x")).await;
                assert!(matches!(said, Ok(Reply::Sent { .. })), "{said:?}");
                handle.run(Command::Quit).await.unwrap();
            };
            let (last, ()) = tokio::join!(face, talk);
            assert_eq!(last.unwrap(), Some(handle.snapshot().last), "all was read");
            String::from_utf8(out).unwrap()
        };
        let both = async { tokio::join!(Box::pin(node.run()), talk) };
        let (ended, out) = timeout(Duration::from_secs(10), both).await.unwrap();
        ended.unwrap();
        let (heading, text) = out.split_once("\n\n").unwrap();
        assert!(heading.starts_with("**ann** "), "{out}");
        assert_eq!(text, "> \\# no \\*heading\\*\n> \\\\u\\{202e\\}x\n\n");
    }

    #[tokio::test]
    async fn a_program_receives_its_own_messages() {
        let (node, sender) = EmbeddedNode::new(HERE).unwrap();
        let received = Arc::new((Mutex::new(Vec::new()), Notify::new()));
        let received_by_sink = Arc::clone(&received);
        let sink = EventSink::new(move |event| {
            if let Event::Message(message) = event {
                let mut texts = received_by_sink.0.lock().unwrap();
                texts.push(message.text.to_string());
                received_by_sink.1.notify_one();
            }
        });
        let node = node.start(sink).await.unwrap();
        let handle = node.handle();
        let mut subscription = handle.subscribe(None);
        let talk = async {
            let too_long = "x".repeat(16 * 1024 + 1);
            let refused = sender.say(vec![String::from("unsaid"), too_long]).await;
            assert!(matches!(
                refused,
                Err(EmbeddedError::Text(MessageTextError::TooLong))
            ));
            sender.say(vec![String::from("/quit")]).await.unwrap();
            received.1.notified().await;
            let said = handle.run(say("hello")).await;
            assert!(
                matches!(said, Ok(Reply::Sent { id, .. }) if id.seq == 2),
                "{said:?}"
            );
            handle.run(Command::Quit).await.unwrap();
        };
        let both = async { tokio::join!(Box::pin(node.run()), talk) };
        let (ended, ()) = timeout(Duration::from_secs(10), both).await.unwrap();
        assert!(matches!(subscription.next().await, Some(Update::Reset(_))));
        ended.unwrap();
        assert_eq!(*received.0.lock().unwrap(), ["/quit", "hello"]);
    }
}
