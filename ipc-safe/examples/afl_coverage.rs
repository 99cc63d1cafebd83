//! The fuzzer's side of AFL++'s shared memory: which branches a program takes for an input, and whether any is new.
//!
//! A program that AFL++ compiled counts its edges, the steps from one piece of code to the next, in a segment whose id it finds in
//! its environment (`__AFL_SHM_ID`). This program makes the segment, runs the other for each input, which goes to its standard
//! input, and reads the counts. What is interesting is not how often an edge was taken but about how often, so that counts are
//! sorted into eight classes; an input that brings a class to an edge that had not had it is a new one.
//!
//! The segment is removed as soon as this program has it attached: Linux lets others attach it by its id nevertheless, and it goes
//! with its last attachment. Nothing is left, however this program ends.
//!
//! ```text
//! $ afl-clang-fast -o instrumented program.c
//! $ cargo run --example afl_coverage -- ./instrumented hello 123
//! ```
//!
//! A program that takes longer than five seconds, or than `AFL_HANG_TMOUT` milliseconds, is ended.
//!
//! Without AFL++, this program stands in for the other, too (`--target`): its input has letters, digits, and bugs to be found.
//!
//! ```text
//! $ cargo run --example afl_coverage -- --self hello world 123 hello! ?
//! "hello": 4 edges, 4 of them new; exit status 0
//! "world": 4 edges, none new; exit status 0
//! "123": 4 edges, 3 of them new; exit status 0
//! "hello!": 3 edges, none new; killed by signal 6
//! "?": 1 edges, none new; hung for 5s
//! ```
#![forbid(unsafe_code)]

use ipc_safe::process::{Children, Pid};
use ipc_safe::sysv::{Attachment, Segment};
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

const USAGE: &str = "usage: afl_coverage PROGRAM INPUT..., or --self INPUT...";

/// Where AFL++ looks for the id of the segment, and for its size.
const ID: &str = "__AFL_SHM_ID";
const SIZE: &str = "AFL_MAP_SIZE";

/// A counter an edge. AFL++ has that many where it is not told otherwise.
const EDGES: usize = 1 << 16;

/// How long the program may take for an input, in milliseconds, when AFL++'s variable does not say.
const HANG: &str = "AFL_HANG_TMOUT";
const PATIENCE: u64 = 5_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--target"] => target(),
        ["--self", ref inputs @ ..] if !inputs.is_empty() => fuzz(this_program, inputs),
        [program, ref inputs @ ..] if !inputs.is_empty() => fuzz(|| Ok(Command::new(program)), inputs),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("afl_coverage: {error}");
            ExitCode::FAILURE
        }
    }
}

/// This program once more, as one to be fuzzed.
fn this_program() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--target");
    Ok(command)
}

/// Runs the program for each input, and tells what that showed.
fn fuzz(program: impl Fn() -> std::io::Result<Command>, inputs: &[&str]) -> Result<(), Box<dyn Error>> {
    let map = Map::new(EDGES)?;
    let patience =
        std::env::var(HANG).map_or(Ok(PATIENCE), |text| text.parse()).map_err(|_| format!("{HANG} is no number"))?;
    let patience = Duration::from_millis(patience);
    let mut known = Known(vec![0; EDGES]);
    for input in inputs {
        map.clear();
        let end = map.run(program()?, input.as_bytes(), patience)?;
        let counts = map.counts();
        let edges = counts.iter().filter(|&&count| count > 0).count();
        let new = match known.add(&counts) {
            0 => "none new".to_owned(),
            new => format!("{new} of them new"),
        };
        println!("{input:?}: {edges} edges, {new}; {end}");
    }
    Ok(())
}

/// The counters, which the program under test finds by the id.
struct Map {
    id: i32,
    memory: Attachment,
}

impl Map {
    fn new(edges: usize) -> ipc_safe::Result<Self> {
        let segment = Segment::private(edges)?;
        let memory = segment.attach()?;
        // From now on it goes with its last attachment: also when this process is killed.
        let id = segment.id();
        segment.remove()?;
        Ok(Self { id, memory })
    }

    fn clear(&self) {
        self.memory.bytes().fill(0);
    }

    /// The counts. The program may write on if it left a child running: that is no harm, they are a copy.
    fn counts(&self) -> Vec<u8> {
        self.memory.bytes().to_vec()
    }

    /// Runs the program to its end, in words, with an input.
    fn run(&self, mut program: Command, input: &[u8], patience: Duration) -> Result<String, Box<dyn Error>> {
        program.env(ID, self.id.to_string()).env(SIZE, self.memory.len().to_string());
        program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = program.spawn().map_err(|error| format!("{}: {error}", program.get_program().display()))?;
        // It may end, or close its input, before it has read everything.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        let waiting = Children::pid(Pid::from_child(&child));
        match waiting.wait_timeout(patience) {
            Ok(event) => Ok(event.status.to_string()),
            Err(error) if error.is_timed_out() => {
                child.kill()?;
                waiting.wait()?;
                Ok(format!("hung for {patience:?}"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The classes of counts that each edge has had, a bit each.
struct Known(Vec<u8>);

impl Known {
    /// Notes the counts; how many edges have one of a class that they have not had.
    fn add(&mut self, counts: &[u8]) -> usize {
        let edges = self.0.iter_mut().zip(counts);
        let is_new = |(known, count): (&mut u8, &u8)| {
            let before = *known;
            *known |= class(*count);
            *known != before
        };
        edges.map(is_new).filter(|&new| new).count()
    }
}

/// The class of a count: once, twice, three times, then by powers of two.
fn class(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1 << 0,
        2 => 1 << 1,
        3 => 1 << 2,
        4..=7 => 1 << 3,
        8..=15 => 1 << 4,
        16..=31 => 1 << 5,
        32..=127 => 1 << 6,
        128.. => 1 << 7,
    }
}

/// The instrumented side: looks at its input, and counts the edges from one of its places to the next.
fn target() -> Result<(), Box<dyn Error>> {
    let id = std::env::var(ID).map_err(|_| format!("no {ID} in the environment"))?;
    let mut coverage = Coverage { memory: Segment::from_id(id.parse()?)?.attach()?, place: 0 };
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    coverage.arrive(1)?;
    for byte in input {
        match byte {
            b'a'..=b'z' => coverage.arrive(2)?,
            b'0'..=b'9' => coverage.arrive(3)?,
            b'!' => std::process::abort(),
            b'?' => std::thread::sleep(Duration::from_millis(10 * PATIENCE)),
            _ => coverage.arrive(4)?,
        }
    }
    coverage.arrive(5)?;
    Ok(())
}

/// The counters, and where the program is.
struct Coverage {
    memory: Attachment,
    place: usize,
}

impl Coverage {
    fn arrive(&mut self, place: usize) -> ipc_safe::Result<()> {
        // From one place to another is another edge than back.
        let edge = (self.place << 8 | place) % self.memory.len();
        self.place = place;
        let bytes = self.memory.bytes();
        let count: u8 = bytes.load(edge)?;
        bytes.store(edge, &count.wrapping_add(1).max(1))
    }
}
