//! Signals by their names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! signals {
    ($($name:ident $text:literal = $number:literal,)+) => {
        /// A signal that a client may send.
        #[expect(missing_docs, reason = "a signal's name is its documentation")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Signal {
            $(#[serde(rename = $text)]
            $name,)+
        }

        impl Signal {
            /// Its number on Linux.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$name => $number,)+
                }
            }

            fn named(number: i32) -> Option<&'static str> {
                match number {
                    $($number => Some($text),)+
                    _ => None,
                }
            }
        }
    };
}

signals! {
    Hup "SIGHUP" = 1,
    Int "SIGINT" = 2,
    Quit "SIGQUIT" = 3,
    Ill "SIGILL" = 4,
    Trap "SIGTRAP" = 5,
    Abrt "SIGABRT" = 6,
    Bus "SIGBUS" = 7,
    Fpe "SIGFPE" = 8,
    Kill "SIGKILL" = 9,
    Usr1 "SIGUSR1" = 10,
    Segv "SIGSEGV" = 11,
    Usr2 "SIGUSR2" = 12,
    Pipe "SIGPIPE" = 13,
    Alrm "SIGALRM" = 14,
    Term "SIGTERM" = 15,
    Stkflt "SIGSTKFLT" = 16,
    Chld "SIGCHLD" = 17,
    Cont "SIGCONT" = 18,
    Stop "SIGSTOP" = 19,
    Tstp "SIGTSTP" = 20,
    Ttin "SIGTTIN" = 21,
    Ttou "SIGTTOU" = 22,
    Urg "SIGURG" = 23,
    Xcpu "SIGXCPU" = 24,
    Xfsz "SIGXFSZ" = 25,
    Vtalrm "SIGVTALRM" = 26,
    Prof "SIGPROF" = 27,
    Winch "SIGWINCH" = 28,
    Io "SIGIO" = 29,
    Pwr "SIGPWR" = 30,
    Sys "SIGSYS" = 31,
}

/// The name of any signal, also of those that only a program can have sent itself.
#[must_use]
pub fn signal_name(number: i32) -> String {
    match Signal::named(number) {
        Some(name) => name.to_owned(),
        None if number >= 34 => format!("SIGRTMIN+{}", number - 34),
        None => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        let signal: Signal = serde_json::from_str("\"SIGTERM\"").unwrap();
        assert_eq!(signal.number(), 15);
        assert_eq!(signal_name(15), "SIGTERM");
        assert_eq!(signal_name(35), "SIGRTMIN+1");
    }
}
