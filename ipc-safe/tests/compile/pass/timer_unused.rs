//! An alarm that nobody keeps is cancelled at once, which is hardly meant.
#![forbid(unsafe_code)]
#![deny(unused_must_use)]

use ipc_safe::timer::Alarm;
use std::time::Duration;

fn main() -> ipc_safe::Result<()> {
    let _alarm = Alarm::after(Duration::from_secs(3600))?;
    Ok(())
}
