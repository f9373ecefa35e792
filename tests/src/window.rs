//! A terminal with a program in it: types into it, and reads what a person would see.
//!
//! It is a pseudo-terminal with an emulator on the other side. Not here: the texts that programs show (the tests).

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use pty_process::Size;
use pty_process::blocking::{Pts, Pty, open};

use crate::picture;
use crate::process::{binary, clear_own_settings};
use crate::wait::{self, Witness};

/// The time limit for a program to read what was typed.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a line: longer than any within a paste.
const LINE_PAUSE: Duration = Duration::from_millis(40);

/// The title of a window before its program starts.
const SHELL_TITLE: &str = "shell";

/// A terminal with a program in it.
pub struct Window {
    label: String,
    /// `None` once the window is closed.
    pty: Option<Arc<Pty>>,
    /// The program's side, kept open so that the state in which the program leaves it can be read.
    line: Option<Pts>,
    child: Mutex<Child>,
    output: Arc<WindowOutput>,
    reader: Option<JoinHandle<()>>,
}

/// The program's output.
#[derive(Default)]
struct WindowOutput {
    state: Mutex<WindowState>,
    /// Notified when the window is read again.
    resumed: Condvar,
}

struct WindowState {
    emulator: vt100::Parser<Requests>,
    raw: Vec<u8>,
    is_stalled: bool,
    is_closed: bool,
}

/// The requests of the program to the terminal, beside the screen.
#[derive(Default)]
struct Requests {
    bells: usize,
    /// The titles of the window: the present one, with the saved ones before it.
    titles: Vec<String>,
    /// The texts that were put into the clipboard.
    copied: Vec<String>,
}

impl vt100::Callbacks for Requests {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.pop();
        self.titles
            .push(String::from_utf8_lossy(title).into_owned());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        let text = BASE64.decode(data).expect("base64");
        self.copied.push(String::from_utf8(text).expect("text"));
    }

    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        _: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        last: char,
    ) {
        match (parameters, last) {
            ([[22], [2]], 't') => self.titles.extend(self.titles.last().cloned()),
            ([[23], [2]], 't') => drop(self.titles.pop()),
            _ => {}
        }
    }
}

impl Default for WindowState {
    fn default() -> Self {
        let size = NonZeroU16::MIN;
        let requests = Requests {
            titles: vec![SHELL_TITLE.to_owned()],
            ..Requests::default()
        };
        Self {
            emulator: vt100::Parser::new_with_callbacks(size, size, 0, requests),
            raw: Vec::new(),
            is_stalled: false,
            is_closed: false,
        }
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl WindowOutput {
    fn state(&self) -> MutexGuard<'_, WindowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Runs `node` as `name` in a window of this many columns and rows.
    #[track_caller]
    pub fn node(name: &str, (columns, rows): (u16, u16), arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("node"));
        command.args(["--name", name, "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Self::open(name, (columns, rows), &command)
    }

    /// Runs a command in a window.
    ///
    /// # Panics
    ///
    /// If there is no pseudo-terminal, or the command cannot be started.
    #[track_caller]
    pub fn open(label: &str, (columns, rows): (u16, u16), command: &Command) -> Self {
        let mut command = with_default_signals(command);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        clear_own_settings(&mut command);
        let (pty, line) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let child = pty_process::blocking::Command::from(command).spawn_borrowed(&line);
        let mut window = Self {
            label: label.to_owned(),
            pty: Some(Arc::new(pty)),
            line: Some(line),
            child: Mutex::new(child.expect("the program starts")),
            output: Arc::new(WindowOutput::default()),
            reader: None,
        };
        window.emulate(columns, rows);
        let (pty, output) = (Arc::clone(window.pty()), Arc::clone(&window.output));
        window.reader = Some(std::thread::spawn(move || read_all(&pty, &output)));
        window
    }

    /// Types keys.
    ///
    /// # Panics
    ///
    /// If the terminal takes no input.
    pub fn press(&self, keys: &str) {
        let written = (&**self.pty()).write_all(keys.as_bytes());
        written.expect("the terminal takes keys");
    }

    /// Types keys, and returns as soon as the program has read them: what is typed next comes in another read.
    ///
    /// # Panics
    ///
    /// If the program does not read.
    #[track_caller]
    pub fn press_and_await_read(&self, keys: &str) {
        self.press(keys);
        assert!(self.await_read(), "{}: reads keys", self.label);
    }

    /// Types a line, and pauses as a person does: on the full screen, lines without a pause are a paste.
    pub fn enter(&self, line: &str) {
        self.press(&format!("{line}\r"));
        // A program that does not read now gets the lines at once, whatever is done here.
        self.await_read();
        wait::sleep("a pause is what tells typing from a paste", LINE_PAUSE);
    }

    /// Waits until the program has read everything that was typed. Returns false if it does not.
    fn await_read(&self) -> bool {
        let line = self.line.as_ref().expect("the line is open").as_fd();
        let deadline = Instant::now() + READ_TIMEOUT;
        let is_unread = || {
            let mut polled = [PollFd::new(line, PollFlags::POLLIN)];
            poll(&mut polled, PollTimeout::ZERO).expect("the line can be polled") > 0
        };
        // The program does not say that it has read something, and soon after it a part of a key becomes a key.
        while is_unread() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    /// Pastes a text as a terminal with bracketed paste does.
    pub fn paste(&self, text: &str) {
        self.press(&format!(
            "\u{1b}[200~{}\u{1b}[201~",
            text.replace('\n', "\r")
        ));
    }

    /// Returns what a person sees.
    pub fn text(&self) -> String {
        self.output.state().emulator.screen().contents()
    }

    /// Returns the text that stands out in reverse video.
    pub fn inverse_text(&self) -> String {
        let state = self.output.state();
        let screen = state.emulator.screen();
        let (rows, columns) = screen.size();
        let cells = (0..rows.get()).flat_map(|y| (0..columns.get()).map(move |x| (y, x)));
        let cells = cells.filter_map(|(y, x)| screen.cell(y, x));
        let inverse = cells.filter(|cell| cell.inverse());
        inverse
            .map(|cell| {
                if cell.contents().is_empty() {
                    " "
                } else {
                    cell.contents()
                }
            })
            .collect()
    }

    /// Returns what a person sees, as an SVG.
    pub fn picture(&self) -> String {
        picture::draw(self.output.state().emulator.screen())
    }

    /// Returns how often the bell rang.
    pub fn bells(&self) -> usize {
        self.output.state().emulator.callbacks().bells
    }

    /// Returns the title of the window.
    pub fn title(&self) -> String {
        let state = self.output.state();
        let title = state.emulator.callbacks().titles.last();
        title.cloned().unwrap_or_default()
    }

    /// Waits until the window has this title.
    #[track_caller]
    pub fn await_title(&self, title: &str, within: Duration) {
        let what = format!("has the title {title:?}");
        self.wait_for(&what, within, |_| self.title() == title);
    }

    /// Returns the texts that the program has put into the clipboard.
    pub fn copied(&self) -> Vec<String> {
        self.output.state().emulator.callbacks().copied.clone()
    }

    /// Returns the program's whole output.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.output.state().raw).into_owned()
    }

    /// Waits until the window shows a text.
    #[track_caller]
    pub fn await_text(&self, what: &str, within: Duration) {
        self.wait_for(&format!("shows {what:?}"), within, |text| {
            text.contains(what)
        });
    }

    /// Waits until the text in the window is as wanted.
    #[track_caller]
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&str) -> bool) {
        let what = format!("{}: {what}", self.label);
        wait::until(&what, within, &[self], || {
            wanted(&self.text()).then_some(()).ok_or("not yet")
        });
    }

    /// Changes the size.
    ///
    /// # Panics
    ///
    /// If the size is zero.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.emulate(columns, rows);
        let resized = self.pty().resize(Size::new(rows, columns));
        resized.expect("a size");
    }

    /// Stops reading the program's output, or resumes.
    pub fn set_stalled(&self, is_stalled: bool) {
        self.output.state().is_stalled = is_stalled;
        self.output.resumed.notify_all();
    }

    /// Closes the window, as a user does, or a connection that breaks.
    ///
    /// # Panics
    ///
    /// If it is closed already.
    pub fn close(&mut self) {
        self.output.state().is_closed = true;
        // Output wakes the reader, which then lets go of the pseudo-terminal.
        let line = self.line.as_ref().expect("the line is open");
        let line = line.as_fd().try_clone_to_owned().expect("a descriptor");
        let _ = File::from(line).write_all(b" ");
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.pty = None;
    }

    fn pty(&self) -> &Arc<Pty> {
        self.pty.as_ref().expect("the window is open")
    }

    /// Returns the program's process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child().id().cast_signed())
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let mut child = self.child();
        // The process id cannot be reused until the child has been waited for.
        if child.try_wait().ok().flatten().is_none() {
            let pid = Pid::from_raw(child.id().cast_signed());
            let _ = kill(pid, signal);
        }
    }

    /// Waits for the program's exit, and returns its exit code, or the negated signal.
    #[track_caller]
    pub fn exit_code(&self, within: Duration) -> i32 {
        let what = format!("{}: exits", self.label);
        wait::poll(&what, within, &[self], || {
            let status = self.child().try_wait().ok().flatten().ok_or("it runs")?;
            let code = status.code().or(status.signal().map(|signal| -signal));
            code.ok_or("no code")
        })
    }

    /// Waits until the terminal is as it was before the program started: its last output may still be on its way.
    #[track_caller]
    pub fn await_restored(&self, within: Duration) {
        self.wait_for("gives the terminal back", within, |_| {
            self.unrestored().is_empty()
        });
    }

    /// Returns what the program has not restored; empty if the terminal is as it was before the program started.
    ///
    /// # Panics
    ///
    /// If the terminal has no modes.
    pub fn unrestored(&self) -> Vec<&'static str> {
        let line = self.line.as_ref().expect("the line is open");
        let modes = tcgetattr(line).expect("a terminal has modes");
        let wanted = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
        let state = self.output.state();
        let screen = state.emulator.screen();
        let found = [
            (!modes.local_flags.contains(wanted), "line mode"),
            (screen.alternate_screen(), "the main screen"),
            (screen.hide_cursor(), "the cursor"),
            (screen.bracketed_paste(), "pastes"),
            (
                state.emulator.callbacks().titles != [SHELL_TITLE],
                "the title",
            ),
        ];
        let missing = found.into_iter().filter(|(missing, _)| *missing);
        missing.map(|(_, what)| what).collect()
    }

    fn emulate(&self, columns: u16, rows: u16) {
        let size = |number| NonZeroU16::new(number).expect("a window has room");
        let mut state = self.output.state();
        state.emulator.set_size(size(rows), size(columns));
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Window {
    fn describe(&self) -> String {
        format!("--- {} shows:\n{}\n", self.label, self.text())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.describe());
        }
        self.set_stalled(false);
        let _ = self.child().kill();
        let _ = self.child().wait();
        // Once nobody holds the line, the reader ends.
        self.line = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Returns the same command with default signal handling, as a terminal starts it: the tests may have been started
/// with some signals ignored.
fn with_default_signals(command: &Command) -> Command {
    let mut minding = Command::new("/usr/bin/env");
    minding
        .arg("--default-signal=HUP,INT,QUIT,TERM,TSTP")
        .arg(command.get_program());
    minding.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        minding.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => minding.env(name, value),
            None => minding.env_remove(name),
        };
    }
    minding
}

fn read_all(pty: &Pty, output: &WindowOutput) {
    let mut buffer = [0; 8192];
    let mut pty: &Pty = pty;
    loop {
        let state = output.state();
        let wait = output.resumed.wait_while(state, |state| state.is_stalled);
        drop(wait);
        let Ok(length @ 1..) = pty.read(&mut buffer) else {
            return;
        };
        let mut state = output.state();
        if state.is_closed {
            return;
        }
        state.raw.extend_from_slice(&buffer[..length]);
        state.emulator.process(&buffer[..length]);
        drop(state);
        wait::notify();
    }
}
