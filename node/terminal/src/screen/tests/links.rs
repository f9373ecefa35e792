//! Tests of links in messages on the screen.

use super::*;

const URL: &str =
    "https://a.example/a/path/that/is/longer/than/a/row/of/this/window/has/room/for?q=1";

/// Returns the address and the shown text of each part of a link on the screen.
fn links(screen: &Screen) -> Vec<(String, String)> {
    let drawing = view::render(screen);
    let mut found = Vec::new();
    for y in 0..screen.size.height {
        for part in drawing.links.row(y) {
            let columns = part.columns.clone();
            let shown = columns.map(|x| drawing.cells[(x as u16, y)].symbol().to_owned());
            found.push((part.link.address().to_owned(), shown.collect()));
        }
    }
    found
}

#[test]
fn a_long_address_is_one_link_in_all_its_rows() {
    for width in [60, 80] {
        let mut window = TestScreen::among(width, 20, 3);
        window.tell(message(
            1,
            1,
            &format!("你好 see {URL}, and\nhttp://b.example/"),
        ));
        let found = links(&window.screen);
        assert!(found.len() > 2, "{found:?}");
        let (last, rest) = found.split_last().unwrap();
        assert!(rest.iter().all(|(address, _)| address == URL), "{found:?}");
        let shown: Vec<&str> = rest.iter().map(|(_, shown)| shown.as_str()).collect();
        assert_eq!(shown.concat(), URL);
        assert_eq!(
            last,
            &(
                "http://b.example/".to_owned(),
                "http://b.example/".to_owned()
            )
        );
    }
}

#[test]
fn there_are_no_links_without_colours() {
    let mut window = TestScreen::among(80, 20, 3);
    window.tell(message(1, 1, URL));
    assert!(!links(&window.screen).is_empty());
    window.screen.colors = Colors(false);
    assert!(links(&window.screen).is_empty());
}

#[test]
fn nothing_from_others_gets_into_the_sequence() {
    let mut window = TestScreen::among(80, 20, 3);
    let text = format!("{URL}\u{1b}\\\u{1b}]2;mine\u{7} http://a.example/\u{9c}x");
    window.tell(message(1, 1, &text));
    for (address, shown) in links(&window.screen) {
        assert!(address.contains(&shown), "{address} {shown}");
        assert!(
            !address.contains(|char: char| char.is_control()),
            "{address:?}"
        );
    }
}
