//! Serve and call any tonic service over Connect, gRPC and gRPC-Web, proto and JSON, on one port.
//!
//! A service implements the trait that tonic generates, and is not changed for this. `tonic-connect-build` writes a
//! `GreeterConnect` beside tonic's `GreeterServer`, which mounts wherever that one does and answers all three protocols
//! in both codecs; and tonic's client calls over a [`Channel`] whichever protocol that was built for.
//!
//! Protocol, codec and compression are independent of each other, and of the service: a request's headers choose one of
//! each. What is not chosen by the caller stands in [`server::Options`] and [`Builder`].
//!
//! The [`guide`] has a page for each thing that people do: [serve](guide::serving) a service, [call](guide::calling) one,
//! [streams](guide::streams), [errors](guide::errors) with details, [deadlines](guide::deadlines),
//! [compression](guide::compression), [interceptors](guide::interceptors), [TLS](guide::tls),
//! [browsers](guide::browsers).

#[cfg(all(feature = "client", feature = "transport"))]
mod client;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
#[cfg_attr(not(feature = "server"), allow(dead_code))]
mod codec;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
#[cfg_attr(not(feature = "server"), allow(dead_code))]
mod codecs;
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
#[cfg(all(feature = "client", feature = "cors", feature = "transport"))]
pub mod guide;
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
    Builder, Channel, ChannelError, Client, Download, Encoding, HttpVersion, Protocol,
};
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
pub use codec::Codec;
#[cfg(any(feature = "server", all(feature = "client", feature = "transport")))]
pub use codecs::{Codecs, ProtoAndJson, ProtoOnly, Reads, Writes};
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
