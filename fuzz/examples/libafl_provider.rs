//! Memory of this crate for LibAFL: a `ShMemProvider` whose maps are System V segments.
//!
//! LibAFL's traits (`libafl_bolts::shmem`, which is the crate `shmem_providers`) want a map to be `DerefMut<Target = [u8]>`. That is more
//! than memory that others write can be by its type: `&[u8]` promises that nobody writes. Whether that holds is decided by how a fuzzer
//! runs, not by this file: LibAFL looks at the map after the program under test has ended or stopped (the fork server says so), and
//! the program counts while LibAFL waits. So the contract is stated where the memory is lent, in the two `unsafe` blocks below; all
//! the rest, attaching, sizes, removal, is safe code. A program under test that leaves a child running breaks the contract, here
//! as with the maps that come with LibAFL; reading the counts by [`SegmentMap::counts`], which copies, does not.
//!
//! What is different from those: a size that is larger than the segment is an error and not a crash, and nothing is left when
//! the fuzzer is killed, because the segment is removed as soon as it is attached. Linux lets others attach it by its id as long
//! as somebody has it.
//!
//! ```text
//! $ cargo run --manifest-path fuzz/Cargo.toml --example libafl_provider
//! the program counted 10 bytes in segment 5
//! ```

use core::ops::{Deref, DerefMut};
use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::{Attachment, Segment};
use shmem_providers::{Error, ShMem, ShMemId, ShMemProvider};
use std::process::Command;

/// Gives out segments.
#[derive(Clone, Debug, Default)]
pub struct SegmentProvider;

/// A segment, attached.
#[derive(Debug)]
pub struct SegmentMap {
    memory: Attachment,
    /// What LibAFL asked for, which the segment has at least.
    size: usize,
}

impl SegmentMap {
    fn bytes(&self) -> SharedBytes<'_> {
        self.memory.bytes().slice(..self.size).expect("the size was compared with the segment's when it was attached")
    }

    /// A copy of the map, for which it does not matter who writes meanwhile.
    #[must_use]
    pub fn counts(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }
}

impl Deref for SegmentMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: nobody writes while the slice is used: the program under test has ended or waits then, as LibAFL's executors see to
        // (see above), and this process writes through `deref_mut` only, which needs the map alone.
        unsafe { self.bytes().as_slice() }
    }
}

impl DerefMut for SegmentMap {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: nobody else reads or writes while the slice is used, for the same reasons.
        unsafe { self.bytes().as_mut_slice() }
    }
}

// SAFETY: an attachment begins at a page.
unsafe impl ShMem for SegmentMap {
    fn id(&self) -> ShMemId {
        ShMemId::from_int(self.memory.segment().id())
    }
}

impl ShMemProvider for SegmentProvider {
    type ShMem = SegmentMap;

    fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    fn new_shmem(&mut self, size: usize) -> Result<SegmentMap, Error> {
        let segment = Segment::private(size).map_err(failed)?;
        let memory = segment.attach().map_err(failed)?;
        // From now on it goes with its last attachment.
        segment.remove().map_err(failed)?;
        Ok(SegmentMap { memory, size })
    }

    fn shmem_from_id_and_size(&mut self, id: ShMemId, size: usize) -> Result<SegmentMap, Error> {
        // The id comes from an environment or a message: anything may be in it.
        let text = id.split(|&byte| byte == 0).next().and_then(|text| core::str::from_utf8(text).ok());
        let number =
            text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::illegal_argument("no id of a segment"))?;
        let memory = Segment::from_id(number).and_then(|segment| segment.attach()).map_err(failed)?;
        if memory.len() < size {
            let sizes = format!("segment {number} has {} bytes, not {size}", memory.len());
            return Err(Error::illegal_argument(sizes));
        }
        Ok(SegmentMap { memory, size })
    }
}

fn failed(error: impl Into<ipc_safe::Error>) -> Error {
    Error::unknown(error.into().to_string())
}

/// Where the program under test finds the map.
const ID: &str = "MAP_ID";
const SIZE: usize = 4096;

/// The fuzzer's side, for maps of any provider.
fn fuzz<P: ShMemProvider>(provider: &mut P) -> Result<P::ShMem, Box<dyn std::error::Error>> {
    let mut map = provider.new_shmem(SIZE)?;
    map.fill(0);
    let mut program = Command::new(std::env::current_exe()?);
    let status = program.args(["--target", "some input"]).env(ID, map.id().to_string()).status()?;
    if !status.success() {
        return Err(format!("the program under test: {status}").into());
    }
    Ok(map)
}

/// The program under test: counts the bytes of its input.
fn target(input: &str) -> Result<(), Box<dyn std::error::Error>> {
    let id = ShMemId::from_int(std::env::var(ID)?.parse()?);
    let mut map = SegmentProvider::new()?.shmem_from_id_and_size(id, SIZE)?;
    for byte in input.bytes() {
        map[usize::from(byte)] += 1;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let [_, flag, input] = &std::env::args().collect::<Vec<_>>()[..]
        && flag == "--target"
    {
        return target(input);
    }
    let mut provider = SegmentProvider::new()?;
    let map = fuzz(&mut provider)?;
    let counted: u32 = map.iter().map(|&count| u32::from(count)).sum();
    assert_eq!((map[usize::from(b'p')], map.counts()), (1, map.to_vec()));
    println!("the program counted {counted} bytes in segment {}", map.id());

    // Another map of the same memory, as LibAFL makes them for its clients; a size that the segment lacks is an error.
    let again = provider.clone_ref(&map)?;
    assert_eq!(*again, *map);
    for size in [SIZE + 1, usize::MAX] {
        assert!(provider.shmem_from_id_and_size(map.id(), size).is_err());
    }
    for id in ["", "-1", "x", "99999999999"] {
        assert!(provider.shmem_from_id_and_size(ShMemId::from_string(id), 1).is_err());
    }

    // The last attachment takes the segment with it.
    let segment = Segment::from_id(map.id().into())?;
    drop((map, again));
    assert!(segment.status().is_err_and(|error| error.is_removed()));
    Ok(())
}
