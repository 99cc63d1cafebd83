//! `ipc make`

use crate::command::{command, ipc};
use crate::support::{in_namespace, watchdog};
use std::process::Stdio;

#[test]
fn an_object_is_made_as_it_was_asked_for() {
    in_namespace(|| {
        let _watchdog = watchdog();
        assert_eq!(ipc("make queue --key 0x2a --mode 0640 --size 100").succeed(), "0\n");
        assert_eq!(ipc("make set --key 42 --values 3,0,32767").succeed(), "0\n");
        assert_eq!(ipc("make segment --key -1 --size 64K --mode 444").succeed(), "0\n");

        let queue = ipc("show queue 42 --json");
        queue.fail(1, &["queue 42"]); // an id, not a key
        let queue = ipc("show queue 0x2a --json").json();
        assert_eq!((&queue["mode"], &queue["byte_limit"]), (&"0640".into(), &100.into()));
        let set = ipc("show set 0x2a --json").json();
        let values: Vec<_> = set["contents"].as_array().unwrap().iter().map(|it| it["value"].clone()).collect();
        assert_eq!((&set["mode"], values), (&"0600".into(), vec![3.into(), 0.into(), 32767.into()]));
        let segment = ipc("show segment 0xffffffff --json").json();
        assert_eq!((&segment["size"], &segment["mode"]), (&65536.into(), &"0444".into()));
        ipc("remove --all").succeed();
    });
}

/// R-KEY-05
#[test]
fn a_key_is_given_once_and_private_objects_have_none() {
    in_namespace(|| {
        let _watchdog = watchdog();
        ipc("make queue --key 7").succeed();
        ipc("make queue --key 7").fail(1, &["EEXIST", "key 0x00000007"]);
        assert_eq!(ipc("make set --key 7 --semaphores 1").succeed(), "0\n"); // keys belong to a kind
        for words in ["make queue", "make queue --key 0"] {
            let id = ipc(words).succeed();
            assert_eq!(ipc(&format!("show queue {id} --json")).json()["key"], "0x00000000");
        }

        let made = ipc("make segment --size 1 --key random --json").json();
        let key = made["key"].as_str().unwrap();
        assert_ne!(key, "0x00000000");
        assert_eq!(ipc(&format!("show segment {key} --json")).json()["id"], made["id"]);
        ipc("remove --all").succeed();
    });
}

#[test]
fn options_of_another_kind_are_refused_and_nothing_is_made() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for (words, says) in [
            ("queue --values 1", "--values is for a set"),
            ("segment --semaphores 1 --size 1", "--semaphores is for a set"),
            ("set", "--values or --semaphores"),
            ("set --size 1 --semaphores 1", "--size is not for a set"),
            ("segment", "needs --size"),
            ("queue --huge-pages", "--huge-pages is for a segment"),
            ("queue --name /x", "--name is for a POSIX object"),
            ("posix --name /x", "needs --name and --size"),
            ("posix --name /x --size 1 --key 1", "--key is not for"),
        ] {
            ipc(&format!("make {words}")).fail(2, &[says]);
        }
        for (words, says) in [
            ("set --semaphores 0", "at least one semaphore"),
            ("set --values 32768", "at most 32767"),
            ("segment --size 0", "at least 1 byte"),
            ("posix --name /a/b --size 1", "1 to 254 bytes without slash"),
        ] {
            ipc(&format!("make {words}")).fail(1, &[says]);
        }
    });
}

#[test]
fn what_nobody_learns_the_id_of_is_not_left() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for words in ["make queue", "make set --values 1", "make segment --size 1", "make queue --json"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let status = command(words).stdout(writer).stderr(Stdio::null()).status().unwrap();
            assert_eq!(status.code(), Some(1), "{words}");
        }
    });
}

#[test]
fn a_posix_object_is_made_listed_shown_and_removed() {
    let _watchdog = watchdog();
    let name = format!("/ipc-test-made-{}", std::process::id());
    assert_eq!(ipc(&format!("make posix --name {name} --size 4097 --mode 640")).succeed(), format!("{name}\n"));
    ipc(&format!("make posix --name {name} --size 1")).fail(1, &["EEXIST", &name]);

    let shown = ipc(&format!("show posix {name} --json")).json();
    assert_eq!((&shown["size"], &shown["mode"], &shown["used_by"]), (&4097.into(), &"0640".into(), &[0; 0][..].into()));
    assert!(ipc("list --posix").succeed().lines().any(|line| line.split(' ').next() == Some(&name)));

    assert_eq!(ipc(&format!("remove posix {name} --dry-run")).succeed(), format!("would remove POSIX object {name}\n"));
    assert_eq!(ipc(&format!("remove posix {name}")).succeed(), format!("removed POSIX object {name}\n"));
    ipc(&format!("remove posix {name}")).fail(1, &["ENOENT", &name]);
    ipc(&format!("show posix {name}")).fail(1, &["no POSIX object", &name]);
}
