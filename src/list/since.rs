//! `ipc list --since`: what is there now that was not there when a listing was stored, and what became of the rest.

use super::Everything;
use crate::failure::{Failure, Result};
use crate::kind::{Kind, plural};
use crate::output;
use crate::table::{Side, Table};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;

/// An object of a listing: its facts by name.
type Facts = Map<String, Value>;

/// The kinds, and their names in `--json`.
const KINDS: [(Kind, &str); 4] =
    [(Kind::Queue, "queues"), (Kind::Set, "sets"), (Kind::Segment, "segments"), (Kind::Posix, "posix")];

pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().map(|(kind, _)| kind)
}

/// What never changes of an object: where it differs, there is another one under the old id or name.
const IDENTITY: [&str; 7] = ["key", "creator_uid", "creator_gid", "size", "creator", "semaphores", "inode"];

/// What is worth telling when it changes: what is in an object and who may use it, not when or by whom it was used.
const CONTENTS: [&str; 10] =
    ["owner", "group", "mode", "messages", "bytes", "byte_limit", "attachments", "locked", "size", "last_operation"];

/// A listing that was stored.
#[derive(Debug)]
pub(super) struct Listing(Value);

impl Listing {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| Failure::file("reading", path, &error))?;
        let bad =
            |why: String| Failure::new(format!("{} is no listing made by \"ipc list --json\": {why}", path.display()));
        let value: Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        check(&value).map_err(bad)?;
        Ok(Self(value))
    }

    /// Whether it has objects of a kind, or says that there were none.
    pub(super) fn has(&self, kind: Kind) -> bool {
        KINDS.iter().any(|(known, name)| *known == kind && self.0.get(name).is_some())
    }
}

/// Whether each kind is a list of objects with an id or a name.
fn check(value: &Value) -> Result<(), String> {
    let kinds = value.as_object().ok_or("it is no JSON object")?;
    if let Some(other) = kinds.keys().find(|name| KINDS.iter().all(|(_, kind)| kind != name)) {
        return Err(format!("{other:?} is no kind of object"));
    }
    for (kind, objects) in kinds {
        let objects = objects.as_array().ok_or_else(|| format!("{kind:?} is no array"))?;
        let named = |object: &Value| match kind.as_str() {
            "posix" => object.get("name").is_some_and(Value::is_string),
            _ => object.get("id").is_some_and(Value::is_i64),
        };
        if let Some(at) = objects.iter().position(|object| !named(object)) {
            return Err(format!("number {at} of {kind:?} has no {}", if kind == "posix" { "name" } else { "id" }));
        }
    }
    if kinds.is_empty() { Err("it has no kind of object".into()) } else { Ok(()) }
}

/// An object that is new or gone.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Object {
    kind: Kind,
    #[serde(flatten)]
    facts: Facts,
}

/// An object that has other contents.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Changed {
    kind: Kind,
    before: Facts,
    now: Facts,
}

/// What became of what was there; `--json` prints it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Comparison {
    new: Vec<Object>,
    changed: Vec<Changed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<Vec<Object>>,
}

impl Comparison {
    /// Compares the kinds of `now` with the same kinds of `before`.
    pub(super) fn between(before: &Listing, now: &Everything) -> Result<Self> {
        let now = serde_json::to_value(now).map_err(Failure::new)?;
        let mut comparison = Self { gone: Some(Vec::new()), ..Self::default() };
        for (kind, name) in KINDS {
            if now.get(name).is_some() {
                comparison.add(kind, objects(&before.0, name), objects(&now, name));
            }
        }
        Ok(comparison)
    }

    fn add(&mut self, kind: Kind, mut before: Vec<Facts>, now: Vec<Facts>) {
        for facts in now {
            match before.iter().position(|old| is_same(old, &facts)) {
                None => self.new.push(Object { kind, facts }),
                Some(at) => {
                    let old = before.swap_remove(at);
                    if CONTENTS.iter().any(|name| old.get(*name) != facts.get(*name)) {
                        self.changed.push(Changed { kind, before: old, now: facts });
                    }
                }
            }
        }
        let gone = before.into_iter().map(|facts| Object { kind, facts });
        self.gone.get_or_insert_default().extend(gone);
    }

    /// Leaves out what does not interest: objects by their state, and those that are gone.
    pub(super) fn keep(&mut self, state: impl Fn(&str) -> bool, with_gone: bool) {
        let state = |facts: &Facts| state(facts.get("state").and_then(Value::as_str).unwrap_or_default());
        self.new.retain(|object| state(&object.facts));
        self.changed.retain(|changed| state(&changed.now));
        if !with_gone {
            self.gone = None;
        }
    }

    pub(super) const fn has_new(&self) -> bool {
        !self.new.is_empty()
    }

    pub(super) fn render(&self) -> String {
        let mut table = Table::new(&[
            ("change", Side::Left),
            ("kind", Side::Left),
            ("name", Side::Left),
            ("key", Side::Left),
            ("owner", Side::Left),
            ("state", Side::Left),
            ("contents", Side::Left),
        ]);
        let mut row = |change: &str, kind: Kind, facts: &Facts, contents: String| {
            let text = |name: &str| facts.get(name).map_or_else(|| "-".into(), words);
            let name = facts.get("id").or_else(|| facts.get("name")).map(words).unwrap_or_default();
            let state = facts.get("state").map_or_else(|| "-".into(), |state| words(state).replace('-', " "));
            table.row([change.into(), kind.to_string(), name, text("key"), text("owner"), state, contents]);
        };
        self.new.iter().for_each(|it| row("new", it.kind, &it.facts, contents(&it.facts)));
        self.changed.iter().for_each(|it| row("changed", it.kind, &it.now, difference(&it.before, &it.now)));
        self.gone.iter().flatten().for_each(|it| row("gone", it.kind, &it.facts, contents(&it.facts)));
        if table.is_empty() { "Nothing new\n".into() } else { table.render() }
    }
}

/// The objects of a kind. [`check`] has seen that they are such.
fn objects(listing: &Value, kind: &str) -> Vec<Facts> {
    let list = listing.get(kind).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|object| object.as_object().cloned()).collect()
}

/// Whether both are the same object. What one of the listings does not say does not count.
fn is_same(before: &Facts, now: &Facts) -> bool {
    // A segment that is removed and still attached has lost its key; a POSIX object can be resized.
    let is_removed = now.get("state").is_some_and(|state| state == "removed");
    let can_differ = |name: &str| name == "key" && is_removed || name == "size" && now.contains_key("name");
    let differs = |name: &str| match (before.get(name), now.get(name)) {
        (Some(before), Some(now)) => before != now,
        _ => false,
    };
    let named = |name: &str| before.get(name) == now.get(name);
    named("id") && named("name") && !IDENTITY.iter().any(|name| !can_differ(name) && differs(name))
}

/// What is in an object, in words.
fn contents(facts: &Facts) -> String {
    let nouns = [
        ("messages", "message"),
        ("bytes", "byte"),
        ("semaphores", "semaphore"),
        ("size", "byte"),
        ("attachments", "attachment"),
    ];
    let count = |name: &str| usize::try_from(facts.get(name)?.as_u64()?).ok();
    let parts: Vec<_> = nouns.iter().filter_map(|(name, noun)| Some(plural(count(name)?, noun))).collect();
    parts.join(", ")
}

/// What changed, in words.
fn difference(before: &Facts, now: &Facts) -> String {
    let value = |facts: &Facts, name: &str| facts.get(name).map_or_else(|| "-".into(), words);
    let differing = CONTENTS.iter().filter(|name| before.get(**name) != now.get(**name));
    let parts = differing.map(|name| match *name {
        "last_operation" => "operated on".to_owned(),
        name => format!("{}: {} to {}", name.replace('_', " "), value(before, name), value(now, name)),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A value of JSON for a column.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => output::readable(text.as_bytes()),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(before: &Value, now: &Value) -> Comparison {
        let mut comparison = Comparison::default();
        for (kind, name) in KINDS {
            comparison.add(kind, objects(before, name), objects(now, name));
        }
        comparison
    }

    fn listing(text: &str) -> Value {
        let value = serde_json::from_str(text).unwrap();
        check(&value).unwrap();
        value
    }

    #[test]
    fn another_object_of_an_old_id_is_new_and_the_old_one_gone() {
        let before = listing(r#"{"segments": [{"id": 5, "key": "0x00000000", "size": 10, "creator": 7}]}"#);
        for now in [
            r#"{"segments": [{"id": 5, "key": "0x00000001", "size": 10, "creator": 7}]}"#,
            r#"{"segments": [{"id": 5, "key": "0x00000000", "size": 11, "creator": 7}]}"#,
            r#"{"segments": [{"id": 5, "key": "0x00000000", "size": 10, "creator": 8}]}"#,
        ] {
            let comparison = compare(&before, &listing(now));
            assert_eq!((comparison.new.len(), comparison.changed.len()), (1, 0), "{now}");
            assert_eq!(comparison.gone.unwrap().len(), 1, "{now}");
        }
        let comparison = compare(&before, &before);
        assert_eq!((comparison.new.len(), comparison.changed.len()), (0, 0));
    }

    #[test]
    fn a_removed_segment_and_a_resized_object_are_the_old_ones() {
        let before = listing(
            r#"{"segments": [{"id": 5, "key": "0x1", "size": 9}], "posix": [{"name": "/a", "size": 9, "inode": 3}]}"#,
        );
        let now = listing(
            r#"{"segments": [{"id": 5, "key": "0x0", "size": 9, "state": "removed"}],
                "posix": [{"name": "/a", "size": 10, "inode": 3}]}"#,
        );
        let comparison = compare(&before, &now);
        assert_eq!((comparison.new.len(), comparison.changed.len()), (0, 1));
        assert!(comparison.render().ends_with("changed  POSIX object  /a    -    -      -      size: 9 to 10\n"));
    }

    #[test]
    fn files_that_are_no_listings_are_refused() {
        for bad in [
            "[]",
            "{}",
            "5",
            r#"{"queues": {}}"#,
            r#"{"queues": [5]}"#,
            r#"{"queues": [{"id": "5"}]}"#,
            r#"{"posix": [{"id": 5}]}"#,
            r#"{"left_behind": []}"#,
        ] {
            assert!(check(&serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
