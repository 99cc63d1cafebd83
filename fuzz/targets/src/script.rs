//! Inputs as programs.

use arbitrary::{Arbitrary, Unstructured};

/// The longest program.
const OPERATIONS: usize = 64;

/// The operations that the rest of an input stands for. Where it ends in the middle of one, the rest of that is the first of what
/// it could be.
pub(crate) fn operations<'u, 'a, T: Arbitrary<'a>>(
    u: &'u mut Unstructured<'a>,
) -> impl Iterator<Item = T> + use<'u, 'a, T> {
    let next = move || if u.is_empty() { None } else { T::arbitrary(u).ok() };
    std::iter::from_fn(next).take(OPERATIONS)
}
