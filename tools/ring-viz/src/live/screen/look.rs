//! How things look: marks, colours, and names that are fit to be shown.
//!
//! Not here: where they are.

use ratatui::style::{Color, Modifier, Style};
use ringtalk_session::text::harmless;
use ringtalk_terminal::tty::{fit, visual};
use ringtalk_wire::NodeId;

use crate::ring::{Place, Ring, Standing};

/// What decides how things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Colours, or none.
    pub(super) colors: bool,
    /// Who was chosen.
    pub(super) chosen: Option<NodeId>,
}

impl Look {
    /// What stands for a member, and how it and its name look.
    pub(super) fn mark(&self, ring: &Ring, place: &Place) -> (&'static str, Style) {
        let coordinates = ring.coordinates(place);
        let (mark, style) = match ring.standing(place) {
            Standing::Suspected => ("?", self.with(Color::Yellow)),
            Standing::Silent => ("○", self.with(Color::Red)),
            Standing::Elsewhere => ("◌", dim()),
            Standing::Fine if coordinates => ("★", self.with(Color::Cyan)),
            Standing::Fine => ("●", usual()),
        };
        let style = if coordinates {
            style.add_modifier(Modifier::BOLD)
        } else {
            style
        };
        if self.chosen == Some(place.member.id) {
            (mark, style.add_modifier(Modifier::REVERSED))
        } else {
            (mark, style)
        }
    }

    /// How lines look, by their kind.
    pub(super) fn lines(&self) -> [Style; 6] {
        [
            usual(),
            self.with(Color::DarkGray).add_modifier(Modifier::DIM),
            self.with(Color::Cyan),
            self.with(Color::Yellow),
            usual(),
            self.with(Color::Yellow),
        ]
    }

    /// Messages a second.
    pub(super) fn rate(&self) -> Style {
        self.with(Color::Green)
    }

    /// Whether a ring is closed.
    pub(super) fn verdict(&self, ring: &Ring) -> Style {
        if ring.is_closed() {
            self.with(Color::Green)
        } else {
            self.with(Color::Yellow).add_modifier(Modifier::BOLD)
        }
    }

    fn with(&self, color: Color) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

/// A name in so many columns at most.
pub(super) fn name(place: &Place, room: usize) -> String {
    let name = harmless(&place.member.name);
    let name = fit(&name, room);
    visual(&name, &name).into_owned()
}

pub(super) const fn usual() -> Style {
    Style::new()
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}
