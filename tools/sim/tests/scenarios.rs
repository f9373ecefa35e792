//! One test for each named scenario under a few seeds, and one for random faults under some more.
//!
//! Not here: what happens in a scenario (the library), the many seeds of a soak.

use std::thread;

use ringtalk_sim::{Figures, Options, Scenario, Schedule, run_seeds};

/// How many seeds each named scenario runs under.
const SEEDS: u64 = 12;
/// How many seeds of random faults run here; the gate runs more of them with `sim run`.
const RANDOM_SEEDS: u64 = 20;

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let figures = run(stringify!($name), SEEDS, 1);
                println!("{}\n{figures}", stringify!($name));
            }
        )*

        #[test]
        fn every_scenario_is_a_test() {
            let mut tests = vec![$(stringify!($name)),*, "random_faults"];
            let mut names: Vec<String> = Scenario::all()
                .map(|scenario| scenario.name().to_owned())
                .collect();
            tests.sort_unstable();
            names.sort_unstable();
            assert_eq!(tests, names);
        }
    };
}

scenarios! {
    three_nodes_talk
    eight_join_at_once
    twenty_talk
    authors_wait_for_a_slow_reader
    nobody_waits_for_a_reader_that_has_stopped
    history_waits_for_a_slow_reader
    pasted_lines_arrive
    all_paste_at_once_over_slow_links
    latecomer_gets_everything_before_ready
    both_neighbours_give_the_discussion_so_far
    short_history_is_no_gap
    coordinator_killed
    newcomer_while_coordinator_is_dead
    ordinary_killed
    both_neighbours_killed
    two_adjacent_killed
    all_but_one_killed
    coordinator_paused_20_s
    ordinary_paused
    short_pause_evicts_nobody
    who_is_back_hears_it_from_others
    link_resets_lose_nothing
    marks_become_true_though_nobody_says_more
    rooms_keep_the_budgets_of_their_process
    what_a_broken_link_swallowed_is_back_in_two_seconds
    two_founders_become_one
    everyone_leaves_in_turn
    coordinator_leaves
    director_restart_with_newcomer
    partition_heals
    newcomers_while_rings_merge
    everybody_gets_each_payload_once
    newcomers_cause_few_second_payloads
    newcomers_delay_nobody_for_long
    a_newcomer_hears_what_is_said_at_once
    a_stopped_members_part_is_handed_over
    torn_rings_find_each_other_without_a_director
    three_parts_become_one
    large_rings_merge
    merge_after_ten_minutes
    a_coordinator_dies_while_rings_merge
    a_merge_names_who_came_and_left
    the_merged_view_is_lost_on_its_way
    a_coordinator_wakes_up_to_strangers
    a_dead_coordinators_only_follower_is_back
    a_process_is_killed
    a_host_vanishes
    the_coordinators_host_vanishes
    seven_adjacent_vanish
    nobody_is_evicted_for_being_late
    a_stopped_member_slows_nobody_for_long
    a_forged_message_is_refused
    a_forged_view_is_refused
    a_forged_election_is_refused
    a_fork_is_shown_up_everywhere
    a_coordinator_that_was_shown_up_is_replaced
    a_fork_mutes_nobody_else
    a_fork_with_other_bounds_stops_nobody
    forks_in_a_busy_ring_with_losses
    one_member_alone_makes_no_gap
    a_thousand_strangers_silence_nobody
    strangers_of_whom_each_member_hears_others_stop_nobody
    who_is_no_member_is_not_heard
    who_floods_delays_nobody_for_long
    two_networks_and_a_bridge
    a_coordinator_that_nobody_can_dial
    homes_that_only_dial_out
    a_bridge_dies_where_there_are_two
    a_bridge_vanishes_where_there_are_two
    who_is_lost_elsewhere_is_dialled_by_few
    networks_part_and_meet_over_a_bridge
    a_dead_coordinator_has_no_advocate
    invitations_without_end_freeze_nothing
    a_pledge_that_lapsed_is_worth_nothing
    a_silent_coordinator_is_not_usurped
    coordinator_wakes_up_alone
    a_gap_closes_when_its_holder_is_back
    words_said_alone_are_handed_over
    who_comes_back_to_a_room_misses_nothing
    a_rooms_coordinator_is_back_before_it_is_missed
    who_comes_back_opens_no_epoch_twice
    what_is_said_in_one_room_is_no_lie_in_another
    members_come_and_go
    coming_and_going_leaves_no_links
}

#[test]
fn random_faults() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let figures = run("random_faults", RANDOM_SEEDS, cores);
    println!("random_faults\n{figures}");
    assert!(
        figures.effective_faults() > 0,
        "H1: no fault took effect, so nothing was tried"
    );
}

#[test]
fn random_faults_with_rooms() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        rooms: true,
        ..Options::default()
    };
    let scenario = Scenario::named("random_faults").expect("a scenario of this name");
    let report = run_seeds(&scenario, 0..RANDOM_SEEDS, options, cores, |_| true);
    report.must_be_clean();
    for kind in ["create room", "join room", "leave room"] {
        let count = report.figures.faults.get(kind);
        assert!(count.is_some_and(|&count| count > 0), "H1: no {kind}");
    }
}

/// Runs schedules that once found a fault, each with the seed that showed it and some more.
#[test]
fn schedules_that_once_failed_stay_clean() {
    let schedules = [
        include_str!("../scenarios/a_coordinator_goes_on_without_its_follower.toml"),
        include_str!("../scenarios/an_author_asks_over_a_dead_circuit.toml"),
        include_str!("../scenarios/an_author_asks_over_dead_circuits_again.toml"),
        include_str!("../scenarios/an_author_is_given_its_own_message.toml"),
        include_str!("../scenarios/a_carrier_vanishes_between_two_neighbours.toml"),
        include_str!("../scenarios/a_newcomer_founds_before_it_has_the_history.toml"),
        include_str!("../scenarios/a_woken_member_follows_an_epoch_that_died_out.toml"),
        include_str!("../scenarios/a_woken_member_hears_somebody_new.toml"),
        include_str!("../scenarios/a_woken_member_is_shown_a_view_that_it_may_not_take.toml"),
        include_str!("../scenarios/a_member_that_came_back_opens_no_epoch_twice.toml"),
        include_str!("../scenarios/a_rooms_coordinator_is_back_and_asks_again.toml"),
        include_str!("../scenarios/a_room_keeps_the_links_of_two_lobbies.toml"),
        include_str!("../scenarios/a_newcomer_begins_after_lost_words.toml"),
        include_str!("../scenarios/a_room_keeps_the_link_to_a_former_coordinator.toml"),
    ];
    for text in schedules {
        let schedule = Schedule::from_toml(text).expect("a schedule");
        let seed = schedule.seed;
        let scenario = Scenario::scheduled("found", schedule);
        let report = run_seeds(&scenario, seed..seed + 12, Options::default(), 1, |_| true);
        report.must_be_clean();
    }
}

fn run(name: &str, seeds: u64, jobs: usize) -> Figures {
    let scenario = Scenario::named(name).expect("a scenario of this name");
    let report = run_seeds(&scenario, 0..seeds, Options::default(), jobs, |_| true);
    report.must_be_clean();
    report.figures
}
