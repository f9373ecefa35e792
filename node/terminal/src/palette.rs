//! The colours of members' names, the same in every face.
//!
//! Not here: the colours of everything else (`lines`, `screen::layout`).

use ringtalk_session::NodeId;

/// The colours, as numbers of the terminal's palette: green, blue, magenta and cyan, as the user's theme has them, then
/// a blue, an olive and a violet that can be read on light and on dark backgrounds. Red and yellow are missing: they
/// mean problems.
const NAMES: [u8; 7] = [2, 4, 5, 6, 31, 64, 98];

/// Returns the colour of a member's name. It follows from the id, so a member keeps it under another name.
pub(crate) fn name_color(id: &NodeId) -> u8 {
    let sum: usize = id.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
    NAMES[sum % NAMES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_looks_like_a_problem() {
        // Red, yellow, and their bright variants.
        let warnings = [1, 3, 9, 11];
        assert!(NAMES.iter().all(|color| !warnings.contains(color)));
        let colors = (0..=u8::MAX).map(|byte| name_color(&NodeId::from_bytes([byte; 16])));
        let colors: std::collections::BTreeSet<u8> = colors.collect();
        assert_eq!(colors.len(), NAMES.len());
    }
}
