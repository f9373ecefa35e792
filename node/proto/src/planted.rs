//! Mistakes planted on purpose, so that the simulator can test its checks.
//!
//! Without the feature `planted-bugs`, [`Planted::has`] is always false, and the code that only a mistake needs is
//! not built. Not here: which check must catch which bug (`tools/sim/src/mutants.rs`).

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $bug:ident,)*) => {
        /// A mistake that a node can be made to make, if the feature `planted-bugs` is on.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum PlantedBug {
            $($(#[doc = $doc])* $bug,)*
        }

        #[cfg(feature = "planted-bugs")]
        impl PlantedBug {
            /// All planted bugs.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];
        }
    };
}

bugs! {
    /// Delivers a message without waiting for its heads.
    DeliverWithoutHeads,
    /// Delivers a message without waiting for its author's previous one.
    DeliverWithoutPrevious,
    /// Delivers a message again when a link is made again.
    DeliverAgain,
    /// Forgets, when the view changes, what held-back messages wait for.
    ForgetHeld,
    /// Drops a message that cannot be delivered yet, and counts it as seen.
    DropInsteadOfHolding,
    /// Never pulls a lost message.
    NeverPull,
    /// Adopts a view that is older than its own.
    TakeStaleView,
    /// Compares only the numbers of views, not their epochs.
    SkipEpochCheck,
    /// Elects the member with the greatest id instead of the most senior one.
    ElectById,
    /// Makes every deputy stand for the office at once and yield to nobody.
    NoYielding,
    /// Lets a coordinator that was stopped continue as if nothing had happened.
    WokenCoordinatorGoesOn,
    /// Declares a member dead after one missed heartbeat.
    EvictOnOneHeartbeat,
    /// Gives newcomers a cut that is not causally closed.
    OpenCut,
    /// Never evicts anything from the log.
    EndlessLog,
    /// Does not show a gap to the user.
    HiddenGap,
    /// Never again makes a member a neighbour that was suspected once, alive or not.
    CloseOverLive,
    /// Keeps a dead successor.
    KeepDeadSuccessor,
    /// Never compares clocks.
    NoAntiEntropy,
    /// Acknowledges a bundle before its children have delivered it.
    AckBeforeChildren,
    /// Does not learn from clocks that members which were late have its messages.
    ForgetLateMembers,
    /// Does not hand on the interval of a silent child.
    NoHandOver,
    /// Sends limits as indexes into a view; views differ, so an index means different members.
    LimitsAsIndexes,
    /// Relays items as if their interval had no limit.
    RelayWithoutLimit,
    /// Counts messages from the other side of a merge as seen.
    MergeKeepsOneSide,
    /// Restarts its own sequence numbers from 1 after a merge.
    MergeRestartsNumbers,
    /// Keeps a coordinator in office that sent different messages to different members.
    KeepLiarInOffice,
    /// Accepts bundles from a peer that no view lists.
    HearStrangers,
    /// Waits for messages of unknown authors, and makes others wait for authors that nobody has named.
    WaitForStrangers,
    /// Does not wait for an unknown author to be named when a message depends on that author.
    OverlookStrangers,
    /// Gives each ring of a process the whole of the process's budgets.
    BudgetsPerRoom,
    /// Signs without the ring, so that what a member says in one room is genuine in another.
    SignWithoutRing,
}

/// The mistake that this node makes, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

impl Planted {
    /// Returns a node's mistake: this one.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn with(bug: PlantedBug) -> Self {
        Self { bug: Some(bug) }
    }

    /// Returns true if the node makes this mistake.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn has(self, bug: PlantedBug) -> bool {
        matches!(self.bug, Some(planted) if planted as u8 == bug as u8)
    }

    /// Returns false: without the feature there are no mistakes.
    #[cfg(not(feature = "planted-bugs"))]
    #[expect(clippy::unused_self, reason = "with the feature it looks into itself")]
    pub(crate) const fn has(self, _bug: PlantedBug) -> bool {
        false
    }
}
