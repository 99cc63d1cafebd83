//! A filter that answers: `cat`.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::Result;
use crate::row::{Repeated, Row};
use ipc_safe::command::Coprocess;
use std::process::Command;

/// Where the two take turns on one core; a program that waits cannot be made to spin.
pub(super) fn rows(place: Place, bytes: usize) -> Option<Row> {
    (place == Place::OneCore).then(|| Row::alone(OURS, name::COPROCESS, bytes, 2.0, move || requests(bytes)))
}

fn requests(bytes: usize) -> Result<Repeated> {
    let mut cat = Coprocess::start(&mut Command::new("cat"))?;
    // A line, with its end.
    let request = vec![b'x'; bytes - 1];
    Ok(Box::new(move |count| {
        for _ in 0..count {
            if cat.request(&request)?.len() != request.len() {
                return Err("a line came back shorter".into());
            }
        }
        Ok(())
    }))
}
