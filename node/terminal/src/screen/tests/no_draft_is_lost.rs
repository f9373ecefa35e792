//! A property: whatever keys a user presses, every text that was ever in the input line can be had back by ↑, undo and
//! redo.
//!
//! That is more than the user is promised, who may lose what they delete key by key. Not here: examples (`drafts`).

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// The mean number of things that a user does in one run. A run that fails is repeated with fewer.
const STEPS: usize = 200;
/// The number of runs.
const RUNS: u32 = 100;

/// Something that a user does at the input line.
#[derive(Clone, Debug)]
enum Step {
    /// Types a new word, which no other step types.
    Word,
    /// Pastes two lines with new words.
    Paste,
    Press(KeyCode),
    Control(char),
    Alt(char),
    /// Types a command that is carried out, or that is not. Some have a new word in them.
    Line(&'static str),
    /// Types a message with a new word, and sends it.
    Say,
    /// Searches for a word that was typed before, and ends the search with a key.
    Recall(Index, KeyCode),
    /// Picks a message, presses these keys, and goes back.
    Pick(Vec<KeyEvent>),
    /// Asks to leave on an empty line, and then stays.
    AskToLeave(Answer),
}

/// How a user stays.
#[derive(Clone, Copy, Debug)]
enum Answer {
    No,
    Escape,
    Word,
    Older,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let press = [
        KeyCode::Up,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Enter,
        KeyCode::Tab,
        KeyCode::Esc,
    ];
    let line = [
        "/who",
        "/nonsense W",
        "/name",
        "/quit W",
        " /who W",
        "/me W",
        "/usr/W",
        "//W",
    ];
    let end = [KeyCode::Enter, KeyCode::Right, KeyCode::Esc, KeyCode::End];
    let answer = [Answer::No, Answer::Escape, Answer::Word, Answer::Older];
    let step = prop_oneof![
        6 => Just(Step::Word),
        1 => Just(Step::Paste),
        6 => prop::sample::select(press.to_vec()).prop_map(Step::Press),
        4 => prop::sample::select(&['c', 'u', 'k', 'w', 'y', 't', 'j', '_', '_'][..])
            .prop_map(Step::Control),
        1 => prop::sample::select(&['/', 'd', 'b'][..]).prop_map(Step::Alt),
        2 => prop::sample::select(line.to_vec()).prop_map(Step::Line),
        2 => Just(Step::Say),
        1 => (any::<Index>(), prop::sample::select(end.to_vec()))
            .prop_map(|(word, end)| Step::Recall(word, end)),
        1 => prop::sample::select(answer.to_vec()).prop_map(Step::AskToLeave),
        1 => prop::collection::vec(pick_key(), 1..8).prop_map(Step::Pick),
    ];
    prop::collection::vec(step, 1..2 * STEPS)
}

/// Returns a key that a user may press while a message is picked, except those that are typed, and those that search.
fn pick_key() -> impl Strategy<Value = KeyEvent> {
    let plain = [
        KeyCode::Char('c'),
        KeyCode::Char('v'),
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::Enter,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Tab,
    ];
    let control = "adhjktuwy_".chars().map(KeyCode::Char);
    let control = control.map(|code| KeyEvent::new(code, KeyModifiers::CONTROL));
    let keys = plain.map(KeyEvent::from).into_iter().chain(control);
    prop::sample::select(keys.collect::<Vec<_>>())
}

/// A user who writes words of which no two are alike.
struct Writer {
    window: TestScreen,
    words: Vec<String>,
}

impl Writer {
    fn new() -> Self {
        let mut window = TestScreen::among(80, 24, 3);
        window.events((1..=3).map(|seq| message(1, seq, "something")));
        Self {
            window,
            words: Vec::new(),
        }
    }

    fn screen(&self) -> &Screen {
        &self.window.screen
    }

    /// Returns a new word. None is a part of another one.
    fn word(&mut self) -> String {
        let word = format!("w{}x", self.words.len());
        self.words.push(word.clone());
        word
    }

    /// Types a new word, of which no key is lost.
    fn write_word(&mut self) {
        let word = self.word();
        self.window.write(&word);
        assert!(
            self.screen().editor.text().contains(&word),
            "{word} was eaten"
        );
    }

    fn act(&mut self, step: &Step) {
        let draft = self.keeps_draft(step).then(|| self.draft());
        match step {
            Step::Word => self.write_word(),
            Step::Paste => {
                let text = format!("{}\n{}", self.word(), self.word());
                let paste = TerminalEvent::Paste(text);
                self.window.screen.handle_terminal_event(paste);
            }
            // The rest of a longer line would be carried out.
            Step::Press(KeyCode::Enter) if self.screen().editor.text().trim() == "/quit" => {}
            Step::Press(code) => self.window.key(*code),
            // On an empty line, this key asks to leave, and a second one leaves.
            Step::Control('c') if self.screen().editor.is_empty() => {}
            Step::Control(char) => self.window.control(*char),
            Step::Alt(char) => self.window.press(KeyCode::Char(*char), KeyModifiers::ALT),
            Step::Line(line) => {
                let line = match line.split_once('W') {
                    Some((before, _)) => format!("{before}{}", self.word()),
                    None => (*line).to_owned(),
                };
                self.window.enter(&line);
            }
            Step::Say => {
                self.write_word();
                self.window.key(KeyCode::Enter);
            }
            Step::Recall(word, end) => {
                let word = self.words.get(word.index(self.words.len().max(1))).cloned();
                self.window.control('r');
                self.window.write(&word.unwrap_or_default());
                self.window.key(*end);
            }
            Step::Pick(keys) => self.pick(keys),
            Step::AskToLeave(answer) => self.ask_to_leave(*answer),
        }
        self.stay();
        if let Some(draft) = draft {
            assert_eq!(self.draft(), draft, "{step:?} has changed the draft");
        }
        for effect in self.window.effects() {
            assert!(!matches!(effect, Effect::Send(Command::Quit)));
        }
    }

    fn pick(&mut self, keys: &[KeyEvent]) {
        let text = self.screen().editor.text().to_owned();
        self.window.press(KeyCode::Up, KeyModifiers::ALT);
        for key in keys {
            self.window.press(key.code, key.modifiers);
        }
        if matches!(self.screen().mode, Mode::TextOnly(_)) {
            self.window.key(KeyCode::F(9));
        }
        self.window.key(KeyCode::Esc);
        assert_eq!(self.screen().editor.text(), text, "{keys:?}");
    }

    fn ask_to_leave(&mut self, answer: Answer) {
        while !self.screen().editor.is_empty() {
            self.window.control('c');
        }
        self.window.control('d');
        assert!(matches!(self.screen().mode, Mode::ConfirmingExit { .. }));
        match answer {
            Answer::No => self.window.write("n"),
            Answer::Escape => self.window.key(KeyCode::Esc),
            Answer::Word => self.write_word(),
            Answer::Older => self.window.key(KeyCode::Up),
        }
    }

    /// Ends a question that a line has raised, and lets go of a message that is picked.
    fn stay(&mut self) {
        if matches!(self.screen().mode, Mode::Picking(_)) {
            self.window.key(KeyCode::Esc);
        }
        if matches!(self.screen().mode, Mode::ConfirmingExit { .. }) {
            self.window.write("n");
        }
        assert!(matches!(self.screen().mode, Mode::Writing));
    }

    /// Returns true if a step must leave the draft below the history as it is.
    fn keeps_draft(&self, step: &Step) -> bool {
        let is_elsewhere = self.screen().history.back() > 0;
        match step {
            Step::Press(KeyCode::Up | KeyCode::Down) | Step::Recall(..) | Step::Pick(_) => true,
            Step::Control('c')
            | Step::AskToLeave(_)
            | Step::Press(KeyCode::Enter)
            | Step::Line(_)
            | Step::Say => false,
            Step::Word | Step::Paste | Step::Press(_) | Step::Control(_) | Step::Alt(_) => {
                is_elsewhere
            }
        }
    }

    fn draft(&self) -> Option<String> {
        let Screen {
            history, editor, ..
        } = self.screen();
        history.text(0, editor).map(str::to_owned)
    }

    /// Returns all texts that the user can get back by ↑, undo and redo.
    fn reachable(mut self) -> Vec<String> {
        // After Esc, the next arrow key would pick a message.
        self.window.key(KeyCode::End);
        let mut texts = Vec::new();
        self.window
            .screen
            .history
            .go(0, &mut self.window.screen.editor);
        loop {
            let editor = &mut self.window.screen.editor;
            while editor.redo() {}
            texts.push(editor.text().to_owned());
            while editor.undo() {
                texts.push(editor.text().to_owned());
            }
            let before = self.screen().history.back();
            // ↑ goes there too, row by row.
            self.window.control('p');
            if self.screen().history.back() == before {
                return texts;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: RUNS,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_text_can_be_had_back(steps in steps()) {
        let mut writer = Writer::new();
        for step in &steps {
            writer.act(step);
        }
        let words = writer.words.clone();
        let texts = writer.reachable();
        for word in words {
            prop_assert!(texts.iter().any(|text| text.contains(&word)), "{word} is lost");
        }
    }
}
