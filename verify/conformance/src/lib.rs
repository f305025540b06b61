//! The suite's own schema, as our generator compiles it.

/// `connectrpc.conformance.v1`.
#[allow(clippy::all, dead_code, missing_docs)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/connectrpc.conformance.v1.rs"));
}
