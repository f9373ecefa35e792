//! An invite as a QR code that a phone can read.
//!
//! Not here: the text of an invite.

use qrcodegen::{QrCode, QrCodeEcc};

/// The number of blank modules around the code. The standard says four. Two work, and fit more windows.
const QUIET_ZONE: i32 = 2;

/// Returns the code in rows of text, with two rows of modules in each. Returns `None` if the text is too long for a
/// code.
///
/// It draws the light modules, because most terminals are dark.
pub(super) fn draw_qr_code(text: &str) -> Option<Vec<String>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let range = -QUIET_ZONE..code.size() + QUIET_ZONE;
    let tops = range.clone().step_by(2);
    Some(
        tops.map(|y| range.clone().map(|x| cell(&code, x, y)).collect())
            .collect(),
    )
}

fn cell(code: &QrCode, x: i32, y: i32) -> char {
    match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (false, false) => '█',
        (false, true) => '▀',
        (true, false) => '▄',
        (true, true) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_fits_a_small_terminal() {
        let invite = "ringtalk://director.example.net:8080/#EaGqGNVcyaY6oykTFuP5fAHy";
        let rows = draw_qr_code(invite).unwrap();
        assert!(rows.len() <= 22, "{}", rows.len());
        assert!(rows.iter().all(|row| row.chars().count() <= 60));
        // The finder pattern of the upper left corner, behind the quiet zone.
        assert!(rows[1].starts_with("██ ▄▄▄▄▄ "), "{:?}", rows[1]);
    }

    #[test]
    fn a_long_text_has_no_qr_code() {
        assert_eq!(draw_qr_code(&"x".repeat(4_000)), None);
    }
}
