//! Two processes, two channels: a parent asks, its child answers, through shared memory only.
//!
//! ```text
//! $ cargo run --example channel_pair
//! 12 bytes: the child says "sdrawkcab si"
//! ...
//! ```
//!
//! With a number as argument, so many questions are asked, and the time that each took is shown.

#[path = "common/helper.rs"]
mod helper;

use helper::Helper;
use ipc_safe::channel::{Channel, Messages, Receiver, Sender};
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use std::error::Error;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells the program that it is the child.
const CHILD: &str = "CHANNEL_PAIR_CHILD";

/// How long the other one may take: one that never got as far as its ends is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

type Ends = (Sender<SharedMemory>, Receiver<SharedMemory>);

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os(CHILD).is_some() {
        return answer(ends_of_child()?);
    }
    let questions = std::env::args().nth(1).map(|count| count.parse()).transpose()?;

    let (there, questions_channel) = Channel::<_, Messages>::memfd(1 << 16)?;
    let (back, answers_channel) = Channel::<_, Messages>::memfd(1 << 16)?;
    // The child inherits the two descriptors as its standard input and output.
    let mut command = Command::new(std::env::current_exe()?);
    command.env(CHILD, "1").stdin(Stdio::from(OwnedFd::from(there))).stdout(Stdio::from(OwnedFd::from(back)));
    let mut child = Helper(command.spawn()?);
    let ends = (questions_channel.sender()?, answers_channel.receiver()?);
    match questions {
        None => ask(ends)?,
        Some(count) => measure(ends, count)?,
    }
    // The ends are dropped: the child's stream ends, and with it the child.
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the child ended with {status}").into()) }
}

fn ask((mut questions, mut answers): Ends) -> Result<(), Box<dyn Error>> {
    for question in ["is backwards", "a longer question, which is turned round as a whole", ""] {
        questions.send(question.as_bytes())?;
        let mut answer = Vec::new();
        answers.receive_timeout(&mut answer, PATIENCE)?;
        println!("{} bytes: the child says {:?}", answer.len(), String::from_utf8_lossy(&answer));
    }
    Ok(())
}

fn measure((mut questions, mut answers): Ends, count: u32) -> Result<(), Box<dyn Error>> {
    let mut answer = Vec::new();
    let begun = Instant::now();
    for _ in 0..count {
        questions.send(b"how long does this take?")?;
        answers.receive_timeout(&mut answer, PATIENCE)?;
    }
    println!("{count} questions and answers, {:?} each", begun.elapsed() / count.max(1));
    Ok(())
}

fn ends_of_child() -> Result<Ends, Box<dyn Error>> {
    let there = FixedMemfd::try_from(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    let back = FixedMemfd::try_from(std::io::stdout().as_fd().try_clone_to_owned()?)?;
    let questions = Channel::<_, Messages>::from_memfd(&there)?.receiver()?;
    Ok((Channel::<_, Messages>::from_memfd(&back)?.sender()?, questions))
}

/// Turns each question round, in place, until nobody asks any more. Whoever is killed is noticed; one that was killed before it took
/// its seat asks nothing.
fn answer((mut answers, mut questions): Ends) -> Result<(), Box<dyn Error>> {
    while let Ok(question) = questions.peek_timeout(PATIENCE) {
        let answer = answers.reserve(question.len())?;
        for offset in 0..question.len() {
            let byte: u8 = question.bytes().load(offset)?;
            answer.bytes().store(question.len() - 1 - offset, &byte)?;
        }
        answer.commit();
        question.release();
    }
    Ok(())
}
