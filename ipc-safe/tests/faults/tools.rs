//! The tools for tests themselves: a child, a look at everything, a namespace.

use crate::driver::{Outcome, dropped, folder, scenarios};
use ipc_safe::testing::{LeakGuard, Snapshot, fork, in_ipc_namespace};

scenarios! {
    child
    child_dropped
    snapshot
    leak_guard
    namespace
}

fn child() -> Outcome {
    // SAFETY: the child returns a number.
    let child = unsafe { fork(|| 7) }?;
    // Otherwise it could not be waited for.
    if let Ok(number) = child.wait() {
        assert_eq!(number, 7);
    }
    Ok(())
}

fn child_dropped() -> Outcome {
    // SAFETY: the child sleeps until it is killed.
    dropped(unsafe { fork(|| std::thread::sleep(std::time::Duration::from_millis(200))) }?);
    Ok(())
}

fn snapshot() -> Outcome {
    let before = Snapshot::options().folder(folder()).take()?;
    let _ = before.changes()?;
    Ok(())
}

fn leak_guard() -> Outcome {
    let guard = LeakGuard::new()?;
    let _ = guard.finish()?;
    Ok(())
}

fn namespace() -> Outcome {
    in_ipc_namespace(|| ())?;
    Ok(())
}
