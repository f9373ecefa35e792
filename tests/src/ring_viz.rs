//! Runs `ring-viz`, and parses what it prints as JSON and what it draws in a window.
//!
//! Not here: the expected rings (the tests).

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::event::Epoch;
use crate::id::NodeId;
use crate::network::Host;
use crate::process::{Process, StdoutFormat, binary};
use crate::window::Window;

/// The time limit of one run: its own limit is 5 s, and silent members add a little.
const RUN_TIMEOUT: Duration = Duration::from_secs(15);

/// The result of one run.
#[derive(Clone, Debug)]
pub struct VizRun {
    /// The exit status.
    pub code: i32,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

/// The ring as `ring-viz` reports it.
#[derive(Clone, Debug, Deserialize)]
pub struct Ring {
    /// The epoch of the coordinator.
    pub epoch: Epoch,
    /// The coordinator.
    pub coordinator: NodeId,
    /// The members, in ring order.
    pub members: Vec<ReportedMember>,
    /// True if the ring is closed.
    pub closed: bool,
}

/// A member, as it reports itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportedMember {
    /// The member.
    pub node_id: NodeId,
    /// Its name.
    pub name: String,
    /// The address that others dial.
    pub address: String,
    /// A number for the network to which the coordinator assigns it: members of one network have the same.
    pub network: u64,
    /// The order of admission.
    pub seniority: u64,
    /// Its predecessor, as it says itself.
    pub predecessor: Option<NodeId>,
    /// Its successor, as it says itself.
    pub successor: Option<NodeId>,
    /// Its fingers.
    pub fingers: Vec<NodeId>,
    /// The members that it suspects.
    pub suspects: Vec<NodeId>,
}

/// Runs `ring-viz` with these arguments until it exits.
#[track_caller]
pub fn run(arguments: &[&str]) -> VizRun {
    run_command(Command::new(binary("ring-viz")), arguments)
}

/// Like [`run`], on a host of a network.
#[track_caller]
pub fn run_on(host: &Host, arguments: &[&str]) -> VizRun {
    run_command(host.command(binary("ring-viz")), arguments)
}

#[track_caller]
fn run_command(mut command: Command, arguments: &[&str]) -> VizRun {
    let process = Process::start("ring-viz", command.args(arguments), StdoutFormat::Text);
    let code = process.exit_code(RUN_TIMEOUT);
    let journal = process.journal();
    VizRun {
        code,
        stdout: journal.stdout_text(),
        stderr: journal.stderr_text(),
    }
}

/// Runs `ring-viz --once` for the ring that the director at `endpoint` knows.
#[track_caller]
pub fn run_once(endpoint: &str, format: &str) -> VizRun {
    run(&["--join", endpoint, "--once", "--format", format])
}

/// Opens the live picture of the ring that the director at `endpoint` knows, in a window of `size` columns and rows.
#[track_caller]
pub fn live(endpoint: &str, size: (u16, u16)) -> Window {
    open_live(Command::new(binary("ring-viz")), endpoint, size)
}

/// Like [`live`], on a host of a network.
#[track_caller]
pub fn live_on(host: &Host, endpoint: &str, size: (u16, u16)) -> Window {
    open_live(host.command(binary("ring-viz")), endpoint, size)
}

#[track_caller]
fn open_live(mut command: Command, endpoint: &str, size: (u16, u16)) -> Window {
    command.args(["--join", endpoint]);
    Window::open("ring-viz", size, &command)
}

/// A ring as it is drawn. The parser knows the names that tests give: `n` and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnRing {
    /// The names, clockwise; the first is at the top.
    pub names: Vec<String>,
    /// The member with the coordinator's mark.
    pub coordinator: Option<String>,
}

impl DrawnRing {
    /// Parses the one circle in a window; `None` if a member is not marked as alive.
    pub fn parse_circle(text: &str) -> Option<Self> {
        let rows: Vec<&str> = text.lines().collect();
        // The heading and the line of keys do not belong to the circle.
        let rows = rows.get(1..rows.len().checked_sub(1)?)?;
        let mut found: Vec<Mark> = Vec::new();
        for (y, row) in (0..).zip(rows) {
            found.extend(marks(y, row));
        }
        let names: Vec<&Mark> = found.iter().filter(|mark| mark.is_name()).collect();
        let stars: Vec<&Mark> = found.iter().filter(|mark| mark.text == "★").collect();
        let alive = found.iter().filter(|mark| mark.text == "●").count();
        let (first, rest) = names.split_first()?;
        if stars.len() != 1 || alive + 1 != names.len() {
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
            // Rows weigh more than columns: a mark in the row of a name is nearer than one above or below it.
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

/// A word in a window, and its position.
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

/// Returns the words and marks in a row, without the dots of lines.
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

/// A row of the list: a member, its predecessor and its successor.
pub type Row = (String, Option<String>, Option<String>);

/// Parses the list in a window: the rows of members marked as alive, and the members with the coordinator's mark.
pub fn parse_list(text: &str) -> (Vec<Row>, Vec<String>) {
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

impl VizRun {
    /// Parses stdout as JSON.
    ///
    /// # Panics
    ///
    /// If it does not match the contract.
    #[track_caller]
    pub fn ring(&self) -> Ring {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}
