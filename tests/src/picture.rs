//! Draws what a terminal shows as an SVG, with the same characters, colours and positions.
//!
//! Not here: the terminal (`window`).

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// The width and height of a cell, and the distance of the baseline from its top, in pixels.
const WIDTH: usize = 9;
const HEIGHT: usize = 19;
const ASCENT: usize = 14;
/// The margin around the screen.
const MARGIN: usize = 12;

/// Light by default, and dark if the reader's system is. `cN` is the terminal's colour N; those above 15 do not depend on
/// the theme.
const STYLE: &str = "\
.ground{fill:#fff;stroke:#d0d7de}
text{font:15px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328;white-space:pre}
.mark{fill:#1f2328}
.b{font-weight:700}.i{font-style:italic}.d{opacity:.6}.u{text-decoration:underline}
.c1{fill:#cf222e}.c2{fill:#1a7f37}.c3{fill:#9a6700}.c4{fill:#0969da}.c5{fill:#8250df}.c6{fill:#1b7c83}
.c31{fill:#0087af}.c64{fill:#5f8700}.c98{fill:#875fd7}
.on{fill:#fff}
@media(prefers-color-scheme:dark){
.ground{fill:#0d1117;stroke:#30363d}
text,.mark{fill:#e6edf3}
.c1{fill:#ff7b72}.c2{fill:#3fb950}.c3{fill:#d29922}.c4{fill:#58a6ff}.c5{fill:#bc8cff}.c6{fill:#39c5cf}
.on{fill:#0d1117}
}
";

/// Returns a screen as an SVG.
pub fn draw(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = usize::from(columns) * WIDTH + 2 * MARGIN;
    let height = usize::from(rows) * HEIGHT + 2 * MARGIN;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n<style>\n{STYLE}</style>\n<rect class=\"ground\" x=\".5\" y=\".5\" \
         width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        width - 1,
        height - 1
    );
    for row in 0..rows {
        for run in runs(screen, row, columns) {
            run.draw(&mut picture, row.into());
        }
    }
    picture.push_str("</svg>\n");
    picture
}

/// Adjacent cells with the same style. A wide cell is a run of its own, and so is each that is not ASCII: its font
/// may be wider or narrower than others, and what follows must stay in its column.
#[derive(Debug)]
struct CellRun {
    column: usize,
    columns: usize,
    text: String,
    /// The classes of the text, and of the background if there is one.
    classes: (String, Option<String>),
}

fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<CellRun> {
    let mut runs: Vec<CellRun> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column).filter(|cell| is_seen(cell)) else {
            continue;
        };
        let classes = classes(cell);
        let column = usize::from(column);
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        if let Some(last) = runs.last_mut()
            && last.column + last.columns == column
            && last.classes == classes
            && last.text.is_ascii()
            && text.is_ascii()
        {
            last.text.push_str(text);
            last.columns += 1;
        } else {
            runs.push(CellRun {
                column,
                columns: if cell.is_wide() { 2 } else { 1 },
                text: text.to_owned(),
                classes,
            });
        }
    }
    runs
}

fn is_seen(cell: &Cell) -> bool {
    let blank = cell.contents().trim().is_empty() && !cell.underline();
    !cell.is_wide_continuation() && (!blank || cell.inverse())
}

fn classes(cell: &Cell) -> (String, Option<String>) {
    let colour = match cell.fgcolor() {
        Color::Idx(index @ (1..=6 | 31 | 64 | 98)) => Some(format!("c{index}")),
        Color::Idx(index @ 9..=14) => Some(format!("c{}", index - 8)),
        _ => None,
    };
    let styles = [
        (cell.bold(), "b"),
        (cell.italic(), "i"),
        (cell.dim(), "d"),
        (cell.underline(), "u"),
    ];
    let styles = styles.into_iter().filter(|(has, _)| *has);
    let styles = styles.map(|(_, style)| style.to_owned());
    // Inverse: the text's colour becomes the background.
    let (own, behind) = if cell.inverse() {
        let behind = ["mark".to_owned()].into_iter().chain(colour);
        let behind = behind.collect::<Vec<_>>().join(" ");
        (Some("on".to_owned()), Some(behind))
    } else {
        (colour, None)
    };
    let own = styles.chain(own).collect::<Vec<_>>().join(" ");
    (own, behind)
}

impl CellRun {
    fn draw(&self, picture: &mut String, row: usize) {
        let (x, y) = (MARGIN + self.column * WIDTH, MARGIN + row * HEIGHT);
        let width = self.columns * WIDTH;
        let (class, behind) = &self.classes;
        if let Some(behind) = behind {
            let _ = writeln!(
                picture,
                "<rect class=\"{behind}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\"/>"
            );
        }
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{class}\"")
        };
        let baseline = y + ASCENT;
        let text = self.text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            picture,
            "<text x=\"{x}\" y=\"{baseline}\" textLength=\"{width}\" \
             lengthAdjust=\"spacingAndGlyphs\"{class}>{text}</text>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(output: &str) -> String {
        let size = |cells| std::num::NonZeroU16::new(cells).unwrap();
        let mut emulator = vt100::Parser::new(size(2), size(20), 0);
        emulator.process(output.as_bytes());
        draw(emulator.screen())
    }

    #[test]
    fn characters_are_in_their_columns_with_their_styles() {
        let picture = drawn("a<b \u{1b}[1;34mann\u{1b}[0m 你好!\r\n\u{1b}[7mx\u{1b}[0m");
        for part in [
            ">a&lt;b</text>",
            "<text x=\"48\" y=\"26\" textLength=\"27\" lengthAdjust=\"spacingAndGlyphs\" class=\"b c4\">ann<",
            "<text x=\"84\" y=\"26\" textLength=\"18\" lengthAdjust=\"spacingAndGlyphs\">你<",
            "<text x=\"102\" y=\"26\" textLength=\"18\" lengthAdjust=\"spacingAndGlyphs\">好<",
            "<text x=\"120\" y=\"26\" textLength=\"9\" lengthAdjust=\"spacingAndGlyphs\">!<",
            "<rect class=\"mark\" x=\"12\" y=\"31\" width=\"9\" height=\"19\"/>",
            "class=\"on\">x<",
        ] {
            assert!(picture.contains(part), "no {part} in {picture}");
        }
    }
}
