//! Keys, ids, permissions.

use crate::support::{as_nobody, fork, in_namespace, set_sysctl};
use crate::tools::{LONG, Noun, SHORT, alone_in_namespace, as_ordinary_user, fails, is_root, kind};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Handle, Key, MessageQueue, MessageType, Owned, Segment, Selector, SemaphoreSet};
use std::ffi::CString;
use std::num::NonZeroU8;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

const PROJECT: NonZeroU8 = NonZeroU8::new(b'A').unwrap();

/// The C function, with any number.
fn ftok(path: &Path, project: i32) -> i32 {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string that lives through the call.
    unsafe { libc::ftok(path.as_ptr(), project) }
}

/// R-KEY-01
#[test]
fn a_key_of_a_path_has_8_bits_of_number_8_of_device_and_16_of_inode() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let meta = file.path().metadata().unwrap();

    let key = Key::from_path(file.path(), PROJECT).unwrap();

    let bits = 0x41_u64 << 24 | (meta.dev() & 0xff) << 16 | meta.ino() & 0xffff;
    assert_eq!(u64::from(key.as_raw().cast_unsigned()), bits);
    assert_eq!(key.as_raw(), ftok(file.path(), 0x41));
}

/// R-KEY-01
#[test]
fn a_key_of_a_path_that_does_not_exist_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent");

    let error = fails(Key::from_path(&path, PROJECT), ErrorKind::NotFound, libc::ENOENT);

    let text = format!("ftok of {}: ENOENT: the file that the key is made from must exist", path.display());
    assert_eq!(error.to_string(), text);
}

/// R-KEY-01
#[test]
fn a_key_of_a_path_that_may_not_be_searched_is_permission_denied() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();

    if is_root() {
        as_nobody(|| {
            let key = Key::from_path(folder.path().join("file"), PROJECT);
            fails(key, ErrorKind::PermissionDenied, libc::EACCES);
            0
        });
    }
}

/// R-KEY-02
#[test]
fn the_same_path_a_hard_link_and_a_symbolic_link_give_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let [file, hard, soft] = ["file", "hard", "soft"].map(|name| folder.path().join(name));
    std::fs::write(&file, "").unwrap();
    std::fs::hard_link(&file, &hard).unwrap();
    symlink(&file, &soft).unwrap();

    let keys = [&file, &file, &hard, &soft].map(|path| Key::from_path(path, PROJECT).unwrap());

    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_ne!(keys[0], Key::from_path(&file, NonZeroU8::new(b'B').unwrap()).unwrap());
}

/// R-KEY-02
#[test]
fn a_file_made_anew_gives_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "").unwrap();
    let before = Key::from_path(&path, PROJECT).unwrap();

    let successor = folder.path().join("successor");
    std::fs::write(&successor, "").unwrap();
    std::fs::rename(&successor, &path).unwrap();

    assert_ne!(Key::from_path(&path, PROJECT).unwrap(), before);
}

/// R-KEY-02
#[test]
fn only_8_bits_of_the_number_count() {
    let file = tempfile::NamedTempFile::new().unwrap();

    let key = Key::from_path(file.path(), PROJECT).unwrap();

    assert_eq!(ftok(file.path(), 0x7f41), key.as_raw());
}

/// R-KEY-03
#[test]
fn a_number_from_0x80_on_gives_a_negative_key_that_works() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = Key::from_path(file.path(), NonZeroU8::new(0xff).unwrap()).unwrap();
    assert!(key.as_raw() < 0);
    assert_eq!(key.as_raw(), ftok(file.path(), 0xff));

    let queue = MessageQueue::new(key);

    assert_eq!(MessageQueue::open(key).unwrap(), *queue);
    assert_eq!(queue.status().unwrap().permissions.key, key);
}

/// R-KEY-03
#[test]
fn number_0_cannot_be_said_although_c_takes_it() {
    let file = tempfile::NamedTempFile::new().unwrap();

    assert_eq!(NonZeroU8::new(0), None);
    assert_ne!(ftok(file.path(), 0), -1);
}

/// R-KEY-04
#[test]
fn a_constant_key_a_private_object_and_a_path_find_what_they_should() {
    fn check<T: Noun>() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of_path = Key::from_path(file.path(), PROJECT).unwrap();
        let constant = Key::new(Key::random().unwrap().as_raw());
        for key in [of_path, constant] {
            let object = T::new(key);
            assert_eq!(T::find(key).unwrap(), *object);
        }
        let (one, other) = (T::new(Key::PRIVATE), T::new(Key::PRIVATE));
        assert_ne!(*one, *other);
        assert_eq!(one.permissions().unwrap().key, Key::PRIVATE);
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-04
#[test]
fn nobody_finds_a_private_object_by_its_key_and_nothing_is_made_by_trying() {
    fn check<T: Noun>(count: fn() -> usize) {
        let before = count();
        let open = fails(T::find(Key::PRIVATE), ErrorKind::NotFound, libc::ENOENT);
        assert!(open.to_string().starts_with(&format!("{} of a private object: ENOENT: ", T::GET)), "{open}");
        fails(T::make(Key::PRIVATE, false, false, 0o600), ErrorKind::NotFound, libc::ENOENT);
        assert_eq!(count(), before);
    }
    in_namespace(|| {
        check::<MessageQueue>(|| MessageQueue::list().unwrap().len());
        check::<SemaphoreSet>(|| SemaphoreSet::list().unwrap().len());
        check::<Segment>(|| Segment::list().unwrap().len());
    });
}

/// R-KEY-04
#[test]
fn an_id_travels_by_inheritance_and_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let queue = MessageQueue::private().unwrap();
    let note = folder.path().join("id");
    std::fs::write(&note, queue.id().to_string()).unwrap();

    let inherited = *queue;
    fork(|| inherited.send(kind(1), "inherited").map_or(1, |()| 0)).succeed();
    fork(|| {
        let id = std::fs::read_to_string(&note).unwrap().parse().unwrap();
        MessageQueue::from_id(id).unwrap().send(kind(2), "file").map_or(1, |()| 0)
    })
    .succeed();

    let texts: Vec<_> = queue.messages(Selector::First).take(2).map(|message| message.unwrap().bytes).collect();
    assert_eq!(texts, [&b"inherited"[..], b"file"]);
}

/// R-KEY-04
#[test]
fn an_id_travels_by_environment() {
    const ID: &str = "IPC_SAFE_TEST_QUEUE_ID";
    if let Some(id) = std::env::var_os(ID) {
        let id = id.to_str().unwrap().parse().unwrap();
        MessageQueue::from_id(id).unwrap().send(MessageType::MIN, "environment").unwrap();
        return;
    }
    let queue = MessageQueue::private().unwrap();
    let name = std::thread::current().name().unwrap().to_owned();

    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", &name]).env(ID, queue.id().to_string()).output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let mut text = Vec::new();
    queue.try_receive(Selector::First, &mut text).unwrap();
    assert_eq!(text, b"environment");
}

/// R-KEY-05 R-MSG-01
#[test]
fn create_finds_or_makes_create_new_makes_or_fails_and_open_finds_or_fails() {
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        fails(T::find(key), ErrorKind::NotFound, libc::ENOENT);
        fails(T::make(key, false, false, 0o600), ErrorKind::NotFound, libc::ENOENT);

        let made = Owned::new(T::make(key, true, false, 0o600).unwrap());

        assert_eq!(T::make(key, true, false, 0o600).unwrap(), *made);
        assert_eq!(T::make(key, false, false, 0o600).unwrap(), *made);
        assert_eq!(T::find(key).unwrap(), *made);
        for create in [false, true] {
            let error = fails(T::make(key, create, true, 0o600), ErrorKind::AlreadyExists, libc::EEXIST);
            assert_eq!(error.call(), T::GET);
        }
        made.remove().unwrap();
        fails(T::find(key), ErrorKind::NotFound, libc::ENOENT);
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-05
#[test]
fn to_the_kernel_exclusive_alone_means_nothing() {
    use ipc_safe::sys::ipc::IPC_EXCL;
    let key = Key::random().unwrap();
    // SAFETY: integers only.
    let get = |flags| unsafe { ipc_safe::sys::msg::msgget(key.as_raw(), flags) };
    assert_eq!((get(IPC_EXCL), crate::tools::errno()), (-1, libc::ENOENT));

    let queue = MessageQueue::new(key);

    assert_eq!(get(IPC_EXCL), queue.id());
}

/// R-KEY-05
#[test]
fn the_three_kinds_have_tables_of_their_own() {
    let key = Key::random().unwrap();

    let (queue, set, segment) = (MessageQueue::new(key), SemaphoreSet::new(key), Segment::new(key));

    assert_eq!(MessageQueue::open(key).unwrap(), *queue);
    assert_eq!(SemaphoreSet::open(key).unwrap(), *set);
    assert_eq!(Segment::open(key).unwrap(), *segment);
}

/// R-KEY-06
#[test]
fn the_permissions_of_a_new_object_are_those_of_its_maker() {
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        let object = Owned::new(T::make(key, false, true, 0o640).unwrap());

        let permissions = object.permissions().unwrap();

        // SAFETY: take no argument and cannot fail.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        assert_eq!(permissions.key, key);
        assert_eq!((permissions.uid, permissions.gid), (uid, gid));
        assert_eq!((permissions.creator_uid, permissions.creator_gid), (uid, gid));
        assert_eq!(permissions.mode, 0o640);
        assert_eq!(permissions.sequence, object.id().cast_unsigned() >> 15);
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-06
#[test]
fn mode_owner_and_group_can_be_changed_and_the_creator_stays() {
    fn check<T: Noun>() {
        let object = T::new(Key::PRIVATE);
        object.chmod(0o644).unwrap();
        let before = object.permissions().unwrap();
        assert_eq!(before.mode, 0o644);
        if is_root() {
            object.chown(65534, 12345).unwrap();

            let after = object.permissions().unwrap();

            assert_eq!((after.uid, after.gid, after.mode), (65534, 12345, 0o644));
            assert_eq!((after.creator_uid, after.creator_gid), (before.creator_uid, before.creator_gid));
        }
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-06
#[test]
fn more_than_nine_mode_bits_are_refused_where_the_kernel_would_cut_them() {
    fn check<T: Noun>() {
        let object = T::new(Key::PRIVATE);

        let error = fails(object.chmod(0o7777), ErrorKind::InvalidInput, libc::EINVAL);

        assert!(error.to_string().contains("mode 0o7777: EINVAL: permission bits are nine: 0o000 to 0o777"), "{error}");
        assert_eq!(object.permissions().unwrap().mode, 0o600);
        fails(T::make(Key::PRIVATE, false, true, 0o1600), ErrorKind::InvalidInput, libc::EINVAL);
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();

    // What the kernel does.
    use ipc_safe::sys::{ipc, msg};
    let queue = MessageQueue::private().unwrap();
    let mut raw = msg::msqid_ds::default();
    // SAFETY: one structure that lives through both calls.
    unsafe {
        assert_eq!(msg::msgctl(queue.id(), ipc::IPC_STAT, &raw mut raw), 0);
        raw.msg_perm.mode = 0o7777;
        assert_eq!(msg::msgctl(queue.id(), ipc::IPC_SET, &raw mut raw), 0);
    }
    assert_eq!(queue.status().unwrap().permissions.mode, 0o777);
}

/// R-KEY-06
#[test]
fn another_user_may_neither_change_nor_remove_whatever_the_mode_says() {
    fn check<T: Noun>() {
        let object = Owned::new(T::make(Key::PRIVATE, false, true, 0o666).unwrap());
        let handle = *object;
        as_nobody(|| {
            assert_eq!(handle.permissions().unwrap().mode, 0o666);
            let error = fails(handle.chmod(0o600), ErrorKind::PermissionDenied, libc::EPERM);
            assert!(error.to_string().contains("EPERM: only owner, creator and CAP_SYS_ADMIN may do this"), "{error}");
            fails(handle.chown(65534, 65534), ErrorKind::PermissionDenied, libc::EPERM);
            fails(handle.remove(), ErrorKind::PermissionDenied, libc::EPERM);
            0
        });
        assert_eq!(object.permissions().unwrap().mode, 0o666);
    }
    if is_root() {
        check::<MessageQueue>();
        check::<SemaphoreSet>();
        check::<Segment>();
    }
}

/// R-KEY-06
#[test]
fn an_owner_who_is_not_the_creator_and_a_creator_who_is_not_the_owner_may_change_and_remove() {
    fn check<T: Noun>() {
        let given = T::new(Key::PRIVATE);
        given.chown(65534, 65534).unwrap();
        let handle = given.keep();
        as_nobody(|| {
            handle.chmod(0o640).unwrap();
            handle.remove().unwrap();

            let made = T::new(Key::PRIVATE);
            made.chown(1, 1).unwrap();
            made.chmod(0o620).unwrap();
            assert_eq!(made.permissions().unwrap().uid, 1);
            made.remove().unwrap();
            0
        });
        fails(handle.permissions(), ErrorKind::Removed, libc::EINVAL);
    }
    if is_root() {
        check::<MessageQueue>();
        check::<SemaphoreSet>();
        check::<Segment>();
    }
}

/// Setting mode and owner needs no right to read: who took that from itself can give it back.
///
/// R-KEY-06
#[test]
fn an_owner_who_may_not_read_changes_the_mode_all_the_same() {
    fn check<T: Noun>() {
        let object = T::new(Key::PRIVATE);
        for mode in [0, 0o200, 0o077] {
            object.chmod(mode).unwrap();
            let error = fails(object.permissions(), ErrorKind::PermissionDenied, libc::EACCES);
            assert_eq!(error.call(), T::CONTROL);
        }
        object.chmod(0o640).unwrap();
        assert_eq!(object.permissions().unwrap().mode, 0o640);

        // Under an id that is stale there is no other object either, although it may stand in the same place.
        let stale = *object;
        object.remove().unwrap();
        let _next = [(); 4].map(|()| T::new(Key::PRIVATE));
        fails(stale.chmod(0o600), ErrorKind::Removed, libc::EINVAL);
    }
    as_ordinary_user(|| {
        check::<MessageQueue>();
        check::<SemaphoreSet>();
        check::<Segment>();
        0
    });
}

/// R-KEY-07
#[test]
fn execute_bits_are_kept_and_the_default_is_0600() {
    fn check<T: Noun>(default: T) {
        let default = Owned::new(default);
        let open = Owned::new(T::make(Key::PRIVATE, false, true, 0o777).unwrap());

        assert_eq!(default.permissions().unwrap().mode, 0o600);
        assert_eq!(open.permissions().unwrap().mode, 0o777);
        open.chmod(0o711).unwrap();
        assert_eq!(open.permissions().unwrap().mode, 0o711);
    }
    check(MessageQueue::options().create_new(true).open(Key::PRIVATE).unwrap());
    check(SemaphoreSet::options().create_new(true).open(Key::PRIVATE, &[0]).unwrap());
    check(Segment::options().create_new(true).open(Key::PRIVATE, 1).unwrap());
}

/// R-KEY-08
#[test]
fn an_object_outlives_its_maker_and_leaves_when_it_is_removed() {
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        fork(|| T::make(key, false, true, 0o600).map_or(1, |_| 0)).succeed();

        let object = T::find(key).expect("it outlived its maker");
        object.remove().unwrap();

        fails(T::find(key), ErrorKind::NotFound, libc::ENOENT);
        fails(object.remove(), ErrorKind::Removed, libc::EINVAL);
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-08
#[test]
fn an_object_belongs_to_its_namespace() {
    in_namespace(|| {
        let made = fork(|| {
            let alone = crate::support::unshare_ipc();
            let queue = MessageQueue::private().unwrap().keep();
            i32::from(!(alone && queue.status().is_ok()))
        });
        made.succeed();
        assert_eq!(MessageQueue::list().unwrap(), [], "it went with the namespace of the child");
    });
}

/// R-KEY-09
#[test]
fn the_timed_forms_end_at_their_deadline() {
    fn ends_in_time(call: impl FnOnce() -> ipc_safe::Result<()>) {
        let start = Instant::now();
        let error = call().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!((SHORT..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
    let queue = MessageQueue::private().unwrap();
    let set = SemaphoreSet::private(&[0, 1]).unwrap();

    ends_in_time(|| queue.receive_timeout(Selector::First, &mut Vec::new(), SHORT).map(drop));
    queue.set_byte_limit(1).unwrap();
    ends_in_time(|| queue.send_timeout(kind(1), "ab", SHORT));
    ends_in_time(|| set.semaphore(0).subtract_timeout(1, SHORT));
    ends_in_time(|| set.semaphore(1).wait_zero_timeout(SHORT));
}

/// R-KEY-11
#[test]
fn id_0_is_an_id_like_others() {
    alone_in_namespace(|| {
        let queue = MessageQueue::private().unwrap();
        let set = SemaphoreSet::private(&[1]).unwrap();
        let segment = Segment::private(1).unwrap();
        assert_eq!((queue.id(), set.id(), segment.id()), (0, 0, 0));

        MessageQueue::from_id(0).unwrap().send(kind(1), "zero").unwrap();
        SemaphoreSet::from_id(0).unwrap().semaphore(0).subtract(1).unwrap();
        Segment::from_id(0).unwrap().attach().unwrap().bytes().write(0, b"z").unwrap();

        assert_eq!(queue.status().unwrap().messages, 1);
    });
}

/// R-KEY-11
#[test]
fn a_negative_id_is_none() {
    fn check<T: Noun>() {
        for id in [-1, i32::MIN] {
            let error = fails(T::of_id(id), ErrorKind::InvalidInput, libc::EINVAL);
            assert!(error.to_string().ends_with(&format!("of id {id}: EINVAL: an id is at least 0")), "{error}");
        }
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-11
#[test]
fn another_user_finds_without_mode_bits_what_asking_for_them_refuses() {
    fn check<T: Noun>() {
        let key = Key::random().unwrap();
        let object = T::new(key);
        let id = Handle::id(*object);
        as_nobody(|| {
            let error = fails(T::make(key, true, false, 0o600), ErrorKind::PermissionDenied, libc::EACCES);
            assert_eq!(error.call(), T::GET);
            let found = T::find(key).expect("asks for no rights");
            assert_eq!(Handle::id(found), id);
            fails(found.touch(), ErrorKind::PermissionDenied, libc::EACCES);
            let error = fails(found.permissions(), ErrorKind::PermissionDenied, libc::EACCES);
            assert_eq!(error.call(), T::CONTROL);
            0
        });
    }
    if is_root() {
        check::<MessageQueue>();
        check::<SemaphoreSet>();
        check::<Segment>();
    }
}

/// R-KEY-12
#[test]
fn a_stale_id_reports_that_the_object_was_removed() {
    fn check<T: Noun>() {
        let object = T::new(Key::PRIVATE);
        let stale = *object;
        object.remove().unwrap();

        fails(stale.permissions(), ErrorKind::Removed, libc::EINVAL);
        fails(stale.chmod(0o600), ErrorKind::Removed, libc::EINVAL);
        fails(stale.remove(), ErrorKind::Removed, libc::EINVAL);
        let error = fails(stale.touch(), ErrorKind::Removed, libc::EINVAL);
        assert!(error.to_string().ends_with(": EINVAL: no object has this id: it was removed"), "{error}");
    }
    check::<MessageQueue>();
    check::<SemaphoreSet>();
    check::<Segment>();
}

/// R-KEY-12
#[test]
fn an_id_can_come_back_exactly_and_the_handle_means_the_new_object_then() {
    fn check<T: Noun>(next_id: &str) {
        let first = Owned::new(T::make(Key::PRIVATE, false, true, 0o600).unwrap());
        let (stale, sequence) = (*first, first.permissions().unwrap().sequence);
        first.remove().unwrap();

        set_sysctl(next_id, &Handle::id(stale).to_string());
        let second = Owned::new(T::make(Key::PRIVATE, false, true, 0o640).unwrap());

        assert_eq!(stale, *second);
        assert_eq!(stale.permissions().unwrap().mode, 0o640);
        assert_eq!(stale.permissions().unwrap().sequence, sequence);
        second.remove().unwrap();

        let third = Owned::new(T::make(Key::PRIVATE, false, true, 0o600).unwrap());
        assert_ne!(stale, *third, "without help an id does not come back at once");
    }
    in_namespace(|| {
        check::<MessageQueue>("msg_next_id");
        check::<SemaphoreSet>("sem_next_id");
        check::<Segment>("shm_next_id");
    });
}

/// R-KEY-04
#[test]
fn a_random_key_is_nobodys() {
    for _ in 0..100 {
        let key = Key::random().unwrap();
        assert!(!key.is_private());
        fails(MessageQueue::open(key), ErrorKind::NotFound, libc::ENOENT);
    }
}

/// R-KEY-10
#[test]
fn a_key_is_written_as_ipcs_does_and_read_back() {
    for raw in [1, 0x2a, i32::MAX, -1, i32::MIN] {
        let key = Key::new(raw);
        assert_eq!(key.to_string(), format!("0x{raw:08x}"));
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        assert_eq!(raw.to_string().parse::<Key>().unwrap(), key);
    }
    for text in ["", "0x", "0x1ffffffff", "4294967296", "key", "-0x1"] {
        assert_eq!(text.parse::<Key>().unwrap_err().kind(), ErrorKind::InvalidInput, "{text:?}");
    }
}

/// R-KEY-06
#[test]
fn the_times_of_a_status_are_now() {
    let start = SystemTime::now() - Duration::from_secs(2);
    let queue = MessageQueue::private().unwrap();
    let changed = queue.status().unwrap().changed.expect("set when it was made");
    assert!((start..=SystemTime::now()).contains(&changed));
}
