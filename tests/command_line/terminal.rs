//! `codebeaker run` in a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::console::Console;
use crate::harness::DEADLINE;

/// A terminal with the command in it.
struct Terminal {
    keys: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    /// The side that the command sees.
    line: File,
    child: Child,
}

impl Terminal {
    fn start(console: &Console, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let line = File::from(rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        tcsetwinsize(&master, size(90, 20)).unwrap();
        // With a session of its own, whose terminal this is: so it is told of new sizes.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(console.program()).args(args);
        console.prepare(&mut command);
        let copy = || line.try_clone().unwrap();
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().unwrap();
        let keys = File::from(master);
        let mut reader = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keys, screen, shown: String::new(), line, child }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this was shown, and forgets what came before it.
    fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let piece = self.screen.recv_timeout(left).unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&piece));
        }
        let place = self.shown.find(text).unwrap() + text.len();
        self.shown.drain(..place);
    }

    /// Whether keys are shown and lines edited by the terminal itself.
    fn is_raw(&self) -> bool {
        !tcgetattr(self.line.as_fd()).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn ends_with(mut self, code: i32) {
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{}", self.shown);
        assert!(!self.is_raw(), "the terminal was not put back");
    }
}

fn size(ws_col: u16, ws_row: u16) -> Winsize {
    Winsize { ws_col, ws_row, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn a_terminal_is_passed_through() {
    for console in Console::users() {
        let code = "
import os, signal, sys
print(all(map(os.isatty, (0, 1, 2))), *os.get_terminal_size())
signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size(), flush=True))
print('hello', input('name? '))
try:
    signal.pause()
    signal.pause()
except KeyboardInterrupt:
    print('interrupted')
sys.exit(len(sys.stdin.read()))
";
        let mut terminal = Terminal::start(&console, &["run", &console.file("ask.py", code)]);
        terminal.shows("True 90 20\r\n");
        terminal.shows("name? ");
        assert!(terminal.is_raw());
        terminal.type_keys("Zoë\r");
        terminal.shows("hello Zoë\r\n");
        tcsetwinsize(&terminal.keys, size(132, 43)).unwrap();
        terminal.shows("now 132 43\r\n");
        terminal.type_keys("\u{3}");
        terminal.shows("interrupted\r\n");
        terminal.type_keys("\u{4}");
        terminal.ends_with(0);
        console.leaves_nothing();
    }
}

#[test]
fn a_terminal_is_put_back_however_the_program_ends() {
    let console = Console::new();
    for (code, args, expected) in [
        ("kill -KILL $$", vec![], 128 + 9),
        ("sleep 600", vec!["--timeout", "300ms"], 124),
        ("stty raw -echo; exit 3", vec![], 3),
    ] {
        let file = console.file("end.sh", code);
        let mut all = vec!["run"];
        all.extend(args);
        all.push(&file);
        Terminal::start(&console, &all).ends_with(expected);
    }
}

#[test]
fn code_from_a_pipe_and_reports_need_no_terminal() {
    let console = Console::new();
    let file = console.file("tty.py", "import os; print(os.isatty(1))");
    let mut terminal = Terminal::start(&console, &["run", "--json", &file]);
    terminal.shows("False");
    assert!(!terminal.is_raw());
    terminal.ends_with(0);
}

#[test]
fn a_person_who_starts_the_daemon_is_told_what_it_is() {
    let console = Console::new();
    let mut terminal = Terminal::start(&console, &[]);
    terminal.shows("codebeaker run FILE");
    // The end of the input.
    terminal.type_keys("\u{4}");
    terminal.ends_with(1);
}
