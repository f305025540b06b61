//! The way of one call, the same for every protocol: negotiated terms, the request's message, the response's message.

use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use http::{Version, header, request};
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tonic::Status;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;

use super::body::Body;
use super::negotiate::negotiate;
use super::options::Options;
use super::protocol::{Terms, Wire};
use super::requests;
use super::text;
use super::{BoxError, ResponseFuture, Timeout};
use crate::compression::Compression;
use crate::schema::Method;

/// A call whose headers have been found right.
pub(super) struct Call {
    pub(super) wire: &'static Wire,
    pub(super) options: Options,
    pub(super) deadline: Option<Instant>,
    terms: Terms,
    head: request::Parts,
}

impl Call {
    /// Negotiates; a response instead of a call is the whole answer.
    pub(super) fn open(
        options: &Options,
        method: &Method,
        head: request::Parts,
    ) -> Result<Self, Box<http::Response<Body>>> {
        let (wire, terms) =
            negotiate(method, &head).map_err(|refusal| Box::new(refusal.into_response()))?;
        let terms = terms.map_err(|status| Box::new(wire.protocol.failure(wire, &status)))?;
        let timeout = match (terms.timeout, options.max_deadline) {
            (Some(asked), Some(allowed)) => Some(asked.min(allowed)),
            (asked, allowed) => asked.or(allowed),
        };
        // A timeout past the end of time is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Self {
            wire,
            options: options.clone(),
            deadline,
            terms,
            head,
        })
    }

    /// Whether the call came over HTTP/1.1 or older.
    pub(super) fn is_http1(&self) -> bool {
        self.head.version <= Version::HTTP_11
    }

    /// How responses may be compressed.
    pub(super) fn offered(&self) -> Compression {
        self.terms.response
    }

    /// The messages of the request, as they come.
    pub(super) fn stream<Req, B>(self, body: B) -> tonic::Request<Streaming<Req>>
    where
        Req: Message + Default + DeserializeOwned + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let limit = self.options.max_request_bytes;
        let messages = requests::messages(body, self.wire, self.terms.request, limit);
        self.request(messages)
    }

    /// Reads the one message of the request.
    pub(super) async fn read<Req, B>(self, body: B) -> Result<tonic::Request<Req>, Status>
    where
        Req: Message + Default + DeserializeOwned,
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let mut call = self;
        let protocol = call.wire.protocol;
        let limit = call.options.max_request_bytes;
        let body = match call.terms.message.take() {
            Some(message) => message,
            None => collect(&call.head, body, limit, call.wire).await?,
        };
        let message = protocol.message(body, call.terms.request, limit)?;
        let message = call.wire.codec.decode(message)?;
        Ok(call.request(message))
    }

    /// What the handler gets: the metadata is what is not the protocol's own.
    fn request<T>(self, message: T) -> tonic::Request<T> {
        let mut head = self.head;
        for name in self.wire.protocol.reserved() {
            head.headers.remove(name);
        }
        if let Some(timeout) = self.terms.timeout {
            head.extensions.insert(Timeout(timeout));
        }
        tonic::Request::from_parts(
            MetadataMap::from_headers(head.headers),
            head.extensions,
            message,
        )
    }
}

/// Collects a body whose message has at most `limit` bytes after the prefix of the wire.
async fn collect<B>(
    head: &request::Parts,
    body: B,
    limit: usize,
    wire: &Wire,
) -> Result<Bytes, Status>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let allowed = limit.saturating_add(wire.protocol.prefix_len());
    let too_large = |size: u64| {
        Status::resource_exhausted(format!(
            "request body of {size} bytes is over the limit of {limit} bytes"
        ))
    };
    let declared = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let declared: u64 = body.size_hint().lower().max(declared.unwrap_or(0));
    let mut text = wire.text.then(text::Decoder::default);
    // Four characters stand for one byte at least.
    let declared = if wire.text { declared / 4 } else { declared };
    if declared > allowed as u64 {
        return Err(too_large(declared));
    }
    let mut body = pin!(body);
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| unreadable(error.into()))?;
        // Trailers of a request mean nothing in any of the protocols.
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        if let Some(text) = &mut text {
            text.decode(data, &mut pieces)?;
            if pieces.len() > allowed {
                return Err(too_large(pieces.len() as u64));
            }
            continue;
        }
        let length = data.remaining();
        let size = whole.len().max(pieces.len()).saturating_add(length);
        if size > allowed {
            return Err(too_large(size as u64));
        }
        if pieces.is_empty() && whole.is_empty() {
            // The usual case: everything in one piece, which is not copied.
            whole = data.copy_to_bytes(length);
            continue;
        }
        if pieces.is_empty() {
            // What was declared has been checked against the limit.
            pieces.reserve((declared as usize).max(size));
            pieces.extend_from_slice(&whole);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            pieces.extend_from_slice(chunk);
            let taken = chunk.len();
            data.advance(taken);
        }
    }
    if let Some(text) = text {
        text.finish()?;
    }
    Ok(if pieces.is_empty() {
        whole
    } else {
        pieces.freeze()
    })
}

/// The status of a request body that breaks off, or that a layer below us refused.
pub(super) fn unreadable(error: BoxError) -> Status {
    Status::try_from_error(error).unwrap_or_else(|error| {
        Status::cancelled(format!("the request body could not be read: {error}"))
    })
}

/// The response to one call: what `answer` gives, or how it failed. It is dropped at the deadline, and a panic in it
/// is this call's failure and nobody else's.
pub(super) fn respond<Fut>(
    wire: &'static Wire,
    deadline: Option<Instant>,
    answer: Fut,
) -> ResponseFuture
where
    Fut: Future<Output = Result<http::Response<Body>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let answered = match deadline {
            None => Ok(answer.await),
            Some(deadline) => tokio::time::timeout_at(deadline, answer).await,
        };
        let result = match answered {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(deadline_exceeded()),
        };
        Ok(result.unwrap_or_else(|status| wire.protocol.failure(wire, &status)))
    })
}

/// A response that is there already.
pub(super) fn answered(response: http::Response<Body>) -> ResponseFuture {
    Box::pin(ready(Ok(response)))
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call did not end before its deadline")
}

/// The status for a panic; what it said is in the server's own log, not for strangers.
pub(super) fn panicked() -> Status {
    tracing::error!("a handler panicked");
    Status::internal("the handler panicked")
}
