//! Compiles the C peers of `tests/peers`, programs that the tests talk to. Nothing of them gets into the `ipc` command.
//!
//! Their paths are in the environment of the tests at compile time: `CALLS_PEER`, `FIFO_PEER`, `MAP_PEER`,
//! `MSG_PEER`, `SEM_PEER`, `SHM_PEER`, `SOCKET_PEER`, `SYNC_PEER`.

use std::env;
use std::path::{Path, PathBuf};

const PEERS: [&str; 8] =
    ["calls_peer", "fifo_peer", "map_peer", "msg_peer", "sem_peer", "shm_peer", "socket_peer", "sync_peer"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=tests/peers");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where the output goes"));
    for peer in PEERS {
        let program = folder.join(peer);
        if let Err(reason) = compile(peer, &program) {
            println!("cargo::error=the tests need a C compiler for tests/peers/{peer}.c: {reason}");
            return;
        }
        println!("cargo::rustc-env={}={}", peer.to_uppercase(), program.display());
    }
}

/// Compiles and links one program.
fn compile(peer: &str, program: &Path) -> Result<(), String> {
    // Nothing is linked into the crate, and a compiler that is not there is reported once, by the caller.
    let compiler = cc::Build::new()
        .cargo_metadata(false)
        .cargo_warnings(false)
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .flag_if_supported("-Wshadow")
        .flag_if_supported("-Wconversion")
        .define("_GNU_SOURCE", None)
        .try_get_compiler()
        .map_err(|error| error.to_string())?;
    let output = compiler
        .to_command()
        .arg(format!("tests/peers/{peer}.c"))
        .arg("-pthread")
        .arg("-o")
        .arg(program)
        .output()
        .map_err(|error| format!("{}: {error}", compiler.path().display()))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{messages}");
        return Err(messages.lines().next().unwrap_or("it failed without a message").to_owned());
    }
    for line in messages.lines() {
        println!("cargo::warning={line}");
    }
    Ok(())
}
