//! The rows of the transcript that are on the screen.
//!
//! Only those rows are laid out, and the rows that a movement passes, so the cost does not depend on the length of the
//! transcript. Not here: the rendering of the rows (`layout`).

use ratatui::text::Line;

use super::layout::Look;
use super::transcript::Transcript;

/// A row of the transcript.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct RowPosition {
    pub(super) entry: u64,
    /// The number of the row in its entry. If the window has become wider, the entry may have fewer rows.
    pub(super) row: usize,
}

/// The transcript in rows.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) transcript: &'a Transcript,
    pub(super) look: &'a Look,
    /// The entry before which a rule is drawn.
    pub(super) unread: Option<u64>,
}

impl Rows<'_> {
    /// Returns the rows that end with `bottom`, or with the last row: as many as there are, up to `height`.
    pub(super) fn page(&self, bottom: Option<RowPosition>, height: usize) -> Vec<Line<'static>> {
        let Some(bottom) = bottom.or_else(|| self.last()) else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        let mut missing = height;
        for entry in (self.transcript.first()..=bottom.entry).rev() {
            let mut rows = self.rows(entry);
            if entry == bottom.entry {
                rows.truncate(bottom.row + 1);
            }
            rows.drain(..rows.len().saturating_sub(missing));
            missing -= rows.len();
            parts.push(rows);
            if missing == 0 {
                break;
            }
        }
        parts.into_iter().rev().flatten().collect()
    }

    /// Returns the row that is `count` rows above another, but not so high that a page of `height` rows would not be
    /// full. Returns `None` if all rows fit on a page.
    pub(super) fn up(
        &self,
        from: Option<RowPosition>,
        count: usize,
        height: usize,
    ) -> Option<RowPosition> {
        let from = from.or_else(|| self.last())?;
        let target = self.above(from, count);
        let top = RowPosition {
            entry: self.transcript.first(),
            row: 0,
        };
        let first_page = self.below(top, height.saturating_sub(1));
        first_page.map(|end| target.max(end))
    }

    /// Returns the row that is `count` rows below another. Returns `None` if that is the last row, or beyond it.
    pub(super) fn down(&self, from: RowPosition, count: usize) -> Option<RowPosition> {
        self.below(from, count)
    }

    /// Returns the last row.
    fn last(&self) -> Option<RowPosition> {
        let entry = self.transcript.end().checked_sub(1)?;
        let height = self.height(entry);
        (height > 0).then(|| RowPosition {
            entry,
            row: height - 1,
        })
    }

    fn above(&self, from: RowPosition, count: usize) -> RowPosition {
        let first = self.transcript.first();
        let mut position = RowPosition {
            entry: from.entry.max(first),
            row: from.row.min(self.height(from.entry).saturating_sub(1)),
        };
        let mut missing = count;
        while missing > position.row && position.entry > first {
            missing -= position.row + 1;
            position.entry -= 1;
            position.row = self.height(position.entry).saturating_sub(1);
        }
        position.row = position.row.saturating_sub(missing);
        position
    }

    fn below(&self, from: RowPosition, count: usize) -> Option<RowPosition> {
        let mut position = from;
        let mut missing = count;
        while position.entry < self.transcript.end() {
            let rest = self.height(position.entry).saturating_sub(position.row + 1);
            if missing <= rest {
                position.row += missing;
                return (Some(position) < self.last()).then_some(position);
            }
            missing -= rest + 1;
            position = RowPosition {
                entry: position.entry + 1,
                row: 0,
            };
        }
        None
    }

    fn height(&self, entry: u64) -> usize {
        self.rows(entry).len()
    }

    fn rows(&self, number: u64) -> Vec<Line<'static>> {
        let Some(entry) = self.transcript.get(number) else {
            return Vec::new();
        };
        let mut rows = self.look.rows(number, entry);
        if self.unread == Some(number) {
            rows.insert(0, self.look.rule("new"));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::Colors;
    use super::super::transcript::Entry;
    use super::*;

    fn look() -> Look {
        Look {
            width: 40,
            colors: Colors(false),
            query: String::new(),
            current_match: None,
        }
    }

    /// Returns a transcript in which entry n says n, and every third entry has three rows.
    fn transcript(entries: u64) -> Transcript {
        let mut transcript = Transcript::default();
        for n in 0..entries {
            let text = if n % 3 == 2 {
                format!("{n}\nb\nc")
            } else {
                n.to_string()
            };
            transcript.push(Entry::Notice(text));
        }
        transcript
    }

    fn texts(rows: &[Line]) -> Vec<String> {
        let text = |row: &Line| row.to_string().split("│ ").nth(1).unwrap().to_owned();
        rows.iter().map(text).collect()
    }

    #[test]
    fn pages_lead_to_the_top_and_back_without_a_gap() {
        let (transcript, look) = (transcript(20), look());
        let rows = Rows {
            transcript: &transcript,
            look: &look,
            unread: None,
        };
        let all = texts(&rows.page(None, 1_000));
        assert_eq!(all.len(), 20 + 2 * 6);
        let (mut bottom, mut end) = (None, all.len());
        while end > 5 {
            bottom = rows.up(bottom, 4, 5);
            end = (end - 4).max(5);
            assert_eq!(texts(&rows.page(bottom, 5)), all[end - 5..end]);
        }
        assert_eq!(rows.up(bottom, 4, 5), bottom, "there is nothing above");
        while let Some(position) = bottom {
            assert_eq!(texts(&rows.page(bottom, 5)), all[end - 5..end]);
            bottom = rows.down(position, 4);
            end += 4;
        }
        assert!(end >= all.len());
    }

    #[test]
    fn a_transcript_that_fits_on_a_page_does_not_scroll() {
        let (transcript, look) = (transcript(3), look());
        let rows = Rows {
            transcript: &transcript,
            look: &look,
            unread: Some(1),
        };
        assert_eq!(rows.up(None, 5, 6), None);
        assert_eq!(rows.page(None, 10).len(), 6);
        assert!(rows.page(None, 10)[1].to_string().contains(" new "));
        let nothing = Transcript::default();
        let rows = Rows {
            transcript: &nothing,
            ..rows
        };
        assert!(rows.page(None, 5).is_empty());
        assert_eq!(rows.up(None, 5, 6), None);
    }
}
