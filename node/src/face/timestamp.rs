//! Milliseconds since 1970, for people and for programs.
//!
//! They come from peers and may be anything; what no calendar has is shown as its last moment.

use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{self, TimePrecision};
use time::{OffsetDateTime, UtcOffset};

/// 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;
/// RFC 3339 with milliseconds.
const RFC_3339: iso8601::EncodedConfig = iso8601::Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: std::num::NonZeroU8::new(3),
    })
    .encode();

/// For programs: RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(ms: u64) -> String {
    let formatted = moment(ms).format(&Iso8601::<RFC_3339>);
    formatted.expect("a moment within the calendar can be written")
}

/// For people: hours and minutes.
pub(crate) fn hours_and_minutes(ms: u64, offset: UtcOffset) -> String {
    let moment = moment(ms);
    // At the ends of the calendar another time zone has no name for the moment.
    let local = moment.checked_to_offset(offset).unwrap_or(moment);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

fn moment(ms: u64) -> OffsetDateTime {
    let nanoseconds = i128::from(ms.min(LAST_MS)) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_042), "2023-11-14T22:13:20.042Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn people_read_their_own_time() {
        let offset = UtcOffset::from_hms(2, 0, 0).unwrap();
        assert_eq!(hours_and_minutes(1_700_000_000_042, offset), "00:13");
        assert_eq!(hours_and_minutes(u64::MAX, offset), "23:59");
    }
}
