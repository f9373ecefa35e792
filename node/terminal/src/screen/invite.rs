//! An invite on the screen: the command that uses it, in rows that can be copied, and a QR code that a phone can read.
//!
//! Not here: the text of an invite.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::tty::width;

/// The number of blank modules around the code. The standard says four. Two work, and fit more windows.
const QUIET_ZONE: i32 = 2;
/// The columns of the quotes around a word.
const QUOTES: usize = 2;

/// Returns a command for the shell in rows of at most `columns` columns, which may be copied together: each row but the
/// last ends in a backslash, as in a script.
///
/// A command that ends in a quoted word is cut before that word, and inside it only if it must be.
pub(super) fn shell_rows(command: &str, columns: usize) -> Vec<String> {
    if width(command) <= columns {
        return vec![command.to_owned()];
    }
    let quoted = command.split_once(" '").and_then(|(begin, rest)| {
        let word = rest.strip_suffix('\'')?;
        Some((begin, word))
    });
    let Some((begin, word)) = quoted else {
        return vec![command.to_owned()];
    };
    let mut rows = vec![format!("{begin} \\")];
    if width(word) + QUOTES <= columns {
        rows.push(format!("'{word}'"));
        return rows;
    }
    let chars: Vec<char> = word.chars().collect();
    let room = columns.saturating_sub(QUOTES + 1).max(1);
    let parts = chars
        .chunks(room)
        .map(|part| part.iter().collect::<String>());
    rows.extend(parts.map(|part| format!("'{part}'\\")));
    if let Some(last) = rows.last_mut() {
        last.pop();
    }
    rows
}

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

    /// Returns the words that a shell makes of rows that were copied together.
    fn words(rows: &[String]) -> Vec<String> {
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("for word in {}; do echo \"$word\"; done", rows.join("\n")),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_command_is_one_command_however_narrow_the_window_is() {
        let invite = "ringtalk://director.example.net:8080/#EaGqGNVcyaY6oykTFuP5fAHy";
        let command = format!("node --join '{invite}'");
        assert_eq!(shell_rows(&command, 100), [command.as_str()]);
        assert_eq!(shell_rows(&command, 70)[1], format!("'{invite}'"));
        for columns in [12, 20, 40, 70, 80] {
            let rows = shell_rows(&command, columns);
            assert!(
                rows.iter().skip(1).all(|row| width(row) <= columns),
                "{rows:?}"
            );
            assert_eq!(words(&rows), ["node", "--join", invite], "{rows:?}");
        }
    }

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
