//! Every size, alignment, offset and constant of the bindings is what the C compiler says, for both architectures.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use common::{Bindings, Compiler, Record, facts, run};

#[test]
fn the_bindings_in_use_are_what_the_c_compiler_says() {
    check(&Bindings::in_use(), &Compiler::Host);
}

#[test]
fn the_bindings_for_aarch64_are_what_the_cross_compiler_says() {
    match Compiler::of("aarch64") {
        Some(compiler) => check(&Bindings::of("aarch64"), &compiler),
        None => println!("skipped: aarch64-linux-gnu-gcc is not installed"),
    }
}

#[test]
fn every_function_is_in_the_c_library() {
    link(&Bindings::in_use(), &Compiler::Host);
}

#[test]
fn every_function_is_in_the_c_library_for_aarch64() {
    match Compiler::of("aarch64") {
        Some(compiler) => link(&Bindings::of("aarch64"), &compiler),
        None => println!("skipped: aarch64-linux-gnu-gcc is not installed"),
    }
}

fn check(bindings: &Bindings, compiler: &Compiler) {
    let facts = facts(bindings);
    let machine = compiler.header_versions();
    let exact = bindings.same_headers(&machine);
    if !exact {
        println!(
            "these headers are {machine}, the bindings are of {}: unknown names are passed over",
            bindings.headers
        );
    }
    let names = c_names(bindings);
    let mut text =
        format!("#include \"{}\"\n#include <stddef.h>\n{SEMUN}", Path::new(common::ROOT).join("headers.h").display());
    text.push_str(&without_member_macros(bindings));
    let mut asserted = 0;
    for (kind, name, value) in &facts {
        if let Some(assertion) = assertion(kind, name, *value, &names, exact && !is_newer(bindings, name)) {
            text.push_str(&assertion);
            asserted += 1;
        }
    }
    println!("{asserted} of {} facts go to the C compiler", facts.len());
    assert!(asserted > 500, "the test does not see the bindings");
    let output = run(compiler.command().args(["-fsyntax-only", "-fmax-errors=0", "-w", "-xc", "-"]), &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The headers leave it to the program to define this one.
const SEMUN: &str = "union semun { int val; struct semid_ds *buf; unsigned short *array; struct seminfo *__buf; };\n";

/// Constants of newer headers, written by hand: where the headers know them they are compared.
fn is_newer(bindings: &Bindings, name: &str) -> bool {
    let (module, name) = name.split_once("::").expect("module::name");
    bindings.module(module).constants.iter().any(|constant| constant.name == name && constant.by_hand)
}

/// `si_pid` and its like are macros that would be replaced within `_sifields._kill.si_pid`.
fn without_member_macros(bindings: &Bindings) -> String {
    let fields = bindings.modules.iter().flat_map(|module| &module.types).flat_map(|record| &record.fields);
    fields.map(|(field, _)| format!("#undef {field}\n")).collect()
}

fn assertion(kind: &str, name: &str, value: i64, c_names: &BTreeMap<String, String>, strict: bool) -> Option<String> {
    let mut text = String::new();
    if kind == "value" {
        let macro_name = name.split_once("::")?.1;
        let condition = format!("_Static_assert((int)({macro_name}) == (int)({value}LL), \"{kind} {name}\");");
        if strict {
            writeln!(text, "{condition}").ok()?;
        } else {
            writeln!(text, "#ifdef {macro_name}\n{condition}\n#endif").ok()?;
        }
        return Some(text);
    }
    if name.contains(".__bindgen_padding") {
        return None;
    }
    let (record, field) = name.split_once('.').unwrap_or((name, ""));
    let c_name = c_names.get(record)?;
    let expression = match kind {
        "size" => format!("sizeof({c_name})"),
        "align" => format!("_Alignof({c_name})"),
        _ if field.starts_with("anonymous_") => format!("offsetof({c_name}, {})", c_names.get(name)?),
        _ => format!("offsetof({c_name}, {field})"),
    };
    writeln!(text, "_Static_assert({expression} == {value}, \"{kind} {name}\");").ok()?;
    Some(text)
}

/// How C calls the types: `struct sembuf`, `siginfo_t`, and for a type without a name the type of the member.
fn c_names(bindings: &Bindings) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for module in &bindings.modules {
        for record in &module.types {
            let outer = module.types.iter().find_map(|outer| member_of(outer, &record.name));
            let name = match outer {
                Some((outer, member)) if member.starts_with("anonymous_") => {
                    // Its members are members of the outer type; its place is that of the first one.
                    names.insert(format!("{}::{outer}.{member}", module.name), record.fields[0].0.clone());
                    continue;
                }
                Some((outer, member)) => {
                    format!("__typeof__((({} *)0)->{member})", names[&format!("{}::{outer}", module.name)])
                }
                None if record.name.ends_with("_t") => record.name.clone(),
                None if record.union => format!("union {}", record.name),
                None => format!("struct {}", record.name),
            };
            names.insert(format!("{}::{}", module.name, record.name), name);
        }
    }
    names
}

/// The type and the member that a type without a name was called after.
fn member_of(outer: &Record, name: &str) -> Option<(String, String)> {
    let called_after =
        |field: &str| name == format!("{}_{}", outer.name.trim_start_matches('_'), field.trim_start_matches('_'));
    let member = outer.fields.iter().find(|(field, ty)| ty.contains(name) && called_after(field));
    member.map(|(field, _)| (outer.name.clone(), field.clone()))
}

/// A program that mentions every function's symbol, and no header that could declare it.
fn link(bindings: &Bindings, compiler: &Compiler) {
    let mut text = String::from("#include <stddef.h>\n");
    let mut table = String::new();
    let functions = bindings.modules.iter().flat_map(|module| &module.functions);
    for (number, function) in functions.enumerate() {
        writeln!(text, "extern char f{number} __asm__(\"{}\");", function.symbol).expect("a string");
        write!(table, "&f{number}, ").expect("a string");
    }
    assert!(table.len() > 80 * 5, "the test does not see the functions");
    writeln!(text, "void *volatile table[] = {{ {table} NULL }};\nint main(void) {{ return table[0] == NULL; }}")
        .expect("a string");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("program");
    let output = run(compiler.command().args(["-w", "-xc", "-", "-o"]).arg(program), &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
