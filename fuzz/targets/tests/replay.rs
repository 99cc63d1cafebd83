//! Inputs for the fuzz targets, on any toolchain: those that once found something, the corpora, and some at random.
//!
//! Each target has a process of its own, as under the fuzzer: what it forks, blocks or changes is nobody else's.

use ipc_targets::{TARGETS, Target, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Random inputs a target, unless `IPC_TARGETS_RANDOM` has another number: here the crate is as programs have it, while
/// under the fuzzer it copies shared memory by a way of its own.
const AT_RANDOM: u64 = 100;

fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("fuzz/targets").join(kind).join(target.name)
}

/// The inputs in a folder, by name.
fn inputs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an input").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("an input")))
        .collect();
    inputs.sort();
    inputs
}

/// The `number`th input at random: always the same one.
fn at_random(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..16 + (number % 16) * 24).map(|_| next()).collect()
}

const TARGET: &str = "IPC_TARGETS_REPLAY";

/// Each target takes its inputs without a finding.
#[test]
fn inputs_are_replayed() {
    for target in TARGETS {
        replay_in_process(target);
    }
}

/// Runs `replays_one` in a process.
fn replay_in_process(target: &Target) {
    let program = std::env::current_exe().expect("this program");
    let mut command = ipc_targets::namespace::command(&program);
    command.args(["--exact", "replays_one", "--nocapture", "--test-threads=1"]).env(TARGET, target.name);
    let output = command.output().expect("this program");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {}\n{out}{err}", target.name, output.status);
    print!(
        "{}",
        out.lines().filter(|line| line.starts_with("replayed")).map(|line| format!("{line}\n")).collect::<String>()
    );
}

/// For `inputs_are_replayed`; on its own, nothing.
#[test]
fn replays_one() {
    let Some(name) = std::env::var_os(TARGET) else { return };
    let target = target(name.to_str().expect("a name")).expect("a target");
    let mut known = inputs(&folder("regressions", target));
    known.extend(inputs(&folder("corpus", target)));
    println!("\nreplayed {} inputs of {}", known.len(), target.name); // behind what the harness prints
    let random = std::env::var("IPC_TARGETS_RANDOM").ok().map(|number| number.parse().expect("a number"));
    known.extend((0..random.unwrap_or(AT_RANDOM)).map(|number| (format!("random input {number}"), at_random(number))));
    for (name, data) in known {
        println!("{name}"); // the last one is the one that failed
        (target.run)(&data);
    }
}

/// Each file of a corpus, each regression and each libFuzzer program is of a target, and each target has the last two.
#[test]
fn every_target_has_its_files() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("fuzz/targets");
    for kind in ["corpus", "regressions"] {
        for entry in fs::read_dir(fuzz.join(kind)).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                continue;
            }
            let name = entry.file_name().into_string().expect("a name");
            assert!(target(&name).is_some(), "{kind}/{name} is of no target");
        }
    }
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for target in TARGETS {
        let file = format!("fuzz_targets/{}.rs", target.name);
        assert!(fuzz.join(&file).exists() && manifest.contains(&file), "no {file}");
        assert!(!inputs(&folder("corpus", target)).is_empty(), "no corpus of {}", target.name);
    }
    assert!(TARGETS.is_sorted_by_key(|target| target.name), "targets are listed by name");
}

/// Each planted error is of a target, says what it is, and is one that the code still has a place for.
#[test]
fn planted_errors_still_apply() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("fuzz/targets");
    for entry in fs::read_dir(root.join("fuzz/planted")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert!(target(name.split('-').next().expect("a name")).is_some(), "{name} is of no target");
        let text = fs::read_to_string(&path).expect("a patch");
        assert!(text.starts_with("# "), "{name} does not say what it plants");
        // Git looks at paths from its own root; a copy of the tree may lie in another one's.
        let mut check = Command::new("git");
        check
            .args(["apply", "--check"])
            .arg(&path)
            .current_dir(root)
            .env("GIT_CEILING_DIRECTORIES", root.parent().expect("a folder"));
        match check.output() {
            Ok(output) => assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => println!("skipped: {name} is not tried without git: {error}"),
        }
    }
}
