//! `ipc run --trace`

use crate::command::{Ran, as_nobody, command_of, ipc, ran};
use crate::program::example;
use crate::refused::refusing;
use crate::run::has_namespaces;
use crate::support::watchdog;
use std::process::Command;

const PEER: &str = env!("CALLS_PEER");

/// `ipc run` with these options, and a program with these words.
fn tracing(options: &str, program: &[&str]) -> Command {
    let words = ["run"].into_iter().chain(options.split_whitespace()).chain(["--"]).chain(program.iter().copied());
    command_of(words)
}

fn trace(options: &str, program: &[&str]) -> Ran {
    ran(tracing(options, program))
}

/// The calls on standard error, without the numbers of threads; addresses are `@`.
fn calls(ran: &Ran) -> Vec<String> {
    let lines = ran.errors.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("] ")?.1));
    lines.map(without_addresses).collect()
}

/// Addresses of programs and of the C library have more digits than any flag or key.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split("0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|char: char| !char.is_ascii_hexdigit()).unwrap_or(part.len());
        match digits {
            11.. => text.push('@'),
            _ => text = text + "0x" + &part[..digits],
        }
        text.push_str(&part[digits..]);
    }
    text
}

/// The calls that the C peer makes of one group.
fn group(name: &str) -> Vec<String> {
    let ran = trace(&format!("--trace={name}"), &[PEER, name]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    calls(&ran)
}

#[test]
fn system_v_calls_are_told_with_keys_flags_commands_and_what_they_point_to() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    assert_eq!(
        group("sysv"),
        [
            "msgget(0x0000002a, IPC_CREAT|IPC_EXCL|0600)",
            "msgsnd(0, {5, \"hello\"}, 5, 0)",
            &format!("msgsnd(0, {{5, \"hello{}\"...}}, 40, IPC_NOWAIT)", "\\0".repeat(27)),
            "msgrcv(0, @, 40, -9, IPC_NOWAIT|MSG_NOERROR)",
            "msgctl(0, IPC_RMID, NULL)",
            "msgctl(0, MSG_STAT, NULL)",
            "semget(IPC_PRIVATE, 2, 0640)",
            "semtimedop(0, [{0, 1, SEM_UNDO}, {1, 2, 0}, {0, -1, IPC_NOWAIT|SEM_UNDO}], 3, NULL)  # semop",
            "semtimedop(0, [{0, 1, SEM_UNDO}], 1, 500ms)",
            "semctl(0, 1, SETVAL, 7)",
            "semctl(0, 1, GETVAL)",
            "semctl(0, 0, IPC_RMID)",
            "shmget(IPC_PRIVATE, 5000, IPC_CREAT|SHM_NORESERVE|0600)",
            "shmat(0, NULL, SHM_RDONLY)",
            "shmctl(0, IPC_RMID, NULL)",
            "shmctl(0, SHM_LOCK, NULL)",
            "shmdt(@)",
        ]
    );
}

#[test]
fn calls_of_the_other_groups_are_told() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    // On some machines the C library makes `unlink` by `unlinkat`.
    let posix: Vec<_> = group("posix").iter().map(|line| line.replace("unlinkat(AT_FDCWD, ", "unlink(")).collect();
    let posix: Vec<_> = posix.iter().map(|line| line.replace("\", 0)  # shm_unlink", "\")  # shm_unlink")).collect();
    assert_eq!(
        posix,
        [
            "openat(AT_FDCWD, \"/dev/shm/calls-peer\", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0640)  # shm_open",
            "unlink(\"/dev/shm/calls-peer\")  # shm_unlink",
            "unlink(\"/dev/shm/sem.nobody\", 0)  # sem_unlink",
        ]
    );
    assert_eq!(
        group("memory"),
        [
            "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0)",
            "msync(@, 4096, MS_SYNC)",
            "memfd_create(\"frame\", MFD_CLOEXEC|MFD_ALLOW_SEALING)",
            "ftruncate(3, 8192)",
            "fcntl(3, F_ADD_SEALS, F_SEAL_SEAL|F_SEAL_SHRINK)",
        ]
    );
    let signals: Vec<_> = group("signals");
    let own = |line: &String| line.split_once('(').unwrap().1.split_once(',').unwrap().0.to_owned();
    let pid = own(&signals[3]);
    assert_eq!(
        signals,
        [
            "rt_sigaction(SIGUSR2, {SIG_IGN, SA_RESTART, [SIGTERM]}, NULL)  # sigaction",
            "rt_sigprocmask(SIG_BLOCK, [SIGUSR1 SIGRTMIN+1], NULL)  # sigprocmask",
            &format!("rt_sigqueueinfo({pid}, SIGRTMIN+1, {{SI_QUEUE, 7}})  # sigqueue"),
            &format!("kill({pid}, SIGUSR1)"),
            &format!("kill({pid}, 0)"),
            "rt_sigtimedwait([SIGUSR1 SIGRTMIN+1], NULL, 0s)  # sigtimedwait",
            "setitimer(ITIMER_REAL, {every 0s, first in 3600s}, NULL)",
            "rt_sigprocmask(SIG_SETMASK, ~[32 33], NULL)  # sigprocmask",
        ]
    );
    assert_eq!(group("pipes"), ["pipe2(@, O_CLOEXEC)", "mknodat(AT_FDCWD, \"/nowhere/fifo\", S_IFIFO|0622)  # mkfifo"]);
    assert_eq!(
        group("sockets"),
        [
            "socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, @)",
            "socket(AF_UNIX, SOCK_STREAM, 0)",
            "connect(5, {AF_UNIX, \"/nowhere/\\\"socket\\\"\\u{1b}[2J\"}, 110)",
            "connect(5, {AF_UNIX, @\"name\"}, 7)",
            "connect(5, {AF_INET, 127.0.0.1:9}, 16)",
            "listen(5, 5)",
        ]
    );
    let futex = calls(&trace("--trace=futex", &[PEER, "memory"]));
    assert!(futex.contains(&"futex(@, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1)".to_owned()), "{futex:?}");
}

/// Pointers to nowhere are question marks, text without an end is cut, and nothing gets to the terminal as it is.
#[test]
fn what_a_program_should_not_pass_is_told_as_well() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let hostile = trace("--trace=all", &[PEER, "hostile"]);
    assert_eq!(hostile.status.code(), Some(0), "{hostile:?}");
    assert!(!hostile.errors.chars().any(|char| char.is_control() && char != '\n'), "{hostile:?}");
    assert!(hostile.errors.lines().all(|line| line.len() < 2000), "{hostile:?}");
    let lines = calls(&hostile);
    for expected in [
        "semtimedop(-1, ?, 1, NULL)  # semop",
        "semtimedop(-1, [], 0, NULL)  # semop",
        "msgsnd(-1, ?, 5, 0)",
        "memfd_create(?, 0)",
        "memfd_create(\"two\\nlines\\t\\xff\", 0x40000000)",
        "execve(?, [?])",
        "connect(-1, ?, 1000)",
        "connect(-1, {30840}, -1)",
        "connect(-1, {}, 1)",
        "kill(-2147483648, 1000)",
        "rt_sigaction(1000, ?, NULL)  # sigaction",
        "rt_sigprocmask(77, ?, NULL)  # sigprocmask",
        "semctl(-1, 2147483647, 4711, 0x8)",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not in {lines:#?}");
    }
    let begin = |words: &str| lines.iter().filter(|line| line.starts_with(words)).count();
    assert_eq!(begin("memfd_create(\"xxx\"..., MFD_CLOEXEC|"), 1, "{lines:#?}");
    assert_eq!(begin(&format!("memfd_create(\"{}\"...", "x".repeat(256))), 1, "{lines:#?}");
    assert_eq!(begin("semtimedop(-1, [{30840, 30840, "), 1, "{lines:#?}");
    assert_eq!(begin("openat"), 0, "{lines:#?}");
}

#[test]
fn children_are_seen_and_the_first_line_is_the_command() {
    let _watchdog = watchdog();
    if !has_namespaces() {
        return;
    }
    let ipc = crate::command::IPC;
    let script = format!("{ipc} make queue --key 0x11; {ipc} send 0x11 hello --type 7; {ipc} receive 0x11");
    let shell = trace("--trace=sysv,programs", &["sh", "-c", &script]);
    assert_eq!(shell.text(), "0\nhello\n");
    let lines = calls(&shell);
    assert!(lines[0].starts_with("execve(\"/") && lines[0].contains("/sh\", [\"sh\", \"-c\", \""), "{lines:#?}");
    let named = |words: &str| lines.iter().filter(|line| line.starts_with(words)).count();
    assert_eq!(named("execve"), 4, "{lines:#?}");
    assert_eq!(named("msgget(0x00000011, IPC_CREAT|IPC_EXCL|0600)"), 1, "{lines:#?}");
    assert_eq!(named("msgsnd(0, {7, \"hello\"}, 5, "), 1, "{lines:#?}");
    assert_eq!(named("msgrcv(0, "), 1, "{lines:#?}");
    // One thread each, whose number stands in front.
    let threads: std::collections::BTreeSet<_> =
        shell.errors.lines().filter_map(|line| line.split_once(']')).map(|it| it.0).collect();
    assert!(threads.len() >= 4, "{shell:?}");
}

#[test]
fn an_example_is_traced_across_its_fork() {
    let _watchdog = watchdog();
    let program = example("sem_parent_child");
    let ran = trace("--no-namespaces --trace=sysv", &[program.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let lines = calls(&ran);
    let operations = lines.iter().filter(|line| line.starts_with("semtimedop(")).count();
    assert!(lines.iter().any(|line| line.starts_with("semget(IPC_PRIVATE, ")) && operations >= 2, "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(", 0, IPC_RMID)")), "{lines:#?}");
}

#[test]
fn the_calls_go_to_a_file_with_times() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.txt");
    for namespaces in ["", "--no-namespaces"] {
        if namespaces.is_empty() && !has_namespaces() {
            continue;
        }
        std::fs::write(&path, "what was there before\n".repeat(1000)).unwrap();
        let options = format!("{namespaces} --trace=signals --trace-times -o {}", path.display());
        let ran = trace(&options, &["sh", "-c", "kill -0 $$; kill -0 $$; exit 3"]);
        assert_eq!((ran.status.code(), &*ran.errors), (Some(3), ""), "{ran:?}");
        let text = std::fs::read_to_string(&path).unwrap();
        let kills: Vec<_> = text.lines().filter(|line| line.contains(" kill(") && line.ends_with(", 0)")).collect();
        assert_eq!(kills.len(), 2, "{text}");
        let times: Vec<f64> = text.lines().map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect();
        assert!(times.is_sorted() && times.iter().all(|&time| (0.0..60.0).contains(&time)), "{text}");
    }
    trace("--trace -o /nowhere/calls", &["true"]).fail(125, &["writing /nowhere/calls", "No such file"]);
    if has_namespaces() {
        trace("--trace -o /dev/shm/calls", &["true"]).fail(125, &["/dev/shm of its own"]);
    }
    trace("-o calls.txt", &["true"]).fail(125, &["--trace"]);
    trace("--trace=nonsense", &["true"]).fail(125, &["nonsense", "sysv"]);
    let full = trace("--no-namespaces --trace -o /dev/full", &["sh", "-c", "exit 4"]);
    assert_eq!(full.status.code(), Some(4));
    assert!(
        full.errors.contains("writing the calls: No space left on device; the rest of them is missing\n"),
        "{full:?}"
    );
}

#[test]
fn where_calls_cannot_be_traced_it_says_so_and_runs_nothing() {
    let _watchdog = watchdog();
    let ran_or_not = tempfile::tempdir().unwrap();
    let touched = ran_or_not.path().join("touched");
    let touch = ["touch", touched.to_str().unwrap()];
    let refused = ran(refusing(tracing("--no-namespaces --trace", &touch), &[libc::SYS_seccomp]));
    refused.fail(125, &["no tracing: seccomp", "forbids"]);
    let nested = ["run", "--no-namespaces", "--trace=sysv", "--"];
    let nested: Vec<_> =
        nested.into_iter().chain([crate::command::IPC, "run", "--no-namespaces", "--trace", "--"]).collect();
    let nested = ran(command_of(nested.into_iter().chain(touch)));
    assert_eq!(nested.status.code(), Some(125), "{nested:?}");
    assert!(nested.errors.contains("ipc: no tracing: seccomp: EBUSY"), "{nested:?}");
    assert!(nested.errors.contains("intercepted already"), "{nested:?}");
    assert!(!touched.exists());
    let missing = ipc("run --no-namespaces --trace -- /nowhere/program");
    assert_eq!(missing.status.code(), Some(127));
    assert!(missing.errors.starts_with("ipc: running /nowhere/program: No such file"), "{missing:?}");
}

#[test]
fn an_ordinary_user_traces_too() {
    let _watchdog = watchdog();
    let Some(mut command) = as_nobody("run --no-namespaces --trace=sysv -- ") else { return };
    let mut without = as_nobody("run --no-namespaces --").expect("the same right as just now");
    if without.args([PEER, "loop", "1"]).output().is_ok_and(|output| !output.status.success()) {
        println!("skipped: another user may not run {PEER}");
        return;
    }
    command.args([PEER, "loop", "2"]);
    let ran = ran(command);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert_eq!(calls(&ran).iter().filter(|line| line.contains("[{0, 0, 0}], 1, NULL)  # semop")).count(), 2, "{ran:?}");
}
