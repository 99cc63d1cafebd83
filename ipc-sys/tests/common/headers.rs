//! What the headers of the machine declare, read from the C preprocessor's output.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::modules::{MODULES, Module};
use super::{Compiler, ROOT, run_on};

/// The names that the files of one module declare.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) functions: BTreeSet<String>,
    pub(crate) macros: BTreeSet<String>,
    pub(crate) enumerators: BTreeSet<String>,
    pub(crate) types: BTreeSet<String>,
}

/// Everything that `headers.h` declares, by module.
pub(crate) fn declared(compiler: &Compiler) -> BTreeMap<&'static str, Declared> {
    let file = Path::new(ROOT).join("headers.h");
    let output = run_on(compiler.command().args(["-E", "-dD", "-xc"]).arg(file), "");
    let mut modules: BTreeMap<&'static str, Declared> = BTreeMap::new();
    let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut path = String::new();
    for line in output.lines() {
        if let Some(marker) = line.strip_prefix("# ") {
            path = marker.split('"').nth(1).unwrap_or_default().to_owned();
        } else if let Some(rest) = line.strip_prefix("#define ") {
            let name = macro_name(rest);
            if let Some(owner) = owner_of_macro(&path, name) {
                modules.entry(owner).or_default().macros.insert(name.to_owned());
            }
        } else if let Some(name) = line.strip_prefix("#undef ") {
            modules.values_mut().for_each(|module| _ = module.macros.remove(name.trim()));
        } else if let Some(owner) = owner(&path) {
            texts.entry(owner).or_default().push_str(&format!("{line}\n"));
        }
    }
    for (module, text) in texts {
        let declared = modules.entry(module).or_default();
        for declaration in declarations(&text) {
            declared.add(&declaration);
        }
    }
    modules
}

/// A macro that a later `#undef` and `#define` replace is still the same name.
fn macro_name(definition: &str) -> &str {
    definition.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap_or_default()
}

fn owner(path: &str) -> Option<&'static str> {
    let owns = |module: &&Module| module.files.iter().any(|pattern| matches(path, pattern));
    MODULES.iter().find(owns).map(|module| module.name)
}

fn owner_of_macro(path: &str, name: &str) -> Option<&'static str> {
    let kernel = ["linux/", "asm/", "asm-generic/"].iter().any(|directory| path.contains(&format!("/{directory}")));
    let takes = |module: &&Module| kernel && module.kernel_constants.iter().any(|prefix| name.starts_with(prefix));
    owner(path).or_else(|| MODULES.iter().find(takes).map(|module| module.name))
}

/// Whether a path ends with a pattern, in which `*` stands for a part of the file's name.
fn matches(path: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return path.ends_with(&format!("/{pattern}"));
    };
    let middle = path.strip_suffix(after).and_then(|path| path.rsplit_once(&format!("/{before}")));
    middle.is_some_and(|(_, middle)| !middle.contains('/'))
}

/// The words of each declaration, without what belongs to the compiler only.
fn declarations(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut current = Vec::new();
    let mut depth = 0;
    for word in words(text) {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if word == ";" && depth == 0 {
            all.push(without_attributes(&std::mem::take(&mut current)));
        } else {
            current.push(word);
        }
    }
    all
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !character.is_whitespace() {
            words.push(character.to_string());
        }
    }
    words
}

fn without_attributes(words: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "__attribute__" | "__asm__" => skip_parentheses(&mut rest),
            "__extension__" | "extern" | "__inline" => {}
            _ => kept.push(word.clone()),
        }
    }
    kept
}

fn skip_parentheses<'a>(words: &mut impl Iterator<Item = &'a String>) {
    let mut depth = 0;
    for word in words {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// The last name before what makes it an array, or the name in the first parentheses of a function pointer.
fn typedef_name(words: &[String]) -> Option<String> {
    let is_name = |word: &&String| word.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if words.last().is_some_and(|last| last == ")") {
        let opening = words.iter().position(|word| word == "(")?;
        return words[opening..].iter().find(is_name).cloned();
    }
    let end = words.iter().rposition(|word| word == "}").unwrap_or(0);
    let array = words[end..].iter().position(|word| word == "[").map_or(words.len(), |offset| end + offset);
    words[..array].iter().rfind(is_name).cloned()
}

impl Declared {
    fn add(&mut self, words: &[String]) {
        let Some(first) = words.first() else {
            return;
        };
        let tag = words.get(1).filter(|tag| *tag != "{" && words.get(2).is_some_and(|third| third == "{"));
        match first.as_str() {
            "typedef" => self.types.extend(typedef_name(words)),
            "enum" => self.add_enumerators(words),
            "struct" | "union" if words.contains(&String::from("{")) => self.types.extend(tag.cloned()),
            "struct" | "union" if words.len() == 2 => {}
            _ => self.add_function(words),
        }
    }

    fn add_enumerators(&mut self, words: &[String]) {
        let named = words.windows(2).filter(|pair| pair[0] == "{" || pair[0] == ",");
        self.enumerators.extend(named.map(|pair| pair[1].clone()).filter(|name| name != "}"));
    }

    fn add_function(&mut self, words: &[String]) {
        let opening = words.iter().position(|word| word == "(");
        if let Some(name) = opening.and_then(|position| words.get(position.checked_sub(1)?)) {
            self.functions.insert(name.clone());
        }
    }
}
