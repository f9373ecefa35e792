//! Texts of the kinds that break chat programs.

/// The maximum size of a message, in bytes of UTF-8.
pub const MAX_BYTES: usize = 16 * 1024;

/// Texts of many scripts and shapes, without a newline.
pub const CURIOUS: &[&str] = &[
    "你好，世界。大家今天过得怎么样？",
    "emoji 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇨🇳🇪🇺",
    "\u{202e}right to left\u{202c} שלום עולם مرحبا بالعالم",
    "combining: Z\u{351}\u{36b}\u{343}a\u{489}l\u{32e}g\u{321}o\u{322} e\u{301} n\u{303}",
    "zero\u{200b}width\u{200d}joiners\u{feff} and \u{ad}soft hyphens",
    "  leading and trailing spaces\t ",
    "quotes \" and \\ backslashes \\n \\u0000 {\"event\":\"ready\"} </script>",
    "//two slashes, of which a typist types three",
    "/one slash",
    "€uro, ÆØÅ, ﬁ, ẞ, 𝔘𝔫𝔦𝔠𝔬𝔡𝔢, \u{10ffff}",
];

/// A text of control characters that would change a terminal if they were printed unescaped.
pub const TERMINAL_CODES: &str = "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} bell\u{7} \u{9b}2J \
     carriage\rreturn back\u{8}space delete\u{7f} null\u{0} \u{90}dcs\u{9c} vertical\u{b}tab";

/// Returns a text of exactly `bytes` bytes of UTF-8 that begins with `head`.
pub fn of_length(head: &str, bytes: usize) -> String {
    let mut text = head.to_owned();
    while text.len() + 3 <= bytes {
        text.push('字');
    }
    while text.len() < bytes {
        text.push('.');
    }
    text
}

/// Returns `count` different texts as a user might paste them: some of 4 KiB, some from [`CURIOUS`], most plain.
pub fn paste(label: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| match number % 5 {
            0 => of_length(&format!("{label} {number} long "), 4096),
            1 => format!("{} ({label} {number})", CURIOUS[number / 5 % CURIOUS.len()]),
            _ => format!("{label} pastes line {number}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact() {
        for bytes in [10, 4096, MAX_BYTES, MAX_BYTES + 1] {
            assert_eq!(of_length("x", bytes).len(), bytes);
        }
    }

    #[test]
    fn no_text_breaks_its_line() {
        assert!(CURIOUS.iter().all(|text| !text.contains(['\n', '\r'])));
    }
}
