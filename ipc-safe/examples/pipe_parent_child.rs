//! A parent and its child talk through two pipes, one a direction: one writes, the other reads to the end of the stream.
//!
//! Each process has one end of each pipe and no copy of the other one: ends are moved. A copy of the writing end in the process
//! that reads would be a writer that never ends the stream. Exactly the bytes of the message are written, and what is read ends
//! where the stream ends, not at a zero byte. The child is this program again, with the ends as its standard input and output;
//! the parent waits for it.
//!
//! ```text
//! $ cargo run --example pipe_parent_child
//! parent: wrote "hello world"
//! child: read 11 bytes to the end of the stream: "hello world"
//! parent: the child ended with exit status 0
//! ```
#![forbid(unsafe_code)]

use ipc_safe::pipe;
use ipc_safe::process::ChildStatus;
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent("hello world"),
        ["child"] => child(),
        [message] => parent(message),
        _ => Err("usage: pipe_parent_child [MESSAGE]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pipe_parent_child: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent(message: &str) -> Result<(), Box<dyn Error>> {
    let (childs_input, mut to_child) = pipe::pipe()?;
    let (mut from_child, childs_output) = pipe::pipe()?;
    // The child's ends are moved to it. The command holds them until it is dropped, at the end of the statement.
    let mut child =
        Command::new(std::env::current_exe()?).arg("child").stdin(childs_input).stdout(childs_output).spawn()?;

    to_child.write_all(message.as_bytes())?;
    println!("parent: wrote {message:?}");
    drop(to_child); // the end of the stream

    let mut answer = String::new();
    from_child.read_to_string(&mut answer)?;
    print!("{answer}");
    let status = ChildStatus::from(child.wait()?);
    println!("parent: the child ended with {status}");
    if status.is_success() { Ok(()) } else { Err("the child failed".into()) }
}

fn child() -> Result<(), Box<dyn Error>> {
    let mut message = String::new();
    std::io::stdin().read_to_string(&mut message)?;
    // `println!` would panic when the parent was killed meanwhile.
    writeln!(std::io::stdout(), "child: read {} bytes to the end of the stream: {message:?}", message.len())?;
    Ok(())
}
