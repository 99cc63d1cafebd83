//! Users, groups and processes by name.

use ipc_safe::process::Pid;

/// The name of a user, or the number where `/etc/passwd` has none.
pub(crate) fn user(uid: u32) -> String {
    name_of("/etc/passwd", uid).unwrap_or_else(|| uid.to_string())
}

/// The name of a group, or the number.
pub(crate) fn group(gid: u32) -> String {
    name_of("/etc/group", gid).unwrap_or_else(|| gid.to_string())
}

/// The name of the first line with this id: both files have the name in the first field and the id in the third.
fn name_of(path: &str, id: u32) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// The process id as a number.
pub(crate) fn number(pid: Option<Pid>) -> Option<i32> {
    pid.map(|pid| pid.as_raw_nonzero().get())
}

/// A process id for a column.
pub(crate) fn short(pid: Option<Pid>) -> String {
    number(pid).map_or_else(|| "-".into(), |pid| pid.to_string())
}

/// A process id with what is known of the process: `1234 (bash)`, `1234 (dead)`.
pub(crate) fn long(pid: Option<Pid>) -> String {
    let Some(pid) = pid else { return "none".into() };
    let number = pid.as_raw_nonzero();
    match command(number.get()) {
        Some(name) => format!("{number} ({name})"),
        None if ipc_safe::process::is_alive(pid) => format!("{number} (alive)"),
        None => format!("{number} (dead)"),
    }
}

/// The name of a process's program.
pub(crate) fn command(pid: i32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(crate::output::readable(name.trim_ascii_end()))
}

/// The ids of all processes that `/proc` shows.
pub(crate) fn processes() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}
