//! The appearance of members, lines and names: marks, colours, and names that are fit to be shown.
//!
//! Not here: positions (`circle`, `list`).

use ratatui::style::{Color, Modifier, Style};
use ringtalk_session::text::escape_line;
use ringtalk_terminal::tty::{fit, to_visual_order};
use ringtalk_wire::NodeId;

use crate::ring::{MemberState, Ring, RingMember};

/// The settings that decide how everything looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appearance {
    /// True if colours are used.
    pub(super) colors: bool,
    /// The chosen member.
    pub(super) chosen: Option<NodeId>,
}

impl Appearance {
    /// Returns the mark of a member, and the style of the mark and of the name.
    pub(super) fn mark(&self, ring: &Ring, member: &RingMember) -> (&'static str, Style) {
        let is_coordinator = ring.is_coordinator(member);
        let (mark, style) = match ring.state(member) {
            MemberState::Suspected => ("?", self.colored(Color::Yellow)),
            MemberState::Silent => ("○", self.colored(Color::Red)),
            MemberState::Elsewhere => ("◌", dim()),
            MemberState::Fine if is_coordinator => ("★", self.colored(Color::Cyan)),
            MemberState::Fine => ("●", plain()),
        };
        let style = if is_coordinator {
            style.add_modifier(Modifier::BOLD)
        } else {
            style
        };
        if self.chosen == Some(member.entry.id) {
            (mark, style.add_modifier(Modifier::REVERSED))
        } else {
            (mark, style)
        }
    }

    /// Returns the style of each kind of line.
    pub(super) fn lines(&self) -> [Style; 6] {
        [
            plain(),
            self.colored(Color::DarkGray).add_modifier(Modifier::DIM),
            self.colored(Color::Cyan),
            self.colored(Color::Yellow),
            plain(),
            self.colored(Color::Yellow),
        ]
    }

    /// Returns the style of message rates.
    pub(super) fn rate(&self) -> Style {
        self.colored(Color::Green)
    }

    /// Returns the style of the verdict on a ring.
    pub(super) fn verdict(&self, ring: &Ring) -> Style {
        if ring.is_closed() {
            self.colored(Color::Green)
        } else {
            self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
        }
    }

    fn colored(&self, color: Color) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

/// Returns the name of a member, made harmless and cut to `room` columns, in visual order.
pub(super) fn name(member: &RingMember, room: usize) -> String {
    let name = escape_line(&member.entry.name);
    let name = fit(&name, room);
    to_visual_order(&name, &name).into_owned()
}

pub(super) const fn plain() -> Style {
    Style::new()
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}
