//! A file as memory that processes share, whether they are related or have nothing in common but its name.
//!
//! The file outlives them, and with it what they wrote. Its size is set before it is mapped: an empty file cannot be, and
//! bytes that are written behind the end, up to the end of the page, are in nobody's file. A mapping is private or shared:
//! what is written to a private one (`--private`) stays in the process, in copies of the pages; no file is made for it.
//!
//! ```text
//! $ cargo run --example mmap_file -- /tmp/board --write 'hello world'
//! wrote 11 bytes
//! $ cargo run --example mmap_file -- /tmp/board
//! read "hello world"
//! $ cargo run --example mmap_file -- /tmp/board --private HELLO
//! this process sees "HELLO world"
//! the file has "hello world"
//! $ cargo run --example mmap_file -- /tmp/board --family
//! child 4712: read "a question"
//! parent: child 4712 wrote "an answer"
//! ```
#![forbid(unsafe_code)]

use ipc_safe::memory::{CopyOnWrite, FileMapping, ReadOnly};
use std::error::Error;
use std::fs::File;
use std::io::stdin;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const USAGE: &str = "usage: mmap_file PATH [--write TEXT | --private TEXT | --family]";

/// What the child of `--family` is called with. It gets the file as its standard input.
const CHILD: &str = "--child";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [CHILD] => child(),
        [path] if !path.starts_with("--") => at(path, read),
        [path, "--write", text] => at(path, |path| write(path, text)),
        [path, "--private", text] => at(path, |path| write_privately(path, text)),
        [path, "--family"] => at(path, family),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mmap_file: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `action`, and puts the path before what it complains of.
fn at(path: &str, action: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    action(path.as_ref()).map_err(|error| format!("{path}: {error}").into())
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    println!("read {:?}", text_of(path)?);
    Ok(())
}

/// Open for reading is enough to map for reading.
fn text_of(path: &Path) -> Result<String, Box<dyn Error>> {
    let file = File::open(path)?;
    let mapping: FileMapping<ReadOnly> = FileMapping::read_only(&file)?;
    drop(file); // The mapping stays.
    let mut bytes = vec![0; mapping.len()];
    mapping.read(0, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if text.is_empty() {
        return Err("an empty file cannot be mapped: give a text of at least one byte".into());
    }
    let file = sized(path, text.len())?;
    let mapping = FileMapping::new(&file)?;
    mapping.write(0, text.as_bytes())?;
    mapping.flush()?; // For a crash of the machine; other processes see the bytes without it.
    println!("wrote {} bytes", text.len());
    Ok(())
}

/// The file, made if it is missing, with so many bytes. Moving the position behind the end would not make it longer.
fn sized(path: &Path, len: usize) -> Result<File, Box<dyn Error>> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    file.set_len(len as u64)?;
    Ok(file)
}

/// Writing needs no right to write the file: it is never written.
fn write_privately(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    let mapping: FileMapping<CopyOnWrite> = FileMapping::copy_on_write(&file)?;
    mapping.write(0, text.as_bytes())?;
    let mut bytes = vec![0; mapping.len()];
    mapping.read(0, &mut bytes)?;
    println!("this process sees {:?}", String::from_utf8_lossy(&bytes));
    println!("the file has {:?}", text_of(path)?);
    Ok(())
}

/// Room for the two texts of the family.
const QUESTION: usize = 0;
const ANSWER: usize = 32;
const SIZE: usize = 64;

fn family(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = sized(path, SIZE)?;
    let mapping = FileMapping::new(&file)?;
    mapping.store(QUESTION, &field("a question"))?;
    // The child inherits the open file; it need not know the name.
    let mut child = Command::new(std::env::current_exe()?).arg(CHILD).stdin(Stdio::from(file)).spawn()?;
    let pid = child.id();
    // The end of the child says that the answer is there; a pause would only hope so.
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("child {pid} ended with {status}").into());
    }
    println!("parent: child {pid} wrote {:?}", text(&mapping.load(ANSWER)?));
    Ok(())
}

fn child() -> Result<(), Box<dyn Error>> {
    let mapping = FileMapping::new(stdin())?;
    println!("child {}: read {:?}", std::process::id(), text(&mapping.load(QUESTION)?));
    mapping.store(ANSWER, &field("an answer"))?;
    Ok(())
}

/// A text as a field of the file: the bytes behind it are zero.
fn field(text: &str) -> [u8; 32] {
    std::array::from_fn(|index| text.as_bytes().get(index).copied().unwrap_or(0))
}

/// The text in a field, which anybody may have written.
fn text(field: &[u8; 32]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}
