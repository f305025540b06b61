//! Serve and call any tonic service over Connect, gRPC and gRPC-Web, proto and JSON, on one port.

pub mod validate;
