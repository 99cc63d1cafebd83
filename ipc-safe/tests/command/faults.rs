//! Programs that cannot be started, and descriptors that run out: an error, and nothing left.

use crate::alone::descriptors;
use crate::filter::{self, Action};
use crate::support::fork;
use crate::tools::{LONG, childless, fails, no_child, words};
use ipc_safe::command::{CommandReader, CommandWriter, Coprocess, Pipeline};
use ipc_safe::error::{Error, ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn each_way(command: impl Fn() -> Command) -> [Result<(), Error>; 4] {
    [
        CommandReader::start(&mut command()).map(drop),
        CommandWriter::start(&mut command()).map(drop),
        Coprocess::start(&mut command()).map(drop),
        Pipeline::start([words("cat").stdin(Stdio::null()), &mut command()]).map(drop),
    ]
}

/// R-PIPE-15: where `popen` would return NULL, or a shell end with 127, here is an error with its reason.
#[test]
fn a_program_that_cannot_be_executed_is_an_error() {
    childless(|| {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::write(&data, "no program").unwrap();
        for (mode, kind, reason) in [
            (0o644, ErrorKind::PermissionDenied, "EACCES: it may not be executed"),
            (0o755, ErrorKind::Other, "ENOEXEC: it is no program that the kernel can execute"),
        ] {
            std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).unwrap();
            for result in each_way(|| Command::new(&data)) {
                assert_eq!(fails(result, kind).to_string(), format!("execve of {data:?}: {reason}"));
            }
        }
        for result in each_way(|| Command::new("/no/such/program")) {
            let error = fails(result, ErrorKind::NotFound);
            assert!(error.to_string().starts_with("execve of \"/no/such/program\": ENOENT: there is no"), "{error}");
        }
        let long = "x".repeat(1 << 18);
        for result in each_way(|| {
            let mut command = Command::new("true");
            command.arg(&long);
            command
        }) {
            let error = fails(result, ErrorKind::TooBig);
            assert_eq!(error.to_string(), "execve of \"true\": E2BIG: the arguments and the environment are too long");
        }
        for result in each_way(|| words("a\0b")) {
            fails(result, ErrorKind::InvalidInput);
        }
    });
}

/// R-PIPE-15, R-PIPE-19: `fork` that returns -1.
#[test]
fn too_many_processes_are_an_error() {
    childless(|| {
        fork(|| {
            filter::install(
                &[libc::SYS_clone, libc::SYS_clone3, libc::SYS_vfork, libc::SYS_fork],
                Action::Fail(libc::EAGAIN),
            );
            for result in each_way(|| words("true")) {
                let error = fails(result, ErrorKind::LimitReached);
                assert!(error.to_string().contains(": EAGAIN: there are as many processes as there may be"), "{error}");
            }
            0
        })
        .succeed();
    });
}

/// R-PIPE-01, R-PIPE-15: with every number of descriptors that are left, it works or is an error, and none is lost.
#[test]
fn descriptors_that_run_out_are_an_error() {
    childless(|| {
        let open = descriptors();
        let pipeline = || {
            let mut commands = [words("cat"), words("cat"), words("cat")];
            commands[0].stdin(Stdio::null());
            commands[2].stdout(Stdio::piped());
            Pipeline::start(commands).and_then(|mut pipeline| pipeline.wait_timeout(LONG)).map(drop)
        };
        let reader = || CommandReader::start(words("cat").stdin(Stdio::null())).and_then(|mut it| it.close()).map(drop);
        let coprocess = || Coprocess::start(&mut words("cat")).and_then(|mut it| it.finish()).map(drop);
        for attempt in [&pipeline as &dyn Fn() -> Result<()>, &reader, &coprocess] {
            let mut worked = 0;
            for room in 0..16 {
                match limited(&open, room, attempt) {
                    Ok(()) => worked += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::LimitReached, "{error}"),
                }
                no_child();
                assert_eq!(descriptors(), open, "with room for {room}");
            }
            assert!((1..16).contains(&worked), "{worked}");
        }
    });
}

/// Makes an attempt while this process may have so many more descriptors.
fn limited(open: &[i32], room: usize, attempt: &dyn Fn() -> Result<()>) -> Result<()> {
    let free = (0..).filter(|number| !open.contains(number));
    let most = free.take(room + 1).last().map_or(0, i32::cast_unsigned);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one `rlimit`, and reads one; this process is the test's own.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let lowered = libc::rlimit { rlim_cur: most.into(), ..limit };
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const lowered), 0);
    }
    let result = attempt();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    result
}
