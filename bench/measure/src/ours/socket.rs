//! Local sockets, a pair of each kind.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::socket::{Datagram, Kind, LocalSocket, SeqPacket, Stream};

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 3] {
    [
        row::<Stream>(name::STREAM, place, bytes),
        row::<Datagram>(name::DATAGRAM, place, bytes),
        row::<SeqPacket>(name::SEQPACKET, place, bytes),
    ]
}

fn row<K: Kind + Sync + 'static>(mechanism: &str, place: Place, bytes: usize) -> Row {
    Row::between(OURS, mechanism, place, bytes, move || {
        let (near, far) = LocalSocket::<K>::pair()?;
        Ok(Sockets { ends: [near, far], spins: place == Place::TwoCores })
    })
}

struct Sockets<K> {
    ends: [LocalSocket<K>; 2],
    spins: bool,
}

impl<K: Kind + Sync + 'static> Ends for Sockets<K> {
    type Channel<'e> = End<'e, K>;

    fn connect(&self, seat: Seat) -> Result<End<'_, K>> {
        Ok(End { socket: &self.ends[seat.end.sends()], spins: self.spins })
    }
}

struct End<'e, K> {
    socket: &'e LocalSocket<K>,
    spins: bool,
}

impl<K: Kind> Channel for End<'_, K> {
    fn send(&mut self, message: &[u8]) -> Result {
        let mut rest = message;
        while !rest.is_empty() {
            let sent = if self.spins { spin(|| self.socket.try_send(rest))? } else { self.socket.send(rest)? };
            rest = &rest[sent..];
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            let received =
                if self.spins { spin(|| self.socket.try_receive(rest))? } else { self.socket.receive(rest)? };
            if received == 0 {
                return Err("the other end is closed".into());
            }
            filled += received;
        }
        Ok(())
    }
}
