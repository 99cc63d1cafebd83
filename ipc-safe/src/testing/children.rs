//! The children of this process.

use super::proc::{Stat, numbers, read};
use super::snapshot::Item;
use crate::error::Result;

pub(super) fn find() -> Result<Vec<Item>> {
    let children = pids()?.into_iter().filter_map(|pid| {
        let stat = Stat::read(&format!("/proc/{pid}/stat"))?;
        Some(Item::new(format_args!("child {pid}"), "").note(format_args!("{}, {}", stat.name, stat.state())))
    });
    Ok(children.collect())
}

/// Their process ids, zombies' included.
pub(super) fn pids() -> Result<Vec<u32>> {
    let mut pids = Vec::new();
    for thread in numbers("/proc/self/task")? {
        match read(&format!("/proc/self/task/{thread}/children")) {
            Ok(children) => pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            // The thread has ended; its children are those of another one.
            Err(_) if Stat::read(&format!("/proc/self/task/{thread}/stat")).is_none() => {}
            // A kernel that does not list them.
            Err(_) => return by_parent(),
        }
    }
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

/// By looking at all processes.
fn by_parent() -> Result<Vec<u32>> {
    let own = std::process::id();
    let is_child = |pid: &u32| Stat::read(&format!("/proc/{pid}/stat")).is_some_and(|stat| stat.parent == own);
    Ok(numbers("/proc")?.into_iter().filter(is_child).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_a_child() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(pids().unwrap().contains(&child.id()));
        assert!(by_parent().unwrap().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!pids().unwrap().contains(&child.id()));
    }
}
