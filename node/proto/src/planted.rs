//! Mistakes planted on purpose, so that the simulator's checks can be checked.
//!
//! Without the feature `planted-bugs` [`Planted::has`] is always false, and nothing of this is left
//! in a program. What should catch which bug stands beside the simulator's scenarios.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $bug:ident,)*) => {
        /// A mistake that can be planted, where the feature `planted-bugs` is on.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum PlantedBug {
            $($(#[doc = $doc])* $bug,)*
        }

        #[cfg(feature = "planted-bugs")]
        impl PlantedBug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];
        }
    };
}

bugs! {
    /// Delivers a message without waiting for what it depends on.
    DeliverWithoutHeads,
    /// Delivers a message without waiting for its author's previous one.
    DeliverWithoutPrevious,
    /// Delivers a message again when a link is made again.
    DeliverAgain,
    /// Forgets at a change of the view what the messages that are held back wait for.
    ForgetHeld,
    /// Drops a message that cannot be delivered yet, and counts it as seen.
    DropInsteadOfHolding,
    /// Never pulls what was lost on the way.
    NeverPull,
    /// Takes a view that is older than its own.
    TakeStaleView,
    /// Looks at a view's number, and not at its epoch.
    SkipEpochCheck,
    /// The greatest id coordinates, and not the most senior member.
    ElectById,
    /// Every deputy stands for the office at once, and yields to nobody.
    NoYielding,
    /// A coordinator that was stopped goes on as if nothing had happened.
    WokenCoordinatorGoesOn,
    /// One heartbeat that is missed is a death.
    EvictOnOneHeartbeat,
    /// Newcomers start at a cut that is not causally closed.
    OpenCut,
    /// The log forgets nothing.
    EndlessLog,
    /// What cannot be had is not shown.
    HiddenGap,
    /// Who was suspected once is no neighbour any more, alive or not.
    CloseOverLive,
    /// A successor stays one when it is dead.
    KeepDeadSuccessor,
    /// Clocks are never compared.
    NoAntiEntropy,
    /// Acknowledges a bundle before those behind it have delivered it.
    AckBeforeChildren,
    /// The part of a silent child goes to nobody.
    NoHandOver,
    /// Limits travel as places in a view, which views disagree about.
    LimitsAsIndexes,
    /// Carries items on as if there were no limit.
    RelayWithoutLimit,
    /// What the other side of a merge said is counted as seen.
    MergeKeepsOneSide,
    /// After a merge the own messages are counted from 1 again.
    MergeRestartsNumbers,
    /// A coordinator that said different things to different members stays in office.
    KeepLiarInOffice,
    /// Takes bundles from a peer that no view lists.
    HearStrangers,
    /// Waits for the words of authors of whom nothing is known, and has others wait for those that nobody has named.
    WaitForStrangers,
    /// Does not wait for anybody to tell of an author on whose words something depends.
    OverlookStrangers,
}

/// The mistake that a node makes, if it makes one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

impl Planted {
    /// With this mistake.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn with(bug: PlantedBug) -> Self {
        Self { bug: Some(bug) }
    }

    /// True where the node makes this mistake.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn has(self, bug: PlantedBug) -> bool {
        matches!(self.bug, Some(planted) if planted as u8 == bug as u8)
    }

    /// Never.
    #[cfg(not(feature = "planted-bugs"))]
    #[expect(clippy::unused_self, reason = "with the feature it looks into itself")]
    pub(crate) const fn has(self, _bug: PlantedBug) -> bool {
        false
    }
}
