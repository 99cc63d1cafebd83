//! Chooses the bindings for the target, or (feature `bindgen`) makes them from the headers of this machine.

use std::env;
use std::path::{Path, PathBuf};

#[cfg(feature = "bindgen")]
#[path = "build/generate.rs"]
mod generate;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    match unsupported() {
        Some(reason) => println!("cargo::error={reason}"),
        None => provide(),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Why there can be no bindings for the target.
fn unsupported() -> Option<String> {
    let target = variable("TARGET");
    let os = variable("CARGO_CFG_TARGET_OS");
    let libc = variable("CARGO_CFG_TARGET_ENV");
    let width = variable("CARGO_CFG_TARGET_POINTER_WIDTH");
    if os == "linux" && libc == "gnu" && width == "64" {
        return None;
    }
    Some(format!(
        "ipc-sys binds the headers of 64-bit Linux with glibc, and {target} is something else; \
         build for a target such as x86_64-unknown-linux-gnu, or make the dependency depend on \
         cfg(all(target_os = \"linux\", target_env = \"gnu\", target_pointer_width = \"64\"))"
    ))
}

#[cfg(not(feature = "bindgen"))]
fn provide() {
    let name = format!("{}-unknown-linux-gnu.rs", variable("CARGO_CFG_TARGET_ARCH"));
    let file = manifest_directory().join("src/bindings").join(name);
    if variable("CARGO_CFG_TARGET_ABI").is_empty() && file.exists() {
        use_bindings(&file);
    } else {
        println!(
            "cargo::error=ipc-sys has no bindings for {} yet; enable its feature `bindgen`, which makes them \
             from the headers of this machine (it needs libclang)",
            variable("TARGET")
        );
    }
}

#[cfg(feature = "bindgen")]
fn provide() {
    let headers = manifest_directory().join("headers.h");
    println!("cargo::rerun-if-changed=headers.h");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=IPC_SYS_BINDINGS");
    let text = generate::generate(&headers, &variable("TARGET"), &[]);
    let file = PathBuf::from(variable("OUT_DIR")).join("bindings.rs");
    std::fs::write(&file, text).expect("OUT_DIR can be written");
    use_bindings(&file);
    if let Some(directory) = env::var_os("IPC_SYS_BINDINGS") {
        write_all(&headers, Path::new(&directory));
    }
}

/// For `scripts/bindings`: the files of all targets, from their headers on a Debian system.
#[cfg(feature = "bindgen")]
fn write_all(headers: &Path, directory: &Path) {
    for architecture in ["x86_64", "aarch64"] {
        let target = format!("{architecture}-unknown-linux-gnu");
        let mut arguments = Vec::new();
        let cross = format!("/usr/{architecture}-linux-gnu/include");
        if Path::new(&cross).exists() {
            arguments = vec![String::from("-nostdlibinc"), String::from("-isystem"), cross];
        }
        let text = generate::generate(headers, &target, &arguments);
        std::fs::write(directory.join(format!("{target}.rs")), text).expect("IPC_SYS_BINDINGS names a directory");
    }
}

fn manifest_directory() -> PathBuf {
    PathBuf::from(variable("CARGO_MANIFEST_DIR"))
}

fn use_bindings(file: &Path) {
    println!("cargo::rustc-env=IPC_SYS_BINDINGS_FILE={}", file.display());
}
