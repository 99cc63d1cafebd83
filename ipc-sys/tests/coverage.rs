//! `docs/coverage.md` has exactly one row for every function, constant and macro, and names safe items that exist.
//!
//! The packaged crate stands alone, without that file and without ipc-safe: there the tests say so and pass.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Bindings, Module, ROOT};

struct Row {
    name: String,
    served_by: String,
}

impl Row {
    fn stands_for(&self, name: &str) -> bool {
        self.name.strip_suffix('*').is_some_and(|beginning| name.starts_with(beginning))
    }
}

/// The rows of all tables, or none in the packaged crate.
fn rows() -> Option<Vec<Row>> {
    let Ok(text) = fs::read_to_string(Path::new(ROOT).join("../docs/coverage.md")) else {
        println!("skipped: docs/coverage.md is not in the package");
        return None;
    };
    Some(text.lines().filter_map(row).collect())
}

fn row(line: &str) -> Option<Row> {
    let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
    let name = cells.next()?.trim_end_matches('`').to_owned();
    let served_by = cells.nth(1).unwrap_or_else(|| panic!("three cells: {line}")).to_owned();
    Some(Row { name, served_by })
}

fn wanted(module: &Module) -> Vec<&String> {
    let functions = module.functions.iter().map(|function| &function.name);
    functions.chain(module.constants.iter().map(|constant| &constant.name)).chain(&module.macros).collect()
}

/// All names of both architectures: the table is the same on each.
fn all_bindings() -> [Bindings; 2] {
    ["x86_64", "aarch64"].map(Bindings::of)
}

#[test]
fn every_name_has_one_row() {
    let Some(rows) = rows() else { return };
    let mut wrong = Vec::new();
    for bindings in &all_bindings() {
        for name in bindings.modules.iter().flat_map(wanted) {
            let exact = rows.iter().filter(|row| row.name == *name).count();
            let groups = rows.iter().filter(|row| row.stands_for(name)).count();
            if exact > 1 || (exact == 0 && groups != 1) {
                wrong.push(format!("{name}: {exact} rows, {groups} groups"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_names_something() {
    let Some(rows) = rows() else { return };
    let bindings = all_bindings();
    let names: Vec<&String> = bindings.iter().flat_map(|bindings| &bindings.modules).flat_map(wanted).collect();
    let unknown = rows.iter().filter(|row| !names.iter().any(|name| row.name == **name || row.stands_for(name)));
    let unknown: Vec<&String> = unknown.map(|row| &row.name).collect();
    assert!(rows.len() > 200 && unknown.is_empty(), "{} rows, unknown {unknown:#?}", rows.len());
}

#[test]
fn every_row_says_what_serves() {
    let Some(rows) = rows() else { return };
    let mut wrong = Vec::new();
    let mut counts = [0; 3];
    for row in &rows {
        let served = row.served_by.starts_with("`ipc_safe::") || row.served_by == "see the commands";
        let kinds = [served, is_planned(&row.served_by), row.served_by.starts_with("never: ")];
        match kinds.iter().position(|kind| *kind) {
            Some(kind) => counts[kind] += 1,
            None => wrong.push(format!("{}: {}", row.name, row.served_by)),
        }
    }
    println!("{} rows served, {} planned, {} never", counts[0], counts[1], counts[2]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_planned(text: &str) -> bool {
    let areas = ["memory", "pipe", "process", "signal", "socket", "sync", "timer"];
    text.strip_prefix("planned: ").is_some_and(|area| areas.contains(&area))
}

#[test]
fn every_safe_item_exists() {
    let sources = Path::new(ROOT).join("../ipc-safe/src");
    let Some(rows) = rows().filter(|_| sources.exists()) else {
        println!("skipped: ipc-safe is not in the package");
        return;
    };
    let mut missing = Vec::new();
    for row in &rows {
        for item in row.served_by.split('`').filter(|part| part.starts_with("ipc_safe::")) {
            if !exists(&sources, item) {
                missing.push(item.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether `ipc_safe::area::Type`, `ipc_safe::area::function` or `ipc_safe::area::Type::item` is declared in the area's files.
fn exists(sources: &Path, item: &str) -> bool {
    let parts: Vec<&str> = item.split("::").collect();
    let text = text_of(&sources.join(parts[1]));
    let declares = |kinds: &[&str], name: &str| {
        let starts = kinds.iter().map(|kind| format!("{kind}{name}"));
        starts.into_iter().any(|start| text.match_indices(&start).any(|(at, _)| ends_word(&text[at + start.len()..])))
    };
    let has_type = declares(&["pub struct ", "pub enum ", "pub trait ", "pub type ", "pub fn "], parts[2]);
    let has_item = parts.get(3).is_none_or(|name| declares(&["fn ", "const ", "    "], name));
    has_type && has_item
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
}

fn text_of(path: &Path) -> String {
    if path.is_file() {
        return fs::read_to_string(path).expect("a source file");
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.iter().map(|path| text_of(path)).collect()
}
