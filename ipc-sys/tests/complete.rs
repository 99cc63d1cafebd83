//! The bindings have every function, type, constant and macro that the headers declare.

mod common;

use common::headers::{Declared, declared};
use common::{Bindings, Compiler, Module};

/// Names that are left out, and why.
const LEFT_OUT: [(&str, &str); 1] =
    [("FP_XSTATE_MAGIC2_SIZE", "the size of a constant, which is size_of_val(&FP_XSTATE_MAGIC2)")];

#[test]
fn nothing_is_missing_in_the_bindings_in_use() {
    check(&Bindings::in_use(), &Compiler::Host);
}

#[test]
fn nothing_is_missing_in_the_bindings_for_aarch64() {
    match Compiler::of("aarch64") {
        Some(compiler) => check(&Bindings::of("aarch64"), &compiler),
        None => println!("skipped: aarch64-linux-gnu-gcc is not installed"),
    }
}

fn check(bindings: &Bindings, compiler: &Compiler) {
    let mut missing = Vec::new();
    for (name, declared) in declared(compiler) {
        let module = bindings.module(name);
        println!(
            "{name}: {} functions, {} constants, {} types, {} macros by hand; the headers declare {} functions and {} macros",
            module.functions.len(),
            module.constants.len(),
            module.types.len() + module.aliases.len(),
            module.macros.len(),
            declared.functions.len(),
            declared.macros.len()
        );
        assert!(!declared.macros.is_empty(), "no macro of {name} was found: the test does not read the headers");
        missing.extend(lacks(module, bindings, &declared).into_iter().map(|lacking| format!("{name}::{lacking}")));
    }
    let machine = compiler.header_versions();
    if bindings.same_headers(&machine) {
        assert!(missing.is_empty(), "the bindings lack {missing:#?}");
    } else if !missing.is_empty() {
        println!("these headers are {machine}, the bindings are of {}; new: {missing:#?}", bindings.headers);
    }
}

fn lacks(module: &Module, bindings: &Bindings, declared: &Declared) -> Vec<String> {
    let functions: Vec<&String> = module.functions.iter().map(|function| &function.name).collect();
    let lacking = declared.functions.iter().filter(|name| !functions.contains(name));
    let mut names = module.names();
    names.extend(bindings.module("types").names());
    let others = [&declared.macros, &declared.enumerators, &declared.types].into_iter().flatten();
    let others = others.filter(|name| !is_internal(name) && !names.contains(name));
    let missing = lacking.chain(others).filter(|name| !LEFT_OUT.iter().any(|(left_out, _)| left_out == name));
    missing.cloned().collect()
}

/// Include guards and glibc's own macros and types; manual pages name two of them.
fn is_internal(name: &str) -> bool {
    name.starts_with('_') && !["_NSIG", "_SEM_SEMUN_UNDEFINED"].contains(&name)
}
