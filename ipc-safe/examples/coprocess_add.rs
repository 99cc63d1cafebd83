//! A filter that adds, and a program that asks it: lines in both directions, with a deadline.
//!
//! The filter, this program again, reads two integers a line and writes their sum; what is no two integers gets an answer too,
//! `invalid parameter.`, and it goes on; the end of its input ends it. Whatever else it might do is an error in words and
//! never a wait without end: another filter can be given, as below.
//!
//! ```text
//! $ printf '1 2\n3 four\n-5 3\n' | cargo run --example coprocess_add
//! 1 2: 3
//! 3 four: invalid parameter.
//! -5 3: -2
//! the filter ended with exit status 0
//! $ echo 1 2 | cargo run --example coprocess_add -- 500 sed s/1/one/
//! coprocess_add: read: ETIMEDOUT: nothing came in time; does the program keep its output back?
//! ```
#![forbid(unsafe_code)]

use ipc_safe::command::Coprocess;
use std::error::Error;
use std::io::{BufRead, Write};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => own_filter(),
        ["filter"] => filter(),
        [milliseconds, program, arguments @ ..] => other_filter(milliseconds, program, arguments),
        _ => Err("usage: coprocess_add [MILLISECONDS PROGRAM [ARGUMENT...]]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coprocess_add: {error}");
            ExitCode::FAILURE
        }
    }
}

fn own_filter() -> Result<(), Box<dyn Error>> {
    ask(Command::new(std::env::current_exe()?).arg("filter"), PATIENCE)
}

fn other_filter(milliseconds: &str, program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    ask(Command::new(program).args(arguments), Duration::from_millis(milliseconds.parse()?))
}

/// Asks for each line of the input.
fn ask(filter: &mut Command, patience: Duration) -> Result<(), Box<dyn Error>> {
    let mut filter = Coprocess::start(filter)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = filter.request_timeout(&line, patience)?;
        println!("{line}: {}", String::from_utf8_lossy(&answer));
    }
    let (_, status) = filter.finish_timeout(patience)?;
    println!("the filter ended with {status}");
    Ok(())
}

/// The filter.
fn filter() -> Result<(), Box<dyn Error>> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match sum(&line?) {
            Some(sum) => writeln!(output, "{sum}")?,
            None => writeln!(output, "invalid parameter.")?,
        }
        // Who asks waits for this line, and not for some KiB of them.
        output.flush()?;
    }
    Ok(())
}

fn sum(line: &str) -> Option<i64> {
    let mut words = line.split_whitespace();
    let (first, second) = (words.next()?.parse::<i64>().ok()?, words.next()?.parse().ok()?);
    if words.next().is_some() { None } else { first.checked_add(second) }
}
