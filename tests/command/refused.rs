//! Processes to which the kernel refuses something, as in a container.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts `command` so that it, and what it starts, gets EPERM from these system calls.
pub(crate) fn refusing(mut command: Command, calls: &[libc::c_long]) -> Command {
    let filter = filter(calls);
    // SAFETY: the closure makes two system calls and looks at memory that was allocated before the fork.
    unsafe { command.pre_exec(move || install(&filter)) };
    command
}

fn filter(calls: &[libc::c_long]) -> Vec<libc::sock_filter> {
    let step = |code: u32, k: u32, jt: u8| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)]; // the call's number
    for (index, &call) in calls.iter().enumerate() {
        let to_the_end = u8::try_from(calls.len() - index).expect("a few calls");
        let number = u32::try_from(call).expect("a call");
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, to_the_end));
    }
    program.push(step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW, 0));
    program.push(step(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0));
    program
}

fn install(filter: &[libc::sock_filter]) -> std::io::Result<()> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the arguments are those that the call wants; the kernel copies the program while `filter` lives.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
