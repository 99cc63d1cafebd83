//! Packet mode.

use crate::alone::alone;
use crate::tools::{LONG, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{PIPE_BUF, PipeOptions};
use std::io::{Read, Write};

/// R-PIPE-09
#[test]
fn one_read_takes_one_packet_and_what_is_longer_is_lost() {
    alone(|| {
        let (mut reader, mut writer) = PipeOptions::new().packets(true).create().unwrap();
        writer.write_all(b"one").unwrap();
        writer.write_atomic("number two").unwrap();
        writer.try_write(b"3").unwrap();
        writer.write_timeout(&[4; PIPE_BUF], LONG).unwrap();
        let mut buffer = [0; PIPE_BUF];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        assert_eq!(reader.try_read(&mut buffer[..6]).unwrap(), 6);
        assert_eq!(&buffer[..6], b"number");
        assert_eq!(reader.read_timeout(&mut buffer, LONG).unwrap(), 1, "the rest of the packet before is lost");
        assert_eq!(reader.read(&mut buffer).unwrap(), PIPE_BUF);
        fails(reader.try_read(&mut buffer), ErrorKind::WouldBlock);
        drop(writer);
        assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    });
}

/// R-PIPE-09: a packet takes a page; a longer write is several packets.
#[test]
fn a_pipe_holds_as_many_packets_as_pages() {
    alone(|| {
        let (reader, writer) = PipeOptions::new().packets(true).create().unwrap();
        let mut packets = 0;
        while writer.try_write_atomic("x").is_ok() {
            packets += 1;
        }
        assert_eq!(packets, 16);
        let mut buffer = [0; 2 * PIPE_BUF];
        for _ in 0..packets {
            assert_eq!(reader.try_read(&mut buffer).unwrap(), 1);
        }
        assert_eq!(writer.try_write(&[5; PIPE_BUF + 10]).unwrap(), PIPE_BUF + 10);
        assert_eq!(reader.try_read(&mut buffer).unwrap(), PIPE_BUF);
        assert_eq!(reader.try_read(&mut buffer).unwrap(), 10);
    });
}
