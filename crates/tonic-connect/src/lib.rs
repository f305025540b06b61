//! Serve and call any tonic service over Connect, gRPC and gRPC-Web, proto and JSON, on one port.

#[cfg(all(feature = "client", feature = "transport"))]
mod client;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
#[cfg_attr(not(feature = "server"), allow(dead_code))]
mod codec;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
#[cfg_attr(not(feature = "server"), allow(dead_code))]
mod compression;
#[cfg(feature = "protocol")]
pub mod details;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
#[cfg_attr(not(feature = "server"), allow(dead_code))]
mod envelope;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
mod error;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
mod json_path;
#[cfg(feature = "protocol")]
pub mod schema;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
mod timeout;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
mod trailers;
#[cfg(feature = "transport")]
pub mod transport;
pub mod validate;

#[cfg(all(feature = "client", feature = "transport"))]
pub use client::{
    Builder, Channel, ChannelError, Client, Codec, Download, Encoding, HttpVersion, Protocol,
};
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
pub use trailers::Trailers;

/// What generated code names, so that it needs no dependencies of its own.
#[cfg(feature = "protocol")]
#[doc(hidden)]
pub mod codegen {
    pub use std::convert::Infallible;
    pub use std::sync::Arc;
    pub use std::task::{Context, Poll};

    pub use http;
    pub use http_body::Body;
    pub use tonic;
    pub use tonic::server::NamedService;
    pub use tower_service::Service;

    /// Any error, as HTTP bodies have it.
    pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
}
