//! Tests of how the screen tells its user of something: the bell, notifications, silence and absences.

use super::*;

impl TestScreen {
    /// Types a command, and carries out its effects that concern the user's attention. Returns the others.
    fn run(&mut self, line: &str) -> Vec<Effect> {
        self.enter(line);
        let mut others = Vec::new();
        for effect in self.effects() {
            match effect {
                Effect::Attend(command) => self.screen.attend(&command, self.now),
                other => others.push(other),
            }
        }
        others
    }

    /// Returns how often the bell rings for these events.
    fn rings(&mut self, events: impl IntoIterator<Item = Event>) -> usize {
        self.effects();
        self.events(events);
        let effects = self.effects();
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Bell))
            .count()
    }

    fn notify_by(&mut self, kind: NotificationKind) {
        self.screen.attention = Attention::new(AttentionSettings {
            notifications: Some(kind),
            highlight: vec!["lunch".to_owned()],
            ..AttentionSettings::default()
        });
    }

    /// Returns the notifications for these events.
    fn notifications(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<String> {
        self.effects();
        self.events(events);
        let effects = self.effects().into_iter();
        let shown = effects.filter_map(|effect| match effect {
            Effect::Notify(_, words) => Some(words),
            _ => None,
        });
        shown.collect()
    }
}

#[test]
fn a_word_of_the_user_is_highlighted_like_the_name() {
    let mut window = TestScreen::among(80, 10, 3);
    window.notify_by(NotificationKind::Osc9);
    window.tell(message(1, 1, "Lunch, anybody?"));
    assert!(window.cell("Lunch").modifier.contains(Modifier::BOLD));
    window.tell(message(3, 1, "lunchbox"));
    assert!(!window.cell("lunchbox").modifier.contains(Modifier::BOLD));
}

#[test]
fn silence_is_shown_until_it_ends() {
    let mut window = TestScreen::among(80, 10, 3);
    assert_eq!(window.rings([message(1, 1, "bob?")]), 1);
    assert!(window.run("/mute").is_empty());
    assert!(
        window.text().contains("muted: no bell, no notifications"),
        "{}",
        window.text()
    );
    assert!(
        window
            .text()
            .contains("  muted: /mute off ends it · 3 people"),
        "{}",
        window.text()
    );
    assert_eq!(window.rings([message(1, 2, "bob?")]), 0);
    window.run("/mute off");
    assert!(
        window.text().contains("no longer muted"),
        "{}",
        window.text()
    );
    assert_eq!(window.rings([message(1, 3, "bob?")]), 1);
    assert_eq!(
        window.rings([message(1, 4, "hello"), message(ME, 1, "bob")]),
        0
    );
}

#[test]
fn a_person_who_speaks_or_joins_rings_the_bell_on_request() {
    let mut window = TestScreen::among(140, 10, 3);
    assert_eq!(
        window.rings([message(1, 1, "hello"), Event::Joined(person(4))]),
        0
    );
    window.run("/notify ann");
    window.run(&format!("/notify {}", person(4).name));
    assert_eq!(
        window.rings([message(1, 2, "hello"), Event::Joined(person(4))]),
        2
    );
    assert_eq!(
        window.rings([message(3, 1, "hello"), Event::Joined(person(5))]),
        0
    );
    window.run("/notify");
    let list = format!("speaks or joins: ann, {}", person(4).name);
    assert!(window.text().contains(&list), "{}", window.text());
}

#[test]
fn notifications_come_unless_the_user_sees_the_message() {
    let mut window = TestScreen::among(80, 10, 3);
    window.notify_by(NotificationKind::Osc777);
    let mut seq = 0;
    let mut shown = |window: &mut TestScreen| {
        seq += 1;
        window.wait(Duration::from_secs(2));
        window.notifications([message(1, seq, "bob?")]).len()
    };
    assert_eq!(
        shown(&mut window),
        1,
        "the terminal may not report the focus"
    );
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusGained);
    assert_eq!(shown(&mut window), 0);
    window.key(KeyCode::F(1));
    assert_eq!(shown(&mut window), 1, "the help hides it");
    window.key(KeyCode::Esc);
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusLost);
    assert_eq!(shown(&mut window), 1);
    window.wait(Duration::from_secs(2));
    let harmful = window.notifications([message(1, 99, "bob\u{1b}]0;x\u{7}\nend")]);
    assert_eq!(harmful, ["ann: bob␛]0;x␇ end"]);
}

#[test]
fn the_title_counts_what_was_not_seen() {
    let mut window = TestScreen::among(80, 6, 3);
    window.events((1..=9).map(|seq| message(1, seq, "hello")));
    assert_eq!(window.screen.title(), "ringtalk");
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusLost);
    window.events([
        message(1, 10, "hello"),
        message(ME, 1, "mine"),
        old_message(3, 1, "old"),
    ]);
    assert_eq!(window.screen.title(), "(1) ringtalk");
    window.tell(message(1, 11, "bob?"));
    assert_eq!(window.screen.title(), "(2!) ringtalk");
    window.run("/mute");
    assert_eq!(window.screen.title(), "ringtalk");
    window.run("/mute");
    assert_eq!(window.screen.title(), "(2!) ringtalk");
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusGained);
    assert_eq!(window.screen.title(), "ringtalk");
    window.key(KeyCode::PageUp);
    window.tell(message(1, 12, "below"));
    assert_eq!(window.screen.title(), "(1) ringtalk");
    window.key(KeyCode::Esc);
    assert_eq!(window.screen.title(), "ringtalk");
}

#[test]
fn the_wheel_scrolls_by_three_rows() {
    let mut window = TestScreen::among(80, 8, 3);
    window.events((1..=30).map(|seq| message(1, seq, &format!("number {seq}."))));
    let turn = |window: &mut TestScreen, event| window.screen.handle_terminal_event(event);
    turn(&mut window, TerminalEvent::WheelUp);
    assert!(
        window.text().starts_with("22:35   ann │ number 22."),
        "{}",
        window.text()
    );
    turn(&mut window, TerminalEvent::WheelDown);
    assert!(window.text().contains("number 30."), "{}", window.text());
    window.key(KeyCode::F(1));
    turn(&mut window, TerminalEvent::WheelDown);
    assert!(matches!(window.screen.mode, Mode::Help(3)));
    turn(&mut window, TerminalEvent::WheelUp);
    assert!(matches!(window.screen.mode, Mode::Help(0)));
    window.key(KeyCode::Esc);
    assert!(window.screen.takes_wheel());
    window.press(KeyCode::Up, KeyModifiers::ALT);
    window.write("v");
    assert!(!window.screen.takes_wheel(), "the terminal selects there");
}

#[test]
fn an_absence_ends_with_what_came() {
    let mut window = TestScreen::among(140, 12, 3);
    window.run("/away for lunch");
    assert!(
        window.text().contains("you are away (for lunch)"),
        "{}",
        window.text()
    );
    assert!(
        window.text().contains("  away: /back says what came · "),
        "{}",
        window.text()
    );
    window.events([
        message(1, 1, "hello"),
        message(3, 1, "bob?"),
        message(ME, 1, "I am here"),
    ]);
    window.wait(Duration::from_secs(120));
    window.run("/back");
    let back = "you were away for 2 min; 2 messages came meanwhile; 1 mentions you";
    assert!(window.text().contains(back), "{}", window.text());
    assert!(
        !window.text().contains("/back says what came ·"),
        "{}",
        window.text()
    );
}

#[test]
fn what_comes_behind_the_help_is_unread_though_the_focus_goes_after_it() {
    let mut window = TestScreen::among(80, 10, 3);
    window.key(KeyCode::F(1));
    window.tell(message(1, 1, "first"));
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusLost);
    window.tell(message(1, 2, "second"));
    window
        .screen
        .handle_terminal_event(TerminalEvent::FocusGained);
    window.key(KeyCode::Esc);
    let shown = window.text();
    let rule = shown.find(" new ─").unwrap_or(usize::MAX);
    assert!(rule < shown.find("first").unwrap_or(0), "{shown}");
}
