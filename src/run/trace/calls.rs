//! Which calls are traced, and how the arguments of each are told.

use super::Group::{self, Futex, Memory, Pipes, Posix, Programs, Signals, Sockets, Sysv};
use super::arguments::{Arguments, Words};
use super::{flags, words};
use ipc_safe::testing::{CallRule, SystemCall};

/// A call that can be traced.
pub(super) struct Traced {
    pub(super) group: Group,
    pub(super) rule: CallRule,
    /// The arguments in words; `None` for a call that has nothing to do with this.
    pub(super) decode: Decode,
}

pub(super) type Decode = fn(&Arguments<'_>) -> Option<Words>;

/// All calls that this machine has.
pub(super) fn table() -> Vec<Traced> {
    let everything = SYSTEM_V.iter().map(|it| (Sysv, it)).chain(POSIX.iter().map(|it| (Posix, it)));
    let everything =
        everything.chain(MEMORY.iter().map(|it| (Memory, it))).chain(SIGNALS.iter().map(|it| (Signals, it)));
    let everything = everything.chain(PIPES.iter().map(|it| (Pipes, it))).chain(SOCKETS.iter().map(|it| (Sockets, it)));
    let everything =
        everything.chain(PROGRAMS.iter().map(|it| (Programs, it))).chain(FUTEX.iter().map(|it| (Futex, it)));
    let traced = |(group, &(name, decode)): (Group, &(&str, Decode))| {
        let call = SystemCall::named(name)?;
        Some(Traced { group, rule: rule(name, call), decode })
    };
    everything.filter_map(traced).collect()
}

/// Which of the calls matter, as far as the kernel can see: it does not look at what an argument points to.
fn rule(name: &str, call: SystemCall) -> CallRule {
    match name {
        // Also MAP_SHARED_VALIDATE, which is this and MAP_PRIVATE. Private memory is allocated all the time.
        "mmap" => call.with_bits(3, libc::MAP_SHARED as u32),
        // Linux's own commands, those of seals and of the size of pipes among them.
        "fcntl" => call.with_bits(1, LINUX_COMMANDS),
        "mknod" => call.with_bits(1, libc::S_IFIFO),
        "mknodat" => call.with_bits(2, libc::S_IFIFO),
        _ => call.into(),
    }
}

const LINUX_COMMANDS: u32 = 1024;

const SYSTEM_V: &[(&str, Decode)] = &[
    ("msgget", |a| told([a.key(0), a.get_flags(1)])),
    ("msgsnd", |a| told([a.int(0), a.message(1, 2), a.size(2), a.flags(3, flags::MESSAGE)])),
    ("msgrcv", |a| told([a.int(0), a.address(1), a.size(2), a.long(3), a.flags(4, flags::MESSAGE)])),
    ("msgctl", |a| told([a.int(0), a.control(1, flags::QUEUE_CONTROL), a.address(2)])),
    ("semget", |a| told([a.key(0), a.int(1), a.get_flags(2)])),
    ("semop", |a| told([a.int(0), a.operations(1, 2), a.size(2)])),
    ("semtimedop", |a| {
        let words = Words::from([a.int(0), a.operations(1, 2), a.size(2), a.time(3)]);
        Some(if a.raw(3) == 0 { words.made_by("semop") } else { words })
    }),
    ("semctl", set_control),
    ("shmget", |a| told([a.key(0), a.size(1), a.get_flags(2)])),
    ("shmat", |a| told([a.int(0), a.address(1), a.flags(2, flags::ATTACH)])),
    ("shmdt", |a| told([a.address(0)])),
    ("shmctl", |a| told([a.int(0), a.control(1, flags::SEGMENT_CONTROL), a.address(2)])),
];

const POSIX: &[(&str, Decode)] = &[
    ("open", |a| {
        Some(shared_file(a, 0, "shm_open", "sem_open")?.arguments([a.string(0), open_flags(a, 1), open_mode(a, 1)]))
    }),
    ("openat", |a| {
        let call = shared_file(a, 1, "shm_open", "sem_open")?;
        Some(call.arguments([a.folder(0), a.string(1), open_flags(a, 2), open_mode(a, 2)]))
    }),
    ("unlink", |a| Some(shared_file(a, 0, "shm_unlink", "sem_unlink")?.arguments([a.string(0)]))),
    ("unlinkat", |a| {
        let call = shared_file(a, 1, "shm_unlink", "sem_unlink")?;
        Some(call.arguments([a.folder(0), a.string(1), a.flags(2, flags::UNLINK)]))
    }),
    ("link", |a| Some(shared_file(a, 1, "", "sem_open")?.arguments([a.string(0), a.string(1)]))),
    ("linkat", |a| {
        let call = shared_file(a, 3, "", "sem_open")?;
        Some(call.arguments([a.folder(0), a.string(1), a.folder(2), a.string(3), a.flags(4, flags::LINK)]))
    }),
    ("mq_open", |a| told([a.string(0), open_flags(a, 1), open_mode(a, 1)])),
    ("mq_unlink", |a| told([a.string(0)])),
    ("mq_timedsend", |a| told([a.int(0), a.buffer(1, 2), a.size(2), a.int(3), a.time(4)])),
    ("mq_timedreceive", |a| told([a.int(0), a.address(1), a.size(2), a.address(3), a.time(4)])),
    ("mq_notify", |a| told([a.int(0), a.address(1)])),
];

const MEMORY: &[(&str, Decode)] = &[
    ("mmap", |a| {
        let kind = a.raw(3) & 0xf;
        let rest = a.raw(3) & !0xf & u64::from(u32::MAX);
        let kind = words::named(kind.cast_signed(), flags::SHARING);
        let flags = if rest == 0 { kind } else { format!("{kind}|{}", words::flags(rest, flags::MAPPING)) };
        told([a.address(0), a.size(1), a.flags(2, flags::PROTECTION), flags, a.int(4), a.size(5)])
    }),
    ("msync", |a| told([a.address(0), a.size(1), a.flags(2, flags::SYNC)])),
    ("memfd_create", |a| told([a.string(0), a.flags(1, flags::MEMFD)])),
    ("ftruncate", |a| told([a.int(0), a.long(1)])),
    ("fcntl", |a| match a.integer(1) {
        libc::F_ADD_SEALS => told([a.int(0), "F_ADD_SEALS".into(), a.flags(2, flags::SEALS)]),
        libc::F_SETPIPE_SZ => told([a.int(0), "F_SETPIPE_SZ".into(), a.int(2)]),
        libc::F_GET_SEALS | libc::F_GETPIPE_SZ => told([a.int(0), a.named(1, flags::FILE_CONTROL)]),
        _ => None,
    }),
];

const SIGNALS: &[(&str, Decode)] = &[
    ("kill", |a| told([a.int(0), a.signal(1)])),
    ("tkill", |a| told([a.int(0), a.signal(1)])),
    ("tgkill", |a| told([a.int(0), a.int(1), a.signal(2)])),
    ("rt_sigqueueinfo", |a| made_by("sigqueue", [a.int(0), a.signal(1), a.information(2)])),
    ("rt_tgsigqueueinfo", |a| made_by("pthread_sigqueue", [a.int(0), a.int(1), a.signal(2), a.information(3)])),
    ("pidfd_send_signal", |a| told([a.int(0), a.signal(1), a.information(2), a.int(3)])),
    ("rt_sigaction", |a| made_by("sigaction", [a.signal(0), a.action(1), a.address(2)])),
    ("rt_sigprocmask", |a| made_by("sigprocmask", [a.named(0, flags::MASK), a.signals(1), a.address(2)])),
    ("rt_sigpending", |a| made_by("sigpending", [a.address(0)])),
    ("rt_sigsuspend", |a| made_by("sigsuspend", [a.signals(0)])),
    ("rt_sigtimedwait", |a| made_by("sigtimedwait", [a.signals(0), a.address(1), a.time(2)])),
    ("signalfd", |a| told([a.int(0), a.signals(1)])),
    ("signalfd4", |a| made_by("signalfd", [a.int(0), a.signals(1), a.flags(3, flags::SIGNAL_DESCRIPTOR)])),
    ("pause", |_| told([])),
    ("alarm", |a| told([a.int(0)])),
    ("setitimer", |a| told([a.named(0, flags::INTERVAL), a.interval(1), a.address(2)])),
    ("timer_create", |a| told([a.named(0, flags::CLOCK), a.address(1), a.address(2)])),
];

const PIPES: &[(&str, Decode)] = &[
    ("pipe", |a| told([a.address(0)])),
    ("pipe2", |a| told([a.address(0), a.flags(1, flags::PIPE)])),
    ("mknod", |a| made_by("mkfifo", [a.string(0), fifo_mode(a, 1)?])),
    ("mknodat", |a| made_by("mkfifo", [a.folder(0), a.string(1), fifo_mode(a, 2)?])),
    ("eventfd2", |a| made_by("eventfd", [a.int(0), a.flags(1, flags::COUNTER)])),
    ("splice", |a| told([a.int(0), a.address(1), a.int(2), a.address(3), a.size(4), a.flags(5, flags::SPLICE)])),
    ("tee", |a| told([a.int(0), a.int(1), a.size(2), a.flags(3, flags::SPLICE)])),
    ("vmsplice", |a| told([a.int(0), a.address(1), a.size(2), a.flags(3, flags::SPLICE)])),
];

const SOCKETS: &[(&str, Decode)] = &[
    ("socket", |a| told([a.named(0, flags::FAMILY), socket_kind(a, 1), a.int(2)])),
    ("socketpair", |a| told([a.named(0, flags::FAMILY), socket_kind(a, 1), a.int(2), a.address(3)])),
    ("bind", |a| told([a.int(0), a.socket_address(1, 2), a.int(2)])),
    ("connect", |a| told([a.int(0), a.socket_address(1, 2), a.int(2)])),
    ("listen", |a| told([a.int(0), a.int(1)])),
    ("accept", |a| told([a.int(0), a.address(1), a.address(2)])),
    ("accept4", |a| told([a.int(0), a.address(1), a.address(2), a.flags(3, flags::SOCKET_FLAGS)])),
];

const PROGRAMS: &[(&str, Decode)] = &[
    ("execve", |a| told([a.string(0), a.strings(1)])),
    ("execveat", |a| told([a.folder(0), a.string(1), a.strings(2)])),
];

const FUTEX: &[(&str, Decode)] = &[("futex", |a| {
    let flags = u64::from(a.raw(1) as u32) & FUTEX_FLAGS;
    let operation = words::named(i64::from(a.integer(1)) & !FUTEX_FLAGS.cast_signed(), flags::FUTEX);
    let operation =
        if flags == 0 { operation } else { format!("{operation}|{}", words::flags(flags, flags::FUTEX_FLAGS)) };
    told([a.address(0), operation, a.int(2)])
})];

const FUTEX_FLAGS: u64 = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u64;

fn told<const N: usize>(arguments: [String; N]) -> Option<Words> {
    Some(arguments.into())
}

fn made_by<const N: usize>(function: &'static str, arguments: [String; N]) -> Option<Words> {
    Some(Words::from(arguments).made_by(function))
}

/// What the last argument of `semctl` is depends on the command.
fn set_control(a: &Arguments<'_>) -> Option<Words> {
    let (id, number, command) = (a.int(0), a.int(1), a.control(2, flags::SET_CONTROL));
    match command.as_str() {
        "SETVAL" => told([id, number, command, a.int(3)]),
        "GETVAL" | "GETPID" | "GETNCNT" | "GETZCNT" | "IPC_RMID" => told([id, number, command]),
        _ => told([id, number, command, a.address(3)]),
    }
}

/// A call on a file in `/dev/shm`.
struct SharedFile {
    function: &'static str,
}

impl SharedFile {
    fn arguments<const N: usize>(&self, arguments: [String; N]) -> Words {
        let words = Words::from(arguments);
        if self.function.is_empty() { words } else { words.made_by(self.function) }
    }
}

/// Whether the path of an argument is in `/dev/shm`, and which C function then makes the call: for semaphores, whose files' names
/// begin with `sem.`, another one than for memory.
fn shared_file(a: &Arguments<'_>, path: usize, memory: &'static str, semaphore: &'static str) -> Option<SharedFile> {
    let path = a.path(path)?;
    let name = path.strip_prefix(b"/dev/shm/")?;
    Some(SharedFile { function: if name.starts_with(b"sem.") { semaphore } else { memory } })
}

fn open_flags(a: &Arguments<'_>, index: usize) -> String {
    let flags = u64::from(a.raw(index) as u32);
    let access = words::named((flags & libc::O_ACCMODE as u64).cast_signed(), flags::ACCESS);
    match flags & !(libc::O_ACCMODE as u64) {
        0 => access,
        rest => format!("{access}|{}", words::flags(rest, flags::OPEN)),
    }
}

/// The permissions after the flags, which mean something when a file is made.
fn open_mode(a: &Arguments<'_>, flags: usize) -> String {
    if a.integer(flags) & libc::O_CREAT == 0 { "0".into() } else { a.mode(flags + 1) }
}

/// The mode of a FIFO; `None` for other files, whose kinds share bits with it.
fn fifo_mode(a: &Arguments<'_>, index: usize) -> Option<String> {
    let mode = a.raw(index) as u32;
    (mode & libc::S_IFMT == libc::S_IFIFO).then(|| format!("S_IFIFO|{}", words::mode((mode & !libc::S_IFMT).into())))
}

fn socket_kind(a: &Arguments<'_>, index: usize) -> String {
    let kind = u64::from(a.raw(index) as u32);
    let name = words::named((kind & 0xf).cast_signed(), flags::SOCKET);
    match kind & !0xf {
        0 => name,
        rest => format!("{name}|{}", words::flags(rest, flags::SOCKET_FLAGS)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Source;
    use super::*;
    use std::collections::BTreeSet;

    /// Somebody whose arguments and memory are anything: a sequence of numbers that looks like chance.
    struct Anybody {
        arguments: [u64; 6],
        /// What is at every address that can be read; none when none can.
        byte: Option<u8>,
    }

    impl Source for Anybody {
        fn argument(&self, index: usize) -> u64 {
            self.arguments[index]
        }

        fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
            let Some(byte) = self.byte else { return 0 };
            let readable = buffer.len().min(usize::try_from(address % 97).unwrap());
            for (at, slot) in buffer[..readable].iter_mut().enumerate() {
                *slot = byte.wrapping_mul(u8::try_from(at % 256).unwrap()).wrapping_add(byte);
            }
            readable
        }
    }

    #[test]
    fn any_arguments_and_any_memory_make_one_short_line() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Small numbers, large ones, and those around which something changes.
            match state % 5 {
                0 => state % 40,
                1 => u64::MAX - state % 40,
                2 => state % 0x4000,
                3 => 1 << ((state >> 8) % 64),
                _ => state,
            }
        };
        let table = table();
        for round in 0..20_000_u64 {
            let arguments = [next(), next(), next(), next(), next(), next()];
            let byte = u8::try_from(round % 256).ok().filter(|byte| byte % 3 != 0);
            let anybody = Anybody { arguments, byte };
            let it = &table[usize::try_from(round).unwrap() % table.len()];
            let Some(words) = (it.decode)(&Arguments::of(&anybody)) else { continue };
            let line = words.to_string();
            assert!(line.len() < 40_000 && !line.chars().any(char::is_control), "{arguments:?}: {line}");
        }
    }

    #[test]
    fn no_call_is_in_two_groups() {
        let table = table();
        let calls: BTreeSet<_> = table.iter().map(|it| it.rule.call()).collect();
        assert_eq!(calls.len(), table.len());
        assert!(calls.len() > 50);
    }
}
