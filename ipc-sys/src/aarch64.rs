//! Where the vector registers are in the context of a signal on aarch64: macros of `asm/sigcontext.h`, which `signal.h`
//! includes. `vl` is a vector length in bytes, `vq` in units of 16 bytes.

const UNIT: usize = 16;
const LONGEST: usize = 512 * UNIT;
const VECTORS: usize = 32;
const PREDICATES: usize = 16;

/// The registers follow the structure `sve_context`.
pub const SVE_SIG_REGS_OFFSET: usize = 16;
/// The vector registers come first.
pub const SVE_SIG_ZREGS_OFFSET: usize = SVE_SIG_REGS_OFFSET;
/// The matrix follows the structure `za_context`.
pub const ZA_SIG_REGS_OFFSET: usize = 16;

/// Whether a vector can have this length.
#[must_use]
pub const fn sve_vl_valid(vl: usize) -> bool {
    vl.is_multiple_of(UNIT) && vl >= UNIT && vl <= LONGEST
}

/// A length in units of 16 bytes.
#[must_use]
pub const fn sve_vq_from_vl(vl: usize) -> usize {
    vl / UNIT
}

/// A length in bytes.
#[must_use]
pub const fn sve_vl_from_vq(vq: usize) -> usize {
    vq * UNIT
}

/// The size of a vector register.
#[must_use]
pub const fn SVE_SIG_ZREG_SIZE(vq: usize) -> usize {
    vq * UNIT
}

/// The size of a predicate register.
#[must_use]
pub const fn SVE_SIG_PREG_SIZE(vq: usize) -> usize {
    vq * (UNIT / 8)
}

/// The size of the first-fault register.
#[must_use]
pub const fn SVE_SIG_FFR_SIZE(vq: usize) -> usize {
    SVE_SIG_PREG_SIZE(vq)
}

/// Where vector register `n` is.
#[must_use]
pub const fn SVE_SIG_ZREG_OFFSET(vq: usize, n: usize) -> usize {
    SVE_SIG_ZREGS_OFFSET + SVE_SIG_ZREG_SIZE(vq) * n
}

/// The size of all vector registers.
#[must_use]
pub const fn SVE_SIG_ZREGS_SIZE(vq: usize) -> usize {
    SVE_SIG_ZREG_SIZE(vq) * VECTORS
}

/// Where the predicate registers begin.
#[must_use]
pub const fn SVE_SIG_PREGS_OFFSET(vq: usize) -> usize {
    SVE_SIG_ZREGS_OFFSET + SVE_SIG_ZREGS_SIZE(vq)
}

/// Where predicate register `n` is.
#[must_use]
pub const fn SVE_SIG_PREG_OFFSET(vq: usize, n: usize) -> usize {
    SVE_SIG_PREGS_OFFSET(vq) + SVE_SIG_PREG_SIZE(vq) * n
}

/// The size of all predicate registers.
#[must_use]
pub const fn SVE_SIG_PREGS_SIZE(vq: usize) -> usize {
    SVE_SIG_PREG_SIZE(vq) * PREDICATES
}

/// Where the first-fault register is.
#[must_use]
pub const fn SVE_SIG_FFR_OFFSET(vq: usize) -> usize {
    SVE_SIG_PREGS_OFFSET(vq) + SVE_SIG_PREGS_SIZE(vq)
}

/// The size of all registers.
#[must_use]
pub const fn SVE_SIG_REGS_SIZE(vq: usize) -> usize {
    SVE_SIG_FFR_OFFSET(vq) - SVE_SIG_REGS_OFFSET + SVE_SIG_FFR_SIZE(vq)
}

/// The size of the record with all registers.
#[must_use]
pub const fn SVE_SIG_CONTEXT_SIZE(vq: usize) -> usize {
    SVE_SIG_REGS_OFFSET + SVE_SIG_REGS_SIZE(vq)
}

/// The size of the matrix.
#[must_use]
pub const fn ZA_SIG_REGS_SIZE(vq: usize) -> usize {
    (vq * UNIT) * (vq * UNIT)
}

/// Where row `n` of the matrix is.
#[must_use]
pub const fn ZA_SIG_ZAV_OFFSET(vq: usize, n: usize) -> usize {
    ZA_SIG_REGS_OFFSET + SVE_SIG_ZREG_SIZE(vq) * n
}

/// The size of the record with the matrix.
#[must_use]
pub const fn ZA_SIG_CONTEXT_SIZE(vq: usize) -> usize {
    ZA_SIG_REGS_OFFSET + ZA_SIG_REGS_SIZE(vq)
}
