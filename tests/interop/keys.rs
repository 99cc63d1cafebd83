//! `ftok`.

use crate::peer::msg;
use crate::support::watchdog;
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::Key;
use std::num::NonZeroU8;
use std::path::Path;

fn rust(path: &Path, project: u8) -> String {
    Key::from_path(path, NonZeroU8::new(project).unwrap()).unwrap().to_string()
}

fn c(path: &Path, project: u8) -> String {
    msg(&format!("key {} {project}", path.display())).succeed().trim_end().to_owned()
}

/// R-KEY-01, R-KEY-02, R-KEY-03
#[test]
fn both_sides_make_the_same_key_from_a_path() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let hard_link = folder.path().join("hard");
    std::fs::hard_link(&file, &hard_link).unwrap();

    let paths = [folder.path(), &file, &link, &hard_link, Path::new("/proc/version"), Path::new("/dev/null")];
    for path in paths {
        for project in [1, b'A', 0x7f, 0x80, 0xff] {
            assert_eq!(rust(path, project), c(path, project), "{} {project:#x}", path.display());
        }
    }

    assert_eq!(rust(&link, 0x80), rust(&file, 0x80));
    assert_eq!(rust(&hard_link, 0x80), rust(&file, 0x80));
    assert!(rust(&file, 0x80).starts_with("0x80"), "a negative key is a key");
}

/// R-KEY-01
#[test]
fn both_sides_refuse_a_path_that_is_not_there() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let dangling = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("missing"), &dangling).unwrap();

    for path in [folder.path().join("missing"), dangling] {
        let ours = Key::from_path(&path, NonZeroU8::MIN).unwrap_err();
        let theirs = msg(&format!("key {} 1", path.display())).fail();

        assert_eq!(ours.kind(), ErrorKind::NotFound);
        assert_eq!(theirs, "ftok: ENOENT\n");
    }
}
