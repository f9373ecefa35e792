//! The smallest face of a node: writes all messages as Markdown.
//!
//! It shows all that a face needs: a handle, a subscription that resumes, and texts that cannot do harm. Not here:
//! the node (`ringtalk_node::embedded`).

use std::io::{self, Write};

use ringtalk_session::{Event, EventId, Handle, Message, Update, json::moment, text::escape_line};

/// The characters that Markdown would interpret.
const SPECIAL: &str = "\\`*_{}[]()<>#+-=.!|~&";

/// Writes every message after the event `since`, until the node ends; returns the id of the last event.
///
/// Run it in a task of its own: while `out` blocks, nothing else runs on that thread.
///
/// # Errors
///
/// If a write to `out` fails.
pub async fn write_transcript(
    handle: &Handle,
    since: Option<EventId>,
    out: &mut impl Write,
) -> io::Result<Option<EventId>> {
    let mut subscription = handle.subscribe(since);
    let mut last = since;
    while let Some(update) = subscription.next().await {
        match update {
            // Earlier events are not available (any more).
            Update::Reset(snapshot) => {
                let what = if last.is_none() {
                    "listens"
                } else {
                    "missed something, and listens again"
                };
                let name = escape_markdown(&snapshot.state.name);
                writeln!(out, "*{name} {what} from here.*\n")?;
                last = Some(snapshot.last);
            }
            Update::Events(events) => {
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
    let (hour, minute, name) = (time.hour(), time.minute(), escape_markdown(&message.name));
    writeln!(out, "**{name}** {hour:02}:{minute:02}\n")?;
    for line in message.text.lines() {
        writeln!(out, "> {}", escape_markdown(line))?;
    }
    writeln!(out)
}

fn escape_markdown(text: &str) -> String {
    let line = escape_line(text);
    let rest = line.trim_start_matches(' ');
    // Four spaces would begin a code block.
    let mut escaped = "\u{a0}".repeat(line.len() - rest.len());
    for char in rest.chars() {
        if SPECIAL.contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
