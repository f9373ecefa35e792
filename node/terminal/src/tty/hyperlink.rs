//! Links of cells to web addresses (OSC 8), for terminals that open them.
//!
//! A link has characters of web addresses only, so it never ends the sequence that it stands in. Not here: which texts are
//! links (`screen::urls`), and the cells (`painter`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The longest address, in bytes. Some terminals ignore a longer one (VTE, iTerm2).
pub(crate) const URL_BYTES: usize = 2_083;
/// The schemes of web addresses. Other schemes can start other programs.
pub(crate) const SCHEMES: [&str; 2] = ["https://", "http://"];
/// The sequence behind the last cell of a link.
pub(super) const END: &str = "\u{1b}]8;;\u{1b}\\";

/// A link. Cells with the same link are one link, though they are in several rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hyperlink {
    /// The digits that tell it from other links to the same address.
    id: String,
    address: String,
}

impl Hyperlink {
    /// Creates link number `number` of the entry with this number. Returns `None` if that is no web address.
    pub(crate) fn new(entry: u64, number: usize, address: &str) -> Option<Self> {
        let is_web = SCHEMES.iter().any(|scheme| {
            let start = address.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        let is_valid = address.len() <= URL_BYTES && address.chars().all(may_be_in_url);
        (is_web && is_valid).then(|| Self {
            id: format!("{entry}-{number}"),
            address: address.to_owned(),
        })
    }

    /// Returns the sequence before the first cell of the link.
    pub(super) fn start(&self) -> String {
        format!("\u{1b}]8;id={};{}\u{1b}\\", self.id, self.address)
    }

    /// Returns the address.
    #[cfg(test)]
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// Returns true for the characters of web addresses: those of RFC 3986, section 2.
pub(crate) const fn may_be_in_url(char: char) -> bool {
    matches!(
        char,
        'a'..='z' | 'A'..='Z' | '0'..='9'
            | '-' | '.' | '_' | '~' | '%'
            | ':' | '/' | '?' | '#' | '[' | ']' | '@'
            | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '='
    )
}

/// The columns of a row that have a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkedColumns {
    pub(crate) columns: Range<usize>,
    pub(crate) link: Arc<Hyperlink>,
}

/// The links of a screen, by row.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Hyperlinks(BTreeMap<u16, Vec<LinkedColumns>>);

impl Hyperlinks {
    /// Sets the links of a row.
    pub(crate) fn set(&mut self, row: u16, links: &[LinkedColumns]) {
        if !links.is_empty() {
            self.0.insert(row, links.to_vec());
        }
    }

    pub(crate) fn row(&self, row: u16) -> &[LinkedColumns] {
        self.0.get(&row).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        let link = |address: &str| Hyperlink::new(7, 0, address);
        let valid = link("HTTPS://a.example/?q=(x)#y").unwrap();
        assert_eq!(
            valid.start(),
            "\u{1b}]8;id=7-0;HTTPS://a.example/?q=(x)#y\u{1b}\\"
        );
        for address in [
            "",
            "http:/",
            "ftp://a.example",
            "file:///etc/passwd",
            "https://a.example/\u{1b}\\",
            "https://a.example/\u{7}",
            "https://a.example/ b",
            "https://пример.example",
        ] {
            assert_eq!(link(address), None, "{address:?}");
        }
        let long = format!("http://{}", "a".repeat(URL_BYTES - 7));
        assert!(link(&long).is_some());
        assert_eq!(link(&(long + "a")), None);
    }
}
