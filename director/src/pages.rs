//! The pages that a program prints about itself: the sections below its flags in `--help`, its manual page, and
//! completions.
//!
//! Help and manual come from the same [`Section`]s, so that neither lacks what the other has. Not here: the text of
//! any program, and its flags.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::{self, ExitCode};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// A section below the flags: terms, each with its meaning.
#[derive(Clone, Debug)]
pub struct Section {
    heading: &'static str,
    items: Vec<(String, String)>,
    /// Lines under the last item, which are shown as they are.
    lines: Vec<String>,
}

impl Section {
    /// Creates a section from its heading, as `--help` shows it, and its terms with their meanings.
    pub fn new<S: Into<String>, T: Into<String>>(
        heading: &'static str,
        items: impl IntoIterator<Item = (S, T)>,
    ) -> Self {
        let items = items.into_iter();
        Self {
            heading,
            items: items
                .map(|(term, meaning)| (term.into(), meaning.into()))
                .collect(),
            lines: Vec::new(),
        }
    }

    /// Adds lines under the last item, which are shown as they are.
    #[must_use]
    pub fn with_lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// Returns the section as `--help` shows it.
    pub fn help(&self) -> String {
        let heading = format!("{}:\n", self.heading);
        let items = self.items.iter();
        let items = items.map(|(term, meaning)| format!("  {term}\n      {meaning}\n"));
        let lines = self.lines.iter().map(|line| format!("      {line}\n"));
        heading + &items.chain(lines).collect::<String>()
    }

    /// Adds the section to a manual page.
    fn write(&self, page: &mut Roff) {
        page.control("SH", [self.heading.to_uppercase().as_str()]);
        for (term, meaning) in &self.items {
            page.control("TP", []);
            page.text([bold(term)]);
            page.text([roman(meaning)]);
        }
        if !self.lines.is_empty() {
            page.control("RS", []).control("nf", []);
            for line in &self.lines {
                page.text([roman(line)]);
            }
            page.control("fi", []).control("RE", []);
        }
    }
}

/// Returns the text below the flags of `--help`.
pub fn help(sections: &[Section]) -> String {
    let sections: Vec<String> = sections.iter().map(Section::help).collect();
    sections.join("\n")
}

/// Returns the manual page of a command, with these sections below its flags.
///
/// # Panics
///
/// If the command has no version.
pub fn manual(command: Command, sections: &[Section]) -> Vec<u8> {
    let man = Man::new(command).manual("Ringtalk");
    let mut more = Roff::new();
    for section in sections {
        section.write(&mut more);
    }
    let mut page = Vec::new();
    let rendered = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| more.to_writer(&mut page))
        .and_then(|()| man.render_version_section(&mut page));
    rendered.expect("memory takes whatever is written");
    page
}

/// Returns the completions of a command for a shell.
pub fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

/// Prints a page to stdout, and returns the exit status. If that fails, says why in the name of `program`.
pub fn print(program: &str, page: &[u8]) -> ExitCode {
    if is_printed(program, page) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints a page to stdout. Returns false if that fails, and says why in the name of `program`.
pub fn is_printed(program: &str, page: &[u8]) -> bool {
    has_arrived(program, io::stdout().write_all(page))
}

/// Prints what clap has to say about a command line, such as the help, and ends the process. `mask` returns an error
/// without the secrets that a user may have typed.
pub fn exit(program: &str, said: &clap::Error, mask: impl Fn(&str) -> String) -> ! {
    let text = said.render();
    let plain = text.to_string();
    if said.use_stderr() {
        let masked = mask(&plain);
        // A mask could cut the codes of a colour.
        let _ = if masked != plain || has_dumb_terminal() {
            io::stderr().write_all(masked.as_bytes())
        } else {
            said.print()
        };
        process::exit(said.exit_code());
    }
    let printed = if has_dumb_terminal() {
        io::stdout().write_all(plain.as_bytes())
    } else {
        said.print()
    };
    process::exit(if has_arrived(program, printed) {
        said.exit_code()
    } else {
        1
    });
}

/// Returns true if the terminal cannot show colours. clap prints them there all the same if `CI` is set.
fn has_dumb_terminal() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns true if everything that was written to stdout has got there. If not, says why. A reader that has seen
/// enough is no reason to say anything.
fn has_arrived(program: &str, written: io::Result<()>) -> bool {
    // The end of the process would lose the rest of the buffer without a word.
    let Err(error) = written.and_then(|()| io::stdout().flush()) else {
        return true;
    };
    if error.kind() != ErrorKind::BrokenPipe {
        let _ = writeln!(io::stderr(), "{program}: cannot write to stdout: {error}");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> [Section; 2] {
        [
            Section::new("Files", [("/etc/x", "Settings:")]).with_lines(["a = 1".to_owned()]),
            Section::new("Exit status", [("0", "Fine"), ("1", "Not fine")]),
        ]
    }

    #[test]
    fn help_and_manual_have_the_same_sections() {
        let text = help(&sections());
        assert_eq!(
            text,
            "Files:\n  /etc/x\n      Settings:\n      a = 1\n\n\
             Exit status:\n  0\n      Fine\n  1\n      Not fine\n"
        );
        let page = manual(Command::new("chat").version("1"), &sections());
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(".TH chat 1"), "{page}");
        assert!(page.contains("\n.SH FILES\n.TP\n\\fB/etc/x\\fR\nSettings:\n.RS\n.nf\na = 1\n"));
        assert!(
            page.contains("\n.SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nFine\n"),
            "{page}"
        );
    }

    #[test]
    fn completions_are_for_the_name_of_the_command() {
        let command = Command::new("chat").arg(clap::Arg::new("join").long("join"));
        let text = String::from_utf8(completions(Shell::Zsh, command)).unwrap();
        assert!(text.starts_with("#compdef chat\n"), "{text}");
        assert!(text.contains("--join"), "{text}");
    }
}
