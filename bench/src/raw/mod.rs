//! Each mechanism as a C program uses it: the C library's calls, plain atomics. Twice: what the second differs by is noise.
//!
//! The calls are made from here, so that the same compiler builds both sides; the algorithms are those of `ipc_measure::ours`.

mod cell;
mod coprocess;
mod counter;
mod descriptor;
mod futex;
pub(crate) mod memory;
mod queue;
pub(crate) mod ring;
mod semaphore;
mod signal;

use ipc_measure::ours::SIZES;
use ipc_measure::{Author, Place, Row};

/// Whose a row is.
pub(crate) type By = (Author, &'static str);

pub(crate) fn rows() -> Vec<Row> {
    [(Author::Raw, "C"), (Author::Control, "C again")].into_iter().flat_map(rows_of).collect()
}

fn rows_of(by: By) -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [Place::OneCore, Place::TwoCores] {
        for bytes in SIZES {
            rows.extend(descriptor::rows(by, place, bytes));
            rows.extend(coprocess::rows(by, place, bytes));
            rows.extend(queue::rows(by, place, bytes));
            rows.extend(semaphore::rows(by, place, bytes));
            rows.extend(cell::rows(by, place, bytes));
            rows.extend(ring::rows(by, place, bytes));
        }
        rows.extend(semaphore::events(by, place));
        rows.extend(signal::events(by, place));
        rows.extend(futex::events(by, place));
        rows.extend(counter::events(by, place));
    }
    rows
}

/// A result of the C library, of which a negative one is an error.
pub(crate) fn checked(result: isize) -> std::io::Result<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::last_os_error())
}
