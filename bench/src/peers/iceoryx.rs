//! iceoryx2: publish and subscribe with a copy in and a copy out, and its event; a service a direction.
//!
//! No message is lost: a publisher that finds the buffer full tries again. What a killed process leaves behind has this
//! process's prefix, and is removed.

use super::peer;
use crate::raw::ring::slots;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Fault, Place, Result, Row, Seat};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const BY: &str = "iceoryx2";

/// Its publish and subscribe never sleeps.
pub(super) fn rows(place: Place, bytes: usize) -> Option<Row> {
    let topics = move || Ok(Topics { domain: Domain::new()?, bytes });
    (place == Place::TwoCores).then(|| Row::between(peer(BY), name::CHANNEL, place, bytes, topics))
}

/// Its event sleeps on a socket.
pub(super) fn events(place: Place) -> [Row; 1] {
    let spins = place == Place::TwoCores;
    [Row::between(peer(BY), name::EVENT, place, 0, move || Ok(Bells { domain: Domain::new()?, spins }))]
}

fn fault(error: impl std::fmt::Debug) -> Fault {
    format!("iceoryx2: {error:?}").into()
}

/// Everything of one turn of a row.
struct Domain {
    folder: TempDir,
    prefix: String,
}

impl Domain {
    fn new() -> Result<Self> {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        Ok(Self { folder: tempfile::tempdir()?, prefix: format!("ipc-bench-{}-{turn}-", std::process::id()) })
    }

    fn node(&self) -> Result<Node<ipc::Service>> {
        set_log_level(LogLevel::Fatal);
        let mut config = Config::default();
        let folder = self.folder.path().to_str().ok_or("a folder whose name is no text")?;
        config.global.set_root_path(&Path::new(folder.as_bytes()).map_err(fault)?);
        config.global.prefix = FileName::new(self.prefix.as_bytes()).map_err(fault)?;
        NodeBuilder::new()
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .config(&config)
            .create::<ipc::Service>()
            .map_err(fault)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let objects = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        for object in objects {
            if object.file_name().to_string_lossy().starts_with(&self.prefix) {
                // An error means that it is gone already.
                let _ = std::fs::remove_file(object.path());
            }
        }
    }
}

fn service(direction: usize) -> Result<ServiceName> {
    format!("direction {direction}").as_str().try_into().map_err(fault)
}

struct Topics {
    domain: Domain,
    bytes: usize,
}

impl Ends for Topics {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        let node = self.domain.node()?;
        let topic = |direction| {
            node.service_builder(&service(direction)?)
                .publish_subscribe::<[u8]>()
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(slots(self.bytes))
                .max_publishers(1)
                .max_subscribers(1)
                .open_or_create()
                .map_err(fault)
        };
        let publisher = topic(seat.end.sends())?
            .publisher_builder()
            .initial_max_slice_len(self.bytes)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(fault)?;
        let subscriber = topic(seat.end.receives())?.subscriber_builder().create().map_err(fault)?;
        Ok(Both { publisher, subscriber, _node: node })
    }
}

struct Both {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    _node: Node<ipc::Service>,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        let sample = self.publisher.loan_slice_uninit(message.len()).map_err(fault)?;
        sample.write_from_slice(message).send().map_err(fault)?;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        loop {
            if let Some(sample) = self.subscriber.receive().map_err(fault)? {
                buffer.copy_from_slice(sample.payload());
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}

struct Bells {
    domain: Domain,
    spins: bool,
}

impl Ends for Bells {
    type Channel<'e> = Bell;

    fn connect(&self, seat: Seat) -> Result<Bell> {
        let node = self.domain.node()?;
        let event = |direction| node.service_builder(&service(direction)?).event().open_or_create().map_err(fault);
        let notifier = event(seat.end.sends())?.notifier_builder().create().map_err(fault)?;
        let listener = event(seat.end.receives())?.listener_builder().create().map_err(fault)?;
        Ok(Bell { notifier, listener, spins: self.spins, _node: node })
    }
}

struct Bell {
    notifier: Notifier<ipc::Service>,
    listener: Listener<ipc::Service>,
    spins: bool,
    _node: Node<ipc::Service>,
}

impl Channel for Bell {
    fn send(&mut self, _: &[u8]) -> Result {
        self.notifier.notify().map_err(fault)?;
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        loop {
            let mut seen = 0;
            if self.spins {
                self.listener.try_wait(|_| seen += 1).map_err(fault)?;
            } else {
                self.listener.blocking_wait(|_| seen += 1).map_err(fault)?;
            }
            if seen > 0 {
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
