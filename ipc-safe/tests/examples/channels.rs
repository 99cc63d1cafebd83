//! `channel_pair`.

use crate::program::Running;
use crate::support::watchdog;

/// The parent asks, the child answers, and both end.
#[test]
fn questions_are_answered_through_shared_memory() {
    let _watchdog = watchdog();
    let output = Running::example("channel_pair", [""; 0]).succeed();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert_eq!(lines[0], r#"12 bytes: the child says "sdrawkcab si""#);
    assert_eq!(lines[2], r#"0 bytes: the child says """#);
}

/// Many of them, with the time that each took.
#[test]
fn many_questions_are_timed() {
    let _watchdog = watchdog();
    let output = Running::example("channel_pair", ["1000"]).succeed();
    assert!(output.starts_with("1000 questions and answers, "), "{output}");
}
