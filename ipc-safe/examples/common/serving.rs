//! What the servers have in common: they wait for clients and signals at once, and serve each client in a thread.

use ipc_safe::signal::{MaskGuard, Signal, SignalSet};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{Builder, sleep};
use std::time::Duration;

/// How many clients are served at once. The next ones wait in the backlog.
const MOST: usize = 256;
/// Between two looks whether one of them has gone.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// SIGINT and SIGTERM, blocked from when this is made on, in all threads that are started afterwards.
pub(crate) struct Server {
    stop: MaskGuard,
    /// Given up when there is no other descriptor to be had.
    reserve: Option<File>,
    /// Each client's thread has a copy.
    clients: Arc<()>,
}

impl Server {
    pub(crate) fn prepare() -> io::Result<Self> {
        let stop = SignalSet::from([Signal::INT, Signal::TERM]).block()?;
        Ok(Self { stop, reserve: Some(File::open("/dev/null")?), clients: Arc::new(()) })
    }

    /// Serves clients until a signal comes. `accept` does not wait.
    pub(crate) fn run<C: Send + 'static>(
        mut self,
        listener: impl AsFd,
        accept: impl Fn() -> io::Result<C>,
        serve: impl Fn(C) + Clone + Send + 'static,
    ) -> io::Result<()> {
        let stop = self.stop.descriptor()?;
        loop {
            let mut ready =
                [PollFd::new(&stop, PollFlags::IN), PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
            // A handler of another signal is no reason to end.
            retry_on_intr(|| match Arc::strong_count(&self.clients) > MOST {
                true => poll(&mut ready[..1], Some(&PAUSE)),
                false => poll(&mut ready, None),
            })?;
            if !ready[0].revents().is_empty() {
                // Taken, or it would end the process when it is no longer blocked.
                stop.read().or_else(|_| self.stop.try_wait())?;
                return Ok(());
            }
            if ready[1].revents().is_empty() {
                continue;
            }
            match accept() {
                Ok(client) => start(&self.clients, client, serve.clone()),
                Err(error) => survive(&mut self.reserve, &error, &accept)?,
            }
        }
    }
}

/// Serves a client in a thread of its own. One that cannot be started costs the client its connection.
fn start<C: Send + 'static>(clients: &Arc<()>, client: C, serve: impl Fn(C) + Send + 'static) {
    let counted = Arc::clone(clients);
    let started = Builder::new().spawn(move || {
        serve(client);
        drop(counted);
    });
    if let Err(error) = started {
        eprintln!("no thread for a client: {error}");
    }
}

/// What is wrong with one client is no reason to end, and no reason to spin.
fn survive<C>(reserve: &mut Option<File>, error: &io::Error, accept: impl Fn() -> io::Result<C>) -> io::Result<()> {
    match error.raw_os_error() {
        // Gone before it was accepted, or there is none.
        Some(libc::ECONNABORTED | libc::EAGAIN | libc::EINTR) => Ok(()),
        // It stays where it is, and the listener ready: with the descriptor in reserve it is taken, and closed. Another thread
        // may have been faster to take that one; then there is a pause.
        Some(libc::EMFILE | libc::ENFILE) => {
            *reserve = None;
            let turned_away = accept().is_ok();
            *reserve = File::open("/dev/null").ok();
            eprintln!("no descriptor for a client: {error}");
            if !turned_away {
                sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Some(libc::ENOBUFS | libc::ENOMEM) => {
            sleep(Duration::from_millis(20));
            Ok(())
        }
        _ => Err(io::Error::other(format!("accept: {error}"))),
    }
}
