//! Semaphore sets.

use super::fault;
use super::key::Key;
use super::operations::Operations;
use super::owned::{Handle, Owned, sealed};
use super::permissions::{Creation, mode_bits};
use super::raw::{GuardedValues, Raw, sem};
use super::semaphore::Semaphore;
use super::set_status::{SetLimits, SetStatus, SetUsage};
use crate::error::{Errno, Error, ErrorKind, Object, Result};
use crate::wait::{Wait, uninterrupted};
use core::ffi::c_int;
use ipc_sys::ipc::IPC_NOWAIT;
use ipc_sys::sem::{sembuf, semid_ds};
use std::time::{Duration, Instant};

/// A System V semaphore set: one or more counters that processes add to, subtract from and wait for, several in one step.
///
/// A handle: copying it does not copy the set, dropping it does not remove it (see [`Handle`], [`Owned`]).
/// [`semaphore`](Self::semaphore) gives the handle of one counter.
///
/// ```
/// use ipc_safe::sysv::SemaphoreSet;
///
/// let set = SemaphoreSet::private(&[1, 0])?;
/// set.semaphore(0).subtract(1)?;
/// set.semaphore(1).add(5)?;
/// assert_eq!(set.values()?, [0, 5]);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Initial values
///
/// The kernel makes a set and gives it values in two steps, and in between others may find it. Here it is one operation for
/// the caller: the set is made exclusively and the values are added by one `semop`, which at the same time sets the
/// time of the last operation. Who opens the set ([`SetOptions::open`], [`open_initialised`](Self::open_initialised)) waits
/// until that time is set. [`open`](Self::open) does not wait: for sets of programs that know nothing of this.
///
/// [semget(2)](https://man7.org/linux/man-pages/man2/semget.2.html),
/// [semop(2)](https://man7.org/linux/man-pages/man2/semop.2.html),
/// [semctl(2)](https://man7.org/linux/man-pages/man2/semctl.2.html)
#[doc(alias = "semid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SemaphoreSet {
    id: c_int,
}

impl SemaphoreSet {
    /// The highest value of a semaphore.
    #[doc(alias = "SEMVMX")]
    pub const MAX_VALUE: u16 = 32767;

    /// How to find or make a set: mode, create or not, how long to wait for the creator.
    pub const fn options() -> SetOptions {
        SetOptions { creation: Creation::DEFAULT, timeout: SetOptions::TIMEOUT }
    }

    /// A new set without a key, with these values, removed with the returned value.
    ///
    /// # Errors
    ///
    /// As [`SetOptions::open`].
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private(values: &[u16]) -> Result<Owned<Self>> {
        Self::options().create_new(true).open(Key::PRIVATE, values).map(Owned::new)
    }

    /// The set of this key, initialised or not.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is none. Missing rights show only when the set is used.
    #[doc(alias = "semget")]
    pub fn open(key: Key) -> Result<Self> {
        Creation::DEFAULT.check_key("semget", key, "set")?;
        sem::get(key.as_raw(), 0, 0).map(|id| Self { id }).map_err(|errno| get_fault(errno, key, 0))
    }

    /// The set of this key, once its creator has given it values (see above).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`NotInitialised`](ErrorKind::NotInitialised) when nothing was done with the set within
    /// `timeout`; [`Removed`](ErrorKind::Removed) when it went away meanwhile.
    pub fn open_initialised(key: Key, timeout: Duration) -> Result<Self> {
        let set = Self::open(key)?;
        set.wait_initialised(timeout)?;
        Ok(set)
    }

    /// The set of this id, which another process passed on. Nothing is asked of the kernel.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a negative number.
    pub fn from_id(id: i32) -> Result<Self> {
        fault::check_id("SemaphoreSet::from_id", id).map(|id| Self { id })
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// This set as an owned one: from now on it is removed with the returned value.
    pub fn into_owned(self) -> Owned<Self> {
        Owned::new(self)
    }

    /// The semaphore at `index`, from 0. Whether the set has so many shows when it is used.
    #[must_use]
    pub const fn semaphore(&self, index: u16) -> Semaphore {
        Semaphore::new(*self, index)
    }

    /// Waits until somebody has done an operation on the set: by the convention above, until it has its initial values.
    ///
    /// # Errors
    ///
    /// [`NotInitialised`](ErrorKind::NotInitialised) when the time is over, [`Removed`](ErrorKind::Removed),
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without the right to read.
    pub fn wait_initialised(&self, timeout: Duration) -> Result<()> {
        let operated = || Ok(self.status()?.last_operation.map(drop));
        crate::wait::poll(timeout, operated)?.ok_or_else(|| {
            Error::new("semctl", Errno::TIMEDOUT).on(self.object()).kind_of(ErrorKind::NotInitialised).because(
                "nobody operated on the set in time: its creator may have died; \"ipc show\" tells who that was",
            )
        })
    }

    /// How many semaphores the set has, at least 1.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    #[expect(clippy::len_without_is_empty, reason = "a set has at least one semaphore")]
    pub fn len(&self) -> Result<usize> {
        self.status().map(|status| status.len)
    }

    /// Applies all operations as one, waiting until all can be done.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed); [`OutOfRange`](ErrorKind::OutOfRange) when a value would pass
    /// [`MAX_VALUE`](Self::MAX_VALUE), an adjustment for undo would, or an index is not in the set;
    /// [`TooBig`](ErrorKind::TooBig) for more operations than `kernel.sem` allows; [`InvalidInput`](ErrorKind::InvalidInput)
    /// for none; [`PermissionDenied`](ErrorKind::PermissionDenied); [`LimitReached`](ErrorKind::LimitReached) and
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) for want of memory for undo. Nothing is changed then.
    #[doc(alias = "semop")]
    pub fn apply(&self, operations: &Operations) -> Result<()> {
        self.apply_waiting(operations, Wait::Forever)
    }

    /// [`apply`](Self::apply) without waiting.
    ///
    /// # Errors
    ///
    /// As `apply`, and [`WouldBlock`](ErrorKind::WouldBlock).
    pub fn try_apply(&self, operations: &Operations) -> Result<()> {
        self.apply_waiting(operations, Wait::No)
    }

    /// [`apply`](Self::apply) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `apply`, and [`TimedOut`](ErrorKind::TimedOut).
    #[doc(alias = "semtimedop")]
    pub fn apply_timeout(&self, operations: &Operations, timeout: Duration) -> Result<()> {
        self.apply_waiting(operations, Wait::at_most(timeout))
    }

    /// [`apply`](Self::apply) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `apply`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was changed.
    pub fn apply_interruptible(&self, operations: &Operations) -> Result<()> {
        self.apply_waiting(operations, Wait::Interruptible)
    }

    /// The values of all semaphores at one moment.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    #[doc(alias = "GETALL")]
    pub fn values(&self) -> Result<Vec<u16>> {
        const ATTEMPTS: u32 = 16;
        for _ in 0..ATTEMPTS {
            let len = self.len()?;
            let mut values = self.guarded(len)?;
            match sem::values(self.id, &mut values) {
                // The set has another length than a moment ago: the id belongs to another one now.
                Err(Errno::FAULT) => {}
                Err(errno) => return Err(self.fault("semctl", errno)),
                Ok(()) if self.len()? != len => {}
                Ok(()) => return Ok(values.as_mut_slice().to_vec()),
            }
        }
        Err(self.replaced())
    }

    /// Sets all semaphores, and forgets all undo adjustments for them, of every process.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) unless there is one value for each semaphore,
    /// [`OutOfRange`](ErrorKind::OutOfRange) for a value above [`MAX_VALUE`](Self::MAX_VALUE) (nothing is changed),
    /// [`Removed`](ErrorKind::Removed), [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[doc(alias = "SETALL")]
    pub fn set_values(&self, values: &[u16]) -> Result<()> {
        let len = self.len()?;
        if values.len() != len {
            let reason = format!("the set has {len} semaphores, and there are {} values", values.len());
            return Err(Error::invalid("semctl", reason).on(self.object()));
        }
        let mut guarded = self.guarded(len)?;
        guarded.as_mut_slice().copy_from_slice(values);
        sem::set_values(self.id, &mut guarded).map_err(|errno| match errno {
            Errno::FAULT => self.replaced(),
            _ => self.fault("semctl", errno),
        })
    }

    /// Owner, length and times.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed), [`PermissionDenied`](ErrorKind::PermissionDenied) without the right to read.
    #[doc(alias = "semctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(&self) -> Result<SetStatus> {
        Ok(SetStatus::of(self.id, &self.raw_status()?))
    }

    /// Gives the set to another user and group.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for others than owner, creator and `CAP_SYS_ADMIN`,
    /// [`Removed`](ErrorKind::Removed).
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(&self, uid: u32, gid: u32) -> Result<()> {
        self.change(|status| (status.sem_perm.uid, status.sem_perm.gid) = (uid, gid))
    }

    /// Changes the nine permission bits.
    ///
    /// # Errors
    ///
    /// As [`set_owner`](Self::set_owner); [`InvalidInput`](ErrorKind::InvalidInput) for more than nine bits.
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        let bits = mode_bits("semctl", mode)?;
        self.change(|status| status.sem_perm.mode = bits.cast_unsigned())
    }

    /// Removes the set. Whoever waits on it gets [`Removed`](ErrorKind::Removed), now, and whoever uses it later.
    ///
    /// # Errors
    ///
    /// As [`Handle::remove`].
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        sem::remove(self.id).map_err(|errno| self.fault("semctl", errno))
    }

    /// Whether the set seems left over: nobody waits on it, and the processes that operated on its semaphores last are all
    /// dead. A set that nobody operated on is not.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn is_orphaned(&self) -> Result<bool> {
        let mut used = false;
        for index in 0..u16::try_from(self.len()?).unwrap_or(u16::MAX) {
            let semaphore = self.semaphore(index);
            if semaphore.waiters()? > 0 || semaphore.zero_waiters()? > 0 {
                return Ok(false);
            }
            match semaphore.last_pid()? {
                Some(pid) if crate::process::is_alive(pid) => return Ok(false),
                Some(_) => used = true,
                None => {}
            }
        }
        Ok(used)
    }

    /// All sets of the IPC namespace, also those that the caller may not read.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "SEM_STAT_ANY")]
    pub fn list() -> Result<Vec<SetStatus>> {
        let (highest, _) = sem::usage().map_err(|errno| Error::new("semctl", errno))?;
        Ok((0..=highest)
            .filter_map(|index| sem::status_at(index).ok())
            .map(|(id, raw)| SetStatus::of(id, &raw))
            .collect())
    }

    /// What the system allows.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "IPC_INFO")]
    #[doc(alias = "seminfo")]
    pub fn limits() -> Result<SetLimits> {
        sem::limits().map(|(_, info)| SetLimits::of(&info)).map_err(|errno| Error::new("semctl", errno))
    }

    /// What is in use in the IPC namespace.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "SEM_INFO")]
    pub fn usage() -> Result<SetUsage> {
        sem::usage().map(|(_, info)| SetUsage::of(&info)).map_err(|errno| Error::new("semctl", errno))
    }

    fn apply_waiting(&self, operations: &Operations, wait: Wait) -> Result<()> {
        if let Some(units) = operations.refused() {
            return Err(refused(self.object(), units));
        }
        let result = match wait {
            Wait::No => {
                operations.without_waiting(|operations| uninterrupted(wait, || sem::operate(self.id, operations)))
            }
            _ => operate(self.id, operations.as_raw(), wait),
        };
        result.map_err(|errno| self.operation_fault(errno, operations.len()))
    }

    #[cold]
    fn replaced(&self) -> Error {
        Error::new("semctl", Errno::IDRM).on(self.object()).because("another set, of another length, has its id now")
    }

    fn guarded(&self, len: usize) -> Result<GuardedValues> {
        GuardedValues::new(len)
            .map_err(|errno| Error::new("mmap", errno).on(self.object()).about(format!("{len} values")))
    }

    fn raw_status(&self) -> Result<semid_ds> {
        sem::status(self.id).map_err(|errno| self.fault("semctl", errno))
    }

    /// Reads the status, edits it, and writes back what `IPC_SET` takes. Two that do it at once may undo each other.
    fn change(&self, edit: impl FnOnce(&mut semid_ds)) -> Result<()> {
        let mut status = sem::status_to_change(self.id).map_err(|errno| self.fault("semctl", errno))?;
        edit(&mut status);
        sem::set(self.id, status).map_err(|errno| self.fault("semctl", errno))
    }

    const fn object(&self) -> Object {
        Object::Set(self.id)
    }

    pub(super) fn fault(&self, call: &'static str, errno: Errno) -> Error {
        fault::on_handle(call, errno, self.object(), || sem::status(self.id).map(drop))
    }

    #[cold]
    pub(super) fn operation_fault(&self, errno: Errno, operations: usize) -> Error {
        let error = self.fault("semop", errno);
        match errno {
            Errno::FBIG => error.because("the set has no semaphore of that index"),
            Errno::RANGE => error.because("a value, or what undo would give back, would pass 32767"),
            Errno::TOOBIG => {
                let limit = sem::limits().map_or(0, |(_, info)| info.semopm);
                error
                    .about(format!("{operations} operations"))
                    .because(format!("one call takes at most {limit} operations (third number of kernel.sem)"))
            }
            Errno::INVAL if operations == 0 => error.because("there are no operations to apply"),
            Errno::NOSPC | Errno::NOMEM => error.because("there is no memory for the undo of the operation"),
            _ => error,
        }
    }

    /// Gives a new set its values; by one operation where so many fit into one, which no other process can get between.
    fn initialise(self, values: &[u16]) -> Raw<()> {
        let additions = additions(values);
        let added = match &additions[..] {
            _ if values.len() > MOST_OPERABLE => Err(Errno::TOOBIG),
            [] => return self.touch(),
            _ => self.operate_at_once(&additions),
        };
        match added {
            Err(Errno::TOOBIG) => {
                let mut guarded = GuardedValues::new(values.len())?;
                guarded.as_mut_slice().copy_from_slice(values);
                sem::set_values(self.id, &mut guarded)?;
                self.touch()
            }
            other => other,
        }
    }

    /// An operation that changes nothing, to set the time. It never waits, whatever others do to the set, which they may have
    /// found already.
    fn touch(self) -> Raw<()> {
        let first = |sem_op| sembuf { sem_num: 0, sem_op, sem_flg: IPC_NOWAIT as i16 };
        match self.operate_at_once(&[first(0)]) {
            Err(Errno::AGAIN) => {} // it is not zero
            other => return other,
        }
        loop {
            match self.operate_at_once(&[first(1), first(-1)]) {
                Err(Errno::RANGE) => {} // it is at its highest
                other => return other,
            }
            match self.operate_at_once(&[first(-1), first(1)]) {
                Err(Errno::AGAIN) => {} // and now it is zero
                other => return other,
            }
        }
    }

    /// Operations that do not wait. No signal interrupts them; a sandbox may say so.
    fn operate_at_once(self, operations: &[sembuf]) -> Raw<()> {
        uninterrupted(Wait::No, || sem::operate(self.id, operations))
    }
}

impl sealed::Sealed for SemaphoreSet {}

impl Handle for SemaphoreSet {
    fn id(self) -> i32 {
        self.id
    }

    fn remove(self) -> Result<()> {
        Self::remove(&self)
    }
}

/// Makes an operation, for at most the time that `wait` says. `Wait::No` is for the caller: a flag in the operations.
#[inline]
pub(super) fn operate(id: c_int, operations: &[sembuf], wait: Wait) -> Raw<()> {
    let Wait::Until(deadline) = wait else { return uninterrupted(wait, || sem::operate(id, operations)) };
    let timed = || sem::operate_for(id, operations, deadline.saturating_duration_since(Instant::now()));
    let no_wait = |operation: &sembuf| c_int::from(operation.sem_flg) & IPC_NOWAIT != 0;
    match uninterrupted(wait, timed) {
        // The time ran out, unless an operation that never waits said so at once.
        Err(Errno::AGAIN) if !operations.iter().any(no_wait) || Instant::now() >= deadline => Err(Errno::TIMEDOUT),
        other => other,
    }
}

/// The error for units that no operation can move.
#[cold]
pub(super) fn refused(object: Object, units: u16) -> Error {
    let (errno, reason) = match units {
        0 => (Errno::INVAL, "0 units are nothing to add or take; wait_zero waits for zero"),
        _ => (Errno::RANGE, "one operation moves at most 32767 units"),
    };
    Error::new("semop", errno).on(object).about(format!("{units} units")).because(reason)
}

/// Semaphores that an operation can name: its index is a short.
const MOST_OPERABLE: usize = 1 << 16;

/// One operation for each value that is not zero.
fn additions(values: &[u16]) -> Vec<sembuf> {
    let add =
        |(index, &value): (usize, &u16)| sembuf { sem_num: index as u16, sem_op: value.cast_signed(), sem_flg: 0 };
    values.iter().enumerate().filter(|(_, value)| **value != 0).map(add).collect()
}

/// How to find or make a [`SemaphoreSet`].
///
/// ```
/// use ipc_safe::sysv::{Key, SemaphoreSet};
///
/// let key = Key::random()?;
/// let set = SemaphoreSet::options().create(true).open(key, &[3])?.into_owned();
/// let same = SemaphoreSet::options().create(true).open(key, &[3])?; // finds it, and leaves the value alone
/// assert_eq!(same, *set);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SetOptions {
    creation: Creation,
    timeout: Duration,
}

impl SetOptions {
    /// How long to wait for the creator unless changed.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// The permission bits of a new set, 0600 unless changed. With [`create`](Self::create), also what an existing set must
    /// allow.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.creation.mode = mode;
        self
    }

    /// Makes the set when there is none.
    #[doc(alias = "IPC_CREAT")]
    pub const fn create(mut self, create: bool) -> Self {
        self.creation.create = create;
        self
    }

    /// Makes a new set, or fails when there is one.
    #[doc(alias = "IPC_EXCL")]
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.creation.create_new = create_new;
        self
    }

    /// How long to wait for the creator of an existing set to give it values; 5 seconds unless changed.
    pub const fn initialised_within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes the set with these values, or finds it and waits until it has its values. An existing set keeps those, and may
    /// have more semaphores than there are values here.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) unless one is to be created, [`AlreadyExists`](ErrorKind::AlreadyExists) with
    /// `create_new`, [`NotInitialised`](ErrorKind::NotInitialised) when the creator did not finish in time,
    /// [`LimitReached`](ErrorKind::LimitReached) when `kernel.sem` allows no more sets or semaphores,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for no values, more than a set can have, or more than the existing set has,
    /// [`OutOfRange`](ErrorKind::OutOfRange) for a value above 32767,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied). A set that was made is removed again when an error follows.
    #[doc(alias = "semget")]
    pub fn open(self, key: Key, values: &[u16]) -> Result<SemaphoreSet> {
        self.creation.check_key("semget", key, "set")?;
        check_values(values)?;
        let deadline = Instant::now().checked_add(self.timeout);
        loop {
            if let Some(set) = self.make(key, values)? {
                return Ok(set);
            }
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            match self.find(key, values.len(), left) {
                // It went away after `make` found it, or while we waited for its creator: begin again while there is time.
                Err(error) if self.creation.create && !left.is_zero() && vanished(&error) => {}
                other => return other,
            }
        }
    }

    /// A new set with its values. `None` when there is one already, and that will do.
    fn make(self, key: Key, values: &[u16]) -> Result<Option<SemaphoreSet>> {
        if !self.creation.create && !self.creation.create_new {
            return Ok(None);
        }
        let flags = Creation { create_new: true, ..self.creation }.flags("semget")?;
        // Checked above: a set has far fewer than `c_int::MAX` semaphores.
        let len = c_int::try_from(values.len()).unwrap_or(c_int::MAX);
        let set = match sem::get(key.as_raw(), len, flags) {
            Ok(id) => SemaphoreSet { id },
            Err(Errno::EXIST) if !self.creation.create_new => return Ok(None),
            Err(errno) => return Err(get_fault(errno, key, values.len())),
        };
        if let Err(errno) = set.initialise(values) {
            let error = set.operation_fault(errno, values.len());
            // The set is of no use without its values, and nobody else has it yet.
            let _ = sem::remove(set.id);
            return Err(error);
        }
        Ok(Some(set))
    }

    /// The existing set, initialised.
    fn find(self, key: Key, len: usize, timeout: Duration) -> Result<SemaphoreSet> {
        let flags = if self.creation.create { self.creation.flags("semget")? & 0o777 } else { 0 };
        let len_raw = c_int::try_from(len).unwrap_or(c_int::MAX);
        let id = sem::get(key.as_raw(), len_raw, flags).map_err(|errno| get_fault(errno, key, len))?;
        let set = SemaphoreSet { id };
        set.wait_initialised(timeout)?;
        Ok(set)
    }
}

/// Whether the set was there a moment ago and is not any more.
fn vanished(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed)
}

/// Values that a set can have. That there are not too many of them is for the kernel to say.
fn check_values(values: &[u16]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::invalid("semget", "a set has at least one semaphore").about("0 semaphores"));
    }
    match values.iter().position(|&value| value > SemaphoreSet::MAX_VALUE) {
        Some(index) => Err(Error::new("semctl", Errno::RANGE)
            .about(format!("value {} for semaphore {index}", values[index]))
            .because("a value is at most 32767")),
        None => Ok(()),
    }
}

#[cold]
fn get_fault(errno: Errno, key: Key, len: usize) -> Error {
    let error = fault::on_get("semget", errno, key.as_raw(), "set");
    let Ok((_, limits)) = sem::limits() else { return error };
    match errno {
        Errno::INVAL if len > usize::try_from(limits.semmsl).unwrap_or(usize::MAX) => error
            .about(format!("{len} semaphores"))
            .because(format!("a set has at most {} semaphores (first number of kernel.sem)", limits.semmsl)),
        Errno::INVAL => error.about(format!("{len} semaphores")).because("the set has fewer semaphores"),
        Errno::NOSPC => {
            let sets = sem::usage().map_or(0, |(_, usage)| usage.semusz);
            if sets >= limits.semmni {
                error.because(fault::all_in_use(limits.semmni, "sets", "sem, fourth number"))
            } else {
                error.because(fault::all_in_use(limits.semmns, "semaphores", "sem, second number"))
            }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_of_what_is_not_zero() {
        let operations = additions(&[0, 5, 0, 1]);
        let pairs: Vec<_> = operations.iter().map(|operation| (operation.sem_num, operation.sem_op)).collect();
        assert_eq!(pairs, [(1, 5), (3, 1)]);
        assert!(additions(&[0, 0]).is_empty());
    }

    #[test]
    fn a_touch_changes_nothing_and_sets_the_time_whatever_the_value() {
        for value in [0, 1, SemaphoreSet::MAX_VALUE] {
            let id = sem::get(Key::PRIVATE.as_raw(), 1, 0o600).unwrap();
            let set = SemaphoreSet { id }.into_owned();
            sem::set_value(id, 0, c_int::from(value)).unwrap();
            assert_eq!(set.status().unwrap().last_operation, None);
            set.touch().unwrap();
            assert_eq!(set.values().unwrap(), [value]);
            assert!(set.status().unwrap().last_operation.is_some());
        }
    }
}
