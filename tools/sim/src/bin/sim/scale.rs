//! `sim scale`: one measurement, as JSON or as lines.

use anyhow::{Result, bail};
use ringtalk_sim::scale;
use serde_json::Value;

#[derive(Debug, clap::Args)]
pub(crate) struct Scaling {
    /// How many nodes
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=16_384))]
    nodes: u64,
    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,
    /// Another ring of the same size
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Scaling {
    /// True where nothing was missed.
    pub(crate) fn run(&self) -> Result<bool> {
        let scale = match scale(self.nodes, self.seed) {
            Ok(scale) => scale,
            Err(violation) => bail!("{violation}"),
        };
        let value = serde_json::to_value(&scale)?;
        match value {
            Value::Object(fields) if !self.json => {
                for (name, value) in fields {
                    println!("{name}: {value}");
                }
            }
            value => println!("{value}"),
        }
        Ok(scale.missed == 0)
    }
}
