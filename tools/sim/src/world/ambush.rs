//! An ambush: it counts the inputs of all nodes as steps, and strikes at the steps that a list of choices names.
//!
//! Meanwhile nothing but the choices is left to chance: timers fire exactly when they are due. Not here: the lists
//! to try (`explore`), and what a strike does to a process or a link (`deed`, `network`).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_proto::{Input, LinkId};

use super::{Happening, World};
use crate::explore::{Choice, Choices, Strike};
use crate::network::{Arrival, HostIndex};
use crate::oracle::Check;

/// How long a link is held: longer than a deputy waits for the member before it, and shorter than the silence that
/// makes a suspect.
const HELD: Duration = Duration::from_millis(400);

/// An input of a node, after which a choice may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The link of the frame, if the input was a frame.
    pub(crate) frame: Option<LinkId>,
    /// Whether another node can tell that this one was still alive at this step.
    pub(crate) sign: bool,
}

/// The state of an ambush.
#[derive(Debug, Default)]
pub(super) struct Ambush {
    /// The choices that have not struck yet, in the order of their steps.
    choices: VecDeque<Choice>,
    steps: Vec<Step>,
    /// The nodes that have given a sign of life since their last step.
    signs: BTreeSet<HostIndex>,
    /// For each held link, its receiver and what has arrived.
    held: BTreeMap<LinkId, (HostIndex, VecDeque<Arrival>)>,
    over: bool,
}

impl World {
    /// Starts to count steps, and to strike at those that the choices name.
    pub(crate) fn lie_in_wait(&mut self, choices: &Choices) {
        self.ambush = Some(Ambush {
            choices: choices.iter().copied().collect(),
            ..Ambush::default()
        });
    }

    /// Ends the ambush, and releases every held link.
    pub(crate) fn call_off(&mut self) -> Check {
        let Some(ambush) = &mut self.ambush else {
            return Ok(());
        };
        ambush.over = true;
        let held: Vec<LinkId> = ambush.held.keys().copied().collect();
        held.into_iter().try_for_each(|link| self.release(link))
    }

    /// Takes the steps that were counted.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        let ambush = self.ambush.as_mut();
        ambush.map_or_else(Vec::new, |ambush| core::mem::take(&mut ambush.steps))
    }

    /// Returns the first choice that has not struck: there was no such step, or nothing to strike at it.
    pub(crate) fn unspent(&self) -> Option<Choice> {
        self.ambush.as_ref()?.choices.front().copied()
    }

    /// Returns how much later than due a timer fires.
    pub(super) fn lateness(&mut self) -> Duration {
        if self.ambush.is_some() {
            return Duration::ZERO;
        }
        self.chance.millis(0, 1)
    }

    /// Records that a node did something that others may notice.
    pub(super) fn note_sign(&mut self, index: HostIndex) {
        if let Some(ambush) = &mut self.ambush {
            ambush.signs.insert(index);
        }
    }

    /// Returns the step that an input is, if it is one. `Written` is a step only if the link is writing the next
    /// frame: a process that dies in between has sent that frame, but not the one after it.
    pub(super) fn step_of(&self, input: &Input) -> Option<Step> {
        self.ambush.as_ref().filter(|ambush| !ambush.over)?;
        let step = |frame, sign| Some(Step { frame, sign });
        match input {
            Input::Frame { link, .. } => step(Some(*link), false),
            Input::Written { link, .. } if self.network.is_writing(*link) => step(None, true),
            Input::Written { .. } => None,
            Input::LinkUp { .. } => step(None, true),
            _ => step(None, false),
        }
    }

    /// Strikes after a step of a node, if a choice names that step.
    pub(super) fn strike_after(&mut self, index: HostIndex, step: Option<Step>) {
        if let Some(step) = step
            && let Some(strike) = self.count(index, step)
        {
            match (strike, step.frame) {
                (Strike::Kill, _) => self.kill(index),
                (Strike::Vanish, _) => self.vanish(index),
                (Strike::Reset, Some(link)) => self.network.reset(self.now, link),
                (Strike::Reset | Strike::Delay, _) => {}
            }
        }
    }

    /// Holds back an arrival on a held link, or on a link that a choice delays from here on; returns any other.
    pub(super) fn waylay(&mut self, index: HostIndex, arrival: Arrival) -> Option<Arrival> {
        let (Arrival::Frame { link, .. } | Arrival::LinkDown { link }) = arrival else {
            return Some(arrival);
        };
        if self.is_to_be_held(index, &arrival) {
            self.trace
                .show(self.now, || format!("{link:?} to n{index} is held"));
            self.agenda.plan(self.now + HELD, Happening::Release(link));
            let ambush = self.ambush.as_mut()?;
            ambush.held.insert(link, (index, VecDeque::new()));
        }
        let held = self
            .ambush
            .as_mut()
            .and_then(|ambush| ambush.held.get_mut(&link));
        let Some((_, held)) = held else {
            return Some(arrival);
        };
        held.push_back(arrival);
        None
    }

    /// Releases a held link: what it held arrives, in order.
    pub(super) fn release(&mut self, link: LinkId) -> Check {
        let ambush = self.ambush.as_mut();
        let Some((index, held)) = ambush.and_then(|ambush| ambush.held.remove(&link)) else {
            return Ok(());
        };
        self.trace
            .show(self.now, || format!("{link:?} to n{index} is free again"));
        held.into_iter()
            .try_for_each(|arrival| self.arrived(index, arrival))
    }

    /// Returns true if a choice delays this frame. Such a frame is a step when it arrives, and again when it is
    /// handled.
    fn is_to_be_held(&mut self, index: HostIndex, arrival: &Arrival) -> bool {
        let Some(ambush) = self.ambush.as_ref().filter(|ambush| !ambush.over) else {
            return false;
        };
        let Arrival::Frame { link, .. } = *arrival else {
            return false;
        };
        let next = Choice {
            step: ambush.steps.len(),
            strike: Strike::Delay,
        };
        let chosen = ambush.choices.front() == Some(&next);
        let comes = self.processes[index].is_running() && !ambush.held.contains_key(&link);
        let step = Step {
            frame: Some(link),
            sign: false,
        };
        chosen && comes && self.count(index, step).is_some()
    }

    /// Counts a step, and returns what strikes at it.
    fn count(&mut self, index: HostIndex, mut step: Step) -> Option<Strike> {
        let ambush = self.ambush.as_mut()?;
        step.sign |= ambush.signs.remove(&index);
        let number = ambush.steps.len();
        ambush.steps.push(step);
        self.trace
            .show(self.now, || format!("that was step {number}, of n{index}"));
        let chosen = ambush.choices.front().copied();
        let strike = chosen.filter(|choice| choice.step == number)?.strike;
        if strike.needs_frame() && step.frame.is_none() {
            return None;
        }
        ambush.choices.pop_front();
        self.trace.show(self.now, || format!("struck: {strike}"));
        Some(strike)
    }
}
