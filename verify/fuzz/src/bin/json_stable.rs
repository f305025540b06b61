//! JSON to message to JSON to message, and to binary and back: all the same.
#![no_main]

use prebuilds_fuzz::{TYPES, register};

libfuzzer_sys::fuzz_target!(init: register(), |bytes: &[u8]| {
    for each in TYPES {
        (each.keep_json)(bytes);
    }
});
