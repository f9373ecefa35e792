//! Puts right-to-left runs of text into the order of the screen.
//!
//! Some terminals do this by themselves. A full screen does it here, and tells those terminals to leave its text alone
//! (`tty`). Not here: characters that would reverse the order of another author's text, which never get this far
//! (`escape_line`).

use std::borrow::Cow;

use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Returns a row as it is put on the screen from left to right. `line` is the whole line that contains the row: its
/// first letter decides in which direction the row is read.
pub fn to_visual_order<'a>(row: &'a str, line: &str) -> Cow<'a, str> {
    // No right-to-left letter is below U+0590.
    if row.chars().all(|char| char < '\u{590}') {
        return Cow::Borrowed(row);
    }
    let info = BidiInfo::new(row, Some(paragraph_level(line)));
    let Some(paragraph) = info.paragraphs.first().filter(|_| info.has_rtl()) else {
        return Cow::Borrowed(row);
    };
    let levels = info.reordered_levels(paragraph, paragraph.range.clone());
    let clusters = clusters(row);
    let levels: Vec<Level> = clusters.iter().map(|(at, _)| levels[*at]).collect();
    let order = BidiInfo::reorder_visual(&levels).into_iter();
    let ordered: String = order
        .map(|index| match clusters[index].1 {
            cluster if levels[index].is_rtl() => mirror(cluster),
            cluster => cluster,
        })
        .collect();
    Cow::Owned(ordered)
}

fn paragraph_level(line: &str) -> Level {
    let info = BidiInfo::new(line, None);
    let first = info.paragraphs.first();
    first.map_or(Level::ltr(), |paragraph| paragraph.level)
}

/// Cuts a text before each grapheme cluster that has a width, and returns the parts with their positions. A cluster
/// without width, such as a mark behind an invisible blank, is drawn over the one before it, so the two stay together.
fn clusters(text: &str) -> Vec<(usize, &str)> {
    let wide = text.grapheme_indices(true);
    let wide = wide.filter(|(at, cluster)| *at > 0 && cluster.width() > 0);
    let mut clusters = Vec::new();
    let mut start = 0;
    for (at, _) in wide {
        clusters.push((start, &text[start..at]));
        start = at;
    }
    clusters.push((start, &text[start..]));
    clusters
}

/// Returns the mirror image of a bracket, and anything else unchanged.
fn mirror(cluster: &str) -> &str {
    match cluster {
        "(" => ")",
        ")" => "(",
        "[" => "]",
        "]" => "[",
        "{" => "}",
        "}" => "{",
        "<" => ">",
        ">" => "<",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(row: &str) -> Cow<'_, str> {
        to_visual_order(row, row)
    }

    #[test]
    fn left_to_right_stays_as_it_is() {
        for text in ["hello", "你好 🎉", ""] {
            assert!(matches!(alone(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn hebrew_is_put_where_it_is_read_from() {
        assert_eq!(alone("שלום"), "םולש");
        assert_eq!(alone("say שלום now"), "say םולש now");
        assert_eq!(alone("שלום 123!"), "!123 םולש");
        assert_eq!(alone("(א)"), "(א)");
    }

    #[test]
    fn marks_stay_on_their_letters() {
        assert_eq!(alone("שָׁל"), "לשָׁ");
        // The blank without width ends the cluster of the letter before it.
        let marks = "א\u{301}\u{200b}\u{301}";
        assert_eq!(alone(&format!("ב{marks}ג")), format!("ג{marks}ב"));
        // A joiner at the end of a row has no direction of its own.
        assert_eq!(alone("א2\u{200d}"), "2\u{200d}א");
    }

    #[test]
    fn a_row_is_read_as_its_line_is() {
        assert_eq!(to_visual_order("abc א", "א abc א"), "א abc");
    }
}
