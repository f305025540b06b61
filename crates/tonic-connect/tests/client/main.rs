//! The channel, as a generated client uses it: under `tonic::client::Grpc`, against servers on real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(all(feature = "client", feature = "transport"))]

mod building;
mod canned;
mod deadlines;
mod downloads;
mod echo;
mod grpc;
mod streaming;
mod unary;
