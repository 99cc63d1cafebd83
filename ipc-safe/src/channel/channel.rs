//! The memory of a channel before anybody sends or receives.

use super::bells::Bells;
use super::format::{Format, Messages, Shape};
use super::header::Header;
use super::raw::Area;
use crate::error::{Errno, Error, ErrorKind, Rejected, Result};
use crate::memory::{FixedMemfd, Memfd, SharedMemory};
use crate::process::namespace;
use crate::shared::{ReadWrite, Region, Shared};
use crate::sysv::{Attachment, Key, Owned, Segment};
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;
use std::time::Duration;

/// A channel in a region of memory, of which this process has no end yet.
///
/// One process [creates](Self::create) it, others [open](Self::open) it, and each takes one end: [`sender`](Self::sender) or
/// [`receiver`](Self::receiver). What goes through it are [`Messages`],
/// [`SharedMessages`](super::SharedMessages) or [`Values`](super::Values).
///
/// | memory | made by | found by |
/// |---|---|---|
/// | any [`Region`] | [`create`](Self::create) | [`open`](Self::open) |
/// | anonymous | [`anonymous`](Self::anonymous) | forked children, which inherit it |
/// | a memfd | [`memfd`](Self::memfd) | [`from_memfd`](Self::from_memfd), with a descriptor that was inherited or sent |
/// | a memfd | [`Offer`](super::Offer) | [`connect`](Self::connect), with the address of a local socket |
/// | a segment | [`keyed`](Self::keyed) | [`from_key`](Self::from_key) |
///
/// ```
/// use ipc_safe::channel::Channel;
///
/// let (memfd, channel) = Channel::<_>::memfd(1 << 16)?;
/// let mut sender = channel.sender()?;
/// // in another process, which has got the descriptor:
/// let mut receiver = Channel::<_>::from_memfd(&memfd)?.receiver()?;
///
/// sender.send(b"a message")?;
/// let mut message = Vec::new();
/// receiver.receive(&mut message)?;
/// assert_eq!(message, b"a message");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub struct Channel<R: Region<Access = ReadWrite>, F: Format = Messages> {
    area: Area<R>,
    shape: Shape,
    format: PhantomData<fn() -> F>,
}

impl<R: Region<Access = ReadWrite>, F: Format> Channel<R, F> {
    /// The bytes that a region needs for a ring of `capacity` bytes, for [`Messages`], or values. Both are rounded up to a power
    /// of two. `None` when it is too large: a ring has at most 2^30 bytes or 2^29 values.
    #[must_use]
    pub fn region_len(capacity: usize) -> Option<usize> {
        F::ring_len(capacity)?.checked_add(RING)
    }

    /// Makes a new channel in a region, whatever was there.
    ///
    /// Only one process creates; agree on which by making the object that holds the region with `create_new`. The size of the ring
    /// is the largest power of two that the region has room for.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the region is too small, or not aligned to 64.
    pub fn create(region: R) -> Result<Self, Rejected<R>> {
        const CALL: &str = "Channel::create";
        let (region, shape) = Self::shape(CALL, region)?;
        let shared = Shared::create(region, |header: &Header| {
            header.capacity.store(shape.geometry.capacity, Ordering::Relaxed);
            header.slot.store(shape.slot, Ordering::Relaxed);
            header.value.store(shape.value, Ordering::Relaxed);
            header.shared.store(shape.shared.into(), Ordering::Relaxed);
            header.namespace.store(namespace(), Ordering::Relaxed);
        })?;
        Ok(Self { area: Area::new(shared), shape, format: PhantomData })
    }

    /// Opens a channel that another process makes, for which this waits.
    ///
    /// # Errors
    ///
    /// [`NotInitialised`](ErrorKind::NotInitialised) when nobody did within `timeout`; [`InvalidInput`](ErrorKind::InvalidInput) when
    /// the region holds something else, or a channel of another size or for other values; [`Unsupported`](ErrorKind::Unsupported)
    /// when it was made in another pid or time namespace, where a process cannot be found by its number.
    pub fn open(region: R, timeout: Duration) -> Result<Self, Rejected<R>> {
        const CALL: &str = "Channel::open";
        let (region, shape) = Self::shape(CALL, region)?;
        let shared = Shared::<Header, R>::open(region, timeout)?;
        match compare(CALL, &shared, shape) {
            Ok(()) => Ok(Self { area: Area::new(shared), shape, format: PhantomData }),
            Err(error) => Err(Rejected::new(shared.into_region(), error)),
        }
    }

    /// Takes the end that sends, after the last message that its last holder sent.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when a living process has it; [`Corrupt`](ErrorKind::Corrupt) when what stands in
    /// the memory makes no sense; [`LimitReached`](ErrorKind::LimitReached) when there is no descriptor to ask `/proc` who this
    /// process is. The channel comes back.
    pub fn sender(self) -> Result<F::Sender<R>, Rejected<Self>> {
        let shape = self.shape;
        F::sender(self.area, shape.geometry).map_err(|rejected| Self::again(rejected, shape))
    }

    /// Takes the end that receives, at the first message that its last holder was not done with.
    ///
    /// # Errors
    ///
    /// As [`sender`](Self::sender).
    pub fn receiver(self) -> Result<F::Receiver<R>, Rejected<Self>> {
        let shape = self.shape;
        F::receiver(self.area, shape.geometry).map_err(|rejected| Self::again(rejected, shape))
    }

    /// With descriptors to wait on.
    #[must_use]
    pub fn with_bells(mut self, bells: Bells) -> Self {
        self.area.bells = Some(bells);
        self
    }

    /// The size of the ring: in bytes, with the lengths of the messages, or in values.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.shape.geometry.capacity as usize
    }

    /// The region, to use it otherwise.
    #[must_use]
    pub fn into_region(self) -> R {
        self.area.into_region()
    }

    fn again(rejected: Rejected<Area<R>>, shape: Shape) -> Rejected<Self> {
        let (area, error) = rejected.into_parts();
        Rejected::new(Self { area, shape, format: PhantomData }, error)
    }

    /// The ring that fits into a region.
    fn shape(call: &'static str, region: R) -> Result<(R, Shape), Rejected<R>> {
        match region.len().checked_sub(RING).and_then(F::shape) {
            Some(shape) => Ok((region, shape)),
            None => {
                let reason = format!(
                    "the region has {} bytes, of which {RING} are not for the ring; {}",
                    region.len(),
                    F::least()
                );
                Err(Rejected::new(region, Error::invalid(call, reason).without_errno()))
            }
        }
    }
}

impl<F: Format> Channel<SharedMemory, F> {
    /// A new channel that forked children share: each side takes its end after the fork.
    ///
    /// ```
    /// use ipc_safe::channel::Channel;
    ///
    /// let channel = Channel::<_>::anonymous(4096)?;
    /// // fork(); then, in the child:
    /// let mut sender = channel.sender()?;
    /// // ... and in the parent, with its own copy: `channel.receiver()?`
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the capacity is too large, and those of the mapping.
    pub fn anonymous(capacity: usize) -> Result<Self> {
        let memory = SharedMemory::new(Self::len("Channel::anonymous", capacity)?)?;
        Ok(Self::create(memory)?)
    }

    /// A new channel in a memfd that cannot shrink, whose descriptor can be inherited or sent.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the capacity is too large, and those of the memfd.
    #[doc(alias = "memfd_create")]
    pub fn memfd(capacity: usize) -> Result<(FixedMemfd, Self)> {
        let len = Self::len("Channel::memfd", capacity)?;
        let memfd = Memfd::options().name("ipc-safe channel").create(len as u64)?.fix()?;
        let channel = Self::create(memfd.map()?)?;
        Ok((memfd, channel))
    }

    /// Opens the channel in a memfd that [`memfd`](Self::memfd) made.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and those of the mapping.
    pub fn from_memfd(memfd: &FixedMemfd) -> Result<Self> {
        Ok(Self::open(memfd.map()?, Duration::ZERO)?)
    }

    fn len(call: &'static str, capacity: usize) -> Result<usize> {
        Self::region_len(capacity).ok_or_else(|| {
            Error::invalid(call, "a ring has at most 2^30 bytes or 2^29 values").about(format!("capacity {capacity}"))
        })
    }
}

impl<F: Format> Channel<Attachment, F> {
    /// A new channel in a new segment, found by its key. The segment is removed with the first value.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when the key has a segment; [`InvalidInput`](ErrorKind::InvalidInput) when the
    /// capacity is too large; those of the segment.
    #[doc(alias = "shmget")]
    pub fn keyed(key: Key, capacity: usize) -> Result<(Owned<Segment>, Self)> {
        let len = Self::region_len(capacity).ok_or_else(|| {
            Error::invalid("Channel::keyed", "a ring has at most 2^30 bytes or 2^29 values")
                .about(format!("capacity {capacity}"))
        })?;
        let segment = Segment::options().create_new(true).open(key, len)?.into_owned();
        let channel = Self::create(segment.attach()?)?;
        Ok((segment, channel))
    }

    /// Opens the channel in the segment of a key.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the key has no segment; as [`open`](Self::open); those of attaching.
    pub fn from_key(key: Key, timeout: Duration) -> Result<Self> {
        Ok(Self::open(Segment::open(key)?.attach()?, timeout)?)
    }
}

impl<R: Region<Access = ReadWrite>, F: Format> fmt::Debug for Channel<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Where the ring begins in the region.
const RING: usize = Shared::<Header, SharedMemory>::SIZE;

/// That the record there is about a channel as this side means it.
fn compare<R: Region<Access = ReadWrite>>(call: &'static str, header: &Shared<Header, R>, shape: Shape) -> Result<()> {
    let refuse = |reason: String| Err(Error::invalid(call, reason).without_errno());
    let (slot, value) = (header.slot.load(Ordering::Relaxed), header.value.load(Ordering::Relaxed));
    if (slot, value) != (shape.slot, shape.value) {
        let name = |bytes| if bytes == 0 { "messages".into() } else { format!("values of {bytes} bytes") };
        return refuse(format!("the channel there is for {}, not for {}", name(value), name(shape.value)));
    }
    if header.shared.load(Ordering::Relaxed) != u32::from(shape.shared) {
        let (there, here) = if shape.shared { ("one sender", "several") } else { ("several senders", "one") };
        return refuse(format!("the channel there is for {there}, not for {here}"));
    }
    let capacity = header.capacity.load(Ordering::Relaxed);
    if capacity != shape.geometry.capacity {
        let reason = format!("its ring has {capacity}, that of this region {}", shape.geometry.capacity);
        return refuse(reason);
    }
    if header.namespace.load(Ordering::Relaxed) != namespace() {
        return Err(Error::new(call, Errno::from_raw(libc::EOPNOTSUPP))
            .without_errno()
            .kind_of(ErrorKind::Unsupported)
            .because("the channel was made in another pid namespace, where process ids mean other processes"));
    }
    Ok(())
}
