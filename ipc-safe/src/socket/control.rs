//! Control data: the bytes that go beside those of a message.

use super::Credentials;
use libc::{SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET};

/// Not in the libc crate.
pub(super) const SCM_PIDFD: libc::c_int = 4;

/// How many descriptors a message has at most (`SCM_MAX_FD`).
pub(super) const MAX_DESCRIPTORS: usize = 253;

/// Bytes of a `cmsghdr`: its length with the header, a level and a type.
const HEADER: usize = size_of::<usize>() + 2 * size_of::<libc::c_int>();
const ALIGNMENT: usize = align_of::<usize>();
const DESCRIPTOR: usize = size_of::<libc::c_int>();

/// Room for a message with so many bytes.
const fn space(len: usize) -> usize {
    HEADER + len.next_multiple_of(ALIGNMENT)
}

/// What comes without being asked for: credentials and a pid descriptor, when the socket passes them.
const UNASKED: usize = space(Credentials::SIZE) + space(DESCRIPTOR);

/// So many descriptors a message has mostly, or fewer.
pub(super) const FEW: usize = 4;
/// Room for the control data of [`FEW`] descriptors, and for that of as many as there can be.
pub(super) const SMALL: usize = room_for(FEW);
pub(super) const LARGE: usize = room_for(MAX_DESCRIPTORS);

const fn room_for(descriptors: usize) -> usize {
    UNASKED + space(descriptors * DESCRIPTOR)
}

/// Room for control data, aligned as the kernel wants it: [`SMALL`], which is cleared in no time, or [`LARGE`].
#[repr(C, align(8))]
pub(super) struct Control<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Control<SIZE> {
    /// Empty, to be filled.
    #[inline]
    pub(super) const fn new() -> Self {
        Self { bytes: [0; SIZE], len: 0 }
    }

    /// For so many descriptors, and what comes unasked, to be received.
    #[inline]
    pub(super) fn with_room_for(descriptors: usize) -> Self {
        let mut control = Self::new();
        control.len = room_for(descriptors).min(SIZE);
        control
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// Adds descriptors; as many as `SIZE` is for fit.
    pub(super) fn push_descriptors(&mut self, descriptors: impl ExactSizeIterator<Item = libc::c_int>) {
        let room = self.push(SCM_RIGHTS, descriptors.len() * DESCRIPTOR);
        for (room, descriptor) in room.chunks_exact_mut(DESCRIPTOR).zip(descriptors) {
            room.copy_from_slice(&descriptor.to_ne_bytes());
        }
    }

    pub(super) fn push_credentials(&mut self, credentials: Credentials) {
        self.push(SCM_CREDENTIALS, Credentials::SIZE).copy_from_slice(&credentials.to_bytes());
    }

    /// Adds a message, whose bytes are to be filled in.
    fn push(&mut self, kind: libc::c_int, len: usize) -> &mut [u8] {
        let (start, end) = (self.len, self.len + space(len));
        self.len = end;
        let message = &mut self.bytes[start..end];
        message[..8].copy_from_slice(&(HEADER + len).to_ne_bytes());
        message[8..12].copy_from_slice(&SOL_SOCKET.to_ne_bytes());
        message[12..16].copy_from_slice(&kind.to_ne_bytes());
        &mut message[HEADER..HEADER + len]
    }
}

/// What a message of control data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'c> {
    /// Descriptors that were sent, each as its bytes.
    Descriptors(&'c [[u8; DESCRIPTOR]]),
    /// A descriptor of the sender, or a negative error number when the kernel could not make one.
    PidDescriptor(libc::c_int),
    Credentials(Credentials),
}

/// Takes control data apart, whatever its bytes are. What is not understood is left out.
#[inline]
pub(super) fn items(control: &[u8]) -> impl Iterator<Item = Item<'_>> {
    messages(control).filter_map(|(level, kind, data)| match (level, kind) {
        (SOL_SOCKET, SCM_RIGHTS) => Some(Item::Descriptors(data.as_chunks().0)),
        (SOL_SOCKET, SCM_PIDFD) => first_number(data).map(Item::PidDescriptor),
        (SOL_SOCKET, SCM_CREDENTIALS) => {
            data.first_chunk().map(|bytes| Item::Credentials(Credentials::from_bytes(*bytes)))
        }
        _ => None,
    })
}

/// The same, to keep.
#[cfg(feature = "testing")]
pub(crate) fn owned_items(control: &[u8]) -> Vec<crate::testing::internals::ControlItem> {
    use crate::testing::internals::ControlItem;
    let owned = items(control).map(|item| match item {
        Item::Descriptors(numbers) => {
            ControlItem::Descriptors(numbers.iter().map(|bytes| libc::c_int::from_ne_bytes(*bytes)).collect())
        }
        Item::PidDescriptor(number) => ControlItem::PidDescriptor(number),
        Item::Credentials(credentials) => ControlItem::Credentials(credentials),
    });
    owned.collect()
}

/// Level, type and bytes of each message. Ends where a length makes no sense.
#[inline]
fn messages(mut control: &[u8]) -> impl Iterator<Item = (libc::c_int, libc::c_int, &[u8])> {
    core::iter::from_fn(move || {
        let (header, _) = control.split_first_chunk::<HEADER>()?;
        let (len, rest) = header.split_first_chunk()?;
        let len = usize::from_ne_bytes(*len);
        let data = control.get(HEADER..len)?;
        // The last one may lack the bytes that align the next.
        control = control.get(len.checked_next_multiple_of(ALIGNMENT)?..).unwrap_or_default();
        Some((first_number(rest)?, first_number(rest.get(DESCRIPTOR..)?)?, data))
    })
}

#[inline]
fn first_number(bytes: &[u8]) -> Option<libc::c_int> {
    bytes.first_chunk().map(|bytes| libc::c_int::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOMEBODY: Credentials = Credentials { pid: None, uid: 7, gid: 8 };

    fn all(control: &Control<LARGE>) -> Vec<Item<'_>> {
        items(control.bytes()).collect()
    }

    #[test]
    fn what_is_put_in_comes_out() {
        let mut control = Control::new();
        control.push_credentials(SOMEBODY);
        control.push_descriptors([3, 4, 5].into_iter());
        let numbers = [3, 4, 5].map(libc::c_int::to_ne_bytes);
        assert_eq!(all(&control), [Item::Credentials(SOMEBODY), Item::Descriptors(&numbers)]);
    }

    /// The layout is the one that the macros of C make.
    #[test]
    #[expect(unsafe_code, reason = "the C library is the witness")]
    fn sizes_are_those_of_c() {
        for len in 0..1100_u32 {
            // SAFETY: arithmetic only.
            assert_eq!(space(len as usize), unsafe { libc::CMSG_SPACE(len) } as usize);
            // SAFETY: arithmetic only.
            assert_eq!(HEADER + len as usize, unsafe { libc::CMSG_LEN(len) } as usize);
        }
    }

    #[test]
    fn the_most_that_can_come_has_room() {
        let mut control = Control::new();
        control.push_credentials(SOMEBODY);
        control.push_descriptors((0..MAX_DESCRIPTORS).map(|_| 9));
        control.push(SCM_PIDFD, DESCRIPTOR).copy_from_slice(&(-24_i32).to_ne_bytes());
        let items = all(&control);
        assert_eq!(items.len(), 3);
        assert_eq!(items[1], Item::Descriptors(&[9_i32.to_ne_bytes(); MAX_DESCRIPTORS]));
        assert_eq!(items.last(), Some(&Item::PidDescriptor(-24)));
        assert_eq!(control.len, LARGE);
    }

    /// A message as the kernel writes it, with any length, level and type.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let len = prop_oneof![4 => (0..60_usize).prop_map(|len| HEADER + len), 1 => any::<usize>(), 1 => 0..20_usize];
        let level = prop_oneof![4 => Just(SOL_SOCKET), 1 => any::<i32>()];
        let kind = prop_oneof![Just(SCM_RIGHTS), Just(SCM_CREDENTIALS), Just(SCM_PIDFD), any::<i32>()];
        let data = prop::collection::vec(any::<u8>(), 0..60);
        (len, level, kind, data).prop_map(|(len, level, kind, data)| {
            [&len.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), &data].concat()
        })
    }

    proptest! {
        /// R-SOCK-21: any bytes, never out of bounds, and never more descriptors than the bytes have room for.
        #[test]
        fn any_bytes_can_be_taken_apart(control in prop_oneof![
            prop::collection::vec(message(), 0..4).prop_map(|messages| messages.concat()),
            any::<Vec<u8>>(),
        ]) {
            let count = |item| if let Item::Descriptors(numbers) = item { numbers.len() } else { 1 };
            let count: usize = items(&control).map(count).sum();
            prop_assert!(count <= control.len() / DESCRIPTOR);
        }
    }
}
