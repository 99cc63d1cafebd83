//! Places that are taken, and the place that is no address.

use crate::support::has_capability;
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::MapOptions;
use ipc_safe::sysv::{AttachOptions, Segment};

const CAP_SYS_RAWIO: u32 = 17;

/// What is mapped at address 0, if anything is.
fn mapped_at_zero() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find(|line| line.starts_with("00000000-")).map(str::to_owned)
}

/// An address that is rounded down to 0 is refused: for who may map there, the kernel puts the segment at 0 and over
/// whatever is in its way.
///
/// R-SHM-03
#[test]
fn an_attachment_is_not_rounded_down_to_address_0() {
    if !has_capability(CAP_SYS_RAWIO) {
        println!("without CAP_SYS_RAWIO the kernel refuses address 0 as well");
    }
    // What the segment would cover, if this low address is to be had.
    let neighbour = MapOptions::new().address(0x20000).private(4096).map(|mut memory| {
        memory.fill(7);
        memory
    });
    let segment = Segment::private(0x40000).unwrap();

    for address in [1, 100, 4095] {
        let options = AttachOptions::new().address(address).round(true);
        let error = options.attach(*segment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("EINVAL: nothing can be attached at address 0"), "{error}");
        assert!(options.attach_read_only(*segment).is_err());
    }

    assert_eq!(segment.status().unwrap().attachments, 0);
    assert_eq!(mapped_at_zero(), None);
    if let Ok(neighbour) = neighbour {
        assert!(neighbour.iter().all(|&byte| byte == 7));
    }
}

/// An address that is rounded down to another page still is where the segment goes.
#[test]
fn an_attachment_is_rounded_down_to_a_free_page() {
    let segment = Segment::private(100).unwrap();
    let free = segment.attach().unwrap().bytes().as_ptr().addr();
    let attachment = AttachOptions::new().address(free + 77).round(true).attach(*segment);
    // Another thread may have taken the place meanwhile.
    if let Ok(attachment) = attachment {
        assert_eq!(attachment.bytes().as_ptr().addr(), free);
    }
}

/// A guard page is not put at address 0, where it would stay.
#[test]
fn a_guard_page_is_not_put_at_address_0() {
    let page = rustix::param::page_size();
    let error = MapOptions::new().address(page).guard_pages(true).private(page).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().ends_with("there is no page below for a guard"), "{error}");
    assert_eq!(mapped_at_zero(), None);
}

/// No address at the ends of the address space, and no length, makes anything but an error.
#[test]
fn addresses_and_lengths_at_the_ends_are_errors() {
    let page = rustix::param::page_size();
    let last = usize::MAX / page * page;
    let segment = Segment::private(page).unwrap();
    for address in [last, last - page, 1 << 63, (1 << 63) - page, 1 << 47] {
        assert!(AttachOptions::new().address(address).attach(*segment).is_err());
        assert!(AttachOptions::new().address(address + 1).round(true).attach(*segment).is_err());
        for options in [MapOptions::new(), MapOptions::new().guard_pages(true)] {
            assert!(options.address(address).private(page).is_err());
        }
    }
    for len in [0, usize::MAX, usize::MAX - page, 1 << 63, (1 << 63) - 1, 1 << 62, 1 << 48] {
        for options in [MapOptions::new(), MapOptions::new().guard_pages(true), MapOptions::new().no_reserve(true)] {
            assert!(options.private(len).is_err(), "{len}");
        }
        assert!(MapOptions::new().shared(len).is_err(), "{len}");
        assert!(MapOptions::new().wiped_on_fork(len).is_err(), "{len}");
    }
}
