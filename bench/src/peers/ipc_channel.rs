//! ipc-channel: its channels of bytes, which do without serde; a channel a direction.

use super::peer;
use crate::streams::Taken;
use ipc_channel::TryRecvError;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use ipc_measure::ours::name;
use ipc_measure::{Channel, Place, Result, Row};

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 1] {
    let spins = place == Place::TwoCores;
    [Row::between(peer("ipc-channel"), name::CHANNEL, place, bytes, move || {
        let ((first, second), (third, fourth)) = (bytes_channel()?, bytes_channel()?);
        let both = |sender, receiver| Both { sender, receiver, spins };
        Ok(Taken::new(both(first, fourth), both(third, second)))
    })]
}

struct Both {
    sender: IpcBytesSender,
    receiver: IpcBytesReceiver,
    spins: bool,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.sender.send(message)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let message = loop {
            if !self.spins {
                break self.receiver.recv()?;
            }
            match self.receiver.try_recv() {
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
                other => break other?,
            }
        };
        buffer.copy_from_slice(&message);
        Ok(())
    }
}
