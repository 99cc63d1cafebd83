//! What is written by hand, against the C compiler and against real calls.

mod common;

use std::ffi::{CString, c_int, c_void};
use std::mem::{MaybeUninit, zeroed};
use std::path::Path;
use std::process::Command;
use std::ptr;

use common::{Compiler, run, run_on};
use ipc_sys::{ipc, mman, msg, sem, shm, signal};

#[path = "../src/aarch64.rs"]
#[allow(dead_code, nonstandard_style, unreachable_pub, reason = "the crate's own file, of which the test uses a part")]
mod aarch64;

/// What a C program prints for the expressions.
fn c_values(expressions: &[&str]) -> Vec<i64> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("program");
    let lines = expressions.iter().map(|expression| format!("printf(\"%lld\\n\", (long long)({expression}));\n"));
    let header = Path::new(common::ROOT).join("headers.h");
    let text = format!(
        "#include \"{}\"\n#include <stdio.h>\nint main(void) {{\n{}}}\n",
        header.display(),
        lines.collect::<String>()
    );
    run_on(Compiler::Host.command().args(["-w", "-xc", "-", "-o"]).arg(&program), &text);
    let output = run_on(&mut Command::new(&program), "");
    output.lines().map(|line| line.parse().expect("a number")).collect()
}

#[test]
fn macros_that_are_no_numbers() {
    let c = c_values(&[
        "SIGRTMIN",
        "SIGRTMAX",
        "SIGSTKSZ",
        "MINSIGSTKSZ",
        "SHMLBA",
        "IPC_PRIVATE",
        "MAP_FAILED",
        "SIG_DFL",
        "SIG_IGN",
        "SIG_ERR",
        "SIG_HOLD",
        "sigmask(1)",
        "sigmask(31)",
        "sigmask(32)",
    ]);
    let rust = [
        i64::from(signal::SIGRTMIN()),
        i64::from(signal::SIGRTMAX()),
        signal::SIGSTKSZ(),
        signal::MINSIGSTKSZ(),
        i64::from(shm::SHMLBA()),
        i64::from(ipc::IPC_PRIVATE),
        mman::MAP_FAILED.addr().cast_signed() as i64,
        signal::SIG_DFL.cast_signed() as i64,
        signal::SIG_IGN.cast_signed() as i64,
        signal::SIG_ERR.cast_signed() as i64,
        signal::SIG_HOLD.cast_signed() as i64,
        i64::from(signal::sigmask(1)),
        i64::from(signal::sigmask(31)),
        i64::from(signal::sigmask(32)),
    ];
    assert_eq!(c, rust);
}

#[test]
fn a_signal_brings_its_sender_and_its_value() {
    let number = signal::SIGRTMIN() + 3;
    let mut set = MaybeUninit::<signal::sigset_t>::uninit();
    // SAFETY: The set is writable.
    unsafe { signal::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: The call before filled the set.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: The set is initialised and writable.
    assert_eq!(unsafe { signal::sigaddset(&raw mut set, number) }, 0);
    // SAFETY: The set is readable; the mask of this thread is nobody else's business.
    assert_eq!(unsafe { signal::pthread_sigmask(signal::SIG_BLOCK, &raw const set, ptr::null_mut()) }, 0);
    // SAFETY: The call has no precondition.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: The thread is this one, and the signal is blocked in it.
    let queued = unsafe { signal::pthread_sigqueue(thread, number, signal::sigval { sival_int: 42 }) };
    assert_eq!(queued, 0);
    // SAFETY: Every bit pattern of the structure is valid, zeros too.
    let mut info: signal::siginfo_t = unsafe { zeroed() };
    let timeout = signal::timespec { tv_sec: 10, tv_nsec: 0 };
    // SAFETY: All three are initialised, and the second is writable.
    let got = unsafe { signal::sigtimedwait(&raw const set, &raw mut info, &raw const timeout) };
    assert_eq!((got, info.si_signo, info.si_code), (number, number, signal::SI_QUEUE));
    // SAFETY: The kernel filled the structure.
    assert_eq!(unsafe { info.si_int() }, 42);
    // SAFETY: The kernel filled the structure.
    assert_eq!(unsafe { info.si_pid() }.cast_unsigned(), std::process::id());
    // SAFETY: The call has no precondition.
    let user = unsafe { libc::getuid() };
    // SAFETY: The kernel filled the structure.
    assert_eq!(unsafe { info.si_uid() }, user);
}

#[test]
fn a_child_brings_its_exit_value() {
    // SAFETY: Every bit pattern of the structure is valid, zeros too.
    let mut info: signal::siginfo_t = unsafe { zeroed() };
    let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().expect("a shell");
    let options = libc::WEXITED | libc::WNOWAIT;
    // SAFETY: Both structures are the same C type, and this one is writable.
    let waited = unsafe { libc::waitid(libc::P_PID, child.id(), (&raw mut info).cast(), options) };
    assert_eq!((waited, info.si_signo, info.si_code), (0, signal::SIGCHLD, signal::CLD_EXITED));
    // SAFETY: The kernel filled the structure.
    assert_eq!(unsafe { info.si_status() }, 7);
    // SAFETY: The kernel filled the structure.
    assert_eq!(unsafe { info.si_pid() }.cast_unsigned(), child.id());
    child.wait().expect("the child is there");
}

/// The offsets of members that the C macros reach, through pointers into one structure.
#[test]
fn members_are_where_the_c_macros_find_them() {
    let names = [
        "si_pid",
        "si_uid",
        "si_timerid",
        "si_overrun",
        "si_status",
        "si_utime",
        "si_stime",
        "si_value",
        "si_int",
        "si_ptr",
        "si_addr",
        "si_addr_lsb",
        "si_lower",
        "si_upper",
        "si_pkey",
        "si_band",
        "si_fd",
        "si_call_addr",
        "si_syscall",
        "si_arch",
    ];
    let offsets: Vec<String> = names.iter().map(|name| format!("__builtin_offsetof(siginfo_t, {name})")).collect();
    let c = c_values(&offsets.iter().map(String::as_str).collect::<Vec<_>>());
    let mut bytes = [0_u8; size_of::<signal::siginfo_t>()];
    for (position, byte) in (0..).zip(&mut bytes) {
        *byte = position;
    }
    // SAFETY: The sizes are equal, and every bit pattern of the structure is valid.
    let info: signal::siginfo_t = unsafe { std::mem::transmute(bytes) };
    macro_rules! firsts {
        ($($name:ident)+) => {
            [$({
                // SAFETY: Every byte is initialised.
                let value = unsafe { info.$name() };
                // SAFETY: A value without padding, read as its first byte.
                i64::from(unsafe { (&raw const value).cast::<u8>().read() })
            }),+]
        };
    }
    let rust = firsts!(si_pid si_uid si_timerid si_overrun si_status si_utime si_stime si_value si_int si_ptr si_addr si_addr_lsb
        si_lower si_upper si_pkey si_band si_fd si_call_addr si_syscall si_arch);
    assert_eq!(c, rust);
}

unsafe extern "C" fn on_signal(_: c_int, _: *mut signal::siginfo_t, _: *mut c_void) {}
unsafe extern "C" fn on_timer(_: signal::sigval_t) {}

#[test]
fn members_of_actions_and_events() {
    // SAFETY: Every bit pattern of the structure is valid, zeros too.
    let mut action: signal::sigaction = unsafe { zeroed() };
    action.set_sa_handler(signal::SIG_IGN);
    assert_eq!(action.sa_handler(), signal::SIG_IGN);
    action.set_sa_sigaction(Some(on_signal));
    // SAFETY: The line before set a function.
    let handler = unsafe { action.sa_sigaction() }.expect("a function");
    assert_eq!(handler as usize, on_signal as *const () as usize);

    // SAFETY: Every bit pattern of the structure is valid, zeros too.
    let mut event: signal::sigevent = unsafe { zeroed() };
    event.set_sigev_notify_thread_id(7);
    // SAFETY: The line before set the number.
    assert_eq!(unsafe { event.sigev_notify_thread_id() }, 7);
    let attributes = ptr::without_provenance_mut(64);
    event.set_sigev_notify_thread(Some(on_timer), attributes);
    // SAFETY: The line before set the function.
    assert!(unsafe { event.sigev_notify_function() }.is_some());
    // SAFETY: The function was set together with the attributes.
    assert_eq!(unsafe { event.sigev_notify_attributes() }, attributes);
    let c = c_values(&["__builtin_offsetof(struct sigevent, sigev_notify_function)"]);
    assert_eq!(c[0].cast_unsigned(), std::mem::offset_of!(signal::sigevent, _sigev_un) as u64);
}

#[test]
fn a_queue_lives_and_dies() {
    // SAFETY: The call takes numbers only.
    let queue = unsafe { msg::msgget(ipc::IPC_PRIVATE, ipc::IPC_CREAT | 0o600) };
    assert!(queue >= 0, "{}", std::io::Error::last_os_error());
    let mut status = msg::msqid_ds::default();
    // SAFETY: The structure is writable.
    assert_eq!(unsafe { msg::msgctl(queue, ipc::IPC_STAT, &raw mut status) }, 0);
    // SAFETY: The command reads nothing through the pointer.
    let removed = unsafe { msg::msgctl(queue, ipc::IPC_RMID, ptr::null_mut()) };
    assert_eq!((removed, status.msg_perm.mode & 0o777, status.msg_cbytes(), status.msg_qnum), (0, 0o600, 0, 0));
}

#[test]
fn a_semaphore_set_takes_the_union() {
    // SAFETY: The call takes numbers only.
    let set = unsafe { sem::semget(ipc::IPC_PRIVATE, 2, ipc::IPC_CREAT | 0o600) };
    assert!(set >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: SETVAL takes `val`.
    assert_eq!(unsafe { sem::semctl(set, 1, sem::SETVAL, sem::semun { val: 5 }) }, 0);
    let mut values = [0; 2];
    // SAFETY: GETALL writes as many values as the set has, which is two.
    assert_eq!(unsafe { sem::semctl(set, 0, sem::GETALL, sem::semun { array: values.as_mut_ptr() }) }, 0);
    let mut status = sem::semid_ds::default();
    // SAFETY: IPC_STAT writes the structure.
    assert_eq!(unsafe { sem::semctl(set, 0, ipc::IPC_STAT, sem::semun { buf: &raw mut status }) }, 0);
    // SAFETY: The command takes no argument.
    let removed = unsafe { sem::semctl(set, 0, ipc::IPC_RMID) };
    assert_eq!((removed, values, status.sem_nsems), (0, [0, 5], 2));
}

#[test]
fn a_file_has_a_key() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = CString::new(file.path().to_str().expect("UTF-8")).expect("no zero in it");
    // SAFETY: The path is a string that ends with zero.
    let key = unsafe { ipc::ftok(path.as_ptr(), 0x2a) };
    assert_eq!(key.cast_unsigned() >> 24, 0x2a);
}

#[test]
fn vector_registers_of_aarch64() {
    let Some(compiler) = Compiler::of("aarch64") else {
        println!("skipped: aarch64-linux-gnu-gcc is not installed");
        return;
    };
    let values = [
        ("SVE_SIG_CONTEXT_SIZE(7)", aarch64::SVE_SIG_CONTEXT_SIZE(7)),
        ("SVE_SIG_REGS_SIZE(7)", aarch64::SVE_SIG_REGS_SIZE(7)),
        ("SVE_SIG_ZREG_OFFSET(7, 5)", aarch64::SVE_SIG_ZREG_OFFSET(7, 5)),
        ("SVE_SIG_PREG_OFFSET(7, 5)", aarch64::SVE_SIG_PREG_OFFSET(7, 5)),
        ("SVE_SIG_FFR_OFFSET(7)", aarch64::SVE_SIG_FFR_OFFSET(7)),
        ("ZA_SIG_ZAV_OFFSET(7, 5)", aarch64::ZA_SIG_ZAV_OFFSET(7, 5)),
        ("ZA_SIG_CONTEXT_SIZE(7)", aarch64::ZA_SIG_CONTEXT_SIZE(7)),
        ("sve_vl_valid(8192)", usize::from(aarch64::sve_vl_valid(8192))),
        ("sve_vl_valid(8208)", usize::from(aarch64::sve_vl_valid(8208))),
        ("sve_vq_from_vl(112)", aarch64::sve_vq_from_vl(112)),
        ("sve_vl_from_vq(7)", aarch64::sve_vl_from_vq(7)),
    ];
    let assertions = values.map(|(expression, value)| format!("_Static_assert({expression} == {value}, \"\");\n"));
    let text = format!("#define _GNU_SOURCE\n#include <signal.h>\n{}", assertions.concat());
    let output = run(compiler.command().args(["-fsyntax-only", "-xc", "-"]), &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
