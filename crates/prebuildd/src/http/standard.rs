//! The standard services of gRPC, generated from `proto/grpc`; served by the same runtime as the API,
//! so in every protocol.

#![allow(
    clippy::all,
    dead_code,
    missing_docs,
    unreachable_pub,
    rust_2018_idioms
)]

pub(super) mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}

pub(super) mod reflection {
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1.rs"));
}

pub(super) mod reflection_alpha {
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1alpha.rs"));
}

/// Their compiled schema.
pub(super) const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"));
