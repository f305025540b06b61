//! The way of one call, the same for every protocol: negotiated terms, the request's message, the response's message.

use std::convert::Infallible;
use std::future::{self, Future};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Version, header, request};
use pin_project_lite::pin_project;
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep};
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

    /// Reads the whole request. What it gives does not hold the call: a future is moved, and this one is small.
    pub(super) fn collect<B>(
        &mut self,
        body: B,
    ) -> impl Future<Output = Result<Bytes, Status>> + use<B>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let message = self.terms.message.take();
        let length = self.head.headers.get(header::CONTENT_LENGTH);
        let declared = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let limit = self.options.max_request_bytes;
        let wire = self.wire;
        async move {
            match message {
                Some(message) => Ok(message),
                None => collect(body, declared.unwrap_or(0), limit, wire).await,
            }
        }
    }

    /// The one message of the request, whose body is `body`.
    pub(super) fn read<Req>(self, body: Bytes) -> Result<tonic::Request<Req>, Status>
    where
        Req: Message + Default + DeserializeOwned,
    {
        let limit = self.options.max_request_bytes;
        let message = self
            .wire
            .protocol
            .message(body, self.terms.request, limit)?;
        let message = self.wire.codec.decode(message)?;
        Ok(self.request(message))
    }

    /// What the handler gets: the metadata is what is not the protocol's own.
    fn request<T>(self, message: T) -> tonic::Request<T> {
        let mut head = self.head;
        remove(&mut head.headers, self.wire.protocol.reserved());
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

/// Removes those of `names` that are there, which are few: to look at what is there costs less than to look for each.
fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    let mut there = 0_u64;
    for name in headers.keys() {
        if let Some(at) = names.iter().position(|reserved| reserved == name) {
            there |= 1 << at;
        }
    }
    for (at, name) in names.iter().enumerate() {
        if there & (1 << at) != 0 {
            headers.remove(name);
        }
    }
}

/// Collects a body of `declared` bytes, or more, whose message has at most `limit` bytes after the prefix of the wire.
async fn collect<B>(body: B, declared: u64, limit: usize, wire: &Wire) -> Result<Bytes, Status>
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
    let declared: u64 = body.size_hint().lower().max(declared);
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
        let frame = future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
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
    Box::pin(Respond {
        wire,
        deadline: deadline.map(tokio::time::sleep_until),
        answer: Some(answer),
    })
}

pin_project! {
    /// A future of its own, since each `async` block around `answer` would move all of it once more.
    struct Respond<Fut> {
        wire: &'static Wire,
        #[pin]
        deadline: Option<Sleep>,
        #[pin]
        answer: Option<Fut>,
    }
}

impl<Fut> Future for Respond<Fut>
where
    Fut: Future<Output = Result<http::Response<Body>, Status>>,
{
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(answer) = this.answer.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let result = match catch_unwind(AssertUnwindSafe(|| answer.poll(cx))) {
            Ok(Poll::Ready(result)) => result,
            Ok(Poll::Pending) => {
                let Some(deadline) = this.deadline.as_pin_mut() else {
                    return Poll::Pending;
                };
                ready!(deadline.poll(cx));
                Err(deadline_exceeded())
            }
            Err(_) => Err(panicked()),
        };
        // The handler's resources are free before the response is on its way.
        this.answer.set(None);
        let wire = this.wire;
        Poll::Ready(Ok(
            result.unwrap_or_else(|status| wire.protocol.failure(wire, &status))
        ))
    }
}

/// A response that is there already.
pub(super) fn answered(response: http::Response<Body>) -> ResponseFuture {
    Box::pin(future::ready(Ok(response)))
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call did not end before its deadline")
}

/// The status for a panic; what it said is in the server's own log, not for strangers.
pub(super) fn panicked() -> Status {
    tracing::error!("a handler panicked");
    Status::internal("the handler panicked")
}
