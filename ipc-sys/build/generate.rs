//! The one way in which bindings are made: libclang reads the headers, bindgen turns them into items, and this file puts
//! every item into the module of the header that it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bindgen::callbacks::{IntKind, ParseCallbacks};
use quote::{ToTokens, format_ident};
use syn::visit_mut::{self, VisitMut};
use syn::{Fields, ForeignItem, Ident, Item, Type, parse_quote};

#[path = "modules.rs"]
mod modules;
use modules::{MODULES, Module};

/// Types of other headers under the names that C programs use for them.
const COMMON_TYPES: [&str; 12] = [
    "gid_t",
    "iovec",
    "key_t",
    "mode_t",
    "off_t",
    "pid_t",
    "pthread_attr_t",
    "pthread_t",
    "ssize_t",
    "time_t",
    "timespec",
    "uid_t",
];

/// Macros that an earlier file defines and a later one replaces by a call, and one that is a cast.
const NOT_CONSTANT: [&str; 4] = ["IPC_PRIVATE", "MINSIGSTKSZ", "SHMLBA", "SIGSTKSZ"];

/// Constants that go into unsigned arguments or fields.
const UNSIGNED: [&str; 5] = ["MFD_", "MLOCK_", "PKEY_", "FP_XSTATE_", "_MAGIC"];

/// The bindings for `target` as the text of one Rust file. `clang_arguments` say where its headers are.
pub(crate) fn generate(headers: &Path, target: &str, clang_arguments: &[String]) -> String {
    let source = Source { headers, target, clang_arguments };
    let everything = source.everything();
    let versions = versions(&source);
    let aliases = Aliases::of(&everything);
    let items = tidy(everything, &aliases);
    let mut owned = BTreeMap::new();
    for module in &MODULES {
        for name in source.names_of(module) {
            owned.entry(aliases.public_name(&name)).or_insert(module.name);
        }
    }
    print(target, &versions, split(items, &owned))
}

/// Where bindgen reads from.
struct Source<'a> {
    headers: &'a Path,
    target: &'a str,
    clang_arguments: &'a [String],
}

impl Source<'_> {
    fn builder(&self) -> bindgen::Builder {
        bindgen::Builder::default()
            .header(self.headers.to_str().expect("the path of headers.h is UTF-8"))
            .clang_arg(format!("--target={}", self.target))
            .clang_args(self.clang_arguments)
            .clang_arg("-w")
            .parse_callbacks(Box::new(Constants))
            .rust_target(bindgen::RustTarget::stable(85, 0).expect("a known version"))
            .rust_edition(bindgen::RustEdition::Edition2024)
            .use_core()
            .ctypes_prefix("::core::ffi")
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            .derive_debug(true)
            .impl_debug(true)
            .derive_default(true)
            .generate_comments(false)
            .layout_tests(false)
            .formatter(bindgen::Formatter::None)
    }

    fn everything(&self) -> Vec<Item> {
        let mut builder = self.builder();
        for module in &MODULES {
            builder = allow(builder, module);
        }
        for name in COMMON_TYPES {
            builder = builder.allowlist_type(name);
        }
        parse(builder)
    }

    /// The names that the files of `module` declare.
    fn names_of(&self, module: &Module) -> Vec<String> {
        let items = parse(allow(self.builder(), module).allowlist_recursively(false));
        items.iter().flat_map(names).collect()
    }
}

fn allow(mut builder: bindgen::Builder, module: &Module) -> bindgen::Builder {
    for file in module.files {
        let pattern = file.replace('.', r"\.").replace('*', "[^/]*");
        builder = builder.allowlist_file(format!(".*/{pattern}"));
    }
    for prefix in module.kernel_constants {
        builder = builder.allowlist_var(format!("{prefix}.*"));
    }
    builder
}

fn parse(builder: bindgen::Builder) -> Vec<Item> {
    let text = builder.generate().expect("libclang reads the headers").to_string();
    syn::parse_file(&text).expect("bindgen writes Rust").items
}

/// "glibc 2.36, Linux 6.1".
fn versions(source: &Source<'_>) -> String {
    let names = "__GLIBC__|__GLIBC_MINOR__|LINUX_VERSION_MAJOR|LINUX_VERSION_PATCHLEVEL";
    let mut values = BTreeMap::new();
    for item in parse(source.builder().allowlist_var(names)) {
        if let Item::Const(constant) = item {
            values.insert(constant.ident.to_string(), constant.expr.to_token_stream().to_string());
        }
    }
    let value = |name: &str| values.get(name).cloned().expect("the headers say their version");
    format!(
        "glibc {}.{}, Linux {}.{}",
        value("__GLIBC__"),
        value("__GLIBC_MINOR__"),
        value("LINUX_VERSION_MAJOR"),
        value("LINUX_VERSION_PATCHLEVEL")
    )
}

/// Integer macros are `int`, as their use in C has them.
#[derive(Debug)]
struct Constants;

impl ParseCallbacks for Constants {
    fn int_macro(&self, name: &str, value: i64) -> Option<IntKind> {
        let unsigned = UNSIGNED.iter().any(|part| name.starts_with(part) || name.ends_with(part));
        if unsigned && u32::try_from(value).is_ok() {
            Some(IntKind::UInt)
        } else if i32::try_from(value).is_ok() || u32::try_from(value).is_ok() {
            Some(IntKind::Int)
        } else {
            None
        }
    }
}

/// The names that an item declares.
fn names(item: &Item) -> Vec<String> {
    match item {
        Item::Const(item) => vec![item.ident.to_string()],
        Item::Struct(item) => vec![item.ident.to_string()],
        Item::Type(item) => vec![item.ident.to_string()],
        Item::Union(item) => vec![item.ident.to_string()],
        Item::ForeignMod(block) => block.items.iter().filter_map(foreign_name).collect(),
        _ => Vec::new(),
    }
}

fn foreign_name(item: &ForeignItem) -> Option<String> {
    match item {
        ForeignItem::Fn(item) => Some(item.sig.ident.to_string()),
        ForeignItem::Static(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// What becomes of type names that only the C library's own headers use.
struct Aliases {
    /// Every alias in the headers.
    all: BTreeMap<String, Type>,
    /// What to write for an internal name.
    types: BTreeMap<String, Type>,
}

impl Aliases {
    fn of(items: &[Item]) -> Self {
        let mut types = BTreeMap::new();
        let mut all: BTreeMap<String, Type> = items.iter().filter_map(alias).collect();
        // As in the crate libc: SIG_DFL, SIG_IGN and SIG_ERR are no functions.
        all.insert(String::from("__sighandler_t"), parse_quote!(usize));
        for (name, target) in &all {
            if is_enumeration(name) {
                types.insert(name.clone(), parse_quote!(::core::ffi::c_int));
            } else if let Some(public) = name.strip_prefix("__") {
                let known = all.get(public).and_then(simple_name).is_some_and(|target| target == *name);
                let public = Ident::new(public, proc_macro2::Span::call_site());
                types.insert(name.clone(), if known { parse_quote!(#public) } else { target.clone() });
            }
        }
        types.extend(renamed_structures(items, &all));
        types.extend(anonymous_types(items));
        Self { all, types }
    }

    /// `pid_t` is an alias of `__pid_t`, for which `pid_t` is written: it gets what `__pid_t` stands for.
    fn look_through(&self, item: &mut syn::ItemType) {
        let target = simple_name(&item.ty).filter(|target| item.ident == self.public_name(target));
        if let Some(behind) = target.and_then(|target| self.all.get(&target)) {
            *item.ty = behind.clone();
        }
    }

    fn public_name(&self, name: &str) -> String {
        self.types.get(name).and_then(simple_name).unwrap_or_else(|| name.to_owned())
    }
}

fn alias(item: &Item) -> Option<(String, Type)> {
    match item {
        Item::Type(item) => Some((item.ident.to_string(), (*item.ty).clone())),
        _ => None,
    }
}

fn is_enumeration(name: &str) -> bool {
    name.starts_with("_bindgen_ty_")
}

/// `__sigset_t` is a structure and `sigset_t` its alias: the structure takes the public name.
fn renamed_structures(items: &[Item], aliases: &BTreeMap<String, Type>) -> Vec<(String, Type)> {
    let structures: BTreeSet<String> =
        items.iter().filter(|item| matches!(item, Item::Struct(_) | Item::Union(_))).flat_map(names).collect();
    let renamed = aliases.iter().filter_map(|(public, target)| {
        let target = simple_name(target)?;
        let internal = target.starts_with("__") && structures.contains(&target);
        let public = Ident::new(public, proc_macro2::Span::call_site());
        internal.then(|| (target, parse_quote!(#public)))
    });
    renamed.collect()
}

/// bindgen numbers types without a name; here they are called after the field that has them: `siginfo_t_sifields_kill`.
fn anonymous_types(items: &[Item]) -> Vec<(String, Type)> {
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut pending: Vec<(String, String, String)> = Vec::new();
    for item in items {
        let (owner, fields) = match item {
            Item::Struct(item) => (item.ident.to_string(), fields(&item.fields)),
            Item::Union(item) => (item.ident.to_string(), fields(&Fields::Named(item.fields.clone()))),
            _ => continue,
        };
        for (field, ty) in fields {
            let ty = mentioned_name(&ty);
            if let Some(ty) = ty.filter(|ty| ty.contains("__bindgen_ty_")) {
                pending.push((owner.clone(), field, ty));
            }
        }
    }
    // Outer types come first, so that a name that contains another is made from the final one.
    pending.sort_by_key(|(owner, _, _)| owner.matches("__bindgen_ty_").count());
    for (owner, field, ty) in pending {
        let owner = renamed.get(&owner).cloned().unwrap_or(owner);
        let owner = owner.trim_start_matches('_');
        let field = field.trim_start_matches('_').replace("bindgen_anon_", "anonymous_");
        renamed.insert(ty, format!("{owner}_{field}"));
    }
    let types = renamed.into_iter().map(|(from, to)| {
        let to = format_ident!("{to}");
        (from, parse_quote!(#to))
    });
    types.collect()
}

fn fields(fields: &Fields) -> Vec<(String, Type)> {
    let named = fields.iter().filter_map(|field| Some((field.ident.as_ref()?.to_string(), field.ty.clone())));
    named.collect()
}

fn simple_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.get_ident().map(Ident::to_string),
        _ => None,
    }
}

/// The name in `T` and in `[T; n]`.
fn mentioned_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Array(array) => mentioned_name(&array.elem),
        other => simple_name(other),
    }
}

impl VisitMut for &Aliases {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        while let Some(replacement) = simple_name(ty).and_then(|name| self.types.get(&name)) {
            *ty = replacement.clone();
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// Puts public names in the place of internal ones and drops what is then not needed.
fn tidy(items: Vec<Item>, mut aliases: &Aliases) -> Vec<Item> {
    let mut tidied = Vec::new();
    let mut seen = BTreeSet::new();
    for mut item in items {
        match &mut item {
            Item::Const(constant) if !wanted_constant(&constant.ident.to_string()) => continue,
            Item::Const(constant) => fit(constant),
            Item::Type(alias) if aliases.types.contains_key(&alias.ident.to_string()) => continue,
            Item::Type(alias) => aliases.look_through(alias),
            Item::Struct(item) => rename(&mut item.ident, aliases),
            Item::Union(item) => rename(&mut item.ident, aliases),
            Item::Impl(item) if is_default(item) => continue,
            Item::Impl(item) => write_public_names(item, aliases),
            _ => {}
        }
        aliases.visit_item_mut(&mut item);
        if is_alias_of_itself(&item) {
            continue;
        }
        let value = matches!(item, Item::Const(_) | Item::ForeignMod(_));
        if names(&item).into_iter().all(|name| seen.insert((value, name))) {
            tidied.push(item);
        }
    }
    tidied
}

fn is_alias_of_itself(item: &Item) -> bool {
    alias(item).is_some_and(|(name, target)| simple_name(&target).is_some_and(|target| target == name))
}

/// Internal macros and include guards are left out; two that manuals name are not internal.
fn wanted_constant(name: &str) -> bool {
    let internal = name.starts_with('_') && !["_NSIG", "_SEM_SEMUN_UNDEFINED"].contains(&name);
    !internal && !NOT_CONSTANT.contains(&name)
}

/// 0x80000000 as an `int` is written as what it is, a negative number.
fn fit(constant: &mut syn::ItemConst) {
    constant.ty = if is_c_uint(&constant.ty) && !is_unsigned_name(&constant.ident) {
        parse_quote!(::core::ffi::c_int)
    } else {
        constant.ty.clone()
    };
    if is_c_uint(&constant.ty) {
        return;
    }
    let value = constant.expr.to_token_stream().to_string().parse::<i64>().ok();
    if let Some(value) = value.filter(|value| i32::try_from(*value).is_err()) {
        let bits = u32::try_from(value).expect("a constant of 32 bits").cast_signed();
        let number = proc_macro2::Literal::i64_unsuffixed(i64::from(bits).abs());
        constant.expr = if bits < 0 { parse_quote!(-#number) } else { parse_quote!(#number) };
    }
}

fn is_c_uint(ty: &Type) -> bool {
    ty.to_token_stream().to_string().ends_with("c_uint")
}

fn is_unsigned_name(name: &Ident) -> bool {
    let name = name.to_string();
    UNSIGNED.iter().any(|part| name.starts_with(part) || name.ends_with(part))
}

fn rename(name: &mut Ident, aliases: &Aliases) {
    if let Some(public) = aliases.types.get(&name.to_string()).and_then(simple_name) {
        *name = Ident::new(&public, name.span());
    }
}

/// Types that cannot derive `Default` get none: the implementation would need `unsafe` for nothing.
fn is_default(item: &syn::ItemImpl) -> bool {
    item.trait_.as_ref().is_some_and(|(_, path, _)| path.segments.last().is_some_and(|last| last.ident == "Default"))
}

/// The text that a `Debug` implementation writes names the type too.
fn write_public_names(item: &mut syn::ItemImpl, aliases: &Aliases) {
    let from = simple_name(&item.self_ty).expect("an implementation for a named type");
    if let Some(to) = aliases.types.get(&from).and_then(simple_name) {
        let text = item.to_token_stream().to_string();
        let text = text.replace(&format!("\"{from} "), &format!("\"{to} "));
        *item = syn::parse_str(&text).expect("an implementation with another name");
    }
}

/// Every item in the module of its owner, and the rest in `types`.
fn split(items: Vec<Item>, owned: &BTreeMap<String, &'static str>) -> BTreeMap<&'static str, Vec<Item>> {
    let mut modules: BTreeMap<&'static str, Vec<Item>> = BTreeMap::new();
    for item in items {
        for part in single(item) {
            let name = match &part {
                Item::Impl(item) => simple_name(&item.self_ty),
                other => names(other).pop(),
            };
            let name = name.unwrap_or_default();
            let common = COMMON_TYPES.contains(&name.as_str());
            let owner = owned.get(&name).filter(|_| !common).or_else(|| owner_of_part(&name, owned));
            modules.entry(owner.copied().unwrap_or("types")).or_default().push(part);
        }
    }
    modules
}

/// The type of a field goes where the type that has the field goes.
fn owner_of_part<'a>(name: &str, owned: &'a BTreeMap<String, &'static str>) -> Option<&'a &'static str> {
    let outer = owned.keys().filter(|outer| name.starts_with(&format!("{outer}_")));
    outer.max_by_key(|outer| outer.len()).and_then(|outer| owned.get(outer))
}

/// One block a foreign function, so that each goes where it belongs.
fn single(item: Item) -> Vec<Item> {
    let Item::ForeignMod(block) = item else {
        return vec![item];
    };
    let mut items = block.items.clone();
    let parts = items.drain(..).map(|item| {
        let mut part = block.clone();
        part.items = vec![item];
        Item::ForeignMod(part)
    });
    parts.collect()
}

/// The functions of a module in one block again.
fn joined(items: Vec<Item>) -> Vec<Item> {
    let mut rest = Vec::new();
    let mut functions: Option<syn::ItemForeignMod> = None;
    for item in items {
        match (item, &mut functions) {
            (Item::ForeignMod(block), Some(all)) => all.items.extend(block.items),
            (Item::ForeignMod(block), None) => functions = Some(block),
            (other, _) => rest.push(other),
        }
    }
    rest.extend(functions.map(Item::ForeignMod));
    rest
}

fn print(target: &str, versions: &str, mut modules: BTreeMap<&'static str, Vec<Item>>) -> String {
    let mut file: syn::File = parse_quote!(pub(crate) const HEADERS: &str = #versions;);
    for name in MODULES.iter().map(|module| module.name).chain(["types"]) {
        let items = joined(modules.remove(name).unwrap_or_default());
        let name = format_ident!("{name}");
        let uses = imports(&name);
        file.items.push(parse_quote!(pub(crate) mod #name { #(#uses)* #(#items)* }));
    }
    let text = prettyplease::unparse(&file).replace("__bindgen_anon_", "anonymous_");
    format!("// Generated by scripts/bindings: do not edit.\n// Target: {target}\n\n{text}")
}

/// Names from the other modules that a module's items mention.
fn imports(module: &Ident) -> Vec<Item> {
    let all = ["ipc", "signal", "types"];
    let others = all.iter().filter(|other| *module != **other);
    let uses = others.map(|other| {
        let other = format_ident!("{other}");
        parse_quote!(#[allow(unused_imports)] use super::#other::*;)
    });
    uses.collect()
}
