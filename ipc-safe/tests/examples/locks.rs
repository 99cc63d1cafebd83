//! Locks in shared memory.

use crate::program::Running;
use crate::support::watchdog;

/// Several processes with a lock and condition variables, one of which dies with the lock.
#[test]
fn producers_and_a_consumer_share_a_buffer() {
    let _watchdog = watchdog();
    let output = Running::example("shared_producer_consumer", [""; 0]).succeed();
    assert_eq!(
        output,
        "3 producers put 3000 items in, and each was taken once\n\
         a producer that died with the lock left the buffer as it was\n"
    );
}
