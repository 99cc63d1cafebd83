//! Calls over frames: typed requests and replies, descriptors with either, errors carried back.

use ipc_safe::socket::{Frame, FramedStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// What went wrong at the other end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The error number, when a call of the system failed.
    pub(crate) errno: Option<i32>,
    pub(crate) reason: String,
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self { errno: error.raw_os_error(), reason: error.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Fault {}

/// A reply with its descriptors, or what went wrong at the other end.
pub(crate) type Answer<R> = Result<(R, Vec<OwnedFd>), Fault>;

/// Makes a call and waits for its reply. Only the inner error comes from the other end; after an outer one the connection is of
/// no use.
pub(crate) fn call<Q: Serialize, R: DeserializeOwned>(
    server: &mut FramedStream,
    request: &Q,
    descriptors: &[OwnedFd],
    patience: Duration,
) -> Result<Answer<R>, Box<dyn Error>> {
    send(server, request, descriptors, patience)?;
    let frame = server.receive_timeout(patience)?.ok_or("the server is gone")?;
    let reply: Result<R, Fault> = postcard::from_bytes(&frame.bytes)?;
    Ok(reply.map(|reply| (reply, frame.descriptors)))
}

/// Answers calls until the client closes. What is no request is told to the client, and is no reason to end.
pub(crate) fn serve<Q: DeserializeOwned, R: Serialize>(
    client: &mut FramedStream,
    patience: Duration,
    mut answer: impl FnMut(Q, Vec<OwnedFd>) -> Answer<R>,
) -> Result<(), Box<dyn Error>> {
    while let Some(Frame { bytes, descriptors, .. }) = client.receive()? {
        let answered = match postcard::from_bytes(&bytes) {
            Ok(request) => answer(request, descriptors),
            Err(error) => Err(Fault { errno: None, reason: format!("not a request: {error}") }),
        };
        match answered {
            Ok((reply, descriptors)) => send(client, &Ok::<_, Fault>(reply), &descriptors, patience)?,
            Err(fault) => send(client, &Err::<R, _>(fault), &[], patience)?,
        }
    }
    Ok(())
}

/// Sends all of a frame: one that is stuck half way after `patience` is an error.
fn send<T: Serialize>(
    peer: &mut FramedStream,
    value: &T,
    descriptors: &[OwnedFd],
    patience: Duration,
) -> Result<(), Box<dyn Error>> {
    let bytes = postcard::to_stdvec(value)?;
    let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    peer.send_timeout(&bytes, &descriptors, patience)?;
    Ok(peer.flush_timeout(patience)?)
}
