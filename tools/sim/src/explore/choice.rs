//! A choice: what strikes, and at which step. One run of a search differs from another in its list of choices only.

use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

/// A fault that strikes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strike {
    /// The process that took the step dies: its links are closed, and dials are refused.
    Kill,
    /// The process dies with its host: nothing is closed, and nobody answers.
    Vanish,
    /// The link that the frame came on breaks.
    Reset,
    /// The frame comes 400 ms later, and so does whatever follows it on its link; frames on other links overtake
    /// it.
    Delay,
}

/// A fault, and the step at which it strikes, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Choice {
    /// The number of the step.
    pub step: usize,
    /// The strike right after the step; a delay strikes instead of it.
    pub strike: Strike,
}

/// Choices in the order of their steps, as they are typed: `12:kill,40:vanish`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Choices(Vec<Choice>);

impl Strike {
    /// All strikes.
    pub(crate) const ALL: [Self; 4] = [Self::Kill, Self::Vanish, Self::Reset, Self::Delay];

    /// Returns true if it strikes a link, not a process.
    pub(crate) const fn needs_frame(self) -> bool {
        matches!(self, Self::Reset | Self::Delay)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Vanish => "vanish",
            Self::Reset => "reset",
            Self::Delay => "delay",
        }
    }
}

impl Choices {
    /// Returns these choices, and one more at a later step.
    pub(crate) fn and(&self, choice: Choice) -> Self {
        let mut choices = self.0.clone();
        choices.push(choice);
        Self(choices)
    }

    /// Returns the first step at which one more choice may strike.
    pub(crate) fn next_step(&self) -> usize {
        self.0.last().map_or(0, |last| last.step + 1)
    }
}

impl Deref for Choices {
    type Target = [Choice];

    fn deref(&self) -> &[Choice] {
        &self.0
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Choice { step, strike }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{step}:{strike}")?;
        }
        Ok(())
    }
}

impl FromStr for Choices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let choices = text
            .split(',')
            .filter(|part| !part.is_empty())
            .map(parse_choice);
        let choices = choices.collect::<Result<Vec<_>, _>>()?;
        if choices.windows(2).all(|pair| pair[0].step < pair[1].step) {
            Ok(Self(choices))
        } else {
            Err("choices must be in ascending order of steps".into())
        }
    }
}

fn parse_choice(text: &str) -> Result<Choice, String> {
    let wrong = || {
        format!(
            "invalid choice {text:?}; expected STEP:STRIKE, for example 12:kill (kill, vanish, reset, delay)"
        )
    };
    let (step, name) = text.split_once(':').ok_or_else(wrong)?;
    let strike = Strike::ALL.into_iter().find(|strike| strike.name() == name);
    Ok(Choice {
        step: step.parse().map_err(|_| wrong())?,
        strike: strike.ok_or_else(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_a_round_trip_through_text() {
        for text in ["", "0:kill", "12:kill,40:vanish", "3:delay,4:reset"] {
            let choices: Choices = text.parse().expect("it is a list of choices");
            assert_eq!(choices.to_string(), text);
        }
        for wrong in [
            "kill",
            "1:pause",
            "x:kill",
            "2:kill,2:kill",
            "9:kill,2:kill",
        ] {
            assert!(wrong.parse::<Choices>().is_err(), "{wrong}");
        }
    }
}
