//! The table of one kind of object: keys, and how many there may be.

use super::{Answer, Fault};
use std::collections::BTreeMap;

/// The how manieth object this is: what a model has in place of an id. Never comes back.
pub type Serial = u32;

/// Objects by serial number, found by key.
///
/// ```
/// use ipc_safe::testing::model::Fault;
/// use ipc_safe::testing::model::table::{Get, Table};
///
/// let mut table = Table::new(1);
/// let new = |key| Get { key, create: true, create_new: true };
/// let made = table.get(new(7), |_| Ok("an object"), |_| Ok(()))?;
/// assert_eq!(table.get(new(7), |_| Ok("another"), |_| Ok(())), Err(Fault::EXISTS));
/// assert_eq!(table.get(new(8), |_| Ok("another"), |_| Ok(())), Err(Fault::LIMIT));
/// table.remove(made)?;
/// assert_eq!(table.at(made), Err(Fault::GONE));
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table<T> {
    objects: BTreeMap<Serial, (i32, T)>,
    made: Serial,
    limit: usize,
}

/// How a `get` call is made: the flags `IPC_CREAT` and `IPC_EXCL` as the crate's options set them.
#[derive(Clone, Copy, Debug)]
pub struct Get {
    /// The key; 0 for a new object without one.
    pub key: i32,
    /// Makes the object where there is none.
    pub create: bool,
    /// Makes the object, and insists that there was none.
    pub create_new: bool,
}

impl Get {
    /// Whether an object may be made.
    #[must_use]
    pub const fn may_create(self) -> bool {
        self.create || self.create_new
    }
}

impl<T> Table<T> {
    /// An empty table for at most `limit` objects.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { objects: BTreeMap::new(), made: 0, limit }
    }

    /// A `get` call. `make` makes a new object, or says why not, before the number of objects is looked at; `check` says
    /// whether the existing one will do.
    pub fn get(
        &mut self,
        get: Get,
        make: impl FnOnce(&Self) -> Answer<T>,
        check: impl FnOnce(&T) -> Answer<()>,
    ) -> Answer<Serial> {
        match self.find(get.key) {
            Some(_) if get.create_new => Err(Fault::EXISTS),
            Some(serial) => self.at(serial).and_then(check).map(|()| serial),
            None if get.may_create() => {
                let object = make(self)?;
                self.insert(get.key, object)
            }
            None => Err(Fault::NOT_FOUND),
        }
    }

    /// The object of a key; private ones are not found.
    #[must_use]
    pub fn find(&self, key: i32) -> Option<Serial> {
        let of_key = |(serial, (its, _)): (&Serial, &(i32, T))| (*its == key).then_some(*serial);
        if key == 0 { None } else { self.objects.iter().find_map(of_key) }
    }

    fn insert(&mut self, key: i32, object: T) -> Answer<Serial> {
        if self.objects.len() >= self.limit {
            return Err(Fault::LIMIT);
        }
        self.made += 1;
        self.objects.insert(self.made, (key, object));
        Ok(self.made)
    }

    /// The object, unless it is gone.
    pub fn at(&self, serial: Serial) -> Answer<&T> {
        self.objects.get(&serial).map(|(_, object)| object).ok_or(Fault::GONE)
    }

    /// The object, unless it is gone.
    pub fn at_mut(&mut self, serial: Serial) -> Answer<&mut T> {
        self.objects.get_mut(&serial).map(|(_, object)| object).ok_or(Fault::GONE)
    }

    /// Takes the object out.
    pub fn remove(&mut self, serial: Serial) -> Answer<()> {
        self.objects.remove(&serial).map(drop).ok_or(Fault::GONE)
    }

    /// Takes the key away from the object, which stays.
    pub fn forget_key(&mut self, serial: Serial) {
        if let Some((key, _)) = self.objects.get_mut(&serial) {
            *key = 0;
        }
    }

    /// Serial number, key and object of all.
    pub fn iter(&self) -> impl Iterator<Item = (Serial, i32, &T)> {
        self.objects.iter().map(|(serial, (key, object))| (*serial, *key, object))
    }

    /// All objects, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.objects.values_mut().map(|(_, object)| object)
    }
}
