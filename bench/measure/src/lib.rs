//! Measures ways from one process to another, side by side, in one run.
//!
//! A [`Row`] is one way: how its objects are [made](Ends) and what an [end](Channel) does. [`run`] gives each row its turns: it
//! forks the two processes, pins them, has them measure and takes their report; whoever hangs is ended, and what was made is
//! removed. The [`Outcome`]s can be stored, and [drawn](chart). [`ours`] has the rows of `ipc-safe`.
//!
//! # Method
//!
//! Each end copies each message from a buffer of its own and into one. Latency is half a round trip; a sample is a batch of
//! round trips that takes 2 us or longer, so that reading the clock does not count. A pass gives the median and the 99th of
//! 100 of its samples, and a row has those of its best pass, by the median: what disturbs makes a pass slower, never faster.
//! Throughput is the time from the first message until an answer to the last, by message, the median of a few runs, and of
//! those of all passes the best.
//!
//! On one core the waiting end sleeps, because the other one needs the processor. Across cores it spins: how long a sleeping
//! core takes to wake is the machine's business, in a virtual one the hypervisor's, and hides everything else.
#![deny(unsafe_code)]

pub mod chart;
mod conversation;
mod fact;
mod machine;
mod mechanism;
pub mod ours;
mod processors;
mod row;
mod run;
mod samples;
mod worker;

pub use fact::{About, Author, Group, Numbers, Outcome, Place, Report};
pub use machine::Machine;
pub use mechanism::{Channel, End, Ends, Fault, Result, Seat, spin};
pub use row::{Repeated, Row};
pub use run::{Effort, Step, Stopped, run};
