//! Single operations of Ringtalk. Without arguments, this program times each one. `run NAME TIMES` only repeats one, so
//! that `cargo xtask micro` can count its instructions; `list` prints all names.
//!
//! Not here: whole nodes (`runner`).

mod operations;

use anyhow::{Context, Result};
use divan::{Bencher, Divan};

use operations::{NAMES, prepare};

#[divan::bench(args = NAMES)]
fn operation(bencher: Bencher<'_, '_>, name: &str) {
    if let Some(work) = prepare(name) {
        bencher.bench_local(work);
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => println!("{}", NAMES.join("\n")),
        ["run", name, times] => {
            let times: u64 = times.parse().context("TIMES is a whole number")?;
            let mut work = prepare(name).with_context(|| format!("there is no {name:?}"))?;
            (0..times).for_each(|_| work());
        }
        _ => Divan::from_args().run_benches(),
    }
    Ok(())
}
