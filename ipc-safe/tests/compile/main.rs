//! Misuse that must not compile. Each file in `fail` has a twin of the same name in `pass` that differs in one line and
//! compiles, and runs: so the refusal is of that line and of nothing else.
//!
//! The messages in `fail/*.stderr` are those of the compiler named in `COMPILER`. Another version words them otherwise: there
//! the test only looks whether the programs are refused. `TRYBUILD=overwrite` with that compiler writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler of the recorded messages.
const COMPILER: &str = "rustc 1.95";

/// Set for a run of this program on copies of the refused programs, whose words are not compared.
const COPIES: &str = "IPC_SAFE_TEST_REFUSED_COPIES";

/// Safe programs that would do harm are refused, in words that help; their twins run.
///
/// R-SHM-04 R-SHM-12 R-SEM-09 R-MSG-02 R-PIPE-01 R-FIFO-08 R-SOCK-21
#[test]
fn misuse_does_not_compile_and_its_twin_runs() {
    let cases = trybuild::TestCases::new();
    if let Ok(copies) = std::env::var(COPIES) {
        cases.compile_fail(format!("{copies}/*.rs"));
        return;
    }
    cases.pass("tests/compile/pass/*.rs");
    if is_recorded_compiler() {
        cases.compile_fail("tests/compile/fail/*.rs");
    } else {
        println!("not {COMPILER}: the words of the messages are not compared");
        refused_in_any_words();
    }
}

/// Has trybuild look at copies of the programs, where it may write down whatever the messages are.
fn refused_in_any_words() {
    let copies = tempfile::tempdir().unwrap();
    for file in programs("fail") {
        std::fs::copy(folder_path("fail").join(&file), copies.path().join(&file)).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "misuse_does_not_compile_and_its_twin_runs", "--nocapture"])
        .env(COPIES, copies.path())
        .env("TRYBUILD", "overwrite")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Each program that is refused has a twin, and the two differ in one line.
#[test]
fn twins_differ_in_one_line() {
    let (refused, passing) = (programs("fail"), programs("pass"));
    assert!(refused.len() > 30, "where are the programs?");
    for file in refused {
        assert!(passing.contains(&file), "{file} has no twin");
        let lines = |folder| -> Vec<String> {
            let text = std::fs::read_to_string(folder_path(folder).join(&file)).unwrap();
            text.lines().map(str::to_owned).collect()
        };
        let (bad, good) = (lines("fail"), lines("pass"));
        assert_eq!(bad.len(), good.len(), "{file} and its twin have different lengths");
        let different = bad.iter().zip(&good).filter(|(bad, good)| bad != good).count();
        assert_eq!(different, 1, "lines in which {file} and its twin differ");
    }
}

fn folder_path(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile").join(folder)
}

/// The names of the programs in a folder.
fn programs(folder: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder_path(folder)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".rs")).collect()
}

fn is_recorded_compiler() -> bool {
    let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(compiler).arg("--version").output().unwrap().stdout;
    String::from_utf8_lossy(&version).starts_with(&format!("{COMPILER}."))
}
