//! The step injector: it counts the inputs of all nodes as steps, and strikes at the steps that a list of choices
//! names.
//!
//! Meanwhile nothing but the choices is left to chance: timers fire exactly when they are due. Not here: the lists
//! to try (`explore`), and what a strike does to a process or a link (`control`, `network`).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_proto::{Input, LinkId};

use super::{World, WorldEvent};
use crate::explore::{Choice, Choices, Strike};
use crate::network::{Arrival, HostIndex};
use crate::oracle::Check;

/// How long a link is held: longer than a deputy waits for the member before it, and shorter than the silence that
/// makes a suspect.
const HOLD_TIME: Duration = Duration::from_millis(400);

/// An input of a node, after which a choice may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The link of the frame, if the input was a frame.
    pub(crate) frame: Option<LinkId>,
    /// Whether another node can tell that this one was still alive at this step.
    pub(crate) sign_of_life: bool,
}

/// The counted steps, and the choices that strike at them.
#[derive(Debug, Default)]
pub(super) struct StepInjector {
    /// The choices that have not struck yet, in the order of their steps.
    choices: VecDeque<Choice>,
    steps: Vec<Step>,
    /// The nodes that have given a sign of life since their last step.
    signs_of_life: BTreeSet<HostIndex>,
    /// For each held link, its receiver and what has arrived.
    held: BTreeMap<LinkId, (HostIndex, VecDeque<Arrival>)>,
    over: bool,
}

impl World {
    /// Starts to count steps, and to strike at those that the choices name.
    pub(crate) fn arm_choices(&mut self, choices: &Choices) {
        self.step_injector = Some(StepInjector {
            choices: choices.iter().copied().collect(),
            ..StepInjector::default()
        });
    }

    /// Stops striking, and releases every held link.
    pub(crate) fn disarm_choices(&mut self) -> Check {
        let Some(injector) = &mut self.step_injector else {
            return Ok(());
        };
        injector.over = true;
        let held: Vec<LinkId> = injector.held.keys().copied().collect();
        held.into_iter()
            .try_for_each(|link| self.release_link(link))
    }

    /// Takes the steps that were counted.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        let injector = self.step_injector.as_mut();
        injector.map_or_else(Vec::new, |injector| core::mem::take(&mut injector.steps))
    }

    /// Returns the first choice that has not struck: there was no such step, or nothing to strike at it.
    pub(crate) fn first_unused_choice(&self) -> Option<Choice> {
        self.step_injector.as_ref()?.choices.front().copied()
    }

    /// Returns how much later than due a timer fires.
    pub(super) fn timer_delay(&mut self) -> Duration {
        if self.step_injector.is_some() {
            return Duration::ZERO;
        }
        self.driver_random.millis(0, 1)
    }

    /// Records that a node did something that others may notice.
    pub(super) fn record_sign_of_life(&mut self, index: HostIndex) {
        if let Some(injector) = &mut self.step_injector {
            injector.signs_of_life.insert(index);
        }
    }

    /// Returns the step that an input is, if it is one. `Written` is a step only if the link is writing the next
    /// frame: a process that dies in between has sent that frame, but not the one after it.
    pub(super) fn step_of(&self, input: &Input) -> Option<Step> {
        self.step_injector
            .as_ref()
            .filter(|injector| !injector.over)?;
        let step = |frame, sign_of_life| {
            Some(Step {
                frame,
                sign_of_life,
            })
        };
        match input {
            Input::Frame { link, .. } => step(Some(LinkId::lobby(link.connection)), false),
            Input::Written { link, .. }
                if self.network.is_writing(LinkId::lobby(link.connection)) =>
            {
                step(None, true)
            }
            Input::Written { .. } => None,
            Input::LinkUp { .. } => step(None, true),
            _ => step(None, false),
        }
    }

    /// Strikes after a step of a node, if a choice names that step.
    pub(super) fn strike_after(&mut self, index: HostIndex, step: Option<Step>) {
        if let Some(step) = step
            && let Some(strike) = self.count_step(index, step)
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
    pub(super) fn intercept(&mut self, index: HostIndex, arrival: Arrival) -> Option<Arrival> {
        let (Arrival::Frame { link, .. } | Arrival::LinkDown { link }) = arrival else {
            return Some(arrival);
        };
        if self.must_hold(index, &arrival) {
            self.trace
                .show(self.now, || format!("{link:?} to n{index} is held"));
            self.events
                .push(self.now + HOLD_TIME, WorldEvent::ReleaseLink(link));
            let injector = self.step_injector.as_mut()?;
            injector.held.insert(link, (index, VecDeque::new()));
        }
        let held = self
            .step_injector
            .as_mut()
            .and_then(|injector| injector.held.get_mut(&link));
        let Some((_, held)) = held else {
            return Some(arrival);
        };
        held.push_back(arrival);
        None
    }

    /// Releases a held link: what it held arrives, in order.
    pub(super) fn release_link(&mut self, link: LinkId) -> Check {
        let injector = self.step_injector.as_mut();
        let Some((index, held)) = injector.and_then(|injector| injector.held.remove(&link)) else {
            return Ok(());
        };
        self.trace
            .show(self.now, || format!("{link:?} to n{index} is free again"));
        held.into_iter()
            .try_for_each(|arrival| self.handle_arrival(index, arrival))
    }

    /// Returns true if a choice delays this frame. Such a frame is a step when it arrives, and again when it is
    /// handled.
    fn must_hold(&mut self, index: HostIndex, arrival: &Arrival) -> bool {
        let Some(injector) = self
            .step_injector
            .as_ref()
            .filter(|injector| !injector.over)
        else {
            return false;
        };
        let Arrival::Frame { link, .. } = *arrival else {
            return false;
        };
        let next = Choice {
            step: injector.steps.len(),
            strike: Strike::Delay,
        };
        let chosen = injector.choices.front() == Some(&next);
        let can_arrive = self.processes[index].is_running() && !injector.held.contains_key(&link);
        let step = Step {
            frame: Some(link),
            sign_of_life: false,
        };
        chosen && can_arrive && self.count_step(index, step).is_some()
    }

    /// Counts a step, and returns what strikes at it.
    fn count_step(&mut self, index: HostIndex, mut step: Step) -> Option<Strike> {
        let injector = self.step_injector.as_mut()?;
        step.sign_of_life |= injector.signs_of_life.remove(&index);
        let number = injector.steps.len();
        injector.steps.push(step);
        self.trace
            .show(self.now, || format!("that was step {number}, of n{index}"));
        let chosen = injector.choices.front().copied();
        let strike = chosen.filter(|choice| choice.step == number)?.strike;
        if strike.needs_frame() && step.frame.is_none() {
            return None;
        }
        injector.choices.pop_front();
        self.trace.show(self.now, || format!("struck: {strike}"));
        Some(strike)
    }
}
