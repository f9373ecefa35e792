//! What is known of the rings at one moment: views, and what each member reports of itself.
//!
//! Time is a parameter. Not here: how views and reports are got (`follow`), and what a ring comes to
//! (`ring`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ringtalk_wire::{Brought, Epoch, Member, NodeId, Report, ViewTag};

use super::picture::Picture;
use crate::ring::Ring;

/// How long a report counts: several times it was asked for, and none came.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a view counts that nobody reports: its members are only being asked.
const GRACE: Duration = Duration::from_secs(3);
/// How soon a view that did not come is asked for again.
const PULL_TIME: Duration = Duration::from_millis(500);
/// Over what time messages are counted: short enough to follow, and long enough to be calm.
const RATE_TIME: Duration = Duration::from_secs(2);

/// Views and reports.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The newest view of each reign.
    rolls: BTreeMap<Epoch, Roll>,
    heard: BTreeMap<NodeId, Heard>,
    /// Views that somebody was asked for, by their numbers.
    asked: BTreeMap<Epoch, (u64, Instant)>,
}

/// The members of a view.
#[derive(Debug)]
struct Roll {
    tag: ViewTag,
    members: Vec<Member>,
    learnt: Instant,
}

/// What a member reported last, and what others had brought it by then and a while ago.
#[derive(Debug)]
struct Heard {
    report: Report,
    counts: VecDeque<(Instant, Vec<Brought>)>,
}

impl Known {
    /// Takes in a view; an older one of the same reign is no news.
    pub(crate) fn learn(&mut self, now: Instant, tag: ViewTag, members: Vec<Member>) {
        let known = self.rolls.get(&tag.epoch);
        if known.is_none_or(|known| known.tag.number < tag.number) {
            let roll = Roll {
                tag,
                members,
                learnt: now,
            };
            self.rolls.insert(tag.epoch, roll);
        }
    }

    /// Takes in what a member reports; true where its view is not known, and it should be asked for it.
    pub(crate) fn hear(&mut self, now: Instant, id: NodeId, report: Report) -> bool {
        let ViewTag { epoch, number, .. } = report.tag;
        self.heard
            .entry(id)
            .or_insert_with(|| Heard::new(report.clone()))
            .add(now, report);
        let roll = self.rolls.get(&epoch);
        if roll.is_some_and(|roll| roll.tag.number >= number) {
            return false;
        }
        let asked = self.asked.get(&epoch);
        let waits = asked.is_some_and(|&(of, at)| of >= number && now - at < PULL_TIME);
        if !waits {
            self.asked.insert(epoch, (number, now));
        }
        !waits
    }

    /// A member cannot be reached.
    pub(crate) fn lose(&mut self, id: &NodeId) {
        self.heard.remove(id);
    }

    /// Forgets views that nobody follows any more, and who is in none that is left.
    pub(crate) fn tidy(&mut self, now: Instant) {
        let reporters = self.reporters(now);
        self.rolls
            .retain(|epoch, roll| reporters.contains_key(epoch) || now - roll.learnt < GRACE);
        self.asked.retain(|_, (_, at)| now - *at < PULL_TIME);
        let members: BTreeSet<NodeId> = self.members().map(|member| member.id).collect();
        self.heard.retain(|id, _| members.contains(id));
    }

    /// Everybody in a view; some twice.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.rolls.values().flat_map(|roll| &roll.members)
    }

    /// A member as the latest reign lists it.
    pub(crate) fn member(&self, id: &NodeId) -> Option<&Member> {
        let mut latest = self.rolls.values().rev();
        latest.find_map(|roll| roll.members.iter().find(|member| member.id == *id))
    }

    /// The rings, those with most members that answer first.
    pub(crate) fn picture(&self, now: Instant) -> Picture {
        let reporters = self.reporters(now);
        let nobody = BTreeSet::new();
        let of = |epoch: &Epoch| reporters.get(epoch).unwrap_or(&nobody);
        let shown = self.rolls.values().filter(|roll| {
            let mut later = self.rolls.values().filter(|later| later.tag > roll.tag);
            !later.any(|later| later.lists(of(&roll.tag.epoch)))
        });
        let mut shown: Vec<&Roll> = shown.collect();
        shown.sort_by_key(|roll| std::cmp::Reverse(of(&roll.tag.epoch).len()));
        let rings = shown.into_iter().map(|roll| self.ring(roll, now));
        Picture {
            rings: rings.collect(),
        }
    }

    fn ring(&self, roll: &Roll, now: Instant) -> Ring {
        let heard = |member: &Member| {
            let heard = self.heard.get(&member.id)?;
            heard.is_fresh(now).then_some((member.id, heard))
        };
        let heard: BTreeMap<NodeId, &Heard> = roll.members.iter().filter_map(heard).collect();
        let reports = heard.iter().map(|(id, heard)| (*id, heard.report.clone()));
        let mut ring = Ring::new(roll.tag, roll.members.iter(), reports.collect());
        for place in &mut ring.places {
            let heard = heard.get(&place.member.id);
            place.rates = heard.map(|heard| heard.rates()).unwrap_or_default();
        }
        ring
    }

    /// Who follows each reign.
    fn reporters(&self, now: Instant) -> BTreeMap<Epoch, BTreeSet<NodeId>> {
        let mut reporters: BTreeMap<Epoch, BTreeSet<NodeId>> = BTreeMap::new();
        for (id, heard) in self.heard.iter().filter(|(_, heard)| heard.is_fresh(now)) {
            let followed = reporters.entry(heard.report.tag.epoch).or_default();
            followed.insert(*id);
        }
        reporters
    }
}

impl Roll {
    /// True where all of these are members: they are only late.
    fn lists(&self, ids: &BTreeSet<NodeId>) -> bool {
        let members: BTreeSet<NodeId> = self.members.iter().map(|member| member.id).collect();
        ids.is_subset(&members)
    }
}

impl Heard {
    fn new(report: Report) -> Self {
        Self {
            report,
            counts: VecDeque::new(),
        }
    }

    fn add(&mut self, now: Instant, report: Report) {
        self.counts.push_back((now, report.brought.clone()));
        // The oldest that is kept is the last one before that time.
        while self
            .counts
            .get(1)
            .is_some_and(|(at, _)| now - *at >= RATE_TIME)
        {
            self.counts.pop_front();
        }
        self.report = report;
    }

    fn is_fresh(&self, now: Instant) -> bool {
        let last = self.counts.back();
        last.is_some_and(|(at, _)| now.saturating_duration_since(*at) < SILENCE)
    }

    /// Messages a second, by who brought them. A count that has begun anew says nothing yet.
    fn rates(&self) -> BTreeMap<NodeId, f64> {
        let (Some((from, before)), Some((to, after))) = (self.counts.front(), self.counts.back())
        else {
            return BTreeMap::new();
        };
        let seconds = (*to - *from).as_secs_f64();
        if seconds == 0.0 {
            return BTreeMap::new();
        }
        let rate = |now: &Brought| {
            let then = before.iter().find(|then| then.member == now.member)?;
            let messages = now.messages.checked_sub(then.messages)?;
            (messages > 0).then_some((now.member, messages as f64 / seconds))
        };
        after.iter().filter_map(rate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Standing;
    use crate::ring::tests::{id, member, reign, report};

    const STEP: Duration = Duration::from_millis(400);

    /// Members of a ring, and a view of them.
    fn learn(known: &mut Known, now: Instant, tag: ViewTag, members: &[u8]) {
        let members = members.iter().map(|&number| member(number, "x"));
        known.learn(now, tag, members.collect());
    }

    fn hear(known: &mut Known, now: Instant, tag: ViewTag, members: &[u8]) {
        for &number in members {
            known.hear(now, id(number), report(tag, number, members));
        }
    }

    fn sizes(picture: &Picture) -> Vec<(usize, bool)> {
        let rings = picture.rings.iter();
        rings
            .map(|ring| (ring.places.len(), ring.is_closed()))
            .collect()
    }

    #[test]
    fn a_member_whose_view_is_unknown_is_asked_for_it_once() {
        let (mut known, now) = (Known::default(), Instant::now());
        let (old, new) = (reign(1, 0, 1), reign(1, 0, 2));
        learn(&mut known, now, old, &[0, 1]);
        let everybody = [0, 1];
        assert!(!known.hear(now, id(0), report(old, 0, &everybody)));
        assert!(known.hear(now, id(0), report(new, 0, &everybody)));
        assert!(!known.hear(now, id(1), report(new, 1, &everybody)));
        assert!(known.hear(now + PULL_TIME, id(1), report(new, 1, &everybody)));
        learn(&mut known, now, new, &[0, 1, 2]);
        learn(&mut known, now, old, &[0, 1]);
        assert!(!known.hear(now + PULL_TIME, id(1), report(new, 1, &everybody)));
        assert_eq!(known.members().count(), 3);
    }

    #[test]
    fn a_partition_is_two_rings_and_a_merge_one() {
        let (mut known, mut now) = (Known::default(), Instant::now());
        let whole = reign(1, 0, 1);
        learn(&mut known, now, whole, &[0, 1, 2, 3, 4]);
        hear(&mut known, now, whole, &[0, 1, 2, 3, 4]);
        assert_eq!(sizes(&known.picture(now)), [(5, true)]);

        now += STEP;
        let (left, right) = (reign(1, 0, 2), reign(2, 3, 1));
        learn(&mut known, now, right, &[3, 4]);
        hear(&mut known, now, right, &[3, 4]);
        // The other side has not noticed yet.
        let torn = known.picture(now);
        assert_eq!(sizes(&torn), [(5, false), (2, true)]);
        let first = &torn.rings[0];
        assert_eq!(first.standing(&first.places[3]), Standing::Elsewhere);
        learn(&mut known, now, left, &[0, 1, 2]);
        hear(&mut known, now, left, &[0, 1, 2]);
        assert_eq!(sizes(&known.picture(now)), [(3, true), (2, true)]);

        now += STEP;
        let merged = reign(3, 0, 1);
        learn(&mut known, now, merged, &[0, 1, 2, 3, 4]);
        hear(&mut known, now, merged, &[0, 1, 2, 3, 4]);
        known.tidy(now + GRACE / 2);
        assert_eq!(sizes(&known.picture(now)), [(5, true)]);
        known.tidy(now + STEP);
        assert_eq!(known.rolls.len(), 3);
        now += GRACE;
        hear(&mut known, now, merged, &[0, 1, 2, 3, 4]);
        known.tidy(now);
        assert_eq!(known.rolls.len(), 1);
    }

    #[test]
    fn an_election_is_no_partition_while_some_are_late() {
        let (mut known, now) = (Known::default(), Instant::now());
        let (old, new) = (reign(1, 0, 9), reign(2, 1, 1));
        learn(&mut known, now, old, &[0, 1, 2]);
        hear(&mut known, now, old, &[0, 1, 2]);
        known.lose(&id(0));
        learn(&mut known, now, new, &[1, 2]);
        known.hear(now, id(1), report(new, 1, &[1, 2]));
        let picture = known.picture(now);
        assert_eq!(sizes(&picture), [(2, false)]);
        let ring = &picture.rings[0];
        assert_eq!(ring.standing(&ring.places[1]), Standing::Elsewhere);
    }

    #[test]
    fn who_says_nothing_is_silent_and_a_ring_of_which_nobody_says_anything_goes() {
        let (mut known, mut now) = (Known::default(), Instant::now());
        let tag = reign(1, 0, 1);
        learn(&mut known, now, tag, &[0, 1]);
        hear(&mut known, now, tag, &[0, 1]);
        now += SILENCE;
        known.hear(now, id(0), report(tag, 0, &[0, 1]));
        known.tidy(now);
        let silent = known.picture(now);
        let standings = silent.rings[0].places.iter();
        let standings: Vec<Standing> = standings
            .map(|place| silent.rings[0].standing(place))
            .collect();
        assert_eq!(standings, [Standing::Fine, Standing::Silent]);
        now += GRACE;
        known.tidy(now);
        assert_eq!(sizes(&known.picture(now)), []);
        assert_eq!(known.member(&id(0)), None);
    }

    #[test]
    fn messages_are_counted_over_time() {
        let (mut known, start) = (Known::default(), Instant::now());
        let tag = reign(1, 0, 1);
        learn(&mut known, start, tag, &[0, 1]);
        let rate = |known: &Known, now| known.picture(now).rings[0].rate(1, 0);
        let mut say = |now, messages| {
            let mut report = report(tag, 0, &[0, 1]);
            let member = id(1);
            report.brought = vec![Brought { member, messages }];
            known.hear(now, id(0), report);
            rate(&known, now)
        };
        let no_rate = |rate: f64| assert!(rate == 0.0, "{rate}");
        no_rate(say(start, 1_000));
        for second in 1..=5 {
            let rate = say(start + Duration::from_secs(second), 1_000 + 20 * second);
            assert!((rate - 20.0).abs() < 0.01, "{rate}");
        }
        no_rate(say(start + Duration::from_secs(6), 3));
    }
}
