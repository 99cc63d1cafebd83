//! `reap_children`.

use crate::program::Running;
use crate::support::watchdog;

/// R-SIG-12: none is lost although their signals merge, and their masks are clean.
#[test]
fn twenty_children_that_end_together_are_all_reaped() {
    let _watchdog = watchdog();
    let output = Running::example::<&str>("reap_children", []).succeed();
    let expected = "20 children wait\n\
                    20 children ended, each with its own status\n\
                    no child began with a signal blocked\n";
    assert_eq!(output, expected);
}
