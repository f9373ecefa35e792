//! Changes of the membership: the time until a newcomer receives a message, and until a death is known.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_member::order::{Greet, MemberEvent, Order};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::cluster::{Cluster, deadline};
use crate::peer::{DeathNotice, Peer};
use crate::work::RATE;

/// The interval between the messages of one member while another joins, in milliseconds: that of the steady rate. More
/// messages would measure how a newcomer fares among members that have no processor time left.
const EVERY_MS: u64 = 1_000 / RATE as u64;
/// How long all members are together before one more joins or one dies: members that have just met are still making
/// connections.
const SETTLE_TIME: Duration = Duration::from_secs(3);
/// The timeout for a death to become known.
const DEATH_TIMEOUT: Duration = Duration::from_mins(1);

/// How the death of a member became known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Death {
    /// The time until the last member that was told knew, in milliseconds; `None` if none was told.
    pub(crate) known_ms: Option<f64>,
    /// The number of the other members that were told.
    pub(crate) told: usize,
}

/// Starts one more member. Returns the time from the start of its process to its first message, in milliseconds.
pub(crate) fn measure_join(cluster: &mut Cluster) -> Result<f64> {
    settle(cluster)?;
    let author = 0;
    cluster.order_one(
        author,
        &Order::Greet(Greet {
            others: 0,
            every_ms: EVERY_MS,
        }),
    )?;
    let (_, answer) = cluster.next_answer(deadline())?;
    ensure!(
        answer == MemberEvent::Greeted,
        "{answer:?} of who is to speak"
    );
    let newcomer = cluster.len();
    let from_ns = now_ns();
    cluster.add()?;
    let until = deadline();
    let (mut first, mut joined) = (None, false);
    loop {
        let event = cluster.next_event(until)?;
        match event.context("the newcomer heard nothing")? {
            (number, MemberEvent::First { at_ns }) if number == newcomer => first = Some(at_ns),
            (_, MemberEvent::Joined) => joined = true,
            _ => {}
        }
        if let (Some(at_ns), true) = (first, joined) {
            cluster.order_one(author, &Order::Greeted)?;
            return Ok(milliseconds(at_ns - from_ns));
        }
    }
}

/// Kills a member, and measures the time until the members that are told of it know; `None` if none is told.
pub(crate) fn measure_death(cluster: &mut Cluster, peer: &Peer) -> Result<Option<Death>> {
    let others = cluster.len() - 1;
    let expected = match peer.death_notice {
        DeathNotice::Nobody => return Ok(None),
        DeathNotice::Neighbours => others.min(2),
        DeathNotice::Everybody => others,
    };
    settle(cluster)?;
    let (victim, from_ns) = cluster.kill_last()?;
    let until = Instant::now() + DEATH_TIMEOUT;
    let (mut told, mut last) = (BTreeSet::new(), None);
    while told.len() < expected {
        let Some((number, event)) = cluster.next_event(until)? else {
            break;
        };
        if let MemberEvent::Gone { who, at_ns } = event
            && victim.contains(&who)
            && told.insert(number)
        {
            last = last.max(Some(at_ns.saturating_sub(from_ns)));
        }
    }
    Ok(Some(Death {
        known_ms: last.map(milliseconds),
        told: told.len(),
    }))
}

/// Waits until each member receives from all others, and then for the last connections, which no event announces.
fn settle(cluster: &mut Cluster) -> Result<()> {
    cluster.greet()?;
    std::thread::sleep(SETTLE_TIME);
    Ok(())
}

fn milliseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
}
