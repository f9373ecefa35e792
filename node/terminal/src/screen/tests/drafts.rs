//! Tests of the input line: what happens to a text that was written and not sent.

use super::*;

impl TestScreen {
    fn line(&self) -> &str {
        self.screen.editor.text()
    }

    fn alt(&mut self, char: char) {
        self.press(KeyCode::Char(char), KeyModifiers::ALT);
    }

    fn paste(&mut self, text: &str) {
        let paste = TerminalEvent::Paste(text.to_owned());
        self.screen.handle_terminal_event(paste);
    }

    /// Returns the texts that were sent since the last call.
    fn said(&mut self) -> Vec<String> {
        let said = self
            .effects()
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Send(Command::Say(_, text)) => Some(text.as_str().to_owned()),
                _ => None,
            });
        said.collect()
    }

    fn is_leaving(&self) -> bool {
        matches!(self.screen.mode, Mode::Leaving)
    }

    #[track_caller]
    fn expect(&self, text: &str) {
        assert!(self.text().contains(text), "{}", self.text());
    }
}

/// Returns the screen of bob among three, in a usual window.
fn usual_window() -> TestScreen {
    TestScreen::among(80, 10, 3)
}

#[test]
fn a_cleared_line_comes_back_and_the_next_draft_is_not_lost() {
    let mut window = usual_window();
    window.enter("said");
    window.write("draftA");
    window.key(KeyCode::Up);
    window.control('c');
    assert_eq!(window.line(), "");
    window.write("draftB");
    window.key(KeyCode::Up);
    assert_eq!(window.line(), "draftA");
    window.key(KeyCode::Down);
    window.key(KeyCode::Down);
    assert_eq!(window.line(), "draftB");
}

#[test]
fn a_line_that_is_cut_comes_back_too() {
    let mut window = usual_window();
    window.write("one two");
    window.control('b');
    window.control('u');
    window.control('k');
    assert_eq!(window.line(), "");
    window.key(KeyCode::Up);
    assert_eq!(window.line(), "one two");
    window.key(KeyCode::Up);
    assert_eq!(window.line(), "one two", "both cuts are of one line");
    window.key(KeyCode::Down);
    window.control('_');
    window.control('_');
    assert_eq!(window.line(), "one two");
}

#[test]
fn the_draft_is_there_again_after_another_line_was_sent() {
    let mut window = TestScreen::among(140, 24, 3);
    window.enter("/who");
    window.write("a draft");
    window.key(KeyCode::Up);
    window.key(KeyCode::Enter);
    assert_eq!(window.line(), "a draft");
    assert_eq!(window.text().matches("in the order in which").count(), 2);
}

#[test]
fn undo_brings_back_what_was_typed_cut_or_sent() {
    let mut window = usual_window();
    window.write("one two");
    window.control('w');
    window.control('_');
    assert_eq!(window.line(), "one two");
    window.control('_');
    assert_eq!(window.line(), "one ");
    window.alt('/');
    assert_eq!(window.line(), "one two");
    window.key(KeyCode::Enter);
    assert_eq!(window.said(), ["one two"]);
    window.press(KeyCode::Char('7'), KeyModifiers::CONTROL);
    assert_eq!(window.line(), "one two");
    assert_eq!(window.said(), [""; 0], "it is not sent again by itself");
}

#[test]
fn a_key_that_is_no_answer_stays_and_does_what_it_does() {
    let mut window = usual_window();
    window.enter("said");
    window.control('c');
    window.expect("leave the discussion?");
    window.write("hello");
    assert_eq!(window.line(), "hello");
    window.control('u');
    window.control('d');
    window.key(KeyCode::Up);
    assert_eq!(window.line(), "hello");
    window.control('c');
    window.control('c');
    window.paste("yes\nor no");
    assert_eq!(window.line(), "yes\nor no");
    window.control('c');
    window.control('c');
    window.write("nx");
    assert_eq!(window.line(), "x", "n is an answer");
    assert!(!window.is_leaving());
}

#[test]
fn a_refused_command_stays_and_is_kept() {
    let mut window = TestScreen::among(140, 10, 3);
    for (line, why) in [
        ("/nonsense", "unknown command"),
        ("/who is there", "/who takes no text"),
        ("/name", "needs a name"),
        ("/msg bob a secret", "there are no private messages yet"),
        (" /msg bob a secret", "there are no private messages yet"),
        ("/join tea", "rooms are not on the full screen yet"),
    ] {
        for _ in 0..2 {
            window.key(KeyCode::Enter);
            window.write(if window.line().is_empty() { line } else { "" });
            window.key(KeyCode::Enter);
        }
        window.expect(why);
        assert_eq!(window.line(), line);
        window.control('c');
        window.write("next");
        window.key(KeyCode::Up);
        assert_eq!(window.line(), line);
        window.key(KeyCode::Down);
        window.control('c');
    }
    assert_eq!(window.said(), [""; 0]);
}

#[test]
fn a_line_that_may_be_meant_as_a_command_is_asked_about() {
    let mut window = TestScreen::among(160, 12, 3);
    for (line, why) in [
        (" /quit", "a blank before the /"),
        ("/usr/bin/env is a path", "it is no command"),
    ] {
        window.enter(line);
        window.expect(why);
        window.expect("Enter again sends it");
        assert_eq!(window.line(), line);
        window.write("!");
        window.key(KeyCode::Enter);
        assert_eq!(window.said(), [""; 0], "another text is asked about anew");
        window.key(KeyCode::Enter);
        assert_eq!(window.said(), [format!("{line}!")]);
        assert_eq!(window.line(), "");
    }
    assert!(!window.is_leaving());
}

#[test]
fn a_paste_is_never_a_command() {
    let mut window = TestScreen::among(140, 12, 3);
    window.paste("/quit\nis the first line of this text\n");
    window.key(KeyCode::Enter);
    window.expect("a text of several lines is no command");
    assert!(!window.is_leaving());
    window.key(KeyCode::Enter);
    assert_eq!(window.said(), ["/quit\nis the first line of this text"]);
    window.paste("/msg bob\na secret");
    for _ in 0..3 {
        window.key(KeyCode::Enter);
    }
    assert_eq!(window.said(), [""; 0], "nobody is led to tell everyone");
}

#[test]
fn quit_with_more_words_asks_first() {
    let mut window = TestScreen::among(140, 12, 3);
    let line = "/quit smoking is hard";
    window.enter(line);
    window.expect("/quit takes no text");
    window.expect("leave the discussion? (y/N)");
    window.key(KeyCode::Enter);
    assert_eq!((window.line(), window.is_leaving()), (line, false));
    window.key(KeyCode::Enter);
    window.control('c');
    assert_eq!((window.line(), window.is_leaving()), ("", false));
    window.key(KeyCode::Up);
    window.key(KeyCode::Enter);
    window.write("!");
    assert_eq!(window.line(), format!("{line}!"));
    window.key(KeyCode::Enter);
    window.write("y");
    assert!(window.is_leaving());
}

#[test]
fn arrow_keys_go_up_and_down_in_a_text_of_several_rows() {
    let mut window = usual_window();
    window.enter("said");
    window.enter("one\ntwo");
    window.write("a draft\nx\nlonger");
    let mut place_after = |code| {
        window.key(code);
        let editor = &window.screen.editor;
        (editor.text().to_owned(), editor.cursor())
    };
    let draft = |at| ("a draft\nx\nlonger".to_owned(), at);
    let earlier = |at| ("one\ntwo".to_owned(), at);
    assert_eq!(place_after(KeyCode::Up), draft(9));
    assert_eq!(
        place_after(KeyCode::Up),
        draft(6),
        "the column beyond a shorter row"
    );
    assert_eq!(place_after(KeyCode::Up), earlier(7), "the line before");
    assert_eq!(place_after(KeyCode::Up), earlier(3));
    assert_eq!(place_after(KeyCode::Up), ("said".to_owned(), 4));
    assert_eq!(place_after(KeyCode::Down), earlier(7));
    assert_eq!(place_after(KeyCode::Down), draft(6));
    assert_eq!(place_after(KeyCode::Down), draft(9));
    assert_eq!(place_after(KeyCode::Down), draft(16));
    assert_eq!(place_after(KeyCode::Down), draft(16), "nothing is below");
    window.control('p');
    window.control('p');
    assert_eq!(
        window.line(),
        "said",
        "Ctrl+P goes to the line before at once"
    );
}

#[test]
fn a_search_finds_what_the_user_wrote() {
    let mut window = TestScreen::among(80, 12, 3);
    for line in ["first lunch", "Lunch again", "tea"] {
        window.enter(line);
    }
    window.said();
    window.write("a draft");
    window.control('r');
    window.write("lunch");
    window.expect("find what you wrote: lunch");
    window.expect("> ▏unch again");
    window.control('r');
    window.expect("> first ▏unch");
    window.control('r');
    window.expect("(no more)");
    window.expect("> first ▏unch");
    window.control('s');
    window.expect("> ▏unch again");
    window.key(KeyCode::Esc);
    assert_eq!(window.line(), "a draft");
    window.control('r');
    window.write("firstx");
    window.key(KeyCode::Backspace);
    window.key(KeyCode::Enter);
    assert_eq!(window.line(), "first lunch");
    assert_eq!(window.said(), [""; 0], "it is taken, not sent");
    window.key(KeyCode::Down);
    window.key(KeyCode::Down);
    window.key(KeyCode::Down);
    assert_eq!(window.line(), "a draft");
    window.control('r');
    window.write("tea");
    window.control('a');
    window.write("my ");
    assert_eq!(window.line(), "my tea", "other keys take the match");
}

#[test]
fn the_talk_is_searched_by_a_command_too() {
    let mut window = usual_window();
    window.events((1..=50).map(|seq| message(1, seq, &format!("number {seq}."))));
    window.enter("/search Number 17.");
    window.expect("find in the talk: number 17.");
    window.expect("number 17.");
    window.key(KeyCode::Enter);
    window.expect("number 17.");
    window.key(KeyCode::Esc);
    window.expect("number 50.");
    window.enter("/search");
    window.write("number 3.");
    window.expect("number 3.");
    assert!(window.effects().is_empty());
}

#[test]
fn the_messages_are_saved_and_nothing_else() {
    let mut window = usual_window();
    window.events([message(1, 1, "one\ntwo"), message(3, 1, "/me waves")]);
    window.enter("/who");
    window.enter("/save ~/talk.txt");
    assert!(matches!(&window.effects()[..], [Effect::Save(file)] if file == "~/talk.txt"));
    let saved = window.screen.to_save();
    let saved = saved.map(|one| (one.time, one.name, one.is_action, one.text));
    let expected = [
        ("22:14", "ann", false, "one\ntwo"),
        ("22:14", "carol", true, "waves"),
    ];
    assert_eq!(saved.collect::<Vec<_>>(), expected);
}

#[test]
fn a_long_draft_scrolls_and_says_how_much_is_hidden() {
    let mut window = TestScreen::among(80, 24, 3);
    let lines: Vec<String> = (1..=20).map(|line| format!("line {line}.")).collect();
    window.paste(&lines.join("\n"));
    window.expect("↑ 15 rows above");
    window.expect("line 20.▏");
    assert!(!window.text().contains("line 15."), "{}", window.text());
    for _ in 0..lines.concat().len() {
        window.key(KeyCode::Left);
    }
    window.key(KeyCode::Home);
    for _ in 0..20 {
        window.control('b');
    }
    window.expect("↓ 15 rows below");
    window.expect("> ▏ine 1.");
}

#[test]
fn tabs_in_a_text_stay_tabs() {
    let mut window = usual_window();
    window.paste("a\tb\n\tc");
    window.key(KeyCode::Enter);
    assert_eq!(window.said(), ["a\tb\n\tc"]);
}
