//! The ends of a pipe, of bytes or of packets: written, read, copied, closed, made larger and smaller; against the model of pipes.

use crate::steps::{Look, steps, without_broken_pipes};
use arbitrary::Unstructured;
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::pipe::{Ends, Pipes, Step};
use rustix::param::page_size;

/// The most ends of a kind.
const ENDS: usize = 3;
/// To look at all ends takes many calls.
const SELDOM: usize = 8;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(packets) = u.arbitrary() else { return };
    without_broken_pipes();
    let look = Look::at(Resources::DESCRIPTORS);
    let mut kernel = Ends::pipe(packets).expect("a pipe");
    let mut model = Pipes::pipe(page_size(), packets);
    for (number, step) in steps::<Step>(&mut u).enumerate() {
        if !model.is_possible(&step, ENDS) {
            continue;
        }
        assert_eq!(kernel.perform(&step), model.perform(&step), "the kernel, and the model, for {step:?}");
        if number % SELDOM == 0 {
            kernel.check(&model);
        }
    }
    kernel.check(&model);
    drop(kernel);
    look.end();
}
