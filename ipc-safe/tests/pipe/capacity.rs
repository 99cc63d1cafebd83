//! How much a pipe holds.

use crate::alone::alone;
use crate::support::as_nobody;
use crate::tools::{both_kinds, drain, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{self, PipeOptions};

/// R-PIPE-07, mistake 10
#[test]
fn the_capacity_is_asked_and_changed_in_powers_of_two_of_pages() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            assert_eq!((reader.capacity().unwrap(), writer.capacity().unwrap()), (65_536, 65_536));
            for (asked, set) in [(100_000, 131_072), (4096, 4096), (4097, 8192), (1, 4096), (0, 4096), (65_536, 65_536)]
            {
                assert_eq!(reader.set_capacity(asked).unwrap(), set);
                assert_eq!(writer.capacity().unwrap(), set);
                assert_eq!(writer.try_write(&vec![1; 2 * set]).unwrap(), set);
                drain(&reader);
            }
        }
        assert_eq!(PipeOptions::new().capacity(10_000).create().unwrap().0.capacity().unwrap(), 16_384);
    });
}

/// R-PIPE-07
#[test]
fn a_pipe_does_not_become_smaller_than_what_it_holds() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            writer.try_write(&[1; 10_000]).unwrap();
            let error = fails(writer.set_capacity(8192), ErrorKind::Other);
            let text = "fcntl of F_SETPIPE_SZ, 8192 bytes: EBUSY: the pipe holds more than that: read it first";
            assert_eq!(error.to_string(), text);
            assert_eq!(writer.set_capacity(10_000).unwrap(), 16_384);
            assert_eq!(drain(&reader), [1; 10_000]);
        }
    });
}

/// R-PIPE-07
#[test]
fn the_limits_of_the_system_are_named() {
    alone(|| {
        let (reader, _writer) = pipe::pipe().unwrap();
        for bytes in [1 << 32, usize::MAX] {
            let error = fails(reader.set_capacity(bytes), ErrorKind::InvalidInput);
            assert!(error.to_string().ends_with("EINVAL: no pipe can be so large"), "{error}");
        }
        let unprivileged = move || {
            let most: usize = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap().trim().parse().unwrap();
            let error = fails(reader.set_capacity(2 * most), ErrorKind::PermissionDenied);
            assert!(error.to_string().contains(&format!("more than {most} bytes (fs.pipe-max-size)")), "{error}");
            let error = fails(PipeOptions::new().capacity(2 * most).create().map(drop), ErrorKind::PermissionDenied);
            assert_eq!(error.errno(), Some(ipc_safe::error::Errno::PERM));
            0
        };
        if crate::support::has_capability(24) {
            as_nobody(unprivileged);
        } else {
            unprivileged();
        }
    });
}
