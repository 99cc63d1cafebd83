//! memmap2 and shared_memory give memory, and raw_sync events in it. What moves messages is the user's own: with memmap2 the
//! plain ring, with shared_memory and raw_sync a slot with an event for "full" and one for "empty".

use super::peer;
use crate::raw::ring;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Fault, Place, Result, Row, Seat};
use memmap2::{MmapOptions, MmapRaw};
use raw_sync::Timeout;
use raw_sync::events::{BusyEvent, Event, EventImpl, EventInit, EventState};
use shared_memory::{Shmem, ShmemConf};
use std::marker::PhantomData;
use std::ptr::NonNull;

pub(super) fn rows(place: Place, bytes: usize) -> Vec<Row> {
    let by = peer("shared_memory + raw_sync");
    match place {
        Place::OneCore => vec![Row::between(by, name::CHANNEL, place, bytes, move || Slots::<Event>::create(bytes))],
        Place::TwoCores => vec![
            Row::between(by, name::CHANNEL, place, bytes, move || Slots::<BusyEvent>::create(bytes)),
            Row::between(peer("memmap2, plain ring"), name::CHANNEL, place, bytes, move || Mapped::create(bytes)),
        ],
    }
}

pub(super) fn events(place: Place) -> [Row; 1] {
    let by = peer("raw_sync");
    [match place {
        Place::OneCore => Row::between(by, name::EVENT, place, 0, || Slots::<Event>::create(0).map(Bells)),
        Place::TwoCores => Row::between(by, name::EVENT, place, 0, || Slots::<BusyEvent>::create(0).map(Bells)),
    }]
}

/// Rings in a mapped file.
struct Mapped {
    map: MmapRaw,
    bytes: usize,
}

impl Mapped {
    fn create(bytes: usize) -> Result<Self> {
        let file = tempfile::tempfile_in("/dev/shm")?;
        file.set_len(2 * ring::size(bytes) as u64)?;
        Ok(Self { map: MmapOptions::new().map_raw(&file)?, bytes })
    }
}

impl Ends for Mapped {
    type Channel<'e> = ring::Both<'e, false>;

    fn connect(&self, seat: Seat) -> Result<ring::Both<'_, false>> {
        let start = NonNull::new(self.map.as_mut_ptr()).ok_or("mapped at address 0")?;
        // SAFETY: the mapping has room for two rings, and a new file is all zero.
        Ok(unsafe { ring::Both::new(start, self.bytes, seat) })
    }
}

/// Bytes for an event, on lines of its own.
const EVENT: usize = 512;

/// A slot a direction, before it its events "full" and "empty".
struct Slots<E> {
    memory: Shmem,
    bytes: usize,
    kind: PhantomData<E>,
}

// SAFETY: the events are made for it, and say who uses a slot.
unsafe impl<E> Sync for Slots<E> {}

fn fault(error: impl std::fmt::Display) -> Fault {
    error.to_string().into()
}

impl<E: EventInit> Slots<E> {
    fn create(bytes: usize) -> Result<Self> {
        let memory = ShmemConf::new().size(2 * (2 * EVENT + bytes)).create()?;
        let this = Self { memory, bytes, kind: PhantomData };
        for direction in 0..2 {
            for (number, state) in [(0, EventState::Clear), (1, EventState::Signaled)] {
                assert!(E::size_of(None) + 64 <= EVENT);
                // SAFETY: there is room for an event, which nobody uses yet.
                let (event, _) = unsafe { E::new(this.event(direction, number), true) }.map_err(fault)?;
                event.set(state).map_err(fault)?;
                // Some kinds destroy the event when the value is dropped; the memory is unmapped at the end anyway.
                std::mem::forget(event);
            }
        }
        Ok(this)
    }

    fn event(&self, direction: usize, number: usize) -> *mut u8 {
        // SAFETY: inside the memory.
        unsafe { self.memory.as_ptr().add((2 * direction + number) * EVENT) }
    }

    fn slot(&self, direction: usize) -> Result<Slot> {
        let event = |number| {
            // SAFETY: there is an event, made by `create`.
            let (event, _) = unsafe { E::from_existing(self.event(direction, number)) }.map_err(fault)?;
            Ok::<_, Fault>(event)
        };
        // SAFETY: inside the memory, behind the events.
        let start = unsafe { self.memory.as_ptr().add(4 * EVENT + direction * self.bytes) };
        Ok(Slot { full: event(0)?, empty: event(1)?, start, bytes: self.bytes })
    }
}

struct Slot {
    full: Box<dyn EventImpl>,
    empty: Box<dyn EventImpl>,
    start: *mut u8,
    bytes: usize,
}

fn wait(event: &dyn EventImpl) -> Result {
    event.wait(Timeout::Infinite).map_err(fault)
}

fn set(event: &dyn EventImpl) -> Result {
    event.set(EventState::Signaled).map_err(fault)
}

impl<E: EventInit + 'static> Ends for Slots<E> {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        Ok(Both { outgoing: self.slot(seat.end.sends())?, incoming: self.slot(seat.end.receives())? })
    }
}

struct Both {
    outgoing: Slot,
    incoming: Slot,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        let slot = &self.outgoing;
        wait(&*slot.empty)?;
        assert_eq!(message.len(), slot.bytes);
        // SAFETY: the slot has room for a message, and the events keep the other process away.
        unsafe { slot.start.copy_from(message.as_ptr(), message.len()) };
        set(&*slot.full)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let slot = &self.incoming;
        wait(&*slot.full)?;
        assert_eq!(buffer.len(), slot.bytes);
        // SAFETY: the slot holds a message, and the events keep the other process away.
        unsafe { buffer.as_mut_ptr().copy_from(slot.start, buffer.len()) };
        set(&*slot.empty)
    }
}

/// The events "full" alone.
struct Bells<E>(Slots<E>);

impl<E: EventInit + 'static> Ends for Bells<E> {
    type Channel<'e> = Bell;

    fn connect(&self, seat: Seat) -> Result<Bell> {
        self.0.connect(seat).map(Bell)
    }
}

struct Bell(Both);

impl Channel for Bell {
    fn send(&mut self, _: &[u8]) -> Result {
        set(&*self.0.outgoing.full)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        wait(&*self.0.incoming.full)
    }
}
