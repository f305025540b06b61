//! Connections: HTTP/1.1 and HTTP/2, with and without TLS, by hyper, rustls and tokio.

mod calls;
mod connection;
mod dispatch;
mod http;
mod http1;
mod http2;
mod lifetime;
mod peeked;
mod server;
mod tls;
mod traffic;

pub use server::Server;
pub use tls::{ClientCertificates, ServerTls, TlsError};

/// Any error, as hyper's services have it.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
