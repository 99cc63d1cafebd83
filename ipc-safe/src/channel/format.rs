//! What goes through a channel.

use super::raw::Area;
use super::record;
use super::ring::Geometry;
use super::{Receiver, Sender, SharedSender};
use crate::error::{Rejected, Result};
use crate::shared::{Plain, ReadWrite, Region};
use core::fmt;
use core::marker::PhantomData;

/// What goes through a [`Channel`](super::Channel), and with it what its ends send and receive: [`Messages`], [`Values`], or
/// [`SharedMessages`], with several [`SharedSender`]s. Sealed.
pub trait Format: sealed::Format {}

/// Bytes in messages of any length, with their borders.
#[derive(Clone, Copy, Debug)]
pub enum Messages {}

/// As [`Messages`], from several senders who share the ring.
#[derive(Clone, Copy, Debug)]
pub enum SharedMessages {}

/// Values of one type, by copy.
pub struct Values<P>(PhantomData<fn() -> P>);

impl<P> fmt::Debug for Values<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values")
    }
}

/// How a ring is cut; both sides must mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) geometry: Geometry,
    /// Bytes from one slot to the next; 0 for messages.
    pub(super) slot: u32,
    /// Bytes of a value; 0 for messages.
    pub(super) value: u32,
    /// Whether several senders share it.
    pub(super) shared: bool,
}

/// The most bytes or slots of a ring: positions of 32 bits wrap around, and some bits are needed otherwise.
const LARGEST: usize = 1 << 30;

mod sealed {
    use super::{Area, Geometry, ReadWrite, Region, Rejected, Result, Shape};

    pub trait Format: Sized {
        /// The end that sends.
        type Sender<R: Region<Access = ReadWrite>>;
        /// The end that receives.
        type Receiver<R: Region<Access = ReadWrite>>;

        /// How a ring of so many bytes is cut, if it is large enough.
        fn shape(len: usize) -> Option<Shape>;

        /// The bytes of a ring for so many bytes, or values; if there can be one.
        fn ring_len(capacity: usize) -> Option<usize>;

        /// The least of a ring, in words.
        fn least() -> &'static str;

        fn sender<R: Region<Access = ReadWrite>>(
            area: Area<R>,
            geometry: Geometry,
        ) -> Result<Self::Sender<R>, Rejected<Area<R>>>;

        fn receiver<R: Region<Access = ReadWrite>>(
            area: Area<R>,
            geometry: Geometry,
        ) -> Result<Self::Receiver<R>, Rejected<Area<R>>>;
    }
}

impl Format for Messages {}

impl sealed::Format for Messages {
    type Sender<R: Region<Access = ReadWrite>> = Sender<R>;
    type Receiver<R: Region<Access = ReadWrite>> = Receiver<R>;

    fn shape(len: usize) -> Option<Shape> {
        /// So that a message can have some bytes.
        const LEAST: usize = 64;
        if len < LEAST {
            return None;
        }
        let capacity = (1 << len.min(LARGEST).ilog2()) as u32;
        Some(Shape { geometry: Geometry { capacity, grain: record::GRAIN }, slot: 0, value: 0, shared: false })
    }

    fn ring_len(capacity: usize) -> Option<usize> {
        capacity.max(64).checked_next_power_of_two().filter(|&len| len <= LARGEST)
    }

    fn least() -> &'static str {
        "the ring needs 64 bytes"
    }

    fn sender<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<Sender<R>, Rejected<Area<R>>> {
        Sender::claim(area, geometry)
    }

    fn receiver<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<Receiver<R>, Rejected<Area<R>>> {
        Receiver::claim(area, geometry)
    }
}

impl Format for SharedMessages {}

impl sealed::Format for SharedMessages {
    type Sender<R: Region<Access = ReadWrite>> = SharedSender<R>;
    type Receiver<R: Region<Access = ReadWrite>> = Receiver<R>;

    fn shape(len: usize) -> Option<Shape> {
        Some(Shape { shared: true, ..Messages::shape(len)? })
    }

    fn ring_len(capacity: usize) -> Option<usize> {
        Messages::ring_len(capacity)
    }

    fn least() -> &'static str {
        Messages::least()
    }

    fn sender<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<SharedSender<R>, Rejected<Area<R>>> {
        SharedSender::claim(area, geometry)
    }

    fn receiver<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<Receiver<R>, Rejected<Area<R>>> {
        Receiver::claim(area, geometry)
    }
}

impl<P: Plain> Values<P> {
    /// From one slot to the next: no value lies across a line of the processor's cache that it would fit into.
    pub(super) const SLOT: usize = {
        assert!(size_of::<P>() > 0, "a value in a channel has bytes");
        assert!(size_of::<P>() <= LARGEST, "a value in a channel has at most 2^30 bytes");
        if size_of::<P>() <= 64 { size_of::<P>().next_power_of_two() } else { size_of::<P>().next_multiple_of(64) }
    };
}

impl<P: Plain> Format for Values<P> {}

impl<P: Plain> sealed::Format for Values<P> {
    type Sender<R: Region<Access = ReadWrite>> = Sender<R, Self>;
    type Receiver<R: Region<Access = ReadWrite>> = Receiver<R, Self>;

    fn shape(len: usize) -> Option<Shape> {
        let slots = (len / Self::SLOT).min(LARGEST / 2);
        let capacity = (1 << slots.checked_ilog2()?) as u32;
        let geometry = Geometry { capacity, grain: 1 };
        // Exact: a slot has at most 2^30 bytes.
        Some(Shape { geometry, slot: Self::SLOT as u32, value: size_of::<P>() as u32, shared: false })
    }

    fn ring_len(capacity: usize) -> Option<usize> {
        let slots = capacity.checked_next_power_of_two().filter(|&slots| slots <= LARGEST / 2)?;
        slots.checked_mul(Self::SLOT)
    }

    fn least() -> &'static str {
        "the ring needs room for a value"
    }

    fn sender<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<Sender<R, Self>, Rejected<Area<R>>> {
        Sender::claim(area, geometry)
    }

    fn receiver<R: Region<Access = ReadWrite>>(
        area: Area<R>,
        geometry: Geometry,
    ) -> Result<Receiver<R, Self>, Rejected<Area<R>>> {
        Receiver::claim(area, geometry)
    }
}
