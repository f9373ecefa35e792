//! The README's pictures show real programs: a conversation in a terminal, and the ring beneath it.
//!
//! `cargo xtask pictures` draws them anew. Parts that differ in every run are set to one value (the time of day, and the
//! ports of the nodes) or is not compared (the colours of names).

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use ringtalk_tests::director::Director;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::ring_viz;
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

/// The time limit for a message to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
const SIZE: (u16, u16) = (92, 16);
/// The time of day of every message.
const TIME: &str = "21:58";
const PORT: &str = "7000";

#[test]
fn the_pictures_of_the_readme_are_current() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    let ann = Window::node("ann", SIZE, &["--join", &endpoint]);
    ann.await_text("you are ann", JOIN_TIMEOUT);
    let come = |name: &str| {
        let node = Launch::new(name).join(&endpoint).start();
        node.await_ready(JOIN_TIMEOUT);
        ann.await_text(&format!("{name} joined"), SHOW_TIMEOUT);
        node
    };
    let others: [TestNode; 6] = ["bob", "carol", "Дмитрий", "eve", "李雷", "grace"].map(come);
    ann.enter("/clear");
    ann.wait_for("forgets who came", SHOW_TIMEOUT, |text| {
        !text.contains("joined")
    });
    let [bob, carol, dmitri, ..] = &others;
    ann.enter("hello everybody");
    ann.await_text("hello everybody ✓", SHOW_TIMEOUT);
    for (author, text, shown) in [
        (bob, "hi ann! 你好 👋", "hi ann! 你好"),
        (carol, "/me waves", "carol waves"),
        (dmitri, "am I late, ann?", "am I late, ann?"),
    ] {
        author.say(text);
        ann.await_text(shown, SHOW_TIMEOUT);
    }
    ann.enter("no, we have just begun");
    ann.await_text("just begun ✓", SHOW_TIMEOUT);
    ann.await_text("reached 6/6", SHOW_TIMEOUT);
    ann.await_text("director ok", SHOW_TIMEOUT);
    ann.press("this is gone when we are");
    ann.await_text("> this is gone when we are", SHOW_TIMEOUT);
    expect_picture("talk", &normalize_times(&ann.picture()));
    let ring = ring_viz::run(&["--join", &endpoint, "--once", "--format", "svg"]);
    assert_eq!(ring.code, 0, "{}", ring.stderr);
    expect_picture("ring", &normalize_ports(&ring.stdout));
}

/// Compares a picture with the one in the repository; overwrites that one if `UPDATE_EXPECT` is set.
#[track_caller]
fn expect_picture(name: &str, actual: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures");
    let path = pictures.join(format!("{name}.svg"));
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        strip_hues(actual) == strip_hues(&expected),
        "{} is another picture now (cargo xtask pictures draws it):\n{actual}",
        path.display()
    );
}

/// Removes the colours of names, which follow from the ids of nodes and so differ in every run.
fn strip_hues(picture: &str) -> String {
    let hues = ["c1", "c2", "c3", "c4", "c5", "c6"];
    hues.iter().fold(picture.to_owned(), |picture, hue| {
        picture.replace(&format!("{hue}\""), "c\"")
    })
}

/// Sets the time of every message to [`TIME`].
fn normalize_times(picture: &str) -> String {
    let is_time = |text: &str| {
        let bytes = text.as_bytes().first_chunk::<5>();
        bytes.is_some_and(|[a, b, colon, c, d]| {
            *colon == b':' && [a, b, c, d].into_iter().all(u8::is_ascii_digit)
        })
    };
    let parts = picture.split('>').map(|part| {
        if is_time(part) {
            format!("{TIME}{}", &part[TIME.len()..])
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join(">")
}

/// Sets the port of every node to [`PORT`].
fn normalize_ports(picture: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = picture.split(HOST);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        whole + HOST + PORT + rest
    })
}
