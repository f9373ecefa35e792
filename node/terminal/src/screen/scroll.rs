//! The rows of the transcript that are on the screen.
//!
//! Only those rows are laid out, and the rows that a movement passes, so the cost does not depend on the length of the
//! transcript. Not here: the rendering of the rows (`layout`).

use super::layout::Look;
use super::runs::Head;
use super::text_rows::TalkRow;
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
    pub(super) fn page(&self, bottom: Option<RowPosition>, height: usize) -> Vec<TalkRow> {
        // Its entry may have gone, and then the oldest rows are shown.
        let is_gone = bottom.is_some_and(|bottom| bottom.entry < self.transcript.first());
        let bottom = if is_gone {
            self.below(self.top(), height.saturating_sub(1))
        } else {
            bottom
        };
        let Some(bottom) = bottom.or_else(|| self.last()) else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        let mut missing = height;
        let mut top = None;
        for entry in (self.transcript.first()..=bottom.entry).rev() {
            let mut rows = self.rows(entry);
            if entry == bottom.entry {
                rows.truncate(bottom.row + 1);
            }
            let hidden = rows.len().saturating_sub(missing);
            rows.drain(..hidden);
            missing -= rows.len();
            parts.push(rows);
            top = (hidden == 0).then_some(entry);
            if missing == 0 {
                break;
            }
        }
        let mut page: Vec<TalkRow> = parts.into_iter().rev().flatten().collect();
        if let Some(top) = top {
            self.complete_head(top, &mut page);
        }
        page
    }

    /// Shows the whole head of the first entry of a page: what it would repeat stands above the page.
    fn complete_head(&self, top: u64, page: &mut [TalkRow]) {
        let whole = self.rows_with(top, Head::WHOLE);
        // A name that needs more rows than the text must not be cut.
        if whole.len() <= self.height(top)
            && let (Some(row), Some(first)) = (whole.into_iter().next(), page.first_mut())
        {
            *first = row;
        }
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
        let first_page = self.below(self.top(), height.saturating_sub(1));
        first_page.map(|end| target.max(end))
    }

    /// Returns the row that is `count` rows below another. Returns `None` if that is the last row, or beyond it.
    pub(super) fn down(&self, from: RowPosition, count: usize) -> Option<RowPosition> {
        self.below(from, count)
    }

    /// Returns the last row of a page that shows an entry, as near as possible to the page that ends with `bottom`. The
    /// start of an entry is shown that has more rows than the page. Returns `None` for the newest page.
    pub(super) fn reveal(
        &self,
        bottom: Option<RowPosition>,
        entry: u64,
        height: usize,
    ) -> Option<RowPosition> {
        let page = height.saturating_sub(1);
        let end = bottom.or_else(|| self.last())?;
        let first = RowPosition { entry, row: 0 };
        let last = RowPosition {
            entry,
            row: self.height(entry).saturating_sub(1),
        };
        // A note covers the last row of every page but the newest one.
        let is_above = |end: RowPosition| first < self.above(end, page);
        let is_below = last > self.above(end, usize::from(bottom.is_some()));
        if is_above(end) {
            return self.below(first, page);
        }
        if !is_below {
            return bottom;
        }
        let end = self.below(last, 1)?;
        if is_above(end) {
            return self.below(first, page);
        }
        Some(end)
    }

    /// Returns the first row.
    const fn top(&self) -> RowPosition {
        RowPosition {
            entry: self.transcript.first(),
            row: 0,
        }
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

    fn rows(&self, number: u64) -> Vec<TalkRow> {
        let previous = number.checked_sub(1);
        // Below the rule before unread entries, a run begins anew.
        let previous = previous.filter(|_| self.unread != Some(number));
        let previous = previous.and_then(|previous| self.transcript.get(previous));
        let entry = self.transcript.get(number);
        let head = entry.map_or(Head::WHOLE, |entry| Head::after(previous, entry));
        self.rows_with(number, head)
    }

    fn rows_with(&self, number: u64, head: Head) -> Vec<TalkRow> {
        let Some(entry) = self.transcript.get(number) else {
            return Vec::new();
        };
        let mut rows = self.look.rows(number, entry, head);
        if self.unread == Some(number) {
            rows.insert(0, self.look.unread_rule("new").into());
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
            window: 40,
            name_width: 8,
            colors: Colors(false),
            query: String::new(),
            current_match: None,
            picked: None,
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
            transcript.push(Entry::Notice {
                time: "12:00".to_owned(),
                text,
            });
        }
        transcript
    }

    fn texts(rows: &[TalkRow]) -> Vec<String> {
        let text = |row: &TalkRow| row.line.to_string().split("│ ").nth(1).unwrap().to_owned();
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
    fn an_entry_is_revealed_by_scrolling_no_further_than_needed() {
        let (transcript, look) = (transcript(20), look());
        let rows = Rows {
            transcript: &transcript,
            look: &look,
            unread: None,
        };
        assert_eq!(rows.reveal(None, 19, 6), None, "it is there already");
        let up = rows.reveal(None, 9, 6);
        let shown = |bottom| texts(&rows.page(bottom, 6));
        assert_eq!(shown(up)[0], "9", "at the top");
        assert_eq!(rows.reveal(up, 10, 6), up);
        // The entries 9, 10 and 11 have five rows; the sixth is covered.
        assert_eq!(rows.reveal(up, 11, 6), up);
        let down = rows.reveal(up, 12, 6);
        assert_eq!(shown(down)[4], "12");
        assert_eq!(rows.reveal(down, 19, 6), None);
        let tall = rows.reveal(None, 8, 2);
        assert_eq!(texts(&rows.page(tall, 2)), ["8", "b"], "its start");
        let tall = rows.reveal(rows.reveal(None, 0, 2), 8, 2);
        assert_eq!(texts(&rows.page(tall, 2)), ["8", "b"]);
    }

    #[test]
    fn a_page_whose_entries_have_gone_is_the_oldest_page() {
        let look = look();
        let mut transcript = transcript(3);
        let bottom = RowPosition { entry: 2, row: 0 };
        while transcript.first() < 10 {
            transcript.push(Entry::Notice {
                time: "12:00".to_owned(),
                text: transcript.end().to_string(),
            });
        }
        let rows = Rows {
            transcript: &transcript,
            look: &look,
            unread: None,
        };
        assert_eq!(texts(&rows.page(Some(bottom), 3)), ["10", "11", "12"]);
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
        assert!(rows.page(None, 10)[1].line.to_string().contains(" new "));
        let nothing = Transcript::default();
        let rows = Rows {
            transcript: &nothing,
            ..rows
        };
        assert!(rows.page(None, 5).is_empty());
        assert_eq!(rows.up(None, 5, 6), None);
    }
}
