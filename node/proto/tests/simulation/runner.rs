//! Runs a scenario under its seeds, and says how to repeat the one that fails.

use core::ops::Range;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::figures::Figures;
use crate::oracle::Check;
use crate::world::World;

/// What happens in a scenario.
pub(crate) type Script = fn(&mut World) -> Check;

/// How many failed seeds are told of.
const SHOWN: usize = 8;

/// Runs a scenario under each of the seeds, or under the one that the environment names, and
/// gives the figures of all runs together.
///
/// # Panics
///
/// Where a run fails, with its seed and the line that repeats it.
pub(crate) fn run_seeds(name: &str, seeds: Range<u64>, script: Script) -> Figures {
    let seeds = number_from("RINGTALK_SIM_SEED").map_or(seeds, |seed| seed..seed + 1);
    let count = seeds.end - seeds.start;
    let mut figures = Figures::default();
    let mut failures = Vec::new();
    for seed in seeds {
        match run(seed, script) {
            Ok(run) => figures.add(&run),
            Err(failure) => failures.push(failed_seed(name, seed, &failure)),
        }
    }
    let failed = failures.len();
    failures.truncate(SHOWN);
    assert!(
        failures.is_empty(),
        "{name}: {failed} of {count} seeds failed\n{}\n",
        failures.join("\n")
    );
    figures
}

/// Runs a scenario once: its figures, or what went wrong.
pub(crate) fn run(seed: u64, script: Script) -> Result<Figures, String> {
    let run = || {
        let mut world = World::new(seed);
        let check = script(&mut world);
        check.map(|()| world.into_figures())
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(figures)) => Ok(figures),
        Ok(Err(violation)) => Err(violation.to_string()),
        Err(panic) => Err(format!("the core panicked: {}", said(panic.as_ref()))),
    }
}

/// A number in the environment.
///
/// # Panics
///
/// Where there is something else.
pub(crate) fn number_from(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} must be a number, not {value:?}")))
}

fn failed_seed(name: &str, seed: u64, failure: &str) -> String {
    format!(
        "seed {seed}: {failure}\n  RINGTALK_SIM_SEED={seed} RINGTALK_SIM_TRACE=1 cargo test -p ringtalk-proto --test simulation -- --exact {name} --nocapture"
    )
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
