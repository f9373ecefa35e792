//! The manual page: the text of `--help`, as `man` shows it.
//!
//! Not here: the text itself (`args`, `help`).

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Args;
use super::help::{ENVIRONMENT, EXAMPLES, FILE, FILE_MEANING, STATUSES};
use super::keys::KEYS;

/// Returns the manual page.
pub(crate) fn manual() -> Vec<u8> {
    let man = Man::new(Args::command()).manual("Ringtalk");
    let mut page = Vec::new();
    let rendered = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| sections().to_writer(&mut page))
        .and_then(|()| man.render_version_section(&mut page));
    rendered.expect("memory takes whatever is written");
    page
}

/// Returns what `--help` says below the flags, as sections.
fn sections() -> Roff {
    let mut roff = Roff::new();
    list(&mut roff, "EXAMPLES", &EXAMPLES);
    list(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
    list(&mut roff, "FILES", &[(FILE, FILE_MEANING)]);
    roff.control("RS", []).control("nf", []);
    for (key, example) in KEYS {
        roff.text([roman(format!("{key} = {example}"))]);
    }
    roff.control("fi", []).control("RE", []);
    list(&mut roff, "EXIT STATUS", &STATUSES);
    roff
}

fn list(roff: &mut Roff, heading: &str, items: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (term, meaning) in items {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
}
