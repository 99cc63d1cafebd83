//! The outer guard cannot be used before the nested one has ended: the timer is the nested one's.
#![forbid(unsafe_code)]

use ipc_safe::timer::Alarm;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn main() -> ipc_safe::Result<()> {
    let mut outer = Alarm::after(HOUR)?;
    let mut inner = outer.nested(HOUR)?;
    inner.set(2 * HOUR)?;
    inner.cancel()?;
    Ok(())
}
