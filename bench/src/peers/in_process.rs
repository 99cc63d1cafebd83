//! rtrb and crossbeam-channel, between two threads of one process: no way between processes is expected to be faster.

use crate::raw::ring::slots;
use crate::streams::Taken;
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use ipc_measure::ours::name;
use ipc_measure::{Author, Channel, Place, Result, Row};
use rtrb::{Consumer, Producer, RingBuffer};

pub(super) fn rows(place: Place, bytes: usize) -> Vec<Row> {
    match bytes {
        64 => of::<64>(place),
        _ => of::<4096>(place),
    }
}

fn of<const N: usize>(place: Place) -> Vec<Row> {
    let ceiling = |by| (Author::Ceiling, by);
    let waits = place == Place::OneCore;
    let crossbeam = Row::between(ceiling("crossbeam-channel"), name::CHANNEL, place, N, move || {
        let ((first, second), (third, fourth)) = (bounded::<[u8; N]>(slots(N)), bounded(slots(N)));
        Ok(Taken::new(Bounded(first, fourth, waits), Bounded(third, second, waits)))
    });
    let rtrb = || {
        Row::between(ceiling("rtrb"), name::CHANNEL, place, N, || {
            let ((first, second), (third, fourth)) = (RingBuffer::<[u8; N]>::new(slots(N)), RingBuffer::new(slots(N)));
            Ok(Taken::new(Ring(first, fourth), Ring(third, second)))
        })
    };
    // rtrb never sleeps.
    let rows = if waits { vec![crossbeam] } else { vec![crossbeam, rtrb()] };
    rows.into_iter().map(Row::in_threads).collect()
}

struct Ring<const N: usize>(Producer<[u8; N]>, Consumer<[u8; N]>);

impl<const N: usize> Channel for Ring<N> {
    fn send(&mut self, message: &[u8]) -> Result {
        let mut message: [u8; N] = message.try_into()?;
        while let Err(rtrb::PushError::Full(back)) = self.0.push(message) {
            message = back;
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        loop {
            if let Ok(message) = self.1.pop() {
                buffer.copy_from_slice(&message);
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}

/// The flag says whether the thread sleeps while it waits.
struct Bounded<const N: usize>(Sender<[u8; N]>, Receiver<[u8; N]>, bool);

impl<const N: usize> Channel for Bounded<N> {
    fn send(&mut self, message: &[u8]) -> Result {
        let mut message: [u8; N] = message.try_into()?;
        if self.2 {
            return Ok(self.0.send(message)?);
        }
        loop {
            match self.0.try_send(message) {
                Err(TrySendError::Full(back)) => message = back,
                other => return Ok(other?),
            }
            std::hint::spin_loop();
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        if self.2 {
            buffer.copy_from_slice(&self.1.recv()?);
            return Ok(());
        }
        loop {
            match self.1.try_recv() {
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
                other => {
                    buffer.copy_from_slice(&other?);
                    return Ok(());
                }
            }
        }
    }
}
