#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipc_targets::cmsg_parse::run(data));
