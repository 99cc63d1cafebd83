//! The area `shared`: views, records and the two-slot cell, on memory of the test's own and on segments.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` change how many random inputs there are, and which; without the seed they are the
//! same in every run.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod bytes;
mod cell;
mod cursor;
mod fenced;
mod object;
mod owned;
mod record;
mod sequenced;
#[path = "../support/mod.rs"]
mod support;

use proptest::test_runner::{Config, RngSeed};

/// How random inputs are made: `cases` of them, the same in every run, unless the environment says otherwise.
fn config(cases: u32) -> Config {
    let given = |name| std::env::var_os(name).is_some();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if !given("PROPTEST_CASES") {
        config.cases = cases;
    }
    if !given("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(20_240_229);
    }
    config
}
