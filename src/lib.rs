//! The open Rust implementation of `gitpod.v1.PrebuildService`: the schema as prost messages with
//! JSON and validation, tonic client and server stubs that also speak Connect, and a client.
//!
//! Generated code is [`v1`] and is never edited; what is added to it stands beside it, in a
//! module of its name.

#[cfg(feature = "client")]
pub mod client;
pub mod phase;
pub mod timeout;

/// The package `gitpod.v1`, generated from `proto/gitpod/v1`.
#[allow(clippy::all, unreachable_pub, rust_2018_idioms)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/gitpod.v1.rs"));
}

/// The compiled schema: an encoded `google.protobuf.FileDescriptorSet` with all imports, options
/// and comments.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"));
