//! `SharedCursor` does what `std::io::Cursor` does, but for positions past the end, which it refuses.

use crate::config;
use crate::fenced::{Fenced, Side};
use ipc_safe::shared::Region;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom, Write};

const LEN: usize = 50;

#[derive(Clone, Debug)]
enum Call {
    Read(usize),
    Write(Vec<u8>),
    Seek(SeekFrom),
}

fn call() -> impl Strategy<Value = Call> {
    let delta = || prop_oneof![8 => -60..60_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let seek = prop_oneof![
        prop_oneof![8 => 0..60_u64, 1 => Just(u64::MAX)].prop_map(SeekFrom::Start),
        delta().prop_map(SeekFrom::End),
        delta().prop_map(SeekFrom::Current),
    ];
    prop_oneof![
        (0..60_usize).prop_map(Call::Read),
        vec(any::<u8>(), 0..60).prop_map(Call::Write),
        seek.prop_map(Call::Seek),
    ]
}

proptest! {
    #![proptest_config(config(300))]

    /// Any calls in a row have the results that they have on a vector.
    #[test]
    fn a_cursor_does_what_that_of_std_does(calls in vec(call(), 1..30)) {
        let region = Fenced::new(LEN, Side::End);
        let mut cursor = region.bytes().cursor();
        let mut bytes = vec![0; LEN];
        let mut model = Cursor::new(bytes.as_mut_slice());
        for call in calls {
            match call {
                Call::Read(len) => {
                    let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
                    prop_assert_eq!(cursor.read(&mut ours).unwrap(), model.read(&mut theirs).unwrap());
                    prop_assert_eq!(ours, theirs);
                }
                Call::Write(source) => {
                    prop_assert_eq!(cursor.write(&source).unwrap(), model.write(&source).unwrap());
                }
                Call::Seek(target) => {
                    let before = model.position();
                    let expected = model.seek(target).ok().filter(|position| *position <= LEN as u64);
                    model.set_position(expected.unwrap_or(before));
                    let sought = cursor.seek(target);
                    if let Err(error) = &sought {
                        prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    }
                    prop_assert_eq!(sought.ok(), expected);
                }
            }
            prop_assert_eq!(cursor.position() as u64, model.position());
        }
        prop_assert_eq!(region.bytes().to_vec(), bytes);
    }
}

/// Text that does not fit is written as far as there is room, and the rest is an error of std.
#[test]
fn writing_past_the_end_is_write_zero() {
    let region = Fenced::new(4, Side::End);
    let error = region.bytes().cursor().write_all(b"12345").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(region.bytes().to_vec(), b"1234");
}
