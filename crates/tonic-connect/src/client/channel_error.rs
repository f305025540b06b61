//! What can be wrong with what a channel is built from.

use std::io;

/// Why a [`Channel`](super::Channel) could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The base URL cannot be called.
    #[error("base URL {url:?} {reason}: give one such as https://host/api")]
    Url {
        /// The URL as it was given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header, the bearer token or the user agent has bytes that no header can carry. The value is not shown, since
    /// it may be secret.
    #[error(
        "header {name:?} cannot be sent: its name or its value has characters that HTTP does not allow"
    )]
    Header {
        /// The name of the header.
        name: String,
    },
    /// A header by which HTTP or a protocol says how a message is sent, which is the channel's own business.
    #[error("header {name} belongs to the protocols, which write it themselves: leave it out")]
    Reserved {
        /// The name of the header.
        name: http::HeaderName,
    },
    /// There is nothing to verify a server's certificate with.
    #[error(
        "cannot prepare TLS: {0}; install the system's CA certificates, or name a file of them in SSL_CERT_FILE"
    )]
    Tls(#[source] io::Error),
    /// A certificate or a key that the channel was given cannot be used.
    #[error("the {what} cannot be used: {reason}; give certificates and keys as PEM")]
    Certificate {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// gRPC was to be spoken over HTTP/1.1, which it cannot.
    #[error("gRPC needs HTTP/2: leave the HTTP version open, or use Protocol::GrpcWeb")]
    HttpVersion,
}
