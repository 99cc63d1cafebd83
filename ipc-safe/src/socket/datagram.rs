//! What only datagrams have.

use super::fault::fault_at;
use super::ready::errno;
use super::{BindOptions, Bound, LocalAddress, LocalDatagram};
use crate::error::Result;

impl LocalDatagram {
    /// A socket without an address, for sending.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when there are too many descriptors.
    #[doc(alias = "socket")]
    pub fn unbound() -> Result<Self> {
        Self::new()
    }

    /// A socket with this address.
    ///
    /// ```
    /// use ipc_safe::socket::{Incoming, LocalAddress, LocalDatagram, Outgoing};
    ///
    /// // The kernel chooses the names.
    /// let server = LocalDatagram::bind(&LocalAddress::UNNAMED)?;
    /// let client = LocalDatagram::bind(&LocalAddress::UNNAMED)?;
    /// client.send(Outgoing::new(b"ping").to(&server.local_address()?))?;
    ///
    /// let mut bytes = [0; 16];
    /// let received = server.receive_message(&mut Incoming::new(&mut bytes))?;
    /// let sender = received.address.expect("it is bound");
    /// server.send(Outgoing::new(b"pong").to(&sender))?;
    /// assert_eq!(client.receive(&mut bytes)?, 4);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`BindOptions::datagram`].
    pub fn bind(address: &LocalAddress) -> Result<Bound<Self>> {
        BindOptions::new().datagram(address)
    }

    /// Sends to this address from now on, and receives from there only.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when there is no such path,
    /// [`Refused`](crate::error::ErrorKind::Refused) when nobody has it, or no such abstract name;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to write to the path, and when the
    /// other one is connected elsewhere.
    #[doc(alias = "connect")]
    pub fn connect_to(&self, address: &LocalAddress) -> Result<()> {
        let failed = |number| fault_at("connect", errno(number), address);
        let target = address.to_rustix().map_err(failed)?;
        rustix::io::retry_on_intr(|| rustix::net::connect(self, &target)).map_err(failed)
    }

    /// Takes [`connect_to`](Self::connect_to) back.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    pub fn disconnect(&self) -> Result<()> {
        rustix::io::retry_on_intr(|| rustix::net::connect_unspec(self))
            .map_err(|number| super::fault::fault("connect", errno(number)))
    }
}
