//! The scenarios: what happens in each, and what each demands beyond the invariants, which always hold.

mod budgets;
mod death;
mod forgery;
mod leaving;
mod measure;
mod merge;
mod network;
mod pause;
mod reach;
mod rooms;
mod spread;
mod talk;
mod usurper;

use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use crate::faults;
use crate::network::HostIndex;
use crate::oracle::{Check, Violation};
use crate::schedule::{Action, Schedule, Target};
use crate::world::World;

/// The code of a scenario.
type Script = fn(&mut World) -> Check;

/// A named course of events in a world.
#[derive(Clone, Debug)]
pub struct Scenario {
    name: Cow<'static, str>,
    plot: Plot,
}

#[derive(Clone, Debug)]
enum Plot {
    Script(Script),
    Schedule(Arc<Schedule>),
}

impl Scenario {
    /// Returns all scenarios that have a name.
    pub fn all() -> impl Iterator<Item = Self> {
        SCENARIOS.iter().map(|&(name, script)| Self {
            name: Cow::Borrowed(name),
            plot: Plot::Script(script),
        })
    }

    /// Returns the scenario of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|scenario| scenario.name == name)
    }

    /// Creates a scenario from a schedule; `name` is what repeats it on a command line.
    pub fn scheduled(name: impl Into<String>, schedule: Schedule) -> Self {
        Self {
            name: Cow::Owned(name.into()),
            plot: Plot::Schedule(Arc::new(schedule)),
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Plays the scenario in a world.
    pub(crate) fn play(&self, world: &mut World) -> Check {
        match &self.plot {
            Plot::Script(script) => script(world),
            Plot::Schedule(schedule) => scheduled(world, schedule),
        }
    }
}

macro_rules! scenarios {
    ($($module:ident::$name:ident)*) => {
        const SCENARIOS: &[(&str, Script)] = &[
            $((stringify!($name), $module::$name),)*
            ("random_faults", random_faults),
        ];
    };
}

scenarios! {
    budgets::rooms_keep_the_budgets_of_their_process
    talk::three_nodes_talk
    talk::eight_join_at_once
    talk::twenty_talk
    talk::authors_wait_for_a_slow_reader
    talk::nobody_waits_for_a_reader_that_has_stopped
    talk::history_waits_for_a_slow_reader
    talk::pasted_lines_arrive
    talk::all_paste_at_once_over_slow_links
    talk::latecomer_gets_everything_before_ready
    talk::both_neighbours_give_the_discussion_so_far
    talk::short_history_is_no_gap
    death::coordinator_killed
    death::newcomer_while_coordinator_is_dead
    death::ordinary_killed
    death::both_neighbours_killed
    death::two_adjacent_killed
    death::all_but_one_killed
    pause::coordinator_paused_20_s
    pause::ordinary_paused
    pause::short_pause_evicts_nobody
    network::link_resets_lose_nothing
    network::what_a_broken_link_swallowed_is_back_in_two_seconds
    network::two_founders_become_one
    leaving::everyone_leaves_in_turn
    leaving::coordinator_leaves
    network::director_restart_with_newcomer
    network::partition_heals
    network::newcomers_while_rings_merge
    spread::everybody_gets_each_payload_once
    spread::newcomers_cause_few_second_payloads
    spread::newcomers_delay_nobody_for_long
    spread::a_newcomer_hears_what_is_said_at_once
    spread::a_stopped_members_part_is_handed_over
    merge::torn_rings_find_each_other_without_a_director
    merge::three_parts_become_one
    merge::large_rings_merge
    merge::merge_after_ten_minutes
    merge::a_coordinator_dies_while_rings_merge
    merge::a_merge_names_who_came_and_left
    merge::the_merged_view_is_lost_on_its_way
    merge::a_coordinator_wakes_up_to_strangers
    merge::a_dead_coordinators_only_follower_is_back
    measure::a_process_is_killed
    measure::a_host_vanishes
    measure::the_coordinators_host_vanishes
    measure::seven_adjacent_vanish
    merge::a_stopped_member_slows_nobody_for_long
    pause::nobody_is_evicted_for_being_late
    pause::who_is_back_hears_it_from_others
    forgery::a_forged_message_is_refused
    forgery::a_forged_view_is_refused
    forgery::a_forged_election_is_refused
    forgery::a_fork_is_shown_up_everywhere
    forgery::a_coordinator_that_was_shown_up_is_replaced
    forgery::a_fork_mutes_nobody_else
    forgery::a_fork_with_other_bounds_stops_nobody
    forgery::forks_in_a_busy_ring_with_losses
    forgery::one_member_alone_makes_no_gap
    forgery::a_thousand_strangers_silence_nobody
    forgery::strangers_of_whom_each_member_hears_others_stop_nobody
    forgery::who_is_no_member_is_not_heard
    forgery::who_floods_delays_nobody_for_long
    reach::two_networks_and_a_bridge
    reach::a_coordinator_that_nobody_can_dial
    reach::homes_that_only_dial_out
    reach::a_bridge_dies_where_there_are_two
    reach::a_bridge_vanishes_where_there_are_two
    reach::who_is_lost_elsewhere_is_dialled_by_few
    reach::networks_part_and_meet_over_a_bridge
    usurper::a_dead_coordinator_has_no_advocate
    usurper::invitations_without_end_freeze_nothing
    usurper::a_pledge_that_lapsed_is_worth_nothing
    usurper::a_silent_coordinator_is_not_usurped
    pause::coordinator_wakes_up_alone
    pause::marks_become_true_though_nobody_says_more
    pause::a_gap_closes_when_its_holder_is_back
    leaving::words_said_alone_are_handed_over
    rooms::who_comes_back_to_a_room_misses_nothing
    rooms::a_rooms_coordinator_is_back_before_it_is_missed
    rooms::who_comes_back_opens_no_epoch_twice
    rooms::what_is_said_in_one_room_is_no_lie_in_another
    leaving::members_come_and_go
    leaving::coming_and_going_leaves_no_links
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How long a ring may take to replace a dead coordinator.
const FAILOVER: Duration = seconds(5);
/// How long a view may list a dead member.
const BURIAL: Duration = seconds(5);
/// How long a newcomer may take if nothing is wrong, even if a founder has to come first.
const JOINING: Duration = seconds(5);

fn random_faults(world: &mut World) -> Check {
    let chosen = draw_node_count(world);
    let count = world.setup.nodes.unwrap_or(chosen);
    let fate = world.random.fork();
    gather(world, count)?;
    world.random = fate;
    let schedule = Schedule {
        seed: world.setup.seed,
        nodes: count,
        pace: millis(200 * count),
        lasts: world.random.millis(10_000, 30_000),
        ..Schedule::default()
    };
    world.talk(schedule.pace);
    let time = schedule.lasts;
    world.start_recording(schedule);
    faults::inject_for(world, time)?;
    world.must_come_to_rest()
}

/// Draws a number of nodes from 5 to 50; fewer are more frequent.
fn draw_node_count(world: &mut World) -> u64 {
    let most = world.random.between(5, 50);
    world.random.between(5, most)
}

/// Plays a schedule. It draws what `random_faults` draws, so that a recorded schedule gives the same run.
fn scheduled(world: &mut World, schedule: &Schedule) -> Check {
    draw_node_count(world);
    world.random.fork();
    if let Some(history) = schedule.history {
        world.keep_history(history);
    }
    gather(world, schedule.nodes)?;
    world.talk(schedule.pace);
    world.play_schedule(schedule)?;
    world.must_come_to_rest()
}

/// Starts `count` nodes, one soon after another, and waits until all have joined.
pub(crate) fn gather(world: &mut World, count: u64) -> Check {
    for _ in 0..count {
        world.start();
        let wait = world.random.millis(0, 200);
        world.run_for(wait)?;
    }
    world.all_ready_within(seconds(10))
}

/// Lets everybody write for a while; they go on writing afterwards.
fn talk_for(world: &mut World, time: Duration) -> Check {
    world.talk(millis(300));
    world.run_for(time)
}

/// Limits all links to `bytes_per_ms` bytes a millisecond for a minute.
fn slow_links(world: &mut World, bytes_per_ms: u64) -> Check {
    let count = world.members().len();
    for one in 0..count {
        for other in 0..one {
            world.inject(Action::Slow {
                node: Target::Node(one),
                other: Target::Node(other),
                bytes_per_ms,
                time: seconds(60),
            })?;
        }
    }
    Ok(())
}

/// Returns the coordinator; there must be one.
pub(crate) fn the_coordinator(world: &World) -> Result<HostIndex, Violation> {
    let coordinator = world.coordinator();
    coordinator.map_or_else(|| Violation::of("E2", "no member coordinates"), Ok)
}

fn ordinary(world: &mut World) -> Result<HostIndex, Violation> {
    let coordinator = world.coordinator();
    let mut members = world.members();
    members.retain(|&member| Some(member) != coordinator);
    let chosen = world.random.pick(&members);
    chosen.map_or_else(
        || Violation::of("ready", "there is no member beside the coordinator"),
        Ok,
    )
}
