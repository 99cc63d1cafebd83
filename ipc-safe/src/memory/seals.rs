//! What can no longer be done to a memfd.

use rustix::fs::SealFlags;

bitflags::bitflags! {
    /// The seals of a memfd. A seal once set stays.
    ///
    /// [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html),
    /// [F_ADD_SEALS(2const)](https://man7.org/linux/man-pages/man2/F_ADD_SEALS.2const.html)
    #[doc(alias = "F_ADD_SEALS")]
    #[doc(alias = "F_GET_SEALS")]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Seals: u32 {
        /// No more seals.
        #[doc(alias = "F_SEAL_SEAL")]
        const SEAL = SealFlags::SEAL.bits();
        /// It cannot become smaller.
        #[doc(alias = "F_SEAL_SHRINK")]
        const SHRINK = SealFlags::SHRINK.bits();
        /// It cannot become larger.
        #[doc(alias = "F_SEAL_GROW")]
        const GROW = SealFlags::GROW.bits();
        /// It cannot be written, by nobody, in no way.
        #[doc(alias = "F_SEAL_WRITE")]
        const WRITE = SealFlags::WRITE.bits();
        /// It cannot be written by new mappings and calls; mappings that exist still write.
        #[doc(alias = "F_SEAL_FUTURE_WRITE")]
        const FUTURE_WRITE = SealFlags::FUTURE_WRITE.bits();
        /// The execute bits of its mode stay as they are (Linux 6.3).
        #[doc(alias = "F_SEAL_EXEC")]
        const EXEC = 0x0020;
        const _ = !0;
    }
}
