//! The client against servers on real sockets.

#![cfg(all(feature = "client", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod both_servers;
mod building;
mod calls;
mod downloads;
mod server;
mod waiting;
