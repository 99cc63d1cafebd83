//! Records that may be used by reference while other processes write them.

use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};

/// A record that can lie in shared memory and be used through `&T`.
///
/// Atomics of integers, arrays of such records, [`Sequenced`](super::Sequenced) values, and structures of them that
/// [`shm_safe!`](crate::shm_safe) declares. Not `bool` or pointers, atomic or not: other processes write any bytes.
///
/// # Safety
///
/// The type is `repr(C)` (or a primitive), with an alignment of at most 64; it has no pointers, no `Drop`, no padding that
/// the compiler could assume anything about, and every bit pattern of it is valid; every byte of it is inside an atomic, or
/// accessed only as relaxed atomic bytes. `LAYOUT` differs between types whose layouts differ.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used by reference in shared memory",
    note = "use atomics of integers, arrays of them, `Sequenced<P>`, or a structure declared by `shm_safe!`"
)]
#[expect(unsafe_code, reason = "the promise behind every `&T` into shared memory")]
pub unsafe trait ShmSafe: Sync + Send + 'static {
    /// A number that says which layout this is; programs that share a record compare it.
    const LAYOUT: u64;
}

/// Implements the trait for an atomic integer.
macro_rules! atomics {
    ($($atomic:ty),+) => {$(
        #[expect(unsafe_code, reason = "an atomic integer")]
        // SAFETY: an atomic integer has no padding, no pointer, no `Drop`; every bit pattern is valid; all of it is atomic.
        unsafe impl ShmSafe for $atomic {
            const LAYOUT: u64 = layout_of_field(0, stringify!($atomic), size_of::<$atomic>() as u64);
        }
    )+};
}

atomics!(AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize);
atomics!(AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize);

#[expect(unsafe_code, reason = "an array of records")]
// SAFETY: an array adds no padding to its elements, which have all that is asked.
unsafe impl<T: ShmSafe, const N: usize> ShmSafe for [T; N] {
    const LAYOUT: u64 = layout_of_field(T::LAYOUT, "array", N as u64);
}

/// Continues a layout number with a field: its name and a number for its type. FNV-1a.
#[doc(hidden)]
#[must_use]
pub const fn layout_of_field(layout: u64, name: &str, of_type: u64) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = layout ^ 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < name.len() {
        hash = (hash ^ name.as_bytes()[i] as u64).wrapping_mul(PRIME);
        i += 1;
    }
    let number = of_type.to_le_bytes();
    let mut i = 0;
    while i < number.len() {
        hash = (hash ^ number[i] as u64).wrapping_mul(PRIME);
        i += 1;
    }
    hash
}

/// The layout number of a record, after checking what [`shm_safe!`](crate::shm_safe) promises and the compiler can count.
#[doc(hidden)]
#[must_use]
pub const fn layout_of_record<T>(name: &str, fields: &[(&str, usize, u64)]) -> u64 {
    let mut size = 0;
    let mut layout = layout_of_field(2, name, size_of::<T>() as u64);
    let mut i = 0;
    while i < fields.len() {
        let (field, field_size, of_type) = fields[i];
        layout = layout_of_field(layout, field, of_type);
        size += field_size;
        i += 1;
    }
    assert!(size == size_of::<T>(), "the record has padding: order the fields by size, or add explicit ones");
    assert!(align_of::<T>() <= 64, "a record in shared memory is aligned to at most 64");
    assert!(!core::mem::needs_drop::<T>(), "a record in shared memory has no Drop");
    layout
}

/// Declares a structure that may lie in shared memory and implements [`ShmSafe`](crate::shared::ShmSafe) for it.
///
/// The structure is `repr(C)`; its fields are [`ShmSafe`](crate::shared::ShmSafe). That there is no padding, no `Drop` and an
/// alignment of at most 64 is checked when the program is compiled. Works in crates that forbid unsafe code.
///
/// ```
/// #![forbid(unsafe_code)]
/// use ipc_safe::shared::{Sequenced, Shared};
/// use ipc_safe::sysv::Segment;
/// use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
///
/// ipc_safe::shm_safe! {
///     /// What the workers report.
///     pub struct Progress {
///         /// Items done.
///         pub done: AtomicU64,
///         /// Workers running.
///         pub workers: AtomicU32,
///         /// Errors seen.
///         pub errors: AtomicU32,
///         /// The last item.
///         pub last: Sequenced<[u8; 32]>,
///     }
/// }
///
/// let attachment = Segment::private(4096)?.attach()?;
/// let progress = Shared::<Progress, _>::create(attachment, |progress| progress.workers.store(4, Ordering::Relaxed))?;
/// progress.done.fetch_add(1, Ordering::Relaxed);
/// assert_eq!(progress.workers.load(Ordering::Relaxed), 4);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// Padding is refused:
///
/// ```compile_fail
/// use std::sync::atomic::{AtomicU8, AtomicU32};
///
/// ipc_safe::shm_safe! {
///     struct Padded {
///         small: AtomicU8,
///         large: AtomicU32,
///     }
/// }
/// ```
#[macro_export]
macro_rules! shm_safe {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[$field_attribute:meta])* $field_visibility:vis $field:ident : $type:ty ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[repr(C)]
        $visibility struct $name {
            $( $(#[$field_attribute])* $field_visibility $field: $type, )+
        }

        // SAFETY: the structure is `repr(C)` and its fields, all of which the pattern in `check` names with the very types
        // that the macro was given, are `ShmSafe`: no pointers, every bit pattern valid, every byte atomic. That their
        // sizes add up (no padding), that nothing drops, and the alignment, `layout_of_record` asserts. `check` borrows
        // each field, which a packed structure does not allow.
        unsafe impl $crate::shared::ShmSafe for $name {
            const LAYOUT: u64 = {
                #[allow(dead_code, reason = "only has to compile")]
                fn check(record: &$name) {
                    let $name { $($field),+ } = record;
                    $(
                        // In two steps: with the type known, a reference to a smart pointer would become one to its target.
                        let field = $crate::shared::core_reexport::ptr::from_ref($field);
                        let _: *const $type = field;
                    )+
                }
                $crate::shared::layout_of_record::<$name>(
                    stringify!($name),
                    &[$((
                        stringify!($field),
                        $crate::shared::core_reexport::mem::size_of::<$type>(),
                        <$type as $crate::shared::ShmSafe>::LAYOUT,
                    )),+],
                )
            };
        }

        // The checks run even where nobody uses the record.
        const _: u64 = <$name as $crate::shared::ShmSafe>::LAYOUT;
    };
}
