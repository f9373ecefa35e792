//! Changes of the membership: the time until a newcomer receives a message, and until a death is known.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_member::order::{Greet, Order, Word};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::crew::{Crew, deadline};
use crate::peer::{Peer, Told};
use crate::work::RATE;

/// The interval between the messages of one member while another joins, in milliseconds: that of the steady rate. More
/// messages would measure how a newcomer fares among members that have no processor time left.
const EVERY_MS: u64 = 1_000 / RATE as u64;
/// How long all members are together before one more joins or one dies: members that have just met are still making
/// connections.
const TOGETHER: Duration = Duration::from_secs(3);
/// The timeout for a death to become known.
const LIMIT: Duration = Duration::from_mins(1);

/// How the death of a member became known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Death {
    /// The time until the last member that was told knew, in milliseconds; `None` if none was told.
    pub(crate) known_ms: Option<f64>,
    /// The number of the other members that were told.
    pub(crate) told: usize,
}

/// Starts one more member. Returns the time from the start of its process to its first message, in milliseconds.
pub(crate) fn join(crew: &mut Crew) -> Result<f64> {
    be_together(crew)?;
    let speaker = 0;
    crew.order_one(
        speaker,
        &Order::Greet(Greet {
            others: 0,
            every_ms: EVERY_MS,
        }),
    )?;
    let (_, speaks) = crew.answer(deadline())?;
    ensure!(speaks == Word::Greeted, "{speaks:?} of who is to speak");
    let newcomer = crew.len();
    let from_ns = now_ns();
    crew.add()?;
    let until = deadline();
    let (mut first, mut joined) = (None, false);
    loop {
        let word = crew.word(until)?;
        match word.context("the newcomer heard nothing")? {
            (number, Word::First { at_ns }) if number == newcomer => first = Some(at_ns),
            (_, Word::Joined) => joined = true,
            _ => {}
        }
        if let (Some(at_ns), true) = (first, joined) {
            crew.order_one(speaker, &Order::Greeted)?;
            return Ok(milliseconds(at_ns - from_ns));
        }
    }
}

/// Kills a member, and measures the time until the members that are told of it know; `None` if none is told.
pub(crate) fn death(crew: &mut Crew, peer: &Peer) -> Result<Option<Death>> {
    let others = crew.len() - 1;
    let due = match peer.told {
        Told::Nobody => return Ok(None),
        Told::Neighbours => others.min(2),
        Told::Everybody => others,
    };
    be_together(crew)?;
    let (victim, from_ns) = crew.kill_last()?;
    let until = Instant::now() + LIMIT;
    let (mut told, mut last) = (BTreeSet::new(), None);
    while told.len() < due {
        let Some((number, word)) = crew.word(until)? else {
            break;
        };
        if let Word::Gone { who, at_ns } = word
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
fn be_together(crew: &mut Crew) -> Result<()> {
    crew.greet()?;
    std::thread::sleep(TOGETHER);
    Ok(())
}

fn milliseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
}
