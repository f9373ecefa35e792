//! A range of seeds as it is typed: `A..B`, without B, or one number.

use core::ops::Range;
use core::str::FromStr;

use anyhow::{Context, Error, ensure};

/// A range of at least one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(Range<u64>);

impl Seeds {
    pub(crate) fn range(&self) -> Range<u64> {
        self.0.clone()
    }
}

impl FromStr for Seeds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| {
            text.parse::<u64>()
                .context("seeds are numbers, as in 0..200")
        };
        let range = match text.split_once("..") {
            Some((first, end)) => number(first)?..number(end)?,
            None => number(text)?..number(text)?.saturating_add(1),
        };
        ensure!(
            range.start < range.end,
            "{text} is empty; A must be less than B in A..B"
        );
        Ok(Self(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_or_one_number() {
        assert_eq!("3..7".parse::<Seeds>().unwrap().range(), 3..7);
        assert_eq!("5".parse::<Seeds>().unwrap().range(), 5..6);
        for wrong in ["7..7", "7..3", "", "a..b", "1..", "-1..2"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
