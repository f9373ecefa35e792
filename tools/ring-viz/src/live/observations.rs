//! The views and reports that are known at one moment.
//!
//! Time is a parameter. Not here: fetching views and reports (`follow`), the verdict on a ring (`ring`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ringtalk_wire::{Brought, Epoch, Member, NodeId, Report, ViewTag};

use super::picture::Picture;
use crate::ring::Ring;

/// The lifetime of a report: by then, several polls have gone unanswered.
const REPORT_LIFETIME: Duration = Duration::from_secs(2);
/// The lifetime of a view that no member reports: its members may not have answered a poll yet.
const VIEW_GRACE: Duration = Duration::from_secs(3);
/// The pause before a view that did not arrive is requested again.
const PULL_INTERVAL: Duration = Duration::from_millis(500);
/// The time over which message rates are averaged: short enough to follow changes, and long enough to stay calm.
const RATE_WINDOW: Duration = Duration::from_secs(2);

/// The known views and reports.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    /// The newest view of each epoch.
    views: BTreeMap<Epoch, KnownView>,
    reports: BTreeMap<NodeId, ReportHistory>,
    /// The number of the view that was last requested in each epoch, and when.
    requested: BTreeMap<Epoch, (u64, Instant)>,
}

/// A view, and when it was added.
#[derive(Debug)]
struct KnownView {
    tag: ViewTag,
    members: Vec<Member>,
    added_at: Instant,
}

/// The last report of a member, and its recent message counts with their times.
#[derive(Debug)]
struct ReportHistory {
    report: Report,
    counts: VecDeque<(Instant, Vec<Brought>)>,
}

impl Observations {
    /// Adds a view, unless a view of the same epoch is at least as new.
    pub(crate) fn add_view(&mut self, now: Instant, tag: ViewTag, members: Vec<Member>) {
        let newest = self.views.get(&tag.epoch);
        if newest.is_none_or(|newest| newest.tag.number < tag.number) {
            let view = KnownView {
                tag,
                members,
                added_at: now,
            };
            self.views.insert(tag.epoch, view);
        }
    }

    /// Adds a member's report. Returns true if its view is not known and should be requested from that member.
    pub(crate) fn add_report(&mut self, now: Instant, id: NodeId, report: Report) -> bool {
        let ViewTag { epoch, number, .. } = report.tag;
        self.reports
            .entry(id)
            .or_insert_with(|| ReportHistory::new(report.clone()))
            .add(now, report);
        let view = self.views.get(&epoch);
        if view.is_some_and(|view| view.tag.number >= number) {
            return false;
        }
        let requested = self.requested.get(&epoch);
        let waits = requested.is_some_and(|&(of, at)| of >= number && now - at < PULL_INTERVAL);
        if !waits {
            self.requested.insert(epoch, (number, now));
        }
        !waits
    }

    /// Forgets the report of a member that cannot be reached.
    pub(crate) fn remove_report(&mut self, id: &NodeId) {
        self.reports.remove(id);
    }

    /// Forgets views that no member follows any more, and reports of members that no remaining view lists.
    pub(crate) fn expire(&mut self, now: Instant) {
        let reporters = self.reporters(now);
        self.views.retain(|epoch, view| {
            reporters.contains_key(epoch) || now - view.added_at < VIEW_GRACE
        });
        self.requested
            .retain(|_, (_, at)| now - *at < PULL_INTERVAL);
        let members: BTreeSet<NodeId> = self.members().map(|member| member.id).collect();
        self.reports.retain(|id, _| members.contains(id));
    }

    /// Returns the members of all views; a member of several views comes several times.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.views.values().flat_map(|view| &view.members)
    }

    /// Returns a member as the latest epoch lists it.
    pub(crate) fn member(&self, id: &NodeId) -> Option<&Member> {
        let mut latest = self.views.values().rev();
        latest.find_map(|view| view.members.iter().find(|member| member.id == *id))
    }

    /// Returns the rings, those with the most answering members first.
    pub(crate) fn picture(&self, now: Instant) -> Picture {
        let reporters = self.reporters(now);
        let nobody = BTreeSet::new();
        let of = |epoch: &Epoch| reporters.get(epoch).unwrap_or(&nobody);
        let shown = self.views.values().filter(|view| {
            let mut later = self.views.values().filter(|later| later.tag > view.tag);
            !later.any(|later| later.lists(of(&view.tag.epoch)))
        });
        let mut shown: Vec<&KnownView> = shown.collect();
        shown.sort_by_key(|view| std::cmp::Reverse(of(&view.tag.epoch).len()));
        let rings = shown.into_iter().map(|view| self.ring(view, now));
        Picture {
            rings: rings.collect(),
        }
    }

    fn ring(&self, view: &KnownView, now: Instant) -> Ring {
        let fresh = |member: &Member| {
            let history = self.reports.get(&member.id)?;
            history.is_fresh(now).then_some((member.id, history))
        };
        let fresh: BTreeMap<NodeId, &ReportHistory> =
            view.members.iter().filter_map(fresh).collect();
        let reports = fresh
            .iter()
            .map(|(id, history)| (*id, history.report.clone()));
        let mut ring = Ring::new(view.tag, view.members.iter(), reports.collect());
        for member in &mut ring.members {
            let history = fresh.get(&member.entry.id);
            member.rates = history.map(|history| history.rates()).unwrap_or_default();
        }
        ring
    }

    /// Returns the members that follow each epoch, by their fresh reports.
    fn reporters(&self, now: Instant) -> BTreeMap<Epoch, BTreeSet<NodeId>> {
        let mut reporters: BTreeMap<Epoch, BTreeSet<NodeId>> = BTreeMap::new();
        for (id, history) in self
            .reports
            .iter()
            .filter(|(_, history)| history.is_fresh(now))
        {
            let followed = reporters.entry(history.report.tag.epoch).or_default();
            followed.insert(*id);
        }
        reporters
    }
}

impl KnownView {
    /// Returns true if all these nodes are members: then they only lag behind this view, and are no ring of their own.
    fn lists(&self, ids: &BTreeSet<NodeId>) -> bool {
        let members: BTreeSet<NodeId> = self.members.iter().map(|member| member.id).collect();
        ids.is_subset(&members)
    }
}

impl ReportHistory {
    fn new(report: Report) -> Self {
        Self {
            report,
            counts: VecDeque::new(),
        }
    }

    fn add(&mut self, now: Instant, report: Report) {
        self.counts.push_back((now, report.brought.clone()));
        // Keeps only one count that is at least `RATE_WINDOW` old: the average starts there.
        while self
            .counts
            .get(1)
            .is_some_and(|(at, _)| now - *at >= RATE_WINDOW)
        {
            self.counts.pop_front();
        }
        self.report = report;
    }

    fn is_fresh(&self, now: Instant) -> bool {
        let last = self.counts.back();
        last.is_some_and(|(at, _)| now.saturating_duration_since(*at) < REPORT_LIFETIME)
    }

    /// Returns the messages per second from each member. A counter that was reset gives no rate yet.
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
    use crate::ring::MemberState;
    use crate::ring::tests::{id, member, report, view_tag};

    const STEP: Duration = Duration::from_millis(400);

    /// Adds a view of these members.
    fn add_view(observations: &mut Observations, now: Instant, tag: ViewTag, members: &[u8]) {
        let members = members.iter().map(|&number| member(number, "x"));
        observations.add_view(now, tag, members.collect());
    }

    fn add_reports(observations: &mut Observations, now: Instant, tag: ViewTag, members: &[u8]) {
        for &number in members {
            observations.add_report(now, id(number), report(tag, number, members));
        }
    }

    fn sizes(picture: &Picture) -> Vec<(usize, bool)> {
        let rings = picture.rings.iter();
        rings
            .map(|ring| (ring.members.len(), ring.is_closed()))
            .collect()
    }

    #[test]
    fn a_member_whose_view_is_unknown_is_asked_for_it_once() {
        let (mut observations, now) = (Observations::default(), Instant::now());
        let (old, new) = (view_tag(1, 0, 1), view_tag(1, 0, 2));
        add_view(&mut observations, now, old, &[0, 1]);
        let members = [0, 1];
        assert!(!observations.add_report(now, id(0), report(old, 0, &members)));
        assert!(observations.add_report(now, id(0), report(new, 0, &members)));
        assert!(!observations.add_report(now, id(1), report(new, 1, &members)));
        assert!(observations.add_report(now + PULL_INTERVAL, id(1), report(new, 1, &members)));
        add_view(&mut observations, now, new, &[0, 1, 2]);
        add_view(&mut observations, now, old, &[0, 1]);
        assert!(!observations.add_report(now + PULL_INTERVAL, id(1), report(new, 1, &members)));
        assert_eq!(observations.members().count(), 3);
    }

    #[test]
    fn a_partition_is_two_rings_and_a_merge_one() {
        let (mut observations, mut now) = (Observations::default(), Instant::now());
        let whole = view_tag(1, 0, 1);
        add_view(&mut observations, now, whole, &[0, 1, 2, 3, 4]);
        add_reports(&mut observations, now, whole, &[0, 1, 2, 3, 4]);
        assert_eq!(sizes(&observations.picture(now)), [(5, true)]);

        now += STEP;
        let (left, right) = (view_tag(1, 0, 2), view_tag(2, 3, 1));
        add_view(&mut observations, now, right, &[3, 4]);
        add_reports(&mut observations, now, right, &[3, 4]);
        // The other side has not noticed the partition yet.
        let torn = observations.picture(now);
        assert_eq!(sizes(&torn), [(5, false), (2, true)]);
        let first = &torn.rings[0];
        assert_eq!(first.state(&first.members[3]), MemberState::Elsewhere);
        add_view(&mut observations, now, left, &[0, 1, 2]);
        add_reports(&mut observations, now, left, &[0, 1, 2]);
        assert_eq!(sizes(&observations.picture(now)), [(3, true), (2, true)]);

        now += STEP;
        let merged = view_tag(3, 0, 1);
        add_view(&mut observations, now, merged, &[0, 1, 2, 3, 4]);
        add_reports(&mut observations, now, merged, &[0, 1, 2, 3, 4]);
        observations.expire(now + VIEW_GRACE / 2);
        assert_eq!(sizes(&observations.picture(now)), [(5, true)]);
        observations.expire(now + STEP);
        assert_eq!(observations.views.len(), 3);
        now += VIEW_GRACE;
        add_reports(&mut observations, now, merged, &[0, 1, 2, 3, 4]);
        observations.expire(now);
        assert_eq!(observations.views.len(), 1);
    }

    #[test]
    fn an_election_is_not_a_partition_while_some_members_lag() {
        let (mut observations, now) = (Observations::default(), Instant::now());
        let (old, new) = (view_tag(1, 0, 9), view_tag(2, 1, 1));
        add_view(&mut observations, now, old, &[0, 1, 2]);
        add_reports(&mut observations, now, old, &[0, 1, 2]);
        observations.remove_report(&id(0));
        add_view(&mut observations, now, new, &[1, 2]);
        observations.add_report(now, id(1), report(new, 1, &[1, 2]));
        let picture = observations.picture(now);
        assert_eq!(sizes(&picture), [(2, false)]);
        let ring = &picture.rings[0];
        assert_eq!(ring.state(&ring.members[1]), MemberState::Elsewhere);
    }

    #[test]
    fn a_member_without_reports_is_silent_and_a_ring_without_reports_expires() {
        let (mut observations, mut now) = (Observations::default(), Instant::now());
        let tag = view_tag(1, 0, 1);
        add_view(&mut observations, now, tag, &[0, 1]);
        add_reports(&mut observations, now, tag, &[0, 1]);
        now += REPORT_LIFETIME;
        observations.add_report(now, id(0), report(tag, 0, &[0, 1]));
        observations.expire(now);
        let silent = observations.picture(now);
        let states = silent.rings[0].members.iter();
        let states: Vec<MemberState> = states.map(|member| silent.rings[0].state(member)).collect();
        assert_eq!(states, [MemberState::Fine, MemberState::Silent]);
        now += VIEW_GRACE;
        observations.expire(now);
        assert_eq!(sizes(&observations.picture(now)), []);
        assert_eq!(observations.member(&id(0)), None);
    }

    #[test]
    fn messages_are_counted_over_time() {
        let (mut observations, start) = (Observations::default(), Instant::now());
        let tag = view_tag(1, 0, 1);
        add_view(&mut observations, start, tag, &[0, 1]);
        let rate = |observations: &Observations, now| observations.picture(now).rings[0].rate(1, 0);
        let mut say = |now, messages| {
            let mut report = report(tag, 0, &[0, 1]);
            let member = id(1);
            report.brought = vec![Brought { member, messages }];
            observations.add_report(now, id(0), report);
            rate(&observations, now)
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
