//! Ends as standard input and output.

use crate::alone::alone;
use crate::support::fork;
use ipc_safe::pipe;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::Command;

/// R-PIPE-12
#[test]
fn ends_become_the_standard_input_and_output_of_this_process() {
    alone(|| {
        let ((input, mut to_child), (mut from_child, output)) = (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let copies = (to_child.as_raw_fd(), from_child.as_raw_fd());
        let child = fork(move || {
            close(copies.0);
            close(copies.1);
            input.into_stdin().unwrap();
            output.into_stdout().unwrap();
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).unwrap();
            // And of the programs that it starts.
            let status = Command::new("sh").args(["-c", "printf %s \"$0\"; cat", &text]).status().unwrap();
            status.code().unwrap()
        });
        // The child has taken its copies along.
        to_child.write_all(b"in and out").unwrap();
        drop(to_child);
        let mut text = String::new();
        from_child.read_to_string(&mut text).unwrap();
        assert_eq!(text, "in and out");
        child.succeed();
    });
}

fn close(number: i32) {
    // SAFETY: in a forked child that ends by `_exit`, which uses the number no more.
    unsafe { libc::close(number) };
}

/// R-PIPE-12: a descriptor that is standard input already is not closed, and programs inherit it.
#[test]
fn an_end_that_is_the_standard_one_already_stays_open() {
    alone(|| {
        let child = fork(|| {
            close(0);
            close(1);
            let (input, writer) = pipe::pipe().unwrap();
            assert_eq!((input.as_raw_fd(), writer.as_raw_fd()), (0, 1));
            writer.write_atomic("still there").unwrap();
            input.into_stdin().unwrap();
            writer.into_stdout().unwrap();
            // Both inherited: `head` reads 5 of the bytes and writes them back behind the rest.
            let status = Command::new("head").args(["-c", "5"]).status().unwrap();
            assert!(status.success());
            let mut rest = vec![0; 11];
            std::io::stdin().read_exact(&mut rest).unwrap();
            i32::from(rest != b" therestill")
        });
        child.succeed();
    });
}

/// R-PIPE-12: std, too, keeps an end open whose number is that of the child's standard input.
#[test]
fn an_end_with_the_number_of_standard_input_is_given_to_a_program() {
    alone(|| {
        let child = fork(|| {
            close(0);
            let (input, writer) = pipe::pipe().unwrap();
            assert_eq!(input.as_raw_fd(), 0);
            writer.write_atomic("for cat").unwrap();
            drop(writer);
            let output = Command::new("cat").stdin(input).output().unwrap();
            i32::from(output.stdout != b"for cat")
        });
        child.succeed();
    });
}
