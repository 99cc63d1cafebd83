//! Message queues.

use super::buffer::{Destination, MessageBuffer};
use super::fault;
use super::key::Key;
use super::message::{Message, MessageType, Selector, received};
use super::owned::{Handle, Owned, sealed};
use super::permissions::{Creation, mode_bits};
use super::queue_status::{QueueLimits, QueueStatus, QueueUsage};
use super::raw::{Raw, msg};
use super::receive_error::ReceiveError;
use crate::error::{Errno, Error, ErrorKind, Object, Result};
use crate::shared::Plain;
use crate::wait::{Backoff, Wait, uninterrupted};
use core::ffi::c_int;
use ipc_sys::ipc::IPC_NOWAIT;
use ipc_sys::msg::{MSG_COPY, msqid_ds};
use std::time::Duration;
use zerocopy::{Immutable, IntoBytes};

/// A System V message queue: messages of a type and up to `kernel.msgmax` bytes, taken out by type.
///
/// A handle: copying it does not copy the queue, dropping it does not remove it (see [`Handle`], [`Owned`]).
///
/// ```
/// use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
///
/// let queue = MessageQueue::private()?;
/// queue.send(MessageType::new(7).unwrap(), b"hello")?;
///
/// let mut text = Vec::new();
/// let kind = queue.receive(Selector::First, &mut text)?;
/// assert_eq!((kind.get(), &text[..]), (7, &b"hello"[..]));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Waiting
///
/// Each operation that can wait has four forms: the plain one waits as long as it takes, `try_` not at all, `_timeout` so
/// long, and `_interruptible` until a signal handler ran. The kernel has no timed form for queues: `_timeout` tries without
/// waiting, again and again, with pauses that grow from 20 microseconds to one millisecond. It may thus come up to a
/// millisecond late, and those who wait in the kernel are served before it. Who owns a signal can be exact with a timer and
/// the interruptible form.
///
/// [msgget(2)](https://man7.org/linux/man-pages/man2/msgget.2.html),
/// [msgop(2)](https://man7.org/linux/man-pages/man2/msgop.2.html),
/// [msgctl(2)](https://man7.org/linux/man-pages/man2/msgctl.2.html)
#[doc(alias = "msqid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageQueue {
    id: c_int,
}

impl MessageQueue {
    /// How to find or make a queue: mode, create or not.
    pub const fn options() -> QueueOptions {
        QueueOptions(Creation::DEFAULT)
    }

    /// A new queue without a key, removed with the returned value.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) when `kernel.msgmni` queues are in use.
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private() -> Result<Owned<Self>> {
        Self::options().create_new(true).open(Key::PRIVATE).map(Owned::new)
    }

    /// The queue of this key.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is none. Missing rights show only when the queue is used.
    #[doc(alias = "msgget")]
    pub fn open(key: Key) -> Result<Self> {
        Self::options().open(key)
    }

    /// The queue of this id, which another process passed on. Nothing is asked of the kernel.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a negative number.
    pub fn from_id(id: i32) -> Result<Self> {
        fault::check_id("MessageQueue::from_id", id).map(|id| Self { id })
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// This queue as an owned one: from now on it is removed with the returned value.
    pub fn into_owned(self) -> Owned<Self> {
        Owned::new(self)
    }

    /// Sends a message: bytes, text, or any value that is nothing but bytes. Waits while the queue is full.
    ///
    /// The message is copied once, into a frame with its type; [`send_buffer`](Self::send_buffer) does without.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed), [`TooBig`](ErrorKind::TooBig) above `kernel.msgmax`,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied), [`OutOfMemory`](ErrorKind::OutOfMemory).
    #[doc(alias = "msgsnd")]
    #[inline]
    pub fn send<M: IntoBytes + Immutable + ?Sized>(&self, kind: MessageType, message: &M) -> Result<()> {
        self.send_bytes(kind, message.as_bytes(), Wait::Forever)
    }

    /// [`send`](Self::send) without waiting.
    ///
    /// # Errors
    ///
    /// As `send`, and [`WouldBlock`](ErrorKind::WouldBlock) when the queue is full.
    #[inline]
    pub fn try_send<M: IntoBytes + Immutable + ?Sized>(&self, kind: MessageType, message: &M) -> Result<()> {
        self.send_bytes(kind, message.as_bytes(), Wait::No)
    }

    /// [`send`](Self::send) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `send`, and [`TimedOut`](ErrorKind::TimedOut).
    pub fn send_timeout<M: IntoBytes + Immutable + ?Sized>(
        &self,
        kind: MessageType,
        message: &M,
        timeout: Duration,
    ) -> Result<()> {
        self.send_bytes(kind, message.as_bytes(), Wait::at_most(timeout))
    }

    /// [`send`](Self::send) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `send`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was sent.
    pub fn send_interruptible<M: IntoBytes + Immutable + ?Sized>(&self, kind: MessageType, message: &M) -> Result<()> {
        self.send_bytes(kind, message.as_bytes(), Wait::Interruptible)
    }

    /// Sends the message in a buffer, without a copy. Waits while the queue is full.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_buffer<S: AsRef<[u8]> + AsMut<[u8]>>(&self, message: &MessageBuffer<S>) -> Result<()> {
        self.send_frame(message.frame(), Wait::Forever)
    }

    /// [`send_buffer`](Self::send_buffer) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    #[inline]
    pub fn try_send_buffer<S: AsRef<[u8]> + AsMut<[u8]>>(&self, message: &MessageBuffer<S>) -> Result<()> {
        self.send_frame(message.frame(), Wait::No)
    }

    /// [`send_buffer`](Self::send_buffer) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_buffer_timeout<S: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        message: &MessageBuffer<S>,
        timeout: Duration,
    ) -> Result<()> {
        self.send_frame(message.frame(), Wait::at_most(timeout))
    }

    /// [`send_buffer`](Self::send_buffer) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`send_interruptible`](Self::send_interruptible).
    pub fn send_buffer_interruptible<S: AsRef<[u8]> + AsMut<[u8]>>(&self, message: &MessageBuffer<S>) -> Result<()> {
        self.send_frame(message.frame(), Wait::Interruptible)
    }

    /// Takes the message that `selector` picks out of the queue, into a [`MessageBuffer`] or a `Vec<u8>`, and returns its
    /// type. Waits while there is none.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed), [`TooBig`](ErrorKind::TooBig) when the message is longer than the buffer (it stays
    /// in the queue), [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[doc(alias = "msgrcv")]
    #[inline]
    pub fn receive(&self, selector: impl Into<Selector>, into: impl Destination) -> Result<MessageType> {
        self.receive_into(selector.into(), into, Wait::Forever)
    }

    /// [`receive`](Self::receive) without waiting.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`WouldBlock`](ErrorKind::WouldBlock) when there is no such message.
    #[inline]
    pub fn try_receive(&self, selector: impl Into<Selector>, into: impl Destination) -> Result<MessageType> {
        self.receive_into(selector.into(), into, Wait::No)
    }

    /// [`receive`](Self::receive) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`TimedOut`](ErrorKind::TimedOut).
    pub fn receive_timeout(
        &self,
        selector: impl Into<Selector>,
        into: impl Destination,
        timeout: Duration,
    ) -> Result<MessageType> {
        self.receive_into(selector.into(), into, Wait::at_most(timeout))
    }

    /// [`receive`](Self::receive) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was taken out.
    pub fn receive_interruptible(&self, selector: impl Into<Selector>, into: impl Destination) -> Result<MessageType> {
        self.receive_into(selector.into(), into, Wait::Interruptible)
    }

    /// Takes a message out of the queue as a value that is nothing but bytes. Waits while there is none.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), where a longer message than the value is too big and stays in the queue; and
    /// [`ReceiveError::WrongLength`] with the bytes of a shorter one, which is out of the queue already.
    #[inline]
    pub fn receive_value<P: Plain>(&self, selector: impl Into<Selector>) -> Result<(MessageType, P), ReceiveError> {
        self.receive_plain(selector.into(), Wait::Forever)
    }

    /// [`receive_value`](Self::receive_value) without waiting.
    ///
    /// # Errors
    ///
    /// As `receive_value`, and [`WouldBlock`](ErrorKind::WouldBlock) when there is no such message.
    #[inline]
    pub fn try_receive_value<P: Plain>(&self, selector: impl Into<Selector>) -> Result<(MessageType, P), ReceiveError> {
        self.receive_plain(selector.into(), Wait::No)
    }

    /// [`receive_value`](Self::receive_value) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `receive_value`, and [`TimedOut`](ErrorKind::TimedOut).
    pub fn receive_value_timeout<P: Plain>(
        &self,
        selector: impl Into<Selector>,
        timeout: Duration,
    ) -> Result<(MessageType, P), ReceiveError> {
        self.receive_plain(selector.into(), Wait::at_most(timeout))
    }

    /// [`receive_value`](Self::receive_value) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `receive_value`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was taken out.
    pub fn receive_value_interruptible<P: Plain>(
        &self,
        selector: impl Into<Selector>,
    ) -> Result<(MessageType, P), ReceiveError> {
        self.receive_plain(selector.into(), Wait::Interruptible)
    }

    /// The messages that `selector` picks, one after the other, waiting for each. Ends when the queue is removed, and after
    /// any other error.
    ///
    /// ```
    /// use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
    ///
    /// let queue = MessageQueue::private()?;
    /// queue.send(MessageType::MIN, "one")?;
    /// queue.send(MessageType::MIN, "two")?;
    /// let handle = *queue;
    /// let reader = std::thread::spawn(move || handle.messages(Selector::First).map(|message| message.unwrap().bytes).collect());
    /// while queue.status()?.messages > 0 {
    ///     std::thread::yield_now();
    /// }
    /// queue.remove()?;
    /// let all: Vec<Vec<u8>> = reader.join().unwrap();
    /// assert_eq!(all, [b"one", b"two"]);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn messages(&self, selector: impl Into<Selector>) -> Messages {
        Messages { queue: *self, selector: selector.into(), ended: false }
    }

    /// A copy of the message at `index`, 0 being the oldest, which stays in the queue. `None` when there are not so many.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive); [`Unsupported`](ErrorKind::Unsupported) on kernels built without
    /// `CONFIG_CHECKPOINT_RESTORE`.
    #[doc(alias = "MSG_COPY")]
    pub fn peek(&self, index: usize, into: impl Destination) -> Result<Option<MessageType>> {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let mut into = into;
        match into.receive(self.id, index, MSG_COPY | IPC_NOWAIT) {
            Ok(kind) => Ok(Some(kind)),
            Err(Errno::NOMSG) => Ok(None),
            Err(Errno::NOSYS) => Err(Error::new("msgrcv", Errno::NOSYS)
                .on(self.object())
                .because("this kernel has no MSG_COPY (CONFIG_CHECKPOINT_RESTORE)")),
            Err(errno) => Err(self.receive_fault(errno, into.capacity())),
        }
    }

    /// Owner, contents, limit, last users and times.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed), [`PermissionDenied`](ErrorKind::PermissionDenied) without the right to read.
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(&self) -> Result<QueueStatus> {
        Ok(QueueStatus::of(self.id, &self.raw_status()?))
    }

    /// Gives the queue to another user and group.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for others than owner, creator and `CAP_SYS_ADMIN`,
    /// [`Removed`](ErrorKind::Removed).
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(&self, uid: u32, gid: u32) -> Result<()> {
        self.change(|status| (status.msg_perm.uid, status.msg_perm.gid) = (uid, gid))
    }

    /// Changes the nine permission bits.
    ///
    /// # Errors
    ///
    /// As [`set_owner`](Self::set_owner); [`InvalidInput`](ErrorKind::InvalidInput) for more than nine bits.
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        let bits = mode_bits("msgctl", mode)?;
        self.change(|status| status.msg_perm.mode = bits.cast_unsigned())
    }

    /// Changes how many bytes the queue may hold, in all messages together.
    ///
    /// # Errors
    ///
    /// As [`set_owner`](Self::set_owner); [`PermissionDenied`](ErrorKind::PermissionDenied) also above `kernel.msgmnb`
    /// without `CAP_SYS_RESOURCE`.
    #[doc(alias = "IPC_SET")]
    #[doc(alias = "msg_qbytes")]
    pub fn set_byte_limit(&self, bytes: u64) -> Result<()> {
        self.change(|status| status.msg_qbytes = bytes).map_err(|error| match error.errno() {
            Some(Errno::PERM) => error
                .about(format!("limit {bytes} bytes"))
                .because("only owner and creator may change the limit, and only CAP_SYS_RESOURCE above kernel.msgmnb"),
            _ => error,
        })
    }

    /// Removes the queue with all messages in it. Whoever waits on it gets [`Removed`](ErrorKind::Removed), now, and whoever
    /// uses it later.
    ///
    /// # Errors
    ///
    /// As [`Handle::remove`].
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        msg::remove(self.id).map_err(|errno| self.fault("msgctl", errno))
    }

    /// All queues of the IPC namespace, also those that the caller may not read.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "MSG_STAT_ANY")]
    pub fn list() -> Result<Vec<QueueStatus>> {
        let (highest, _) = msg::usage().map_err(|errno| Error::new("msgctl", errno))?;
        Ok((0..=highest)
            .filter_map(|index| msg::status_at(index).ok())
            .map(|(id, raw)| QueueStatus::of(id, &raw))
            .collect())
    }

    /// What the system allows.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "IPC_INFO")]
    #[doc(alias = "msginfo")]
    pub fn limits() -> Result<QueueLimits> {
        msg::limits().map(|(_, info)| QueueLimits::of(&info)).map_err(|errno| Error::new("msgctl", errno))
    }

    /// What is in use in the IPC namespace.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "MSG_INFO")]
    pub fn usage() -> Result<QueueUsage> {
        msg::usage().map(|(_, info)| QueueUsage::of(&info)).map_err(|errno| Error::new("msgctl", errno))
    }

    #[inline]
    fn send_bytes(&self, kind: MessageType, text: &[u8], wait: Wait) -> Result<()> {
        msg::with_frame(kind.get(), text, |frame| self.send_frame(frame, wait))
    }

    #[inline]
    fn send_frame(&self, frame: &[u8], wait: Wait) -> Result<()> {
        waiting(wait, Errno::AGAIN, |flags| msg::send(self.id, frame, flags))
            .map_err(|errno| self.send_fault(errno, frame.len() - msg::HEADER))
    }

    #[inline]
    fn receive_into(&self, selector: Selector, mut into: impl Destination, wait: Wait) -> Result<MessageType> {
        let (kind, selecting) = selector.as_raw();
        waiting(wait, Errno::NOMSG, |flags| into.receive(self.id, kind, selecting | flags))
            .map_err(|errno| self.receive_fault(errno, into.capacity()))
    }

    #[inline]
    fn receive_plain<P: Plain>(&self, selector: Selector, wait: Wait) -> Result<(MessageType, P), ReceiveError> {
        let (kind, selecting) = selector.as_raw();
        let received_raw =
            waiting(wait, Errno::NOMSG, |flags| msg::receive_value::<P>(self.id, kind, selecting | flags));
        match received_raw.map_err(|errno| self.receive_fault(errno, size_of::<P>()))? {
            Ok((kind, value)) => Ok((received(kind), value)),
            Err((kind, bytes)) => {
                let message = Message { kind: received(kind), bytes };
                Err(ReceiveError::WrongLength { message, expected: size_of::<P>() })
            }
        }
    }

    fn raw_status(&self) -> Result<msqid_ds> {
        msg::status(self.id).map_err(|errno| self.fault("msgctl", errno))
    }

    /// Reads the status, edits it, and writes back what `IPC_SET` takes. Two that do it at once may undo each other.
    fn change(&self, edit: impl FnOnce(&mut msqid_ds)) -> Result<()> {
        let mut status = msg::status_to_change(self.id).map_err(|errno| self.fault("msgctl", errno))?;
        edit(&mut status);
        msg::set(self.id, status).map_err(|errno| self.fault("msgctl", errno))
    }

    const fn object(&self) -> Object {
        Object::Queue(self.id)
    }

    fn fault(&self, call: &'static str, errno: Errno) -> Error {
        fault::on_handle(call, errno, self.object(), || msg::status(self.id).map(drop))
    }

    #[cold]
    fn send_fault(&self, errno: Errno, len: usize) -> Error {
        let error = self.fault("msgsnd", errno);
        match (errno, error.kind()) {
            (Errno::INVAL, ErrorKind::InvalidInput) => {
                let limit = msg::limits().map_or(0, |(_, info)| info.msgmax);
                error
                    .kind_of(ErrorKind::TooBig)
                    .about(format!("{len} bytes"))
                    .because(format!("a message has at most {limit} bytes (kernel.msgmax)"))
            }
            (Errno::NOMEM, _) => error.about(format!("{len} bytes")),
            _ => error,
        }
    }

    #[cold]
    fn receive_fault(&self, errno: Errno, capacity: usize) -> Error {
        let error = self.fault("msgrcv", errno);
        match errno {
            Errno::TOOBIG => error.because(format!(
                "the message is longer than the {capacity} bytes there are for it; it is still in the queue"
            )),
            _ => error,
        }
    }
}

impl sealed::Sealed for MessageQueue {}

impl Handle for MessageQueue {
    fn id(self) -> i32 {
        self.id
    }

    fn remove(self) -> Result<()> {
        Self::remove(&self)
    }
}

/// Makes a queue operation, with `IPC_NOWAIT` where `wait` says so. `full` is the number that means "not now".
#[inline]
fn waiting<T>(wait: Wait, full: Errno, mut operation: impl FnMut(c_int) -> Raw<T>) -> Raw<T> {
    match wait {
        Wait::Forever | Wait::Interruptible => uninterrupted(wait, || operation(0)),
        Wait::No => uninterrupted(wait, || operation(IPC_NOWAIT)),
        Wait::Until(deadline) => {
            let mut backoff = Backoff::until(Some(deadline));
            loop {
                match uninterrupted(wait, || operation(IPC_NOWAIT)) {
                    Err(errno) if errno == full => backoff.sleep()?,
                    other => return other,
                }
            }
        }
    }
}

/// How to find or make a [`MessageQueue`].
///
/// ```
/// use ipc_safe::sysv::{Key, MessageQueue};
///
/// let key = Key::random()?;
/// let queue = MessageQueue::options().mode(0o660).create_new(true).open(key)?.into_owned();
/// assert_eq!(MessageQueue::open(key)?, *queue);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct QueueOptions(Creation);

impl QueueOptions {
    /// The permission bits of a new queue, 0600 unless changed. With [`create`](Self::create), also what an existing queue
    /// must allow.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.0.mode = mode;
        self
    }

    /// Makes the queue when there is none.
    #[doc(alias = "IPC_CREAT")]
    pub const fn create(mut self, create: bool) -> Self {
        self.0.create = create;
        self
    }

    /// Makes a new queue, or fails when there is one.
    #[doc(alias = "IPC_EXCL")]
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.0.create_new = create_new;
        self
    }

    /// Finds or makes the queue.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) unless one is to be created, [`AlreadyExists`](ErrorKind::AlreadyExists) with
    /// `create_new`, [`LimitReached`](ErrorKind::LimitReached) when `kernel.msgmni` queues are in use,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied), [`InvalidInput`](ErrorKind::InvalidInput) for more than nine mode
    /// bits.
    #[doc(alias = "msgget")]
    pub fn open(self, key: Key) -> Result<MessageQueue> {
        self.0.check_key("msgget", key, "queue")?;
        let flags = self.0.flags("msgget")?;
        msg::get(key.as_raw(), flags).map(|id| MessageQueue { id }).map_err(|errno| get_fault(errno, key))
    }
}

#[cold]
fn get_fault(errno: Errno, key: Key) -> Error {
    let error = fault::on_get("msgget", errno, key.as_raw(), "queue");
    if errno != Errno::NOSPC {
        return error;
    }
    let limit = msg::limits().map_or(0, |(_, info)| info.msgmni);
    error.because(fault::all_in_use(limit, "queues", "msgmni"))
}

/// The incoming messages of a queue; see [`MessageQueue::messages`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Messages {
    queue: MessageQueue,
    selector: Selector,
    ended: bool,
}

impl Iterator for Messages {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut bytes = Vec::new();
        match self.queue.receive(self.selector, &mut bytes) {
            Ok(kind) => Some(Ok(Message { kind, bytes })),
            Err(error) => {
                self.ended = true;
                (!error.is_removed()).then_some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Messages {}
