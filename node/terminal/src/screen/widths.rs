//! The widths of a window at which its layout changes.
//!
//! Not here: the layout of each part (`view`, `help`).

/// The minimum width of a window that has room for the members, in columns.
const WITH_MEMBERS: u16 = 80;
/// The minimum width of a wide window, in columns.
const WIDE: u16 = 100;
/// The width of the list of members, in columns, with the rule before it.
const MEMBERS: u16 = 18;
/// The same in a wide window.
const MEMBERS_WIDE: u16 = 24;
/// The minimum width of a window in which the help has a wide column of keys, in columns.
pub(super) const WIDE_KEYS: usize = 60;
/// The minimum width of a window in which commands and keys stand side by side, in columns.
pub(super) const SIDE_BY_SIDE: usize = 120;

/// Returns the width of the list of members in a window of this width; 0 if there is no room for it.
pub(super) const fn of_members(window: u16) -> u16 {
    match window {
        WIDE.. => MEMBERS_WIDE,
        WITH_MEMBERS.. => MEMBERS,
        _ => 0,
    }
}
