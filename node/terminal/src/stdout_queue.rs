//! Plain text and JSON on their way to stdout. An event waits as it is, and becomes text when it is written.
//!
//! Not here: the rendering (`lines`, `json`), and the thread that writes it (`stdout`).

use ringtalk_session::{
    Answer, Backlog, Code, CommandError, Event, FaceCommand, Me, Member, Message, MessageId,
    OutletError, Reply, RoomEvent, State, json,
};

use crate::display_item::DisplayItem;
use crate::face::Queue;
use crate::lines::Lines;
use crate::overload::WithheldMessages;
use crate::stdin::{HELP, HELP_WITH_ROOMS};
use crate::stdout::{Encoder, Load, StdoutError, StdoutSender};

/// The maximum number of bytes that may wait to be written: some 200,000 short messages. With more, one reader that
/// pauses could take a machine's memory. With fewer, a node would end when its reader pauses while others paste.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The queue to stdout.
#[derive(Debug)]
pub(super) struct StdoutQueue {
    sender: StdoutSender<DisplayItem>,
    /// The maximum number of bytes that may wait.
    limit: usize,
    /// The load at which the queue overflowed, in bytes. After that, only last words are shown.
    overflow: Option<usize>,
}

impl StdoutQueue {
    pub(super) const fn new(sender: StdoutSender<DisplayItem>) -> Self {
        Self {
            sender,
            limit: WAITING_BYTES,
            overflow: None,
        }
    }
}

impl Queue for StdoutQueue {
    fn push(&mut self, item: DisplayItem) {
        let load = item.load();
        let waiting = self.sender.load().bytes + load.bytes;
        if waiting > self.limit {
            self.overflow.get_or_insert(waiting);
        }
        if self.overflow.is_none() || item.is_last_word() {
            self.sender.send(item, load);
        }
    }

    fn load(&self) -> (u64, u64) {
        (self.sender.load().bytes as u64, self.limit as u64)
    }

    fn backlog(&self) -> &Backlog {
        self.sender.backlog()
    }

    fn check(&self) -> Result<(), OutletError> {
        match self.overflow {
            Some(waiting) => Err(OutletError(StdoutError::Stuck(waiting).to_string())),
            None => Ok(()),
        }
    }
}

/// An encoder that turns items into text. It keeps the state right after each event.
#[derive(Debug)]
pub(crate) struct TextEncoder {
    state: State,
    format: TextFormat,
}

/// The format of the text.
#[derive(Debug)]
pub(crate) enum TextFormat {
    Lines(Box<Lines>),
    Json,
}

impl TextEncoder {
    pub(crate) fn new(format: TextFormat, me: Me) -> Self {
        let state = State::new(me);
        Self { state, format }
    }
}

impl Encoder for TextEncoder {
    type Item = DisplayItem;

    fn encode(&mut self, item: DisplayItem, out: &mut Vec<u8>) {
        let Self { state, format } = self;
        match item {
            DisplayItem::Event(event) => {
                state.apply(&event);
                match format {
                    TextFormat::Lines(lines) => lines.show(&event, state, out),
                    TextFormat::Json => json::write_event(&event, state, out),
                }
            }
            DisplayItem::Answer(answer) => match format {
                TextFormat::Lines(lines) => lines.answer(&answer, state, out),
                TextFormat::Json => write_json_answer(&answer, state, out),
            },
            DisplayItem::Withheld(withheld) => {
                if let Some(clock) = state.clock_of(&withheld.room) {
                    clock.advance(withheld.author, withheld.to);
                }
                match format {
                    TextFormat::Lines(lines) => lines.withheld(&withheld, state, out),
                    TextFormat::Json => {
                        let WithheldMessages {
                            room,
                            author,
                            from,
                            to,
                        } = withheld;
                        json::write_withheld(&room, author, (from, to), state, out);
                    }
                }
            }
        }
    }
}

/// Returns the words with which a program is left to do this by itself.
fn refuse_to_program(command: &FaceCommand) -> String {
    let instead = match command {
        FaceCommand::Search(_) => "search the message events",
        FaceCommand::Save(_) => "keep the message events",
        FaceCommand::Mute(_) | FaceCommand::Notify(_) => {
            "nothing rings; look at the message events"
        }
        FaceCommand::Away(_) | FaceCommand::Back => "count the message events",
    };
    format!("not done: with --json, {instead}")
}

/// Writes a node's answer as JSON. What a face does for people, a program does for itself.
fn write_json_answer(answer: &Answer, state: &State, out: &mut Vec<u8>) {
    match &answer.result {
        Ok(Reply::Face(command)) => {
            let message = refuse_to_program(command);
            let code = Code::UnknownCommand;
            let result = Err(CommandError { code, message });
            json::write_answer(
                &Answer {
                    result,
                    ..answer.clone()
                },
                state,
                out,
            );
            return;
        }
        Ok(Reply::Help) => json::write_help(&[&HELP[..], &HELP_WITH_ROOMS].concat(), out),
        _ => {}
    }
    json::write_answer(answer, state, out);
}

impl DisplayItem {
    /// Returns the load of an item while it waits.
    fn load(&self) -> Load {
        let event = match self {
            Self::Event(event) => event,
            Self::Answer(answer) => {
                let more = match &answer.result {
                    Ok(Reply::Transcript { ids, .. }) => size_of_val(ids.as_slice()),
                    Ok(Reply::Rooms(rooms)) => size_of_val(rooms.as_slice()),
                    _ => 0,
                };
                return Load {
                    bytes: size_of::<Self>() + more,
                    events: 0,
                };
            }
            Self::Withheld(_) => {
                return Load {
                    bytes: size_of::<Self>(),
                    events: 0,
                };
            }
        };
        let more = match event {
            Event::Message(message) => bytes_of(message),
            Event::Control(message) => message.bytes(),
            // Views may share their members. Count them all, because they need not.
            Event::View(members) | Event::Room(_, RoomEvent::View(members)) => {
                members.len() * size_of::<Member>()
            }
            Event::Start { base } | Event::Room(_, RoomEvent::Start { base }) => {
                base.len() * size_of::<MessageId>()
            }
            Event::Error(remark) | Event::Notice(remark) => remark.message.len(),
            _ => 0,
        };
        Load {
            bytes: size_of::<Event>() + more,
            events: 1,
        }
    }

    /// Returns true for last words, which are short: an error or a goodbye. They are shown however much waits.
    fn is_last_word(&self) -> bool {
        let Self::Event(event) = self else {
            return false;
        };
        matches!(event, Event::Error(_) | Event::Goodbye { .. })
    }
}

fn bytes_of(message: &Message) -> usize {
    let heads = message.heads.as_ref().map_or(0, Vec::len);
    message.text.len() + heads * size_of::<MessageId>()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::stdout::Stdout;
    use crate::tests::{ANN, me, message};

    /// An output that accepts nothing until it is told that nobody reads.
    struct BlockedOutput(Receiver<()>);

    impl Write for BlockedOutput {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_queue_is_limited_by_memory_and_not_by_the_length_of_the_output() {
        let (gone, is_gone) = channel();
        let encoder = TextEncoder::new(TextFormat::Json, me());
        let (stdout, sender) =
            Stdout::start_with(BlockedOutput(is_gone), encoder, Backlog::new(0)).unwrap();
        let mut queue = StdoutQueue::new(sender);
        // In JSON, each byte of the text takes six.
        let text = "\u{1}".repeat(16_000);
        let mut shown = 0;
        while queue.check().is_ok() {
            shown += 1;
            queue.push(DisplayItem::Event(message(ANN, shown, &text, false)));
        }
        assert!(queue.sender.load().bytes <= WAITING_BYTES);
        assert_eq!(
            shown as usize,
            WAITING_BYTES / (16_000 + size_of::<Event>() + size_of::<MessageId>()) + 1
        );
        assert_eq!(queue.backlog().waiting_count(), shown - 1);
        let before = queue.backlog().waiting_count();
        queue.push(DisplayItem::Event(message(ANN, shown, "x", false)));
        assert_eq!(
            queue.backlog().waiting_count(),
            before,
            "the node is about to leave"
        );
        gone.send(()).unwrap();
        drop(queue);
        let ended = stdout.finish(Duration::from_secs(5)).await;
        assert!(matches!(ended, Err(StdoutError::ReaderGone)));
    }
}
