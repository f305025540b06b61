//! Errors: a [`tonic::Status`] in memory, one mapping per wire form.
//!
//! [`connect`] knows Connect's JSON and its HTTP statuses, [`grpc`] the trailers of gRPC. Both directions stand side by
//! side, so that each is tested against the other. What comes from outside is bounded by the caller and cannot panic.

// A server writes what a client reads: with one of the two features, one direction is unused.
#![cfg_attr(
    not(all(feature = "client", feature = "server", feature = "transport")),
    allow(dead_code, unused_imports)
)]

mod connect;
mod grpc;

pub(crate) use connect::{
    code_from_http_status, connect_end_stream, connect_error_body, connect_http_status,
    parse_connect_end_stream, parse_connect_error,
};
pub(crate) use grpc::{grpc_trailers, parse_grpc_trailers};

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tonic::Code;
use tonic::metadata::MetadataMap;

/// Headers by which HTTP and the protocols say how a message is sent: metadata of an application never sets them, nor
/// reads them.
const RESERVED: [&str; 23] = [
    "accept-encoding",
    "connect-accept-encoding",
    "connect-content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-message",
    "grpc-status",
    "grpc-status-details-bin",
    "grpc-timeout",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The entries of `metadata` that may go on the wire as headers or trailers.
pub(crate) fn sendable(
    metadata: &MetadataMap,
) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    metadata
        .as_ref()
        .iter()
        .filter(|(name, _)| !is_reserved(name))
}

/// What of `headers` belongs to the application.
pub(crate) fn application(mut headers: HeaderMap) -> HeaderMap {
    let reserved: Vec<_> = headers
        .keys()
        .filter(|name| is_reserved(name))
        .cloned()
        .collect();
    for name in reserved {
        headers.remove(name);
    }
    headers
}

/// All of both: a name that stands in both keeps the values of both. What is too much for one map is lost.
pub(crate) fn joined(mut leading: HeaderMap, trailing: &HeaderMap) -> HeaderMap {
    for (name, value) in trailing {
        let _ = leading.try_append(name, value.clone());
    }
    leading
}

pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(&name.as_str())
}

/// The code that goes on the wire for an error: one that says `ok` would be taken for an answer.
fn error_code(code: Code) -> Code {
    if code == Code::Ok {
        Code::Unknown
    } else {
        code
    }
}

fn append_sendable(headers: &mut HeaderMap, metadata: &MetadataMap) {
    for (name, value) in sendable(metadata) {
        // Refused only beyond 32,768 entries, which no peer would take.
        let _ = headers.try_append(name, value.clone());
    }
}
