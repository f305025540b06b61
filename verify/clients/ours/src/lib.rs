//! The schema that all peers share, and one implementation of tonic's trait, which is served by
//! tonic-connect here and by tonic itself in the peer `tonic`; and the cases that a client of
//! tonic's makes over any channel.

pub mod cases;
pub mod report;
pub mod service;
pub mod typed;

/// The package `echo.v1`.
#[allow(clippy::all, dead_code)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/echo.v1.rs"));
}

/// The compiled schema.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"));
