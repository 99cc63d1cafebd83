//! `shm_safe!`: which layouts are the same, and where the fields are.

use ipc_safe::shared::{Sequenced, ShmSafe};
use std::collections::BTreeSet;
use std::mem::offset_of;
use std::sync::atomic::{AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64};

ipc_safe::shm_safe! {
    /// All kinds of fields, with attributes and visibilities.
    #[derive(Debug)]
    pub(crate) struct Everything {
        /// The largest first: no padding.
        pub(crate) a: AtomicU64,
        b: AtomicI64,
        pub(crate) c: AtomicU32,
        d: AtomicI32,
        e: AtomicU16,
        f: AtomicI16,
        #[allow(dead_code, reason = "attributes are kept")]
        g: AtomicU8,
        h: AtomicI8,
        i: [AtomicU8; 2],
        j: Inner,
        k: Sequenced<[u8; 3]>,
        l: [Inner; 2],
    }
}

ipc_safe::shm_safe! {
    #[derive(Debug)]
    struct Inner {
        x: [AtomicU32; 2]
    }
}

/// Fields stay where `repr(C)` puts them, so that C and others can share the record.
///
/// R-SHM-10
#[test]
fn fields_are_where_c_has_them() {
    let offsets = [
        offset_of!(Everything, a),
        offset_of!(Everything, b),
        offset_of!(Everything, c),
        offset_of!(Everything, d),
        offset_of!(Everything, e),
        offset_of!(Everything, f),
        offset_of!(Everything, g),
        offset_of!(Everything, h),
        offset_of!(Everything, i),
        offset_of!(Everything, j),
        offset_of!(Everything, k),
        offset_of!(Everything, l),
    ];
    assert_eq!(offsets, [0, 8, 16, 20, 24, 26, 28, 29, 30, 32, 40, 56]);
    assert_eq!(size_of::<Everything>(), 72);
    assert_eq!(size_of::<Inner>(), 8);
}

/// The same fields, declared in different places.
mod here {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { pub(super) id: AtomicU64, pub(super) n: [AtomicU32; 2] } }
}
mod there {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { id: AtomicU64, n: [AtomicU32; 2] } }
}
mod renamed {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Work { id: AtomicU64, n: [AtomicU32; 2] } }
}
mod field_renamed {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { id: AtomicU64, m: [AtomicU32; 2] } }
}
mod swapped {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { n: [AtomicU32; 2], id: AtomicU64 } }
}
mod signed {
    use super::{AtomicI32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { id: AtomicU64, n: [AtomicI32; 2] } }
}
mod longer {
    use super::{AtomicU32, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { id: AtomicU64, n: [AtomicU32; 4] } }
}
mod regrouped {
    use super::{AtomicU16, AtomicU64};
    ipc_safe::shm_safe! { pub(super) struct Job { id: AtomicU64, n: [[AtomicU16; 2]; 2] } }
}

/// Two programs that declare the same record have the same layout number; any difference in names, order or types makes
/// another one.
#[test]
fn layout_numbers_tell_records_apart() {
    assert_eq!(here::Job::LAYOUT, there::Job::LAYOUT);
    let different = [
        here::Job::LAYOUT,
        renamed::Work::LAYOUT,
        field_renamed::Job::LAYOUT,
        swapped::Job::LAYOUT,
        signed::Job::LAYOUT,
        longer::Job::LAYOUT,
        regrouped::Job::LAYOUT,
        <[here::Job; 1]>::LAYOUT,
        <[here::Job; 2]>::LAYOUT,
        Sequenced::<[u64; 2]>::LAYOUT,
        Sequenced::<u64>::LAYOUT,
        AtomicU64::LAYOUT,
        AtomicI64::LAYOUT,
        AtomicU8::LAYOUT,
    ];
    assert_eq!(BTreeSet::from(different).len(), different.len());
}
