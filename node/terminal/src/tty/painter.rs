//! Turns frames into bytes for the terminal: only the rows and cells that differ from what is already there.
//!
//! Terminals disagree about the width of many clusters (ambiguous characters, emoji, marks of some scripts), and none
//! can be asked. A row of plain ASCII is patched cell by cell. Any other row is painted as a whole when it changes: it
//! is erased, and the cursor is set again behind each cluster of uncertain width. So a row always looks as a full
//! repaint would show it, whatever the terminal makes of its characters. Not here: the drawing of frames, and the
//! writing of the bytes (`stdout`).

use std::io;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{
    Attribute, Color as TerminalColor, Print, SetAttribute, SetBackgroundColor, SetForegroundColor,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate,
};
use ratatui::backend::IntoCrossterm;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};

use super::hyperlink::{self, Hyperlink, Hyperlinks, LinkedColumns};
use super::width::{char_width, width};

/// The attributes that a cell may have, with the terminal's own.
const ATTRIBUTES: [(Modifier, Attribute); 6] = [
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::ITALIC, Attribute::Italic),
    (Modifier::UNDERLINED, Attribute::Underlined),
    (Modifier::REVERSED, Attribute::Reverse),
    (Modifier::CROSSED_OUT, Attribute::CrossedOut),
];

/// A screen to be painted.
#[derive(Clone, Debug)]
pub struct ScreenImage {
    /// Its cells.
    pub cells: Buffer,
    /// The links of its cells.
    pub links: Hyperlinks,
    /// The position of the cursor, if it is shown.
    pub cursor: Option<Position>,
}

impl From<Buffer> for ScreenImage {
    /// Returns an image without links and without a cursor.
    fn from(cells: Buffer) -> Self {
        Self {
            cells,
            links: Hyperlinks::default(),
            cursor: None,
        }
    }
}

impl ScreenImage {
    fn row(&self, y: u16) -> LinkedRow<'_> {
        let columns = usize::from(self.cells.area.width);
        let start = usize::from(y) * columns;
        LinkedRow {
            cells: &self.cells.content()[start..start + columns],
            links: self.links.row(y),
        }
    }
}

/// A painter that turns each frame into the difference from the last one.
#[derive(Debug, Default)]
pub struct Painter {
    /// The content of the terminal; `None` if it is not known.
    before: Option<ScreenImage>,
}

impl Painter {
    /// Creates a painter that does not know the content of the terminal.
    pub const fn new() -> Self {
        Self { before: None }
    }

    /// Forgets the content of the terminal, so that the next frame is painted as a whole.
    pub fn forget(&mut self) {
        self.before = None;
    }

    /// Returns the bytes that change the terminal from the last frame to this one.
    pub fn paint(&mut self, next: ScreenImage) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Without line wrap, a cluster that is wider than it should be cannot reach into the next row.
        queue!(bytes, BeginSynchronizedUpdate, Hide, DisableLineWrap)?;
        queue!(bytes, SetAttribute(Attribute::Reset))?;
        let before = self.before.take();
        let area = next.cells.area;
        let known = before.filter(|before| before.cells.area == area);
        if known.is_none() {
            queue!(bytes, Clear(ClearType::All))?;
        }
        let before = known.unwrap_or_else(|| Buffer::empty(area).into());
        let mut pen = Pen::new(&mut bytes);
        for y in 0..area.height {
            pen.paint_row(y, before.row(y), next.row(y))?;
        }
        pen.end()?;
        queue!(bytes, EnableLineWrap)?;
        if let Some(Position { x, y }) = next.cursor {
            queue!(bytes, MoveTo(x, y), Show)?;
        }
        queue!(bytes, EndSynchronizedUpdate)?;
        self.before = Some(next);
        Ok(bytes)
    }
}

/// The style of a cell.
type CellStyle = (Color, Color, Modifier);

/// A row of an image.
#[derive(Clone, Copy, PartialEq)]
struct LinkedRow<'a> {
    cells: &'a [Cell],
    links: &'a [LinkedColumns],
}

impl<'a> LinkedRow<'a> {
    fn link(self, x: usize) -> Option<&'a Hyperlink> {
        let found = self.links.iter().find(|part| part.columns.contains(&x));
        found.map(|part| &*part.link)
    }
}

/// The pen that writes cells, and knows where the terminal writes next and in which style.
struct Pen<'a> {
    bytes: &'a mut Vec<u8>,
    /// The column and row of the cursor, if they are certain.
    at: Option<(usize, u16)>,
    style: CellStyle,
    link: Option<Hyperlink>,
}

impl<'a> Pen<'a> {
    const fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self {
            bytes,
            at: None,
            style: style_of(&Cell::EMPTY),
            link: None,
        }
    }

    /// Changes a row of the terminal from `old` to `new`.
    fn paint_row(&mut self, y: u16, old: LinkedRow, new: LinkedRow) -> io::Result<()> {
        if old == new {
            return Ok(());
        }
        if old.cells.iter().chain(new.cells).all(is_certain) {
            return self.patch_row(y, old, new);
        }
        if old.cells.iter().any(|cell| *cell != Cell::EMPTY) {
            self.end()?;
            queue!(self.bytes, MoveTo(0, y), Clear(ClearType::CurrentLine))?;
            self.at = Some((0, y));
        }
        self.paint_blank_row(y, new)
    }

    /// Paints the cells that differ. Each cell is one column wide in every terminal.
    fn patch_row(&mut self, y: u16, old: LinkedRow, new: LinkedRow) -> io::Result<()> {
        for (x, (cell, before)) in new.cells.iter().zip(old.cells).enumerate() {
            let link = new.link(x);
            if cell != before || link != old.link(x) {
                self.set_link(link)?;
                self.put(x, y, cell, cell.symbol(), 1)?;
            }
        }
        Ok(())
    }

    /// Paints a row that is blank in the terminal. What this does depends on the new row alone.
    fn paint_blank_row(&mut self, y: u16, row: LinkedRow) -> io::Result<()> {
        let LinkedRow { cells, .. } = row;
        let mut x = 0;
        while x < cells.len() {
            let cell = &cells[x];
            let columns = width(cell.symbol()).max(1);
            let end = x + columns;
            let link = row.link(x);
            if is_certain(cell) {
                // The row is blank already.
                if *cell != Cell::EMPTY || link.is_some() {
                    self.set_link(link)?;
                    self.put(x, y, cell, cell.symbol(), columns)?;
                }
            } else {
                self.set_link(link)?;
                self.put(x, y, cell, narrow(cell.symbol(), cells.len() - x), columns)?;
                self.at = None;
                self.erase_overflow(end, columns, y, cells)?;
            }
            x = end;
        }
        Ok(())
    }

    /// Erases what a terminal may have drawn behind a cluster of uncertain width. A blank behind a narrow one is left
    /// to it, because some terminals need two columns for such a cluster and would show none of half of it.
    fn erase_overflow(
        &mut self,
        end: usize,
        columns: usize,
        y: u16,
        row: &[Cell],
    ) -> io::Result<()> {
        let is_blank = row.get(end).is_some_and(|cell| *cell == Cell::EMPTY);
        let from = end + usize::from(columns == 1 && is_blank);
        if from < row.len() {
            self.end()?;
            self.go(from, y)?;
            queue!(self.bytes, Clear(ClearType::UntilNewLine))?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        x: usize,
        y: u16,
        cell: &Cell,
        symbol: &str,
        columns: usize,
    ) -> io::Result<()> {
        self.go(x, y)?;
        self.set_style(cell)?;
        queue!(self.bytes, Print(symbol))?;
        self.at = Some((x + columns, y));
        Ok(())
    }

    fn go(&mut self, x: usize, y: u16) -> io::Result<()> {
        if self.at != Some((x, y)) {
            queue!(self.bytes, MoveTo(u16::try_from(x).unwrap_or(u16::MAX), y))?;
            self.at = Some((x, y));
        }
        Ok(())
    }

    /// Goes back to the terminal's own style, so that nothing that is erased gets another one.
    fn end(&mut self) -> io::Result<()> {
        self.set_link(None)?;
        self.set_style(&Cell::EMPTY)
    }

    fn set_link(&mut self, link: Option<&Hyperlink>) -> io::Result<()> {
        if self.link.as_ref() == link {
            return Ok(());
        }
        self.link = link.cloned();
        let sequence = link.map_or_else(|| hyperlink::END.to_owned(), Hyperlink::start);
        queue!(self.bytes, Print(sequence))
    }

    fn set_style(&mut self, cell: &Cell) -> io::Result<()> {
        let style = style_of(cell);
        if self.style == style {
            return Ok(());
        }
        self.style = style;
        let (foreground, background, modifier) = style;
        queue!(self.bytes, SetAttribute(Attribute::Reset))?;
        for (has, attribute) in ATTRIBUTES {
            if modifier.contains(has) {
                queue!(self.bytes, SetAttribute(attribute))?;
            }
        }
        let color = |color: Color| -> TerminalColor { color.into_crossterm() };
        if foreground != Color::Reset {
            queue!(self.bytes, SetForegroundColor(color(foreground)))?;
        }
        if background != Color::Reset {
            queue!(self.bytes, SetBackgroundColor(color(background)))?;
        }
        Ok(())
    }
}

const fn style_of(cell: &Cell) -> CellStyle {
    (cell.fg, cell.bg, cell.modifier)
}

/// Returns true if every terminal draws a cell one column wide.
fn is_certain(cell: &Cell) -> bool {
    matches!(cell.symbol().as_bytes(), [b' '..=b'~'])
}

/// Returns a cluster, or only its first character if a terminal that draws each character by itself would need more
/// than `room` columns. Some terminals cannot be told not to wrap.
fn narrow(cluster: &str, room: usize) -> &str {
    let separate: usize = cluster.chars().map(char_width).sum();
    if separate <= room {
        return cluster;
    }
    let first = cluster.chars().next().map_or(0, char::len_utf8);
    &cluster[..first]
}

#[cfg(test)]
mod tests;
