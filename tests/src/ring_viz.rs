//! The process that looks at a ring from outside: what it prints as JSON, and what a person sees live.
//!
//! Not here: what should be seen.

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::event::Epoch;
use crate::id::NodeId;
use crate::network::Host;
use crate::process::{Output, Process, binary};
use crate::window::Window;

/// How long a look may take: its own limit is 5 s, and members that say nothing add a little.
const LOOK: Duration = Duration::from_secs(15);

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Look {
    /// The exit status.
    pub code: i32,
    /// What was printed.
    pub stdout: String,
    /// What was complained of.
    pub stderr: String,
}

/// The ring as it was reported.
#[derive(Clone, Debug, Deserialize)]
pub struct Ring {
    /// The coordinator's reign.
    pub epoch: Epoch,
    /// Who coordinates.
    pub coordinator: NodeId,
    /// The members, in ring order.
    pub members: Vec<Place>,
    /// Whether the ring is closed.
    pub closed: bool,
}

/// A member, as it reported itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// Who.
    pub node_id: NodeId,
    /// Under which name.
    pub name: String,
    /// What others dial.
    pub address: String,
    /// The network that its coordinator takes it for a member of: a number that all of that network have.
    pub network: u64,
    /// The order of admission.
    pub seniority: u64,
    /// The node before it, as it says itself.
    pub predecessor: Option<NodeId>,
    /// The node after it, as it says itself.
    pub successor: Option<NodeId>,
    /// To whom it has links for speed.
    pub fingers: Vec<NodeId>,
    /// Whom it suspects.
    pub suspects: Vec<NodeId>,
}

/// Runs `ring-viz` with these arguments, to its end.
#[track_caller]
pub fn run(arguments: &[&str]) -> Look {
    finish(Command::new(binary("ring-viz")), arguments)
}

/// The same on a host of a network.
#[track_caller]
pub fn run_on(host: &Host, arguments: &[&str]) -> Look {
    finish(host.command(binary("ring-viz")), arguments)
}

#[track_caller]
fn finish(mut command: Command, arguments: &[&str]) -> Look {
    let process = Process::start("ring-viz", command.args(arguments), Output::Text);
    let code = process.exit_code(LOOK);
    let journal = process.journal();
    Look {
        code,
        stdout: journal.stdout_text(),
        stderr: journal.stderr_text(),
    }
}

/// Looks once at the ring that the director at `place` knows.
#[track_caller]
pub fn look(place: &str, format: &str) -> Look {
    run(&["--join", place, "--once", "--format", format])
}

/// The live picture of the ring that the director at `place` knows, in a window of so many columns and rows.
#[track_caller]
pub fn live(place: &str, size: (u16, u16)) -> Window {
    live_by(Command::new(binary("ring-viz")), place, size)
}

/// The same on a host of a network.
#[track_caller]
pub fn live_on(host: &Host, place: &str, size: (u16, u16)) -> Window {
    live_by(host.command(binary("ring-viz")), place, size)
}

#[track_caller]
fn live_by(mut command: Command, place: &str, size: (u16, u16)) -> Window {
    command.args(["--join", place]);
    Window::open("ring-viz", size, &command)
}

/// A ring as a person sees it. Names here are those that tests give: `n` and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The names, clockwise; the first is at the top.
    pub names: Vec<String>,
    /// Who has the coordinator's mark.
    pub coordinator: Option<String>,
}

impl Drawn {
    /// What the one circle in a window shows, where all its members are well.
    pub fn circle(text: &str) -> Option<Self> {
        let rows: Vec<&str> = text.lines().collect();
        // The heading and the keys are no part of it.
        let rows = rows.get(1..rows.len().checked_sub(1)?)?;
        let mut found: Vec<Mark> = Vec::new();
        for (y, row) in (0..).zip(rows) {
            found.extend(marks(y, row));
        }
        let names: Vec<&Mark> = found.iter().filter(|mark| mark.is_name()).collect();
        let stars: Vec<&Mark> = found.iter().filter(|mark| mark.text == "★").collect();
        let well = found.iter().filter(|mark| mark.text == "●").count();
        let (first, rest) = names.split_first()?;
        if stars.len() != 1 || well + 1 != names.len() {
            return None;
        }
        let middle = first.middle();
        let right = rest.iter().filter(|name| name.middle() > middle + 1);
        let below = rest
            .iter()
            .filter(|name| name.middle().abs_diff(middle) <= 1);
        let left = rest.iter().filter(|name| name.middle() + 1 < middle);
        let clockwise = std::iter::once(first)
            .chain(right)
            .chain(below)
            .chain(left.rev());
        let nearest = names.iter().min_by_key(|name| {
            // What stands above or below its name is as near as what stands beside it.
            let rows = name.y.abs_diff(stars[0].y);
            rows * 1_000 + name.middle().abs_diff(stars[0].x)
        })?;
        let above = stars[0].x.abs_diff(middle) <= 1;
        let at_top = above && first.y + 1 == stars[0].y;
        let coordinator = if at_top { first } else { nearest };
        Some(Self {
            names: clockwise.map(|name| name.text.clone()).collect(),
            coordinator: Some(coordinator.text.clone()),
        })
    }
}

/// A word in a window, and where it stands.
#[derive(Debug)]
struct Mark {
    x: usize,
    y: usize,
    text: String,
}

impl Mark {
    fn is_name(&self) -> bool {
        let number = self.text.strip_prefix('n');
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    }

    const fn middle(&self) -> usize {
        self.x + self.text.len().saturating_sub(1) / 2
    }
}

/// The names and marks in a row; what else is there are lines of dots, and words.
fn marks(y: usize, row: &str) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut goes_on = false;
    for (x, char) in row.chars().enumerate() {
        let stands_alone = matches!(char, '★' | '●' | '?' | '○' | '◌');
        if stands_alone || char.is_alphanumeric() {
            match marks.last_mut().filter(|_| goes_on && !stands_alone) {
                Some(mark) => mark.text.push(char),
                None => marks.push(Mark {
                    x,
                    y,
                    text: char.to_string(),
                }),
            }
        }
        goes_on = char.is_alphanumeric() && !stands_alone;
    }
    marks
}

/// A row of the list: a member, and between whom it says that it is.
pub type Row = (String, Option<String>, Option<String>);

/// What the list in a window shows, where all its members are well, and who has the coordinator's mark.
pub fn listed(text: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut coordinators) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [
            mark @ ("●" | "★"),
            name,
            "←",
            predecessor,
            "→",
            successor,
            ..,
        ] = words[..]
        else {
            continue;
        };
        let neighbour = |name: &str| (name != "-").then(|| name.to_owned());
        if mark == "★" {
            coordinators.push(name.to_owned());
        }
        rows.push((
            name.to_owned(),
            neighbour(predecessor),
            neighbour(successor),
        ));
    }
    (rows, coordinators)
}

impl Look {
    /// What was printed, read as JSON.
    ///
    /// # Panics
    ///
    /// Where it is not what the contract says.
    #[track_caller]
    pub fn ring(&self) -> Ring {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}
