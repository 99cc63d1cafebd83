#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipc_targets::sem_undo_fork::run(data));
