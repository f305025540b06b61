//! The channel, as a generated client uses it: under `tonic::client::Grpc` and under `tonic_connect::Client`, against
//! servers on real sockets and in this process.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(all(feature = "client", feature = "server", feature = "transport"))]

mod building;
mod canned;
mod compression;
mod connecting;
mod deadlines;
mod downloads;
mod duplex;
mod echo;
mod ending;
mod get;
#[path = "../greeter/mod.rs"]
mod greeter;
mod grpc;
mod grpc_web;
mod http2;
mod interceptors;
mod json;
mod kinds;
mod long_headers;
mod metadata;
mod never_panics;
mod pool;
mod runtimes;
mod served;
mod streaming;
mod tls;
mod tokens;
mod unary;
