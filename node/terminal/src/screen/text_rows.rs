//! A text in rows, with the links in each row.
//!
//! Not here: the columns before a text (`layout`), and what is a web address (`urls`).

use std::ops::Range;
use std::sync::Arc;

use ratatui::text::Line;

use super::urls::find_urls;
use crate::tty::{Hyperlink, LinkedColumns, to_visual_order, width, wrap};

/// A row on the screen, with its links.
#[derive(Clone, Debug, Default)]
pub(super) struct TalkRow {
    pub(super) line: Line<'static>,
    pub(super) links: Vec<LinkedColumns>,
}

impl From<Line<'static>> for TalkRow {
    fn from(line: Line<'static>) -> Self {
        let links = Vec::new();
        Self { line, links }
    }
}

/// A row of a text, with the columns of its links.
#[derive(Clone, Debug, Default)]
pub(super) struct TextRow {
    pub(super) text: String,
    pub(super) links: Vec<LinkedColumns>,
}

/// Cuts a text into rows of at most `room` columns. Each line of it has the reading direction of `like`, or its own.
pub(super) fn text_rows(text: &str, room: usize, like: Option<&str>) -> Vec<TextRow> {
    let rows = text.split('\n').flat_map(|line| {
        let ranges = wrap(line, room).into_iter();
        ranges.map(|range| TextRow {
            text: to_visual_order(&line[range], like.unwrap_or(line)).into_owned(),
            links: Vec::new(),
        })
    });
    rows.collect()
}

/// Cuts the text of an entry into rows, like [`text_rows`], and links the web addresses in it.
pub(super) fn linked_rows(text: &str, room: usize, entry: u64) -> Vec<TextRow> {
    let mut rows = Vec::new();
    let mut numbers = 0..;
    for line in text.split('\n') {
        let urls = find_urls(line).into_iter().zip(numbers.by_ref());
        let links = urls.filter_map(|(range, number)| {
            let link = Hyperlink::new(entry, number, &line[range.clone()])?;
            Some((range, Arc::new(link)))
        });
        let links: Vec<(Range<usize>, Arc<Hyperlink>)> = links.collect();
        for row in wrap(line, room) {
            let shown = to_visual_order(&line[row.clone()], line);
            let parts = links.iter().filter_map(|(url, link)| {
                let part = url.start.max(row.start)..url.end.min(row.end);
                let columns = columns_of(line, &row, part, &shown)?;
                let link = Arc::clone(link);
                Some(LinkedColumns { columns, link })
            });
            let links = parts.collect();
            let text = shown.into_owned();
            rows.push(TextRow { text, links });
        }
    }
    rows
}

/// Returns the columns in which a part of a line is shown, if the part is in that row and can be read there.
fn columns_of(
    line: &str,
    row: &Range<usize>,
    part: Range<usize>,
    shown: &str,
) -> Option<Range<usize>> {
    if part.is_empty() {
        return None;
    }
    let is_in_order = shown == &line[row.clone()];
    let start = if is_in_order {
        part.start - row.start
    } else {
        shown.find(&line[part.clone()])?
    };
    let start = width(&shown[..start]);
    Some(start..start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the address and the linked text in each row.
    fn links(text: &str, room: usize) -> Vec<Vec<(String, String)>> {
        let rows = linked_rows(text, room, 7).into_iter();
        let links = rows.map(|row| {
            let parts = row.links.iter().map(|part| {
                let cells: Vec<char> = row.text.chars().collect();
                let shown = cells[part.columns.clone()].iter().collect();
                (part.link.address().to_owned(), shown)
            });
            parts.collect()
        });
        links.collect()
    }

    #[test]
    fn every_row_of_an_address_has_the_same_link() {
        let url = "https://a.example/a/long/path";
        let found = links(&format!("see {url} and http://b.example\n{url}"), 12);
        let of_first: Vec<&str> = found
            .iter()
            .flatten()
            .map(|(_, shown)| shown.as_str())
            .collect();
        assert_eq!(of_first[..3].concat(), url, "{found:?}");
        let rows = linked_rows(&format!("{url} {url}"), 12, 7);
        let links: Vec<_> = rows.iter().flat_map(|row| &row.links).collect();
        assert_eq!(links[0].link, links[1].link);
        assert_ne!(
            links[0].link,
            links.last().unwrap().link,
            "another place in the text"
        );
    }

    #[test]
    fn a_link_covers_what_is_read_in_any_order() {
        let url = "http://a.example/b";
        assert_eq!(
            links(&format!("אב {url}"), 40),
            [[(url.to_owned(), url.to_owned())]]
        );
        let wide = linked_rows(&format!("你好 {url}"), 40, 7);
        assert_eq!(wide[0].links[0].columns, 5..5 + url.len());
        assert_eq!(links("no link", 40), [[]; 1] as [[(String, String); 0]; 1]);
    }

    #[test]
    fn the_rows_are_those_of_a_text_without_links() {
        let text = "see https://a.example/a/long/path\n\nאב and more words";
        for room in 2..40 {
            let texts =
                |rows: Vec<TextRow>| rows.into_iter().map(|row| row.text).collect::<Vec<_>>();
            assert_eq!(
                texts(linked_rows(text, room, 7)),
                texts(text_rows(text, room, None))
            );
        }
    }
}
