//! What the tests of the bindings share: the bindings as data, the C compiler, and the header files as text.

#![allow(dead_code, reason = "each test uses a part")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quote::ToTokens;
use syn::{ForeignItem, Item};

pub(crate) mod headers;
#[path = "../../build/modules.rs"]
pub(crate) mod modules;

/// The bindings that this build of the crate uses.
pub(crate) const FILE: &str = env!("IPC_SYS_BINDINGS_FILE");
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A bindings file as data.
#[derive(Debug)]
pub(crate) struct Bindings {
    pub(crate) file: PathBuf,
    pub(crate) headers: String,
    pub(crate) modules: Vec<Module>,
}

/// One module, the names that src/ adds by hand included.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) constants: Vec<Constant>,
    pub(crate) types: Vec<Record>,
    pub(crate) aliases: Vec<String>,
    pub(crate) functions: Vec<Function>,
    /// Hand-written functions and methods: what in C is a macro.
    pub(crate) macros: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) by_hand: bool,
}

impl Constant {
    pub(crate) fn is_integer(&self) -> bool {
        self.ty.ends_with("c_int") || self.ty.ends_with("c_uint")
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) union: bool,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) by_hand: bool,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) symbol: String,
}

impl Bindings {
    /// The bindings in use, with the hand-written items.
    pub(crate) fn in_use() -> Self {
        Self::read(Path::new(FILE))
    }

    /// The checked-in bindings for an architecture.
    pub(crate) fn of(architecture: &str) -> Self {
        Self::read(&Path::new(ROOT).join(format!("src/bindings/{architecture}-unknown-linux-gnu.rs")))
    }

    pub(crate) fn read(file: &Path) -> Self {
        let mut bindings = Self { file: file.to_owned(), headers: String::new(), modules: Vec::new() };
        for item in items(file) {
            match item {
                Item::Mod(module) => {
                    let mut read = Module { name: module.ident.to_string(), ..Module::default() };
                    read.add(module.content.expect("a module with a body").1, false);
                    bindings.modules.push(read);
                }
                Item::Const(constant) => bindings.headers = string(&constant.expr),
                _ => {}
            }
        }
        for module in &mut bindings.modules {
            module.add(items(&Path::new(ROOT).join(format!("src/{}.rs", module.name))), true);
        }
        if file.ends_with("aarch64-unknown-linux-gnu.rs") {
            let extra = items(&Path::new(ROOT).join("src/aarch64.rs"));
            let signal = bindings.modules.iter_mut().find(|module| module.name == "signal");
            signal.expect("a module signal").add(extra, true);
        }
        bindings
    }

    pub(crate) fn module(&self, name: &str) -> &Module {
        self.modules.iter().find(|module| module.name == name).expect("a module")
    }

    /// Every name that a program can use, as `module::name`.
    pub(crate) fn names(&self) -> Vec<String> {
        let of_module = |module: &Module| {
            let names = module.names();
            names.into_iter().map(|name| format!("{}::{name}", module.name)).collect::<Vec<_>>()
        };
        self.modules.iter().flat_map(of_module).collect()
    }

    /// Whether the headers of this machine have the versions that the bindings were made from.
    pub(crate) fn same_headers(&self, machine: &str) -> bool {
        self.headers == machine
    }
}

fn items(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}

fn string(expression: &syn::Expr) -> String {
    match expression {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
        other => panic!("{} is no string", text(other)),
    }
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

impl Module {
    fn add(&mut self, items: Vec<Item>, by_hand: bool) {
        for item in items {
            match item {
                Item::Const(item) => {
                    let name = item.ident.to_string();
                    let public = !matches!(item.vis, syn::Visibility::Inherited);
                    let known = self.constants.iter().any(|constant| constant.name == name);
                    if public && !known {
                        self.constants.push(Constant { name, ty: text(&item.ty), by_hand });
                    }
                }
                Item::Struct(item) => {
                    let fields = fields(&item.fields);
                    self.types.push(Record { name: item.ident.to_string(), union: false, fields, by_hand });
                }
                Item::Union(item) => {
                    let fields = fields(&syn::Fields::Named(item.fields));
                    self.types.push(Record { name: item.ident.to_string(), union: true, fields, by_hand });
                }
                Item::Type(item) => self.aliases.push(item.ident.to_string()),
                Item::Fn(item) => self.macros.push(item.sig.ident.to_string()),
                Item::ForeignMod(block) if !by_hand => self.functions.extend(block.items.iter().filter_map(function)),
                Item::Impl(item) if by_hand && item.trait_.is_none() => {
                    self.macros.extend(item.items.iter().filter_map(method))
                }
                Item::Macro(item) if item.mac.path.is_ident("accessors") => {
                    self.macros.extend(accessors(&item.mac.tokens.to_string()));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.aliases.clone();
        names.extend(self.macros.iter().cloned());
        names.extend(self.constants.iter().map(|constant| constant.name.clone()));
        names.extend(self.types.iter().map(|record| record.name.clone()));
        names.extend(self.functions.iter().map(|function| function.name.clone()));
        names
    }
}

fn fields(fields: &syn::Fields) -> Vec<(String, String)> {
    let named = fields.iter().filter_map(|field| Some((field.ident.as_ref()?.to_string(), text(&field.ty))));
    named.collect()
}

fn function(item: &ForeignItem) -> Option<Function> {
    let ForeignItem::Fn(item) = item else {
        return None;
    };
    let name = item.sig.ident.to_string();
    let link_name = item.attrs.iter().find(|attribute| attribute.path().is_ident("link_name"));
    let symbol = link_name.map_or_else(
        || name.clone(),
        |attribute| {
            let value = &attribute.meta.require_name_value().expect("link_name = ...").value;
            string(value).trim_start_matches('\u{1}').to_owned()
        },
    );
    Some(Function { name, symbol })
}

fn method(item: &syn::ImplItem) -> Option<String> {
    match item {
        syn::ImplItem::Fn(item) => Some(item.sig.ident.to_string()),
        _ => None,
    }
}

/// The names in `name : type = member , "text" ; ...`.
fn accessors(tokens: &str) -> Vec<String> {
    let names = tokens.split(';').filter_map(|entry| entry.split(':').next());
    names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// A C compiler for the host, or the cross compiler for another architecture if it is installed.
#[derive(Debug)]
pub(crate) enum Compiler {
    Host,
    Cross(String),
}

impl Compiler {
    pub(crate) fn of(architecture: &str) -> Option<Self> {
        if architecture == std::env::consts::ARCH {
            return Some(Self::Host);
        }
        let command = format!("{architecture}-linux-gnu-gcc");
        let found = Command::new(&command).arg("--version").output().is_ok_and(|output| output.status.success());
        found.then_some(Self::Cross(command))
    }

    pub(crate) fn command(&self) -> Command {
        match self {
            Self::Cross(command) => Command::new(command),
            Self::Host => {
                let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
                let mut build = cc::Build::new();
                build.target(&host).host(&host).opt_level(0).cargo_metadata(false);
                build.get_compiler().to_command()
            }
        }
    }

    /// `glibc 2.36, Linux 6.1`: what the headers of the compiler say.
    pub(crate) fn header_versions(&self) -> String {
        let text = "#include <features.h>\n#include <linux/version.h>\n\
                    glibc __GLIBC__ . __GLIBC_MINOR__ , Linux LINUX_VERSION_MAJOR . LINUX_VERSION_PATCHLEVEL\n";
        let output = run_on(self.command().args(["-E", "-P", "-xc", "-"]), text);
        let line = output.lines().last().expect("a line").replace(' ', "");
        line.replace("glibc", "glibc ").replace(",Linux", ", Linux ")
    }
}

/// Runs a command with a text as its input and returns what it prints.
pub(crate) fn run_on(command: &mut Command, input: &str) -> String {
    let output = run(command, input);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    let mut file = tempfile::tempfile().expect("a temporary file");
    std::io::Write::write_all(&mut file, input.as_bytes()).expect("a writable temporary file");
    std::io::Seek::rewind(&mut file).expect("a temporary file");
    command.stdin(file).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What Rust says about the bindings: `value module::NAME number`, `size module::type number`,
/// `align module::type number`, `offset module::type.field number`.
///
/// The crate is compiled once more, with `bindings` as its bindings. Both architectures have the same sizes and
/// alignments of C's basic types, so the file of one can be measured on the other.
pub(crate) fn facts(bindings: &Bindings) -> Vec<(String, String, i64)> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let library = directory.path().join("libipc_sys.rlib");
    let mut command = rustc();
    command.env("IPC_SYS_BINDINGS_FILE", &bindings.file).args([
        "--crate-type=rlib",
        "--crate-name=ipc_sys",
        "-Awarnings",
    ]);
    run_on(command.arg(Path::new(ROOT).join("src/lib.rs")).arg("-o").arg(&library), "");
    let program = directory.path().join("facts");
    let mut command = rustc();
    command.args(["--crate-name=facts", "-Awarnings", "-", "-o"]).arg(&program);
    run_on(command.arg(format!("--extern=ipc_sys={}", library.display())), &program_text(bindings));
    let output = run_on(&mut Command::new(&program), "");
    output.lines().map(fact).collect()
}

fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.arg("--edition=2024");
    command
}

fn fact(line: &str) -> (String, String, i64) {
    let words: Vec<&str> = line.split(' ').collect();
    (words[0].to_owned(), words[1].to_owned(), words[2].parse().expect("a number"))
}

fn program_text(bindings: &Bindings) -> String {
    let mut text = String::from("use ipc_sys::*; use std::mem::{align_of, offset_of, size_of};\nfn main() {\n");
    for module in &bindings.modules {
        let m = &module.name;
        for Constant { name, .. } in module.constants.iter().filter(|constant| constant.is_integer()) {
            writeln!(text, "println!(\"value {m}::{name} {{}}\", {m}::{name});").expect("a string");
        }
        for Record { name, fields, .. } in &module.types {
            writeln!(text, "println!(\"size {m}::{name} {{}}\", size_of::<{m}::{name}>());").expect("a string");
            writeln!(text, "println!(\"align {m}::{name} {{}}\", align_of::<{m}::{name}>());").expect("a string");
            for (field, _) in fields {
                writeln!(text, "println!(\"offset {m}::{name}.{field} {{}}\", offset_of!({m}::{name}, {field}));")
                    .expect("a string");
            }
        }
    }
    text.push_str("}\n");
    text
}
