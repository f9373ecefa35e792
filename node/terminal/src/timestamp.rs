//! The times of messages, formatted for people.
//!
//! They come from peers, and may have any value. A time beyond the calendar is shown as its last moment. Not here:
//! times for programs (`ringtalk_session::json`).

use ringtalk_session::{Message, json};
use time::{Date, OffsetDateTime, UtcOffset};

/// The tolerated error of an author's clock, in milliseconds. Clocks that someone has set differ by less.
const TOLERANCE_MS: u64 = 60_000;
/// The mark of a time that is not the author's.
const ARRIVAL_MARK: char = '?';

/// Returns the time of a message, for people.
///
/// That is the author's time, unless it is off by more than [`TOLERANCE_MS`]. Then it is the time of arrival, with a
/// mark, so that nobody can appear to have spoken earlier or later than they did. A message from before this node
/// joined may be as old as it says.
pub(crate) fn display_time(message: &Message, offset: UtcOffset) -> String {
    let shown_ms = display_ms(message);
    let mark = (shown_ms != message.timestamp_ms).then_some(ARRIVAL_MARK);
    let mark = mark.map_or_else(String::new, String::from);
    format!("{}{mark}", hours_and_minutes(shown_ms, offset))
}

/// Returns the same time in milliseconds since 1970.
pub(crate) const fn display_ms(message: &Message) -> u64 {
    let (author_ms, arrived_ms) = (message.timestamp_ms, message.arrived_ms);
    let is_ahead = author_ms > arrived_ms.saturating_add(TOLERANCE_MS);
    let is_behind = author_ms.saturating_add(TOLERANCE_MS) < arrived_ms && !message.history;
    if is_ahead || is_behind {
        arrived_ms
    } else {
        author_ms
    }
}

/// Formats a time as hours and minutes, for people.
pub(crate) fn hours_and_minutes(ms: u64, offset: UtcOffset) -> String {
    let local = local(ms, offset);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// Returns the day of a time.
pub(crate) fn local_date(ms: u64, offset: UtcOffset) -> Date {
    local(ms, offset).date()
}

fn local(ms: u64, offset: UtcOffset) -> OffsetDateTime {
    let moment = json::moment(ms);
    // At the ends of the calendar, the moment may not exist in another time zone.
    moment.checked_to_offset(offset).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use ringtalk_session::{MessageId, NodeId, RingId};

    use super::*;

    const NOON_MS: u64 = 12 * 60 * 60 * 1_000;

    fn shown_time(timestamp_ms: u64, history: bool) -> String {
        let message = Message {
            room: RingId::from_bytes([0; 16]),
            id: MessageId {
                author: NodeId::from_bytes([1; 16]),
                seq: 1,
            },
            name: "ann".into(),
            timestamp_ms,
            arrived_ms: NOON_MS,
            text: "hello".into(),
            lamport: 1,
            heads: None,
            history,
        };
        display_time(&message, UtcOffset::UTC)
    }

    #[test]
    fn a_wrong_time_is_replaced_by_the_time_of_arrival() {
        assert_eq!(shown_time(NOON_MS - TOLERANCE_MS, false), "11:59");
        assert_eq!(shown_time(NOON_MS + TOLERANCE_MS, false), "12:01");
        for off in [
            NOON_MS - TOLERANCE_MS - 1,
            NOON_MS + TOLERANCE_MS + 1,
            0,
            u64::MAX,
        ] {
            assert_eq!(shown_time(off, false), "12:00?");
        }
        assert_eq!(
            shown_time(NOON_MS / 2, true),
            "06:00",
            "an old message is old"
        );
        assert_eq!(
            shown_time(NOON_MS * 2, true),
            "12:00?",
            "none is from tomorrow"
        );
    }

    #[test]
    fn times_are_shown_in_local_time() {
        let offset = UtcOffset::from_hms(2, 0, 0).unwrap();
        assert_eq!(hours_and_minutes(1_700_000_000_042, offset), "00:13");
        assert_eq!(hours_and_minutes(u64::MAX, offset), "23:59");
    }
}
