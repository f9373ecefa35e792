//! An ambush: what nodes are told is counted, step by step, and something strikes at those steps
//! that a list of choices names.
//!
//! While it lies in wait nothing is left to chance that the choices do not name: timers go off when
//! they are due. Not here: which lists there are to try (`explore`), and what a strike does to a
//! process or a link (`deed`, `network`).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_proto::{Input, LinkId};

use super::{Happening, World};
use crate::explore::{Choice, Choices, Strike};
use crate::network::{Arrival, HostIndex};
use crate::oracle::Check;

/// How long a link is held: longer than a deputy waits for the one before it, and shorter than a
/// silence that makes a suspect.
const HELD: Duration = Duration::from_millis(400);

/// Something that a node was told, after which something may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The link that it came on, where it was a frame.
    pub(crate) frame: Option<LinkId>,
    /// Whether anybody else can tell that the node was still there at this step.
    pub(crate) sign: bool,
}

/// Who lies in wait.
#[derive(Debug, Default)]
pub(super) struct Ambush {
    /// What is still to strike, by the step.
    choices: VecDeque<Choice>,
    steps: Vec<Step>,
    /// Who has given a sign of life since its last step.
    signs: BTreeSet<HostIndex>,
    /// What came on links that are held, and to whom.
    held: BTreeMap<LinkId, (HostIndex, VecDeque<Arrival>)>,
    over: bool,
}

impl World {
    /// From now on steps are counted, and what is chosen strikes.
    pub(crate) fn lie_in_wait(&mut self, choices: &Choices) {
        self.ambush = Some(Ambush {
            choices: choices.iter().copied().collect(),
            ..Ambush::default()
        });
    }

    /// Nothing strikes any more, and what was held comes now.
    pub(crate) fn call_off(&mut self) -> Check {
        let Some(ambush) = &mut self.ambush else {
            return Ok(());
        };
        ambush.over = true;
        let held: Vec<LinkId> = ambush.held.keys().copied().collect();
        held.into_iter().try_for_each(|link| self.release(link))
    }

    /// The steps that were counted.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        let ambush = self.ambush.as_mut();
        ambush.map_or_else(Vec::new, |ambush| core::mem::take(&mut ambush.steps))
    }

    /// The first choice that has not struck: there was no such step, or none that it could strike.
    pub(crate) fn unspent(&self) -> Option<Choice> {
        self.ambush.as_ref()?.choices.front().copied()
    }

    /// How much later than due a timer goes off.
    pub(super) fn lateness(&mut self) -> Duration {
        if self.ambush.is_some() {
            return Duration::ZERO;
        }
        self.chance.millis(0, 1)
    }

    /// A node has done something that others may notice.
    pub(super) fn note_sign(&mut self, index: HostIndex) {
        if let Some(ambush) = &mut self.ambush {
            ambush.signs.insert(index);
        }
    }

    /// The step that an input is. That bytes have left is none, unless others follow on the same
    /// link: who dies in between has said the one frame and not the next but one.
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

    /// A node has taken a step: what was chosen strikes.
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

    /// Holds what comes on a held link, or on one that is held from now on; anything else is given
    /// back.
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

    /// What was held on a link comes, in its order.
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

    /// A frame that a delay is chosen for counts as a step when it comes, and again when it is
    /// taken.
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

    /// Counts a step; the answer is what strikes at it.
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
