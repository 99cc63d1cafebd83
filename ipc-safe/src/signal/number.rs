//! The number of a signal.

use crate::error::{Error, Result};
use core::fmt;
use core::num::NonZeroU8;
use core::str::FromStr;
use ipc_sys::signal::{SIGRTMAX, SIGRTMIN};

/// A signal that a program may use: a standard one (1 to 31) or a real-time one (34 to 64).
///
/// Numbers 32 and 33 are the C library's own and are no value of this type.
///
/// ```
/// use ipc_safe::signal::Signal;
///
/// assert_eq!(Signal::TERM.as_raw(), 15);
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// assert_eq!("RTMIN+2".parse::<Signal>()?, Signal::real_time(2)?);
/// assert!(Signal::from_raw(32).is_err());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(NonZeroU8);

/// What happens to a process that gets a signal and has said nothing about it.
///
/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefaultAction {
    /// It ends.
    Terminate,
    /// It ends and leaves a core dump.
    CoreDump,
    /// Nothing.
    Ignore,
    /// It stops until it is continued.
    Stop,
    /// It goes on when it was stopped; nothing otherwise.
    Continue,
}

/// A standard signal: its name without `SIG`, its default action and what it means.
struct Standard(&'static str, DefaultAction, &'static str);

/// The highest number of a standard signal.
const LAST_STANDARD: u8 = 31;

/// The standard signals in the order of their numbers, 1 first.
const STANDARD: [Standard; LAST_STANDARD as usize] = {
    use DefaultAction::{Continue, CoreDump, Ignore, Stop, Terminate};
    [
        Standard("HUP", Terminate, "the terminal or its controlling process is gone"),
        Standard("INT", Terminate, "interrupt from the keyboard"),
        Standard("QUIT", CoreDump, "quit from the keyboard"),
        Standard("ILL", CoreDump, "illegal instruction"),
        Standard("TRAP", CoreDump, "breakpoint or trace trap"),
        Standard("ABRT", CoreDump, "abort"),
        Standard("BUS", CoreDump, "access to memory that has nothing behind it"),
        Standard("FPE", CoreDump, "arithmetic error"),
        Standard("KILL", Terminate, "end at once; cannot be caught, blocked or ignored"),
        Standard("USR1", Terminate, "for the program's own use"),
        Standard("SEGV", CoreDump, "access to memory that is not there or not allowed"),
        Standard("USR2", Terminate, "for the program's own use"),
        Standard("PIPE", Terminate, "write to a pipe or socket that nobody reads"),
        Standard("ALRM", Terminate, "the real-time timer ran out"),
        Standard("TERM", Terminate, "polite request to end"),
        Standard("STKFLT", Terminate, "stack fault of the coprocessor; unused"),
        Standard("CHLD", Ignore, "a child ended, stopped or went on"),
        Standard("CONT", Continue, "go on after a stop"),
        Standard("STOP", Stop, "stop; cannot be caught, blocked or ignored"),
        Standard("TSTP", Stop, "stop from the keyboard"),
        Standard("TTIN", Stop, "background process reads from the terminal"),
        Standard("TTOU", Stop, "background process writes to the terminal"),
        Standard("URG", Ignore, "urgent data on a socket"),
        Standard("XCPU", CoreDump, "limit of processor time reached"),
        Standard("XFSZ", CoreDump, "limit of file size reached"),
        Standard("VTALRM", Terminate, "the timer of user time ran out"),
        Standard("PROF", Terminate, "the timer of processor time ran out"),
        Standard("WINCH", Ignore, "the terminal window changed its size"),
        Standard("IO", Terminate, "a descriptor is ready"),
        Standard("PWR", Terminate, "the power fails"),
        Standard("SYS", CoreDump, "system call that is wrong or forbidden"),
    ]
};

impl Signal {
    /// The terminal is gone.
    #[doc(alias = "SIGHUP")]
    pub const HUP: Self = Self::standard(1);
    /// Interrupt from the keyboard, Ctrl-C.
    #[doc(alias = "SIGINT")]
    pub const INT: Self = Self::standard(2);
    /// Quit from the keyboard, Ctrl-\\.
    #[doc(alias = "SIGQUIT")]
    pub const QUIT: Self = Self::standard(3);
    /// Illegal instruction.
    #[doc(alias = "SIGILL")]
    pub const ILL: Self = Self::standard(4);
    /// Breakpoint.
    #[doc(alias = "SIGTRAP")]
    pub const TRAP: Self = Self::standard(5);
    /// `abort`.
    #[doc(alias = "SIGABRT")]
    #[doc(alias = "SIGIOT")]
    pub const ABRT: Self = Self::standard(6);
    /// Access to memory that has nothing behind it, as a file that became shorter.
    #[doc(alias = "SIGBUS")]
    pub const BUS: Self = Self::standard(7);
    /// Arithmetic error.
    #[doc(alias = "SIGFPE")]
    pub const FPE: Self = Self::standard(8);
    /// End at once. Cannot be caught, blocked or ignored.
    #[doc(alias = "SIGKILL")]
    pub const KILL: Self = Self::standard(9);
    /// For the program's own use.
    #[doc(alias = "SIGUSR1")]
    pub const USR1: Self = Self::standard(10);
    /// Access to memory that is not there or not allowed.
    #[doc(alias = "SIGSEGV")]
    pub const SEGV: Self = Self::standard(11);
    /// For the program's own use.
    #[doc(alias = "SIGUSR2")]
    pub const USR2: Self = Self::standard(12);
    /// Write to a pipe or socket that nobody reads.
    #[doc(alias = "SIGPIPE")]
    pub const PIPE: Self = Self::standard(13);
    /// The real-time timer ran out.
    #[doc(alias = "SIGALRM")]
    pub const ALRM: Self = Self::standard(14);
    /// Polite request to end.
    #[doc(alias = "SIGTERM")]
    pub const TERM: Self = Self::standard(15);
    /// Unused on today's processors.
    #[doc(alias = "SIGSTKFLT")]
    pub const STKFLT: Self = Self::standard(16);
    /// A child ended, stopped or went on.
    #[doc(alias = "SIGCHLD")]
    #[doc(alias = "SIGCLD")]
    pub const CHLD: Self = Self::standard(17);
    /// Go on after a stop.
    #[doc(alias = "SIGCONT")]
    pub const CONT: Self = Self::standard(18);
    /// Stop. Cannot be caught, blocked or ignored.
    #[doc(alias = "SIGSTOP")]
    pub const STOP: Self = Self::standard(19);
    /// Stop from the keyboard, Ctrl-Z.
    #[doc(alias = "SIGTSTP")]
    pub const TSTP: Self = Self::standard(20);
    /// A background process reads from the terminal.
    #[doc(alias = "SIGTTIN")]
    pub const TTIN: Self = Self::standard(21);
    /// A background process writes to the terminal.
    #[doc(alias = "SIGTTOU")]
    pub const TTOU: Self = Self::standard(22);
    /// Urgent data on a socket.
    #[doc(alias = "SIGURG")]
    pub const URG: Self = Self::standard(23);
    /// Limit of processor time reached.
    #[doc(alias = "SIGXCPU")]
    pub const XCPU: Self = Self::standard(24);
    /// Limit of file size reached.
    #[doc(alias = "SIGXFSZ")]
    pub const XFSZ: Self = Self::standard(25);
    /// The timer of user time ran out.
    #[doc(alias = "SIGVTALRM")]
    pub const VTALRM: Self = Self::standard(26);
    /// The timer of processor time ran out.
    #[doc(alias = "SIGPROF")]
    pub const PROF: Self = Self::standard(27);
    /// The terminal window changed its size.
    #[doc(alias = "SIGWINCH")]
    pub const WINCH: Self = Self::standard(28);
    /// A descriptor is ready.
    #[doc(alias = "SIGIO")]
    #[doc(alias = "SIGPOLL")]
    pub const IO: Self = Self::standard(29);
    /// The power fails.
    #[doc(alias = "SIGPWR")]
    pub const PWR: Self = Self::standard(30);
    /// System call that is wrong or forbidden.
    #[doc(alias = "SIGSYS")]
    pub const SYS: Self = Self::standard(31);

    const fn standard(number: u8) -> Self {
        assert!(number <= LAST_STANDARD);
        match NonZeroU8::new(number) {
            Some(number) => Self(number),
            None => panic!("signals begin at 1"),
        }
    }

    /// The signal with this number.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for numbers below 1, above 64, and 32 and 33, which the C
    /// library keeps for itself.
    pub fn from_raw(raw: i32) -> Result<Self> {
        Self::try_from_raw(raw).ok_or_else(|| {
            let reason = match raw {
                1..=64 => "signals 32 and 33 belong to the C library",
                _ => "signals are 1 to 31 and 34 to 64",
            };
            Error::invalid("Signal::from_raw", reason).about(format!("number {raw}"))
        })
    }

    /// The signal with this number, if programs may use it.
    pub(super) fn try_from_raw(raw: i32) -> Option<Self> {
        let number = u8::try_from(raw).ok().and_then(NonZeroU8::new)?;
        let is_standard = number.get() <= LAST_STANDARD;
        (is_standard || (SIGRTMIN()..=SIGRTMAX()).contains(&raw)).then_some(Self(number))
    }

    /// The real-time signal `SIGRTMIN + number`. There are 31, from 0 on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when there are fewer.
    #[doc(alias = "SIGRTMIN")]
    pub fn real_time(number: u8) -> Result<Self> {
        Self::try_from_raw(SIGRTMIN() + i32::from(number)).ok_or_else(|| {
            let reason = format!("the last one is SIGRTMIN+{}", SIGRTMAX() - SIGRTMIN());
            Error::invalid("Signal::real_time", reason).about(format!("SIGRTMIN+{number}"))
        })
    }

    /// The number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0.get() as i32
    }

    /// Whether it is a real-time signal: queued with a value, and delivered as often as it was sent.
    #[must_use]
    pub const fn is_real_time(self) -> bool {
        self.0.get() > LAST_STANDARD
    }

    /// Whether a process may catch, block or ignore it: all but [`KILL`](Self::KILL) and [`STOP`](Self::STOP).
    #[must_use]
    pub const fn is_catchable(self) -> bool {
        !matches!(self, Self::KILL | Self::STOP)
    }

    /// Whether the processor raises it for an instruction that failed. One that is raised so while it is blocked or ignored
    /// ends the process, and a handler that returns meets the same instruction again.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::ILL | Self::TRAP | Self::BUS | Self::FPE | Self::SEGV | Self::SYS)
    }

    /// What it does to a process that has said nothing about it.
    #[must_use]
    pub const fn default_action(self) -> DefaultAction {
        match self.entry() {
            Some(Standard(_, action, _)) => *action,
            None => DefaultAction::Terminate,
        }
    }

    /// What it means, in a few words.
    #[doc(alias = "strsignal")]
    #[doc(alias = "sigdescr_np")]
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self.entry() {
            Some(Standard(_, _, description)) => description,
            None => "real-time signal, for the program's own use",
        }
    }

    const fn entry(self) -> Option<&'static Standard> {
        let index = self.0.get() as usize - 1;
        if index < STANDARD.len() { Some(&STANDARD[index]) } else { None }
    }
}

/// The C name: `SIGTERM`, `SIGRTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some(Standard(name, ..)) => f.pad(&format!("SIG{name}")),
            None => match self.as_raw() - SIGRTMIN() {
                0 => f.pad("SIGRTMIN"),
                number => f.pad(&format!("SIGRTMIN+{number}")),
            },
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a name with or without `SIG`, in any case, the second names (`CLD`, `IOT`, `POLL`), real-time signals counted from
/// either end (`RTMIN+3`, `RTMAX-1`), and numbers.
impl FromStr for Signal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A sign belongs to the names: `+3` is no number.
        if let Ok(raw) = text.parse()
            && !text.starts_with('+')
        {
            return Self::from_raw(raw);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let raw = real_time_from(name).or_else(|| standard_from(name));
        raw.and_then(Self::try_from_raw).ok_or_else(|| {
            let reason = "names are as TERM or SIGTERM, RTMIN+3, RTMAX-1, or a number";
            Error::invalid("Signal::from_str", reason).about(format!("{text:?}"))
        })
    }
}

fn standard_from(name: &str) -> Option<i32> {
    let name = match name {
        "IOT" => "ABRT",
        "CLD" => "CHLD",
        "POLL" => "IO",
        name => name,
    };
    let index = STANDARD.iter().position(|entry| entry.0 == name)?;
    i32::try_from(index + 1).ok()
}

fn real_time_from(name: &str) -> Option<i32> {
    let distance = |text: &str, sign: char| match text.strip_prefix(sign) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u8>().ok().map(i32::from),
        Some(_) => None,
        None => text.is_empty().then_some(0),
    };
    let raw = match name.strip_prefix("RTMIN") {
        Some(rest) => SIGRTMIN() + distance(rest, '+')?,
        None => SIGRTMAX() - distance(name.strip_prefix("RTMAX")?, '-')?,
    };
    (SIGRTMIN()..=SIGRTMAX()).contains(&raw).then_some(raw)
}

impl TryFrom<i32> for Signal {
    type Error = Error;

    fn try_from(raw: i32) -> Result<Self> {
        Self::from_raw(raw)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.as_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_usable_numbers_are_signals() {
        for raw in -2..80 {
            let usable = (1..=31).contains(&raw) || (34..=64).contains(&raw);
            assert_eq!(Signal::from_raw(raw).is_ok(), usable, "{raw}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        for raw in (1..=31).chain(34..=64) {
            let signal = Signal::from_raw(raw).unwrap();
            let name = signal.to_string();
            for text in [name.as_str(), &name[3..], &name.to_lowercase(), &raw.to_string()] {
                assert_eq!(text.parse::<Signal>().unwrap(), signal, "{text}");
            }
        }
        assert_eq!("RTMAX".parse::<Signal>().unwrap().as_raw(), 64);
        assert_eq!("SIGRTMAX-30".parse::<Signal>().unwrap().as_raw(), 34);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "SIG", "SIGSIGTERM", "TERM ", "RTMIN+31", "RTMAX-31", "RTMIN+-1", "RTMIN+", "RTMIN3", "32", "0", "-1"]
        {
            assert!(text.parse::<Signal>().is_err(), "{text:?}");
        }
    }
}
