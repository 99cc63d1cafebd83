//! Sockets through the public interface, and through std, socket2 and the C library where those serve, against the running kernel. Each
//! test runs in a process of its own: a fork of another test would keep its sockets open.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../signal/alone.rs"]
mod alone;
#[path = "../support/mod.rs"]
mod support;
mod tools;

mod ancillary;
mod bind;
mod connect;
mod convert;
mod each;
mod events;
mod flood;
mod frames;
mod limits;
mod messages;
mod names;
mod network;
mod service;
mod waits;
