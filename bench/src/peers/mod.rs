//! Other crates, as their documentation says to use them.

mod descriptors;
mod iceoryx;
mod in_process;
mod interprocess;
mod ipc_channel;
mod memory;
mod signal_hook;

use ipc_measure::ours::SIZES;
use ipc_measure::{Author, Place, Row};

const fn peer(name: &'static str) -> (Author, &'static str) {
    (Author::Peer, name)
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [Place::OneCore, Place::TwoCores] {
        for bytes in SIZES {
            rows.extend(descriptors::rows(place, bytes));
            rows.extend(iceoryx::rows(place, bytes));
            rows.extend(in_process::rows(place, bytes));
            rows.extend(interprocess::rows(place, bytes));
            rows.extend(ipc_channel::rows(place, bytes));
            rows.extend(memory::rows(place, bytes));
        }
        rows.extend(iceoryx::events(place));
        rows.extend(memory::events(place));
        rows.extend(signal_hook::events(place));
    }
    rows
}
