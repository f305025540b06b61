//! Arbitrary bytes as the JSON of every type: read or refused, and nothing else.
#![no_main]

use prebuilds_fuzz::{TYPES, register};

libfuzzer_sys::fuzz_target!(init: register(), |bytes: &[u8]| {
    for each in TYPES {
        (each.read_json)(bytes);
    }
});
