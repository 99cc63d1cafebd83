//! `mmap_file`, `mmap_anonymous`, `mmap_copy` and `mmap_counter`. The mistakes are those of the tutorials.

use crate::program::{Running, example};
use crate::support::{eventually, watchdog};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for temporary files"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of the files in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn file(path: &Path, words: &[&str]) -> Running {
    let words = words.iter().map(OsStr::new);
    Running::example("mmap_file", [path.as_os_str()].into_iter().chain(words))
}

fn copy(source: &Path, target: &Path) -> Running {
    Running::example("mmap_copy", [source, target])
}

fn counter(path: &Path, times: &str) -> Running {
    Running::example("mmap_counter", [path.as_os_str(), OsStr::new(times)])
}

fn number_in(path: &Path) -> u64 {
    fs::read(path).ok().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// R-MAP-08, R-MAP-11: the file gets the size of the text by being given it (mistake 58), which need not fill a page (59, 61).
#[test]
fn a_text_in_a_file_is_read_by_an_unrelated_process() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("board");

    assert_eq!(file(&path, &["--write", "hello world"]).succeed(), "wrote 11 bytes\n");

    assert_eq!(file(&path, &[]).succeed(), "read \"hello world\"\n");
    assert_eq!(fs::read(&path).unwrap(), b"hello world");
}

/// R-MAP-08: neither longer nor shorter than it was written last.
#[test]
fn a_shorter_text_leaves_nothing_of_a_longer_one() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("board");
    let page = "p".repeat(4096);

    for (text, said) in [(page.as_str(), "wrote 4096 bytes\n"), ("x", "wrote 1 bytes\n"), ("yz", "wrote 2 bytes\n")] {
        assert_eq!(file(&path, &["--write", text]).succeed(), said);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

/// R-MAP-02, R-MAP-08: a private mapping may be written where the file may not (mistake 57), and makes no new file (60).
#[test]
fn what_is_written_privately_stays_in_the_process() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("board");
    fs::write(&path, "hello world").unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();

    let output = file(&path, &["--private", "HELLO"]).succeed();

    assert_eq!(output, "this process sees \"HELLO world\"\nthe file has \"hello world\"\n");
    assert_eq!(fs::read(&path).unwrap(), b"hello world");
    assert_eq!(folder.names(), ["board"]);
}

/// R-MAP-05, R-MAP-11: the end of the child, and no pause, tells that it has written (mistake 64).
#[test]
fn a_parent_and_its_child_share_a_file() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("board");

    let output = file(&path, &["--family"]).succeed();

    let pid = output.strip_prefix("child ").and_then(|rest| rest.split(':').next()).unwrap();
    let expected = format!("child {pid}: read \"a question\"\nparent: child {pid} wrote \"an answer\"\n");
    assert_eq!(output, expected);
    let mut bytes = [0; 64];
    bytes[..10].copy_from_slice(b"a question");
    bytes[32..41].copy_from_slice(b"an answer");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// R-MAP-01, R-MAP-04, R-MAP-10: what cannot be mapped is an error in words (mistake 56).
#[test]
fn mmap_file_says_what_is_wrong() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let empty = folder.path("empty");
    fs::write(&empty, "").unwrap();
    let short = folder.path("short");
    fs::write(&short, "short").unwrap();

    let missing = file(&folder.path("missing"), &[]).fail();
    let of_empty = file(&empty, &[]).fail();
    let of_folder = file(folder.0.path(), &[]).fail();
    let no_text = file(&short, &["--write", ""]).fail();
    let too_long = file(&short, &["--private", "longer"]).fail();
    let usage = file(&short, &["--nonsense"]).fail();
    let child = Running::example("mmap_file", ["--child"]).fail();

    assert!(missing.ends_with("/missing: No such file or directory (os error 2)\n"), "{missing}");
    assert!(of_empty.ends_with("EINVAL: the object is empty: give it a size first\n"), "{of_empty}");
    assert!(of_folder.ends_with("ENODEV: a directory cannot be mapped\n"), "{of_folder}");
    assert!(no_text.ends_with("an empty file cannot be mapped: give a text of at least one byte\n"), "{no_text}");
    assert!(too_long.ends_with("6 bytes at offset 0: the mapping has 5 bytes\n"), "{too_long}");
    assert_eq!(usage, "mmap_file: usage: mmap_file PATH [--write TEXT | --private TEXT | --family]\n");
    assert!(child.ends_with("ENODEV: a pipe cannot be mapped\n"), "{child}");
    assert_eq!(fs::read(&short).unwrap(), b"short");
    assert_eq!(folder.names(), ["empty", "short"]);
}

/// R-MAP-09, R-MAP-11: the two have the same memory and not each its own (mistake 54), and wait for each other (64).
#[test]
fn a_parent_and_its_child_share_memory_without_a_name() {
    let _watchdog = watchdog();

    let output = Running::example("mmap_anonymous", [""; 0]).succeed();

    let pid = output.strip_prefix("child ").and_then(|rest| rest.split(':').next()).unwrap();
    let expected =
        format!("child {pid}: read \"a question\"\nparent: child {pid} wrote \"an answer\"\nboth counted: 200000\n");
    assert_eq!(output, expected);
}

/// What the child is given may be anything; memory that could shrink is refused.
#[test]
fn mmap_anonymous_checks_what_it_is_given() {
    let _watchdog = watchdog();

    let not_memory = Running::example("mmap_anonymous", ["--child"]).fail();
    let usage = Running::example("mmap_anonymous", ["more"]).fail();

    assert_eq!(not_memory, "mmap_anonymous: fcntl of F_GET_SEALS: EINVAL: this is not a memfd\n");
    assert_eq!(usage, "mmap_anonymous: usage: mmap_anonymous\n");
}

/// R-MAP-06, R-MAP-11: sizes 0 (mistake 63), inside a page (59), whole pages, and more than is copied at once.
#[test]
fn files_of_all_sizes_are_copied() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let (source, target) = (folder.path("source"), folder.path("target"));

    for size in [0, 1, 4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 19] {
        let bytes: Vec<u8> = (0..size).map(|index: u32| (index * 7 % 251) as u8 + 1).collect();
        fs::write(&source, &bytes).unwrap();

        assert_eq!(copy(&source, &target).succeed(), format!("copied {size} bytes\n"));

        assert!(fs::read(&target).unwrap() == bytes, "the copy of {size} bytes");
    }
}

/// R-MAP-11: the target is emptied first, and no byte is written to give it its size (mistake 63).
#[test]
fn a_copy_leaves_nothing_of_a_longer_file() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let (source, target) = (folder.path("source"), folder.path("target"));
    fs::write(&target, [b'o'; 10_000]).unwrap();

    for text in ["five!", ""] {
        fs::write(&source, text).unwrap();
        copy(&source, &target).succeed();
        assert_eq!(fs::read_to_string(&target).unwrap(), text);
    }
}

/// Emptying the target would empty the source.
#[test]
fn a_file_is_not_copied_onto_itself() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let (source, link) = (folder.path("source"), folder.path("link"));
    fs::write(&source, "precious").unwrap();
    fs::hard_link(&source, &link).unwrap();

    for target in [&source, &link] {
        let errors = copy(&source, target).fail();
        let expected = format!("mmap_copy: {} and {} are the same file\n", source.display(), target.display());
        assert_eq!(errors, expected);
        assert_eq!(fs::read(&source).unwrap(), b"precious");
    }
}

/// R-MAP-10
#[test]
fn mmap_copy_says_what_is_wrong() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let (source, target, pipe) = (folder.path("source"), folder.path("target"), folder.path("pipe"));
    fs::write(&source, "text").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();

    let missing = copy(&folder.path("missing"), &target).fail();
    let from_folder = copy(folder.0.path(), &target).fail();
    let from_pipe = copy(&pipe, &target).fail();
    let to_folder = copy(&source, folder.0.path()).fail();
    let nowhere = copy(&source, &folder.path("no/folder")).fail();
    let usage = Running::example("mmap_copy", [&source]).fail();

    assert!(missing.ends_with("/missing: No such file or directory (os error 2)\n"), "{missing}");
    assert_eq!(from_folder, format!("mmap_copy: {} is not a file\n", folder.0.path().display()));
    assert_eq!(from_pipe, format!("mmap_copy: {} is not a file\n", pipe.display()));
    assert_eq!(to_folder, from_folder);
    assert!(nowhere.ends_with("/no/folder: No such file or directory (os error 2)\n"), "{nowhere}");
    assert_eq!(usage, "mmap_copy: usage: mmap_copy SOURCE TARGET\n");
    assert_eq!(folder.names(), ["pipe", "source"], "no target is made for a source that cannot be read");
}

/// R-MAP-11: a page that cannot be had would be a signal to who writes through a pointer.
#[test]
fn a_full_file_system_is_an_error_and_no_signal() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let source = folder.path("source");
    fs::write(&source, vec![1; 200_000]).unwrap();
    let small = folder.path("small");
    fs::create_dir(&small).unwrap();
    let script = r#"mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1/target""#;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--", "sh", "-c", script, "sh"]);
    command.arg(&small).arg(example("mmap_copy")).arg(&source);

    let ended = match command.output() {
        Ok(output) if output.stderr.starts_with(b"mmap_copy:") => output,
        other => return println!("skipped: no small file system to be had: {other:?}"),
    };

    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("/small/target is not complete: "), "{errors}");
    assert!(errors.contains("ENOMEM: a page of the object cannot be had"), "{errors}");
}

/// R-MAP-08, R-MAP-11
#[test]
fn a_counter_outlives_its_processes() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("counter");

    assert_eq!(counter(&path, "3").succeed(), "counted 3 times: now 3\n");
    assert_eq!(counter(&path, "2").succeed(), "counted 2 times: now 5\n");
    assert_eq!(counter(&path, "0").succeed(), "counted 0 times: now 5\n");

    assert_eq!(Running::example("mmap_counter", [&path]).succeed(), "5\n");
    assert_eq!(fs::read(&path).unwrap(), 5_u64.to_ne_bytes());
}

/// R-MAP-08, R-MAP-11: also the file is made by one of them only.
#[test]
fn processes_that_count_at_once_lose_nothing() {
    const TIMES: u64 = 3000;
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("counter");

    let processes = [(); 4].map(|()| counter(&path, &TIMES.to_string()));
    for process in processes {
        process.succeed();
    }

    assert_eq!(number_in(&path), 4 * TIMES);
}

/// R-MAP-11: the kernel takes the lock from the dead.
#[test]
fn a_process_that_is_killed_loses_no_count_and_keeps_no_lock() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("counter");
    let process = counter(&path, &u64::MAX.to_string());
    eventually("the process counts", || number_in(&path) > 100);

    process.signal(Signal::KILL);
    assert!(!process.end().status.success());

    let number = number_in(&path);
    assert_eq!(counter(&path, "5").succeed(), format!("counted 5 times: now {}\n", number + 5));
}

/// R-MAP-04: where a load or a store would be a signal.
#[test]
fn a_counter_whose_file_is_emptied_is_an_error() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let path = folder.path("counter");
    let process = counter(&path, &u64::MAX.to_string());
    eventually("the process counts", || number_in(&path) > 0);

    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();

    let errors = process.fail();
    assert!(errors.contains("8 bytes at offset 0: the file ends after 0 bytes of the mapping"), "{errors}");
}

/// R-MAP-01
#[test]
fn mmap_counter_says_what_is_wrong() {
    let _watchdog = watchdog();
    let folder = Folder::new();
    let (text, full) = (folder.path("text"), folder.path("full"));
    fs::write(&text, "no counter").unwrap();
    fs::write(&full, (u64::MAX - 1).to_ne_bytes()).unwrap();

    let missing = Running::example("mmap_counter", [folder.path("missing")]).fail();
    let of_text = counter(&text, "1").fail();
    let shown = Running::example("mmap_counter", [&text]).fail();
    let of_full = counter(&full, "2").fail();
    let negative = counter(&full, "-1").fail();
    let usage = Running::example("mmap_counter", [""; 0]).fail();

    assert!(missing.ends_with("/missing: No such file or directory (os error 2)\n"), "{missing}");
    let no_counter = format!("mmap_counter: {}: a counter has 8 bytes, this file 10\n", text.display());
    assert_eq!((&of_text, &shown), (&no_counter, &no_counter));
    assert!(of_full.ends_with("/full: the counter is full\n"), "{of_full}");
    assert_eq!(number_in(&full), u64::MAX);
    assert!(negative.contains("\"-1\" is not a number of times"), "{negative}");
    assert_eq!(usage, "mmap_counter: usage: mmap_counter PATH [TIMES]\n");
    assert_eq!(fs::read(&text).unwrap(), b"no counter");
}
