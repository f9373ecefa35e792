//! Tests of what the user is told of.

use ringtalk_session::{Event, NodeId};

use super::*;
use crate::tests::{ANN, me, message};

fn attention(highlight: &[&str]) -> Attention {
    Attention::new(AttentionSettings {
        highlight: highlight.iter().map(|word| (*word).to_owned()).collect(),
        rings_bell: true,
        notifications: Some(NotificationKind::Osc9),
    })
}

fn said(text: &str) -> Message {
    match message(ANN, 1, text, false) {
        Event::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn state() -> State {
    let mut state = State::new(me());
    state.apply(&Event::Ready { name: "bob".into() });
    state
}

fn run(attention: &mut Attention, command: &FaceCommand) -> String {
    attention.run(command, Instant::now()).remove(0).text
}

#[test]
fn a_name_and_the_users_own_words_are_mentions() {
    let mut attention = attention(&["Kubernetes", "on call"]);
    for (text, is_mention) in [
        ("hi Bob!", true),
        ("KUBERNETES is down", true),
        ("who is on call?", true),
        ("bobby", false),
        ("on  call", false),
    ] {
        let concern = attention.weigh(&said(text), &state());
        assert_eq!(concern.is_mention, is_mention, "{text}");
        assert_eq!(concern.is_alarming(), is_mention, "{text}");
    }
}

#[test]
fn a_person_on_the_list_is_told_of_until_they_are_named_again() {
    let mut attention = attention(&[]);
    let ann = FaceCommand::Notify(Some("@Ann".to_owned()));
    assert!(run(&mut attention, &FaceCommand::Notify(None)).contains("of nobody"));
    assert!(run(&mut attention, &ann).contains("when Ann speaks or joins"));
    assert!(attention.weigh(&said("hello"), &state()).is_watched);
    let person = |name: &str| Person {
        id: NodeId::from_bytes([7; 16]),
        name: name.to_owned(),
    };
    assert!(attention.watches(&person("ann")) && !attention.watches(&person("eve")));
    assert!(run(&mut attention, &FaceCommand::Notify(None)).ends_with(": Ann"));
    assert!(run(&mut attention, &ann).contains("no longer"));
    assert!(!attention.weigh(&said("hello"), &state()).is_watched);
    let nobody = FaceCommand::Notify(Some("@".to_owned()));
    assert!(run(&mut attention, &nobody).contains("needs a name"));
}

#[test]
fn a_list_without_any_sound_says_so() {
    let mut silent = Attention::new(AttentionSettings::default());
    let ann = FaceCommand::Notify(Some("ann".to_owned()));
    assert!(run(&mut silent, &ann).contains("see --bell and --notifications"));
    let mut muted = attention(&[]);
    run(&mut muted, &FaceCommand::Mute(None));
    assert!(run(&mut muted, &ann).contains("/mute off"));
}

#[test]
fn silence_ends_by_the_same_command_or_by_off() {
    let mut attention = attention(&[]);
    let now = Instant::now();
    let mute = FaceCommand::Mute(None);
    let off = FaceCommand::Mute(Some(false));
    assert!(run(&mut attention, &mute).starts_with("muted: no bell"));
    assert_eq!(
        attention.alert_of(&said("bob"), false, now),
        Alert::default()
    );
    assert_eq!(run(&mut attention, &mute), "no longer muted");
    assert!(attention.alert_of(&said("bob"), false, now).rings_bell);
    run(&mut attention, &FaceCommand::Mute(Some(true)));
    assert!(attention.is_muted());
    assert_eq!(run(&mut attention, &off), "no longer muted");
    assert!(run(&mut attention, &off).starts_with("nothing is muted"));
}

#[test]
fn notifications_are_harmless_short_and_rare() {
    let mut attention = attention(&[]);
    let now = Instant::now();
    let mut notified = |text: &str, is_seen, now| {
        let alert = attention.alert_of(&said(text), is_seen, now);
        assert!(alert.rings_bell);
        alert.notification.map(|(_, words)| words)
    };
    assert_eq!(notified("bob", true, now), None, "it is on the screen");
    let harmful = "bob\n\u{1b}]0;x\u{7}\u{9c}\u{202e}";
    let expected = "ann: bob ␛]0;x␇\\u{9c}\\u{202e}";
    assert_eq!(notified(harmful, false, now).as_deref(), Some(expected));
    assert_eq!(notified("bob", false, now), None, "too soon");
    let later = now + NOTIFICATION_PAUSE;
    let action = notified("/me waves at bob", false, later);
    assert_eq!(action.as_deref(), Some("ann waves at bob"));
    let long = notified(&"bob ".repeat(4_000), false, later + NOTIFICATION_PAUSE);
    assert_eq!(long.unwrap().chars().count(), NOTIFICATION_WIDTH);
}

#[test]
fn an_absence_counts_messages_and_mentions() {
    let mut attention = attention(&["lunch"]);
    assert!(run(&mut attention, &FaceCommand::Back).starts_with("you are not away"));
    let away = run(
        &mut attention,
        &FaceCommand::Away(Some("for tea".to_owned())),
    );
    assert!(
        away.starts_with("you are away (for tea), and the others see it; /back says"),
        "{away}"
    );
    assert!(attention.is_away());
    for text in ["hello", "lunch, bob?", "anybody?"] {
        attention.weigh(&said(text), &state());
    }
    run(&mut attention, &FaceCommand::Away(None));
    let back = run(&mut attention, &FaceCommand::Back);
    assert_eq!(
        back,
        "you were away for 0 s; 3 messages came meanwhile; 1 mentions you"
    );
    assert!(!attention.is_away());
}
