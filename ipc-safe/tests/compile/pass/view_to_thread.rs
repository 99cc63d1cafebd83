//! A view cannot be sent to a thread that may outlive its region; owned bytes can.
#![forbid(unsafe_code)]

use ipc_safe::shared::OwnedBytes;
use ipc_safe::sysv::Segment;

fn main() -> ipc_safe::Result<()> {
    let bytes = OwnedBytes::new(Segment::private(100)?.attach()?);
    let part = bytes.clone();
    std::thread::spawn(move || drop(part)).join().unwrap();
    Ok(())
}
