//! Serve and call any tonic service over Connect, gRPC and gRPC-Web, proto and JSON, on one port.

#[cfg(feature = "protocol")]
pub mod details;
#[cfg(feature = "protocol")]
mod error;
#[cfg(feature = "protocol")]
pub mod schema;
#[cfg(feature = "protocol")]
mod timeout;
pub mod validate;
