//! The matrix of faults: for each row, the numbers that the sweep injects and the tests of what the sweep cannot see.

use crate::driver::Tally;
use ipc_safe::testing::SystemCall;
use libc::{
    E2BIG, EACCES, EAGAIN, EBUSY, ECHILD, ECONNABORTED, ECONNREFUSED, ECONNRESET, EEXIST, EFAULT, EIDRM, EINTR, EINVAL,
    EIO, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENODEV, ENOENT, ENOMEM, ENOMSG, ENOSPC, ENOSYS, ENXIO, EPERM, EPIPE,
    ERANGE, EROFS, ETIMEDOUT,
};

struct Row {
    /// The call, and what about it.
    what: &'static str,
    /// Calls of the sweep, and their numbers.
    swept: &'static [(&'static str, &'static [i32])],
    /// Tests, as `folder/file::function`.
    tests: &'static [&'static str],
}

const fn row(
    what: &'static str,
    swept: &'static [(&'static str, &'static [i32])],
    tests: &'static [&'static str],
) -> Row {
    Row { what, swept, tests }
}

/// The rows in their order.
const MATRIX: &[Row] = &[
    row("msgget ENOSPC", &[("msgget", &[ENOSPC])], &["sysv/limits::the_most_queues_are_msgmni"]),
    row("msgget, others", &[("msgget", &[ENOMEM, EACCES, EEXIST, ENOENT, ENOSYS])], &[REFUSALS]),
    row(
        "msgsnd EINTR",
        &[("msgsnd", &[EINTR])],
        &[INTERRUPTED, FIRST_INTERRUPTION, "sysv/queue_waits::the_other_sends_go_on_after_signals_and_send_once"],
    ),
    row("msgsnd EAGAIN", &[("msgsnd", &[EAGAIN])], &["sysv/errors::a_message_that_is_not_sent_stays_with_its_sender"]),
    row(
        "msgsnd EIDRM, EINVAL",
        &[("msgsnd", &[EIDRM, EINVAL])],
        &[STALE, "sysv/queue_waits::a_waiting_send_ends_when_the_queue_is_removed"],
    ),
    row("msgsnd, others", &[("msgsnd", &[EACCES, EFAULT, ENOMEM])], &[REFUSALS]),
    row(
        "msgrcv EINTR",
        &[("msgrcv", &[EINTR])],
        &[INTERRUPTED, "sysv/queue_waits::the_other_receives_go_on_after_signals_and_receive_once"],
    ),
    row(
        "msgrcv E2BIG",
        &[("msgrcv", &[E2BIG])],
        &[
            "sysv/queue::a_message_longer_than_the_buffer_stays_in_the_queue",
            "sysv/errors::a_vector_is_given_room_again_while_the_kernel_says_it_is_too_short",
        ],
    ),
    row("msgrcv ENOMSG", &[("msgrcv", &[ENOMSG])], &["sysv/queue::nothing_suitable_would_block"]),
    row("msgrcv EIDRM", &[("msgrcv", &[EIDRM])], &["sysv/queue::the_messages_end_when_the_queue_is_removed"]),
    row("msgctl STAT", &[("msgctl", &[EACCES, EINVAL])], &[REFUSALS]),
    row("msgctl SET", &[("msgctl", &[EPERM])], &["sysv/queue::more_than_msgmnb_needs_a_capability"]),
    row(
        "msgctl RMID in Drop",
        &[("msgctl", &[EPERM, EINVAL, EIDRM])],
        &[SILENT, "sysv/owned::removing_tells_how_it_went"],
    ),
    row(
        "semget ENOSPC",
        &[("semget", &[ENOSPC])],
        &["sysv/limits::the_most_sets_are_semmni_and_the_most_semaphores_semmns"],
    ),
    row("semget EEXIST", &[("semget", &[EEXIST])], &["sysv/initial::a_slow_creator_is_waited_for"]),
    row(
        "semctl SETVAL after create",
        &[("semctl", &[EINVAL, EIDRM, EPERM])],
        &["sysv/errors::a_set_that_does_not_get_its_values_is_removed_again"],
    ),
    row(
        "semctl STAT in the wait for values",
        &[("semctl", &[EIDRM, EINVAL])],
        &["sysv/initial::a_set_that_goes_at_any_step_of_its_opener_is_an_outcome_and_no_wait"],
    ),
    row(
        "semop P EINTR",
        &[("semop", &[EINTR])],
        &[INTERRUPTED, "sysv/errors::an_interrupted_wait_goes_on_for_the_time_that_remains"],
    ),
    row(
        "semop P EAGAIN",
        &[("semop", &[EAGAIN])],
        &["sysv/semaphore::a_timed_form_times_out_at_its_deadline_and_leaves_no_waiter"],
    ),
    row("semop P EIDRM", &[("semop", &[EIDRM])], &["sysv/semaphore::a_wait_ends_when_the_set_is_removed", REMOVED_SET]),
    row(
        "semop V in Drop",
        &[("semop", &[EINTR, EIDRM, EINVAL, ERANGE])],
        &["sysv/errors::a_guard_that_is_interrupted_gives_its_units_back_once", SILENT],
    ),
    row(
        "semop UNDO",
        &[("semop", &[ENOSPC, ENOMEM, ERANGE])],
        &["sysv/guard::a_process_holds_at_most_32767_units_with_undo"],
    ),
    row(
        "shmget",
        &[("shmget", &[ENOSPC, EINVAL, ENOMEM, ENFILE])],
        &[
            "sysv/segment::the_most_segments_are_shmmni",
            "sysv/segment::the_most_pages_are_shmall",
            "sysv/segment::the_largest_segment_is_shmmax",
        ],
    ),
    row(
        "shmat",
        &[("shmat", &[ENOMEM, EACCES, EIDRM])],
        &["sysv/attachment::without_room_in_the_address_space_there_is_no_attachment"],
    ),
    row(
        "shmat, second of a pair",
        &[("shmat", &[ENOMEM])],
        &["faults/named::a_second_attachment_that_fails_leaves_the_first"],
    ),
    row(
        "shmdt in Drop",
        &[("shmdt", &[EINVAL])],
        &["sysv/attachment::detaching_what_somebody_unmapped_is_an_error_and_dropping_it_is_silent"],
    ),
    row(
        "shmctl RMID",
        &[("shmctl", &[EPERM])],
        &[SILENT, "sysv/owned::dropping_what_we_may_not_remove_is_silent_and_removes_nothing"],
    ),
    row(
        "mmap",
        &[("mmap", &[ENOMEM, EAGAIN, ENODEV, EACCES, EPERM, ENFILE])],
        &[
            "memory/leaks::a_constructor_that_fails_leaves_nothing",
            "memory/lock::a_mapping_that_would_be_locked_above_the_limit_is_out_of_memory",
        ],
    ),
    row("munmap in Drop", &[("munmap", &[ENOMEM, EINVAL])], &["memory/leaks::dropping_keeps_errno"]),
    row(
        "msync",
        &[("msync", &[EIO, EBUSY, ENOMEM])],
        &["memory/kernel::flushing_wants_one_way_whole_pages_and_no_hole"],
    ),
    row(
        "mremap",
        &[("mremap", &[ENOMEM, EFAULT])],
        &[
            "faults/named::a_mapping_that_cannot_grow_stays_as_it_is",
            "memory/resize::memory_that_runs_out_leaves_the_mapping_intact",
        ],
    ),
    row(
        "access after truncate",
        &[],
        &["memory/truncation::every_call_reports_that_another_process_truncated_the_file"],
    ),
    row("pipe2", &[("pipe", &[EMFILE, ENFILE])], &["pipe/faults::too_many_descriptors_are_an_error_and_none_is_lost"]),
    row(
        "read, write",
        &[("read", &[EINTR, EAGAIN, EIO]), ("write", &[EINTR, EAGAIN, EPIPE, EIO])],
        &[
            "pipe/interrupted::writing_goes_on_after_a_handler",
            "pipe/broken::without_a_reader_every_form_of_writing_is_an_error",
            "pipe/whole::up_to_pipe_buf_bytes_are_written_whole_or_not_at_all",
        ],
    ),
    row(
        "openat of a FIFO",
        &[("open", &[ENXIO, EINTR, ENOENT, EACCES])],
        &[
            "pipe/fifo_open::opening_one_end_waits_at_most_so_long",
            "pipe/interrupted::opening_a_fifo_goes_on_after_a_handler_unless_it_is_interruptible",
        ],
    ),
    row("mknodat", &[("mkfifo", &[EEXIST, EROFS, ENOSPC, EACCES])], &["pipe/faults::errors_of_mkfifo_are_told"]),
    row("clone, clone3", &[("fork", &[EAGAIN, ENOMEM])], &["command/faults::too_many_processes_are_an_error"]),
    row("execve", &[], &["command/faults::a_program_that_cannot_be_executed_is_an_error"]),
    row(
        "wait4, waitid",
        &[("waitpid", &[EINTR, ECHILD])],
        &[
            "command/status::when_sigchld_is_ignored_the_status_is_lost",
            "process/children::children_of_a_process_that_ignores_sigchld_leave_no_status",
        ],
    ),
    row(
        "rt_sigaction",
        &[("sigaction", &[EINVAL, EFAULT])],
        &["handlers/disposition::kill_and_stop_are_refused_before_anything_is_changed"],
    ),
    row(
        "rt_sigprocmask in Drop",
        &[("sigprocmask", &[EINVAL])],
        &["signal/faults::a_refused_mask_is_an_error_and_changes_nothing", "signal/mask::dropping_keeps_errno"],
    ),
    row(
        "setitimer, alarm",
        &[("setitimer", &[EINVAL])],
        &["timer/faults::a_guard_that_cannot_be_made_leaves_the_timer_and_no_claim"],
    ),
    row(
        "timer_create",
        &[("timer_create", &[EAGAIN])],
        &["timer/limit::at_the_limit_a_timer_is_refused_and_nothing_is_left"],
    ),
    row("rt_sigqueueinfo", &[("sigqueue", &[EAGAIN])], &["signal/flow::at_the_limit_the_sender_is_told"]),
    row(
        "socket, accept4",
        &[("socket", &[EMFILE, ENFILE, ENOBUFS]), ("accept", &[EMFILE, ENFILE, ENOBUFS, ECONNABORTED, EINTR])],
        &[
            "faults/named::an_accept_that_fails_is_told_once_and_the_next_one_accepts",
            "socket/limits::accepting_without_room_is_an_error",
        ],
    ),
    row(
        "connect",
        &[("connect", &[EINTR, ECONNREFUSED, ETIMEDOUT, EAGAIN])],
        &[
            "faults/named::a_connect_that_is_interrupted_makes_one_connection",
            "socket/connect::an_interrupted_connection_goes_on",
            "socket/connect::a_refused_connection_is_writable_and_an_error",
        ],
    ),
    row(
        "send, receive",
        &[("sendmsg", &[EINTR, EAGAIN, ECONNRESET, EPIPE, EMSGSIZE]), ("recv", &[EINTR, EAGAIN, ECONNRESET])],
        &["socket/messages::no_call_raises_sigpipe", "socket/messages::unread_bytes_are_a_reset"],
    ),
    row(
        "killed between any two calls",
        &[],
        &[
            "faults/main::the_others_go_on_wherever_one_is_killed",
            "faults/main::the_other_examples_end_wherever_one_is_killed",
        ],
    ),
    row(
        "limits that change meanwhile",
        &[],
        &[
            "sysv/limits::limits_below_what_is_in_use_leave_it_alone",
            "sysv/segment::limits_that_change_leave_existing_segments_alone",
        ],
    ),
];

const REFUSALS: &str = "sysv/errors::every_refusal_has_its_kind_names_call_and_object_and_leaves_nothing_behind";
const INTERRUPTED: &str = "sysv/errors::interrupted_calls_are_made_again_and_take_effect_once";
const FIRST_INTERRUPTION: &str = "sysv/errors::the_interruptible_forms_report_the_first_interruption_and_do_nothing";
const STALE: &str = "sysv/errors::on_a_stale_handle_every_call_says_removed";
const SILENT: &str = "sysv/errors::dropping_is_silent_whatever_the_kernel_says_and_keeps_the_error_number";
const REMOVED_SET: &str = "sysv/guard::a_guard_of_a_removed_set_ends_silently_and_its_release_tells";

/// Whether every number of every row has been injected at least once.
pub(crate) fn check(tally: &Tally) {
    for Row { what, swept, .. } in MATRIX {
        for (function, numbers) in *swept {
            let calls = SystemCall::behind(function).expect("a call");
            for number in *numbers {
                let fired = calls.iter().any(|call| tally.fired.contains_key(&(call.as_raw(), *number)));
                assert!(fired, "{what}: {} of {function} was never injected", crate::table::name(*number));
            }
        }
    }
}

#[test]
fn every_row_has_its_tests() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    if !folder.exists() {
        println!("skipped: the sources are not there");
        return;
    }
    for Row { what, swept, tests } in MATRIX {
        assert!(!swept.is_empty() || !tests.is_empty(), "{what}");
        for test in *tests {
            let (file, function) = test.split_once("::").expect("a file and a function");
            let source = std::fs::read_to_string(folder.join(file).with_extension("rs")).expect("a file");
            assert!(source.contains(&format!("#[test]\nfn {function}()")), "{what}: there is no test {test}");
        }
    }
}
