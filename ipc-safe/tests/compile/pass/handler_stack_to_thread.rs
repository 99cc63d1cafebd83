//! An alternate stack belongs to the thread that made it.
#![forbid(unsafe_code)]

use ipc_safe::signal::AlternateStack;

fn main() -> ipc_safe::Result<()> {
    let stack = AlternateStack::new(AlternateStack::least())?;
    let size = stack.len();
    std::thread::spawn(move || drop(size.to_string())).join().unwrap();
    Ok(())
}
