//! A message of a batch is lent until the next one.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    sender.send_many(&["one", "two"])?;
    let mut batch = receiver.batch()?;
    let first = batch.next()?.expect("the first");
    assert!(batch.next()?.is_some());
    assert_eq!(first.to_vec(), b"one");
    Ok(())
}
