//! The `ipc` command: moves data through every mechanism of `ipc-safe`, and lists, makes, uses and cleans up System V
//! objects. One module a subcommand; what they share stands beside them.
#![deny(unsafe_code)]

mod bench;
mod failure;
mod inventory;
mod kind;
mod limits;
mod list;
mod make;
mod output;
mod peek;
mod people;
mod receive;
mod remove;
mod run;
mod send;
mod show;
mod signals;
mod stop;
mod table;
mod target;
mod tour;
mod units;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Linux inter-process communication from the command line.
#[derive(Debug, Parser)]
#[command(name = "ipc", version, about, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ipc tour                       send this program through every mechanism and compare
  ipc bench --html page.html     measure every mechanism on this machine, draw charts
  ipc list                       all queues, semaphore sets, segments and POSIX objects
  ipc show segment 3             all about a segment, and who has it attached
  ipc remove --orphans --dry-run say what dead processes left behind
  ipc signals 1234               what a process blocks, ignores and catches
  ipc run -- make test           run a command in IPC namespaces of its own, report what it leaves

A queue, set or segment is named by its ID (decimal) or its KEY (0x and hexadecimal
digits), a POSIX object by its NAME (a slash and more).
Exit status: 0 done, 1 failed, 2 wrong usage. \"ipc run\" passes on that of its command.
See sysvipc(7), ipcs(1), ipcrm(1), ipcmk(1), lsipc(1).";

#[derive(Debug, Subcommand)]
enum Command {
    Tour(tour::Arguments),
    Bench(bench::Arguments),
    List(list::Arguments),
    Show(show::Arguments),
    Make(make::Arguments),
    Send(send::Arguments),
    Receive(receive::Arguments),
    Peek(peek::Arguments),
    Remove(remove::Arguments),
    Limits(limits::Arguments),
    Signals(signals::Arguments),
    Run(run::Arguments),
    #[command(name = run::INIT, hide = true)]
    Init(run::InitArguments),
}

fn main() -> ExitCode {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) => return failure::wrong_usage(&error),
    };
    let result = match command {
        Command::Tour(arguments) => tour::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Make(arguments) => make::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Receive(arguments) => receive::run(&arguments),
        Command::Peek(arguments) => peek::run(&arguments),
        Command::Remove(arguments) => remove::run(&arguments),
        Command::Limits(arguments) => limits::run(&arguments),
        Command::Signals(arguments) => signals::run(&arguments),
        Command::Run(arguments) => return run::run(&arguments),
        Command::Init(arguments) => return run::init(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
