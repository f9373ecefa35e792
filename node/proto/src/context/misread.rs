//! Limits that are misread on purpose: planted bugs of the relay, which do nothing without the feature.
//!
//! Not here: the real meaning of intervals (`relay`).

use ringtalk_wire::Interval;
#[cfg(feature = "planted-bugs")]
use ringtalk_wire::{Direction, Member, RingKey};

use crate::context::Context;
#[cfg(feature = "planted-bugs")]
use crate::planted::PlantedBug;

#[cfg(not(feature = "planted-bugs"))]
#[expect(clippy::unused_self, reason = "with the feature they look at the view")]
impl Context {
    /// Returns an interval as this node sends it.
    pub(crate) const fn as_sent(&self, interval: Interval) -> Interval {
        interval
    }

    /// Returns an interval as this node understands it.
    pub(crate) const fn as_understood(&self, interval: Interval) -> Interval {
        interval
    }
}

#[cfg(feature = "planted-bugs")]
impl Context {
    /// Returns an interval as this node sends it.
    pub(crate) fn as_sent(&self, interval: Interval) -> Interval {
        let view = self.view.as_ref().filter(|_| self.has_indexes());
        let Some(view) = view else {
            return interval;
        };
        let within = |member: &&Member| match interval.direction {
            Direction::Clockwise => member.key <= interval.limit,
            Direction::Counterclockwise => member.key < interval.limit,
        };
        let place = view.members().filter(within).count();
        Interval {
            limit: RingKey(place as u128),
            ..interval
        }
    }

    /// Returns an interval as this node understands it.
    pub(crate) fn as_understood(&self, interval: Interval) -> Interval {
        let Some(view) = self.view.as_ref() else {
            return interval;
        };
        let mut read = interval;
        if self.has_indexes() {
            let place = interval.limit.0 as usize;
            let count = view.len();
            let place = match interval.direction {
                Direction::Clockwise => (place + count - 1) % count,
                Direction::Counterclockwise => place % count,
            };
            let key = view.members().nth(place).map(|member| member.key);
            read.limit = key.unwrap_or(interval.limit);
        }
        if self.planted.has(PlantedBug::RelayWithoutLimit)
            && let Some(me) = view.member(&self.config.id)
        {
            read.limit = match interval.direction {
                Direction::Clockwise => me.key.minus(1),
                Direction::Counterclockwise => me.key.plus(1),
            };
        }
        read
    }

    const fn has_indexes(&self) -> bool {
        self.planted.has(PlantedBug::LimitsAsIndexes)
    }
}
