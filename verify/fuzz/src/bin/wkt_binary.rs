//! Arbitrary bytes as the binary of every type: what has a JSON form can be read from it.
#![no_main]

use prebuilds_fuzz::{TYPES, register};

libfuzzer_sys::fuzz_target!(init: register(), |bytes: &[u8]| {
    for each in TYPES {
        (each.print_binary)(bytes);
    }
});
