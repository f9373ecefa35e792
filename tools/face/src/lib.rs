//! The smallest face of a node: writes what is said as Markdown.
//!
//! It shows all that a face needs: a handle, a subscription that resumes, and texts that cannot do harm. Not here: how the
//! node runs (`ringtalk_node::embedded`).

use std::io::{self, Write};

use ringtalk_session::{Event, EventId, Handle, Heard, Message, json::moment, text::harmless};

/// What Markdown would take for more than a character.
const SPECIAL: &str = "\\`*_{}[]()<>#+-=.!|~&";

/// Writes every message after the event `since`, until the node ends; returns the id of the last event.
///
/// It is meant for a task of its own: while `out` blocks, nothing else on that thread goes on.
///
/// # Errors
///
/// Fails if `out` takes no more.
pub async fn write_transcript(
    handle: &Handle,
    since: Option<EventId>,
    out: &mut impl Write,
) -> io::Result<Option<EventId>> {
    let mut subscription = handle.subscribe(since);
    let mut last = since;
    while let Some(heard) = subscription.next().await {
        match heard {
            // What happened before is not kept (any more).
            Heard::Reset(snapshot) => {
                let what = if last.is_none() {
                    "listens"
                } else {
                    "missed something, and listens again"
                };
                let name = escaped(&snapshot.state.name);
                writeln!(out, "*{name} {what} from here.*\n")?;
                last = Some(snapshot.last);
            }
            Heard::Events(events) => {
                for (id, event) in events {
                    if let Event::Message(message) = &*event {
                        write_message(message, out)?;
                    }
                    last = Some(id);
                }
            }
        }
    }
    Ok(last)
}

fn write_message(message: &Message, out: &mut impl Write) -> io::Result<()> {
    let time = moment(message.timestamp_ms).time();
    let (hour, minute, name) = (time.hour(), time.minute(), escaped(&message.name));
    writeln!(out, "**{name}** {hour:02}:{minute:02}\n")?;
    for line in message.text.lines() {
        writeln!(out, "> {}", escaped(line))?;
    }
    writeln!(out)
}

fn escaped(text: &str) -> String {
    let harmless = harmless(text);
    let rest = harmless.trim_start_matches(' ');
    // Four blanks would begin a block of code.
    let mut escaped = "\u{a0}".repeat(harmless.len() - rest.len());
    for char in rest.chars() {
        if SPECIAL.contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
