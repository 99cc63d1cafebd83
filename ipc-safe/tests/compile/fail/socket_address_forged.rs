//! An address is checked when it is made.
#![forbid(unsafe_code)]

use ipc_safe::socket::LocalAddress;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = [b'x'; 108];
    let address: LocalAddress = LocalAddress { name, len: 200 };
    assert_eq!(address.as_path().map(|path| path.as_os_str().len()), Some(108));
    Ok(())
}
