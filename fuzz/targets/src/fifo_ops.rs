//! A FIFO: its name made, taken away and given to another one, its ends opened, used and closed; against the model of pipes.

use crate::steps::{Look, steps, without_broken_pipes};
use arbitrary::Unstructured;
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::pipe::{FifoStep, NamedEnds, Pipes};
use rustix::param::page_size;

/// The most ends of a kind.
const ENDS: usize = 3;
/// To look at all ends takes many calls.
const SELDOM: usize = 8;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    without_broken_pipes();
    let look = Look::at(Resources::DESCRIPTORS);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fifo");
    let mut kernel = NamedEnds::nothing(&path);
    let mut model = Pipes::nothing(page_size());
    for (number, step) in steps::<FifoStep>(&mut u).enumerate() {
        if !model.is_possible_on_fifo(&step, ENDS) {
            continue;
        }
        assert_eq!(kernel.perform(&step), model.perform_on_fifo(&step), "the kernel, and the model, for {step:?}");
        if number % SELDOM == 0 {
            kernel.ends.check(&model);
        }
    }
    kernel.ends.check(&model);
    drop(kernel);
    assert_eq!(path.exists(), model.has_name(), "whether the name is there");
    // The files that were made under other names first.
    let names = folder.path().read_dir().expect("the folder").count();
    assert_eq!(names, usize::from(model.has_name()), "names in the folder");
    folder.close().expect("the folder");
    look.end();
}
