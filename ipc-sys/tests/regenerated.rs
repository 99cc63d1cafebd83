//! The checked-in bindings are those that the headers of this machine give. `scripts/bindings --check` makes the new ones
//! and runs this.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{Bindings, facts};

#[test]
#[ignore = "scripts/bindings --check runs it"]
fn x86_64() {
    compare("x86_64");
}

#[test]
#[ignore = "scripts/bindings --check runs it"]
fn aarch64() {
    compare("aarch64");
}

fn compare(architecture: &str) {
    let directory =
        PathBuf::from(std::env::var_os("IPC_SYS_BINDINGS").expect("IPC_SYS_BINDINGS names the new bindings"));
    let made = directory.join(format!("{architecture}-unknown-linux-gnu.rs"));
    let (old, new) = (Bindings::of(architecture), Bindings::read(&made));
    if old.headers == new.headers {
        assert!(text(&old.file) == text(&made), "{architecture}: the bindings are out of date: run scripts/bindings");
        println!("{architecture}: equal, from {}", old.headers);
        return;
    }
    println!("{architecture}: the bindings are of {}, the headers are {}", old.headers, new.headers);
    let (old_names, new_names) = (names(&old), names(&new));
    println!("new: {:#?}", new_names.difference(&old_names).collect::<Vec<_>>());
    let gone: Vec<_> = old_names.difference(&new_names).collect();
    let (old_facts, new_facts) = (table(&old), table(&new));
    let differs = |(fact, value): &(&String, &i64)| new_facts.get(*fact).is_some_and(|new| new != *value);
    let changed: Vec<_> = old_facts.iter().filter(differs).collect();
    assert!(gone.is_empty() && changed.is_empty(), "{architecture}: gone {gone:#?}, changed {changed:#?}");
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).expect("the bindings can be read")
}

fn names(bindings: &Bindings) -> BTreeSet<String> {
    bindings.names().into_iter().collect()
}

fn table(bindings: &Bindings) -> BTreeMap<String, i64> {
    facts(bindings).into_iter().map(|(kind, name, value)| (format!("{kind} {name}"), value)).collect()
}
