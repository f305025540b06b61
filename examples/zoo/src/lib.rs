//! Everything that a schema may hold and that a generator may trip over: keywords, names of the standard library,
//! recursion, aliases, odd comments. That this crate compiles is the test; the lints below are those that a user may
//! have turned on.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    rust_2018_idioms,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    rustdoc::all
)]

include!(concat!(env!("OUT_DIR"), "/zoo.rs"));

/// The compiled schema.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"));
