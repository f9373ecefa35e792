//! Tests of picking messages: what is highlighted, copied and scrolled to, and that the draft stays as it is.

use super::*;

impl TestScreen {
    /// Returns the texts that were copied since the last call.
    fn copied(&mut self) -> Vec<String> {
        let effects = self.effects().into_iter();
        let copied = effects.filter_map(|effect| match effect {
            Effect::Copy(text) => Some(text),
            _ => None,
        });
        copied.collect()
    }

    fn is_picked(&self, text: &str) -> bool {
        self.cell(text).modifier.contains(Modifier::REVERSED)
    }
}

fn talk(height: u16) -> TestScreen {
    let mut window = TestScreen::among(80, height, 3);
    window.events((1..=30).map(|seq| message(1, seq, &format!("number {seq}."))));
    window.effects();
    window
}

#[test]
fn a_picked_message() {
    check("picking", 10, |width| {
        let mut window = TestScreen::among(width, 10, 3);
        window.events([
            message(1, 1, "see\nthis"),
            message(3, 2, "tea?"),
            message(1, 3, "yes"),
        ]);
        window.write("a draft");
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.key(KeyCode::Up);
        window
    });
}

#[test]
fn the_arrow_keys_go_from_message_to_message_after_escape() {
    let mut window = talk(10);
    window.tell(Event::Left(person(3)));
    window.key(KeyCode::Esc);
    assert!(
        window.text().contains("↑ picks one to copy"),
        "{}",
        window.text()
    );
    window.key(KeyCode::Up);
    assert!(window.is_picked("number 30."), "a notice is no message");
    assert!(window.text().contains("c copies · "), "{}", window.text());
    window.key(KeyCode::Up);
    assert!(window.is_picked("number 29.") && !window.is_picked("number 30."));
    for _ in 0..20 {
        window.key(KeyCode::Up);
    }
    assert!(window.is_picked("number 9."), "the view follows");
    window.key(KeyCode::PageUp);
    assert!(window.is_picked("number 1."));
    window.press(KeyCode::End, KeyModifiers::CONTROL);
    assert!(window.is_picked("number 30."));
    window.key(KeyCode::Down);
    assert!(window.is_picked("number 30."), "there is none below");
    window.key(KeyCode::Esc);
    assert!(!window.is_picked("number 30."));
    window.enter("earlier");
    window.key(KeyCode::Up);
    assert_eq!(
        window.screen.editor.text(),
        "earlier",
        "it was not after Esc"
    );
}

#[test]
fn a_slow_connection_joins_escape_and_the_arrow_key() {
    let mut window = talk(10);
    window.press(KeyCode::Up, KeyModifiers::ALT);
    assert!(window.is_picked("number 30."));
    window.press(KeyCode::Up, KeyModifiers::ALT);
    window.press(KeyCode::Down, KeyModifiers::ALT);
    assert!(window.is_picked("number 30."));
}

#[test]
fn a_copy_is_the_text_as_it_was_sent() {
    let texts = ["one\n\ttwo ", "\u{1b}[31mred", "/me waves", "你好 👋"];
    for text in texts {
        let mut window = TestScreen::among(80, 10, 3);
        window.tell(message(1, 1, text));
        // She is not here any more, and the screen marks what she says.
        window.tell(message(7, 2, text));
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.write("c");
        assert!(
            window.text().contains("sent to the clipboard"),
            "{}",
            window.text()
        );
        window.key(KeyCode::Up);
        assert!(
            !window.text().contains("sent to the clipboard"),
            "that is another one"
        );
        window.write("c");
        assert_eq!(window.copied(), [text, text]);
    }
}

#[test]
fn what_comes_meanwhile_does_not_move_the_picked_message_away() {
    let mut window = talk(10);
    window.key(KeyCode::Esc);
    window.key(KeyCode::Up);
    window.events((31..=60).map(|seq| message(1, seq, &format!("number {seq}."))));
    assert!(window.is_picked("number 30."), "{}", window.text());
    window.write("c");
    assert_eq!(window.copied(), ["number 30."]);
    window.key(KeyCode::Esc);
    assert!(window.text().contains("number 60."), "{}", window.text());
}

#[test]
fn typing_ends_it_and_goes_into_the_draft() {
    let mut window = talk(10);
    for (text, draft) in [
        ("x", "a draft x"),
        (" c", "a draft x c"),
        ("C", "a draft x cC"),
    ] {
        window.write(if window.screen.editor.is_empty() {
            "a draft "
        } else {
            ""
        });
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.write(text);
        assert_eq!(window.screen.editor.text(), draft);
    }
    window.key(KeyCode::Esc);
    window.key(KeyCode::Up);
    let paste = TerminalEvent::Paste("c\nd".to_owned());
    window.screen.handle_terminal_event(paste);
    assert_eq!(window.screen.editor.text(), "a draft x cCc\nd");
    window.key(KeyCode::Esc);
    window.write("c");
    assert!(
        window.screen.editor.text().ends_with("dc"),
        "nothing was picked"
    );
    assert!(window.copied().is_empty());
}

#[test]
fn no_key_destroys_or_sends_the_draft() {
    let mut window = talk(10);
    window.write("a draft");
    window.key(KeyCode::Esc);
    window.key(KeyCode::Up);
    let plain = [
        KeyCode::Enter,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Tab,
        KeyCode::Left,
        KeyCode::Home,
    ];
    for code in plain {
        window.key(code);
    }
    for char in ['a', 'd', 'h', 'j', 'k', 't', 'u', 'w', 'y', '_'] {
        window.control(char);
    }
    window.press(KeyCode::Enter, KeyModifiers::ALT);
    assert!(window.is_picked("number 30."));
    window.control('c');
    assert!(!window.is_picked("number 30."), "it ends this first");
    assert_eq!(window.screen.editor.text(), "a draft");
    assert!(window.effects().is_empty());
}

#[test]
fn text_only() {
    check("text-only", 10, |width| {
        let mut window = TestScreen::among(width, 10, 3);
        let long = "a long message that goes on and on ".repeat(6);
        window.events([message(1, 1, long.trim()), Event::Left(person(3))]);
        window.events([message(1, 2, "two\nlines"), message(3, 3, "/me waves")]);
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.write("v");
        window.tell(message(1, 4, "it stands still"));
        window
    });
}

#[test]
fn any_key_leads_back_from_the_text() {
    let mut window = talk(10);
    window.write("a draft");
    for code in [
        KeyCode::F(9),
        KeyCode::Char('x'),
        KeyCode::Enter,
        KeyCode::Esc,
    ] {
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.write("v");
        assert!(
            window.text().starts_with("number 22.\n"),
            "{}",
            window.text()
        );
        window.key(code);
        assert!(window.is_picked("number 30."), "{}", window.text());
        window.key(KeyCode::Esc);
    }
    assert_eq!(window.screen.editor.text(), "a draft");
}

#[test]
fn nothing_can_be_picked_where_nothing_was_said() {
    let mut window = TestScreen::among(80, 10, 3);
    window.enter("earlier");
    window.key(KeyCode::Esc);
    assert!(!window.text().contains("picks"), "{}", window.text());
    window.key(KeyCode::Up);
    assert_eq!(window.screen.editor.text(), "earlier");
}

#[test]
fn a_screen_that_is_cleared_has_nothing_picked() {
    let mut window = talk(10);
    window.key(KeyCode::Esc);
    window.key(KeyCode::Up);
    window.screen.clear();
    window.write("c");
    assert_eq!(window.screen.editor.text(), "c");
}

#[test]
fn a_message_that_comes_below_a_picked_one_and_does_not_fit_is_unread() {
    let mut window = talk(10);
    window.key(KeyCode::Esc);
    for _ in 23..=30 {
        window.key(KeyCode::Up);
    }
    assert!(window.is_picked("number 23."), "at the top");
    assert!(window.text().contains("number 30."), "{}", window.text());
    window.tell(message(1, 31, "number 31."));
    assert!(!window.text().contains("number 31."), "{}", window.text());
    assert!(window.text().contains("1 new message"), "{}", window.text());
    assert_eq!(window.screen.title(), "(1) ringtalk");
}

#[test]
fn the_picked_message_is_in_view_after_the_texts_alone_and_in_another_window() {
    let mut window = talk(10);
    window.key(KeyCode::Esc);
    window.key(KeyCode::Up);
    window.write("v");
    window.events((31..=60).map(|seq| message(1, seq, &format!("number {seq}."))));
    window.key(KeyCode::Enter);
    assert!(window.is_picked("number 30."));
    window
        .screen
        .handle_terminal_event(TerminalEvent::Resize(80, 6));
    assert!(window.is_picked("number 30."));
}

#[test]
fn the_keys_that_search_do_so_while_a_message_is_picked() {
    for (key, search) in [
        ('r', "find what you wrote: tea"),
        ('s', "find in the talk: tea"),
    ] {
        let mut window = talk(10);
        window.write("a draft");
        window.key(KeyCode::Esc);
        window.key(KeyCode::Up);
        window.control(key);
        window.write("tea");
        assert!(window.text().contains(search), "{}", window.text());
        assert_eq!(window.screen.editor.text(), "a draft");
    }
}
