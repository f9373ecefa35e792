//! The state of the terminal beside the picture of the screen: the title of its window, and whether to report the mouse.
//!
//! Only changes are written. Not here: the bytes (`tty::control`).

use super::Screen;
use crate::tty;

/// The state that the terminal was told of.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// True if the user wants the wheel to scroll.
    mouse_wheel: bool,
    /// The title; `None` if this program has not set it.
    title: Option<String>,
    reports_mouse: bool,
}

impl Surroundings {
    /// Creates the state of a terminal that was just taken over.
    pub(super) const fn new(mouse_wheel: bool) -> Self {
        Self {
            mouse_wheel,
            title: None,
            reports_mouse: false,
        }
    }

    /// Forgets everything, because another program had the terminal.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.mouse_wheel);
    }

    /// Appends the bytes for what has changed.
    pub(super) fn update(&mut self, screen: &Screen, bytes: &mut Vec<u8>) {
        let title = screen.title();
        if self.title.as_ref() != Some(&title) {
            bytes.extend(tty::set_title(&title));
            self.title = Some(title);
        }
        let reports_mouse = self.mouse_wheel && screen.takes_wheel();
        if self.reports_mouse != reports_mouse {
            bytes.extend(tty::report_mouse(reports_mouse).bytes());
            self.reports_mouse = reports_mouse;
        }
    }
}
