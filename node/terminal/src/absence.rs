//! The absence of the user: what comes meanwhile is counted.
//!
//! Others know only that the user is away, and not what came. Not here: what a mention is (`attention`).

use std::time::Instant;

use crate::visit::{count, describe_duration};

/// The absence of the user.
#[derive(Debug)]
pub(crate) struct Absence {
    since: Instant,
    messages: u64,
    mentions: u64,
}

impl Absence {
    /// Begins an absence.
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            messages: 0,
            mentions: 0,
        }
    }

    /// Counts a message.
    pub(crate) const fn add(&mut self, is_mention: bool) {
        self.messages += 1;
        self.mentions += is_mention as u64;
    }

    /// Returns what the user is told at the end.
    pub(crate) fn describe(&self, now: Instant) -> String {
        let time = describe_duration(now.saturating_duration_since(self.since));
        let came = match (self.messages, self.mentions) {
            (0, _) => "no message came meanwhile".to_owned(),
            (1, 0) => "1 message came meanwhile".to_owned(),
            (1, _) => "1 message came meanwhile, and it mentions you".to_owned(),
            (_, 0) => format!("{} came meanwhile; none mentions you", self.messages()),
            (_, 1) => format!("{} came meanwhile; 1 mentions you", self.messages()),
            (_, many) => format!("{} came meanwhile; {many} mention you", self.messages()),
        };
        format!("you were away for {time}; {came}")
    }

    fn messages(&self) -> String {
        count(self.messages, "message", "messages")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_end_says_what_came() {
        let start = Instant::now();
        let end = start + Duration::from_secs(720);
        let after = |messages: &[bool]| {
            let mut absence = Absence::new(start);
            for mention in messages {
                absence.add(*mention);
            }
            absence.describe(end)
        };
        assert_eq!(
            after(&[]),
            "you were away for 12 min; no message came meanwhile"
        );
        assert!(after(&[false]).ends_with("; 1 message came meanwhile"));
        assert!(after(&[true]).ends_with("; 1 message came meanwhile, and it mentions you"));
        assert!(after(&[false; 31]).ends_with("; 31 messages came meanwhile; none mentions you"));
        assert!(after(&[true, false]).ends_with("; 2 messages came meanwhile; 1 mentions you"));
        assert!(after(&[true; 2]).ends_with("; 2 messages came meanwhile; 2 mention you"));
    }
}
