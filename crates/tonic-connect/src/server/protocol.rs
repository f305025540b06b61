//! What a protocol decides, and nothing else: the interface between the way of a call and the three protocols.
//!
//! Everything outside the `protocol_*.rs` files works on this trait and never asks which protocol it serves.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::body::Body;
use super::headers::{Known, Names};
use crate::codec::Codec;
use crate::compression::Compression;

/// One content type: the protocol and the codec that it stands for.
pub(super) struct Wire {
    /// Who frames.
    pub(super) protocol: &'static dyn Protocol,
    /// Who encodes.
    pub(super) codec: Codec,
    /// Whether bodies are base64.
    pub(super) text: bool,
    /// The content type, of requests and of responses.
    pub(super) content_type: HeaderValue,
}

/// What a request's headers say beyond the content type.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// How the request is compressed.
    pub(super) request: Compression,
    /// How the response may be compressed.
    pub(super) response: Compression,
    /// How long the caller waits.
    pub(super) timeout: Option<Duration>,
    /// The request's message where it does not travel in the body.
    pub(super) message: Option<Bytes>,
}

/// How a stream of responses ends.
#[derive(Debug, Default)]
pub(super) struct End {
    /// The last bytes of the body.
    pub(super) data: Vec<u8>,
    /// The trailers after them.
    pub(super) trailers: Option<HeaderMap>,
}

/// A wire protocol, server side.
pub(super) trait Protocol: Sync {
    /// Reads the headers that belong to the protocol.
    ///
    /// # Errors
    /// What to answer when they are not right.
    fn terms(&self, headers: &Known<'_>) -> Result<Terms, Status>;

    /// The headers that are the protocol's own business and not metadata of the call.
    fn reserved(&self) -> Names;

    /// The bytes before each message in a body.
    fn prefix_len(&self) -> usize;

    /// Takes the one message out of a body, decompressed, of at most `limit` bytes.
    ///
    /// # Errors
    /// `unimplemented` for no message or more than one, and what makes the framing or the compression wrong.
    fn message(&self, body: Bytes, compression: Compression, limit: usize)
    -> Result<Bytes, Status>;

    /// Completes the message that starts at `start` of `out`, after room of [`prefix_len`](Self::prefix_len) bytes;
    /// `compression` says how it has been compressed.
    ///
    /// # Errors
    /// `resource_exhausted` when the protocol cannot carry a message of that size.
    fn seal(&self, out: &mut [u8], start: usize, compression: Compression) -> Result<(), Status>;

    /// The response that carries one message, complete with its prefix. `offered` is what was agreed on,
    /// `compression` what has been done.
    fn unary(
        &self,
        wire: &'static Wire,
        offered: Compression,
        compression: Compression,
        message: Vec<u8>,
        metadata: MetadataMap,
        trailers: &MetadataMap,
    ) -> http::Response<Body>;

    /// The headers of a response that carries a stream of messages.
    fn head(&self, wire: &'static Wire, offered: Compression, metadata: MetadataMap) -> HeaderMap;

    /// Names the trailers to come in the head of a response, without which HTTP/1.1 does not carry them. Those of an
    /// error that comes after the head are not known by then: of these, the status alone arrives.
    fn announce(&self, _: &mut HeaderMap, _: &MetadataMap) {}

    /// How that stream ends.
    fn end(&self, result: Result<&MetadataMap, &Status>) -> End;

    /// The response to a call that failed before its first byte was sent.
    fn failure(&self, wire: &'static Wire, status: &Status) -> http::Response<Body>;
}

/// The headers for `metadata`: what may go on the wire, and the content type.
pub(super) fn response_headers(metadata: &MetadataMap, content_type: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !metadata.is_empty() {
        crate::error::sendable(metadata).for_each(|(name, value)| {
            headers.append(name.clone(), value.clone());
        });
    }
    headers.insert(http::header::CONTENT_TYPE, content_type.clone());
    headers
}

/// A response of these headers, with the status 200.
pub(super) fn response(headers: HeaderMap, body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    *response.headers_mut() = headers;
    response
}
