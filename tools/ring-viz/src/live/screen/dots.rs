//! Lines of dots, eight to a character: Unicode's braille patterns.
//!
//! Not here: the shapes of the lines (`circle`).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

/// The code point of the pattern without dots.
const EMPTY: u32 = 0x2800;
/// The dots in a character, across and down.
const ACROSS: usize = 2;
pub(super) const DOWN: usize = 4;
/// The bit of each dot, by row and column.
const BITS: [[u8; ACROSS]; DOWN] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// The number of samples of a curve per dot.
const STEPS: usize = 2;

/// A grid of dots. If lines of several kinds meet in a character, it shows only the most important kind.
#[derive(Debug)]
pub(super) struct Dots {
    area: Rect,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    kind: usize,
    bits: u8,
}

impl Dots {
    /// Creates a grid without dots.
    pub(super) fn new(area: Rect) -> Self {
        let count = usize::from(area.width) * usize::from(area.height);
        Self {
            area,
            cells: vec![Cell::default(); count],
        }
    }

    /// Adds a curve. `point` maps a fraction of the curve, from 0 to 1, to characters from the area's corner. Only one
    /// in `sparse` dots is drawn.
    pub(super) fn curve(&mut self, kind: usize, sparse: usize, point: impl Fn(f64) -> (f64, f64)) {
        // No curve is longer than once round the area.
        let most = usize::from(self.area.width + self.area.height) * 4 * DOWN * STEPS;
        let mut last = None;
        let mut count = 0;
        for step in 0..=most {
            let dot = dot(point(step as f64 / most as f64));
            if last == Some(dot) {
                continue;
            }
            last = Some(dot);
            if usize::is_multiple_of(count, sparse) {
                self.set(kind, dot);
            }
            count += 1;
        }
    }

    /// Draws the dots, each in the style of its kind.
    pub(super) fn draw(&self, styles: &[Style], buffer: &mut Buffer) {
        let width = usize::from(self.area.width).max(1);
        for (number, cell) in self
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.bits > 0)
        {
            let at = Position {
                x: self.area.x + (number % width) as u16,
                y: self.area.y + (number / width) as u16,
            };
            if let (Some(target), Some(symbol)) = (
                buffer.cell_mut(at),
                char::from_u32(EMPTY + u32::from(cell.bits)),
            ) {
                target.set_char(symbol).set_style(styles[cell.kind]);
            }
        }
    }

    fn set(&mut self, kind: usize, (across, down): (i64, i64)) {
        let (Ok(across), Ok(down)) = (usize::try_from(across), usize::try_from(down)) else {
            return;
        };
        let (x, y) = (across / ACROSS, down / DOWN);
        if x >= usize::from(self.area.width) || y >= usize::from(self.area.height) {
            return;
        }
        let cell = &mut self.cells[y * usize::from(self.area.width) + x];
        if kind > cell.kind {
            *cell = Cell { kind, bits: 0 };
        }
        if kind == cell.kind {
            cell.bits |= BITS[down % DOWN][across % ACROSS];
        }
    }
}

/// Returns the dot at a point: (0, 0) is the middle of the first character.
fn dot((x, y): (f64, f64)) -> (i64, i64) {
    let (across, down) = ((x + 0.5) * ACROSS as f64, (y + 0.5) * DOWN as f64);
    (across.floor() as i64, down.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(dots: &Dots) -> String {
        let mut buffer = Buffer::empty(dots.area);
        dots.draw(&[Style::new(); 3], &mut buffer);
        buffer
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    }

    #[test]
    fn a_line_goes_from_end_to_end() {
        let mut dots = Dots::new(Rect::new(0, 0, 3, 1));
        dots.curve(1, 1, |part| (part * 2.0, 0.0));
        assert_eq!(drawn(&dots), "⠠⠤⠤");
    }

    #[test]
    fn the_most_important_line_stands_alone_in_its_characters() {
        let mut dots = Dots::new(Rect::new(0, 0, 2, 1));
        dots.curve(2, 1, |_| (0.0, 0.0));
        dots.curve(1, 1, |part| (part, -0.4));
        assert_eq!(drawn(&dots), "⠠⠉");
    }

    #[test]
    fn dots_outside_the_area_are_not_drawn() {
        let mut dots = Dots::new(Rect::new(0, 0, 2, 1));
        dots.curve(1, 1, |part| (-9.0 + part, 40.0));
        assert_eq!(drawn(&dots), "  ");
    }
}
