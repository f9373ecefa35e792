//! Who comes and who dies, and how long it takes until that is known.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_member::order::{Greet, Order, Word};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::crew::{Crew, deadline};
use crate::peer::{Peer, Told};
use crate::work::RATE;

/// How often one member speaks while another comes, in milliseconds: as often as at the steady rate. More would measure
/// how a newcomer fares among members who have no processor left.
const EVERY_MS: u64 = 1_000 / RATE as u64;
/// How long all have been together before one more comes, or one of them dies: who has just met is still making
/// connections.
const TOGETHER: Duration = Duration::from_secs(3);
/// How long a death may remain unknown.
const LIMIT: Duration = Duration::from_mins(1);

/// How a death became known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Death {
    /// When the last of those who were told knew, in milliseconds.
    pub(crate) known_ms: Option<f64>,
    /// How many of the others were told.
    pub(crate) told: usize,
}

/// From the start of one more process until it hears its first message, in milliseconds.
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

/// From the death of a member until those know who are told of it.
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

/// Waits until each is there for all others, and then until the connections of the last are made, which nothing tells.
fn be_together(crew: &mut Crew) -> Result<()> {
    crew.greet()?;
    std::thread::sleep(TOGETHER);
    Ok(())
}

fn milliseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
}
