//! Connections: HTTP/1.1 and HTTP/2, by hyper and tokio.

mod server;

pub use server::Server;
