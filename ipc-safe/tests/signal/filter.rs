//! System call filters: calls that fail, or raise `SIGSYS`.

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// It fails with this error number.
    Fail(i32),
    /// The kernel raises `SIGSYS`.
    Trap,
}

/// From now on, and for good, this becomes of the system calls of these numbers in the calling thread and its children.
pub(crate) fn install(calls: &[libc::c_long], action: Action) {
    let action = match action {
        Action::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(),
        Action::Trap => libc::SECCOMP_RET_TRAP,
    };
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for &call in calls {
        let number = u32::try_from(call).expect("the number of a call");
        program.push(libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: number,
        });
        program.push(statement(libc::BPF_RET | libc::BPF_K, action));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel reads the program, whose first instruction reads the number of the call.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(installed, "no filter: {}", std::io::Error::last_os_error());
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}
