//! Attacks on the crate with safe calls, hostile neighbours and a hostile system. Each one once did harm, or was worth a
//! try; here it fails to.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../support/mod.rs"]
mod support;
mod tools;

mod addresses;
mod copies;
mod costs;
mod ends;
mod forks;
mod ids;
#[cfg(target_arch = "x86_64")]
// elsewhere an atomic exchange may be several instructions, which never succeed one by one
mod instructions;
mod locks;
mod names;
mod paths;
mod peers;
mod programs;
mod sandbox;
#[cfg(target_arch = "x86_64")]
mod stepper;
mod text;
mod views;
mod waits;
