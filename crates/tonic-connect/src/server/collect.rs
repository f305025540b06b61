//! The whole body of a request whose message is one, within the limit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tonic::Status;

use super::BoxError;
use super::protocol::Wire;
use super::text;

pin_project! {
    /// Collects a body whose message has at most `limit` bytes after the prefix of the wire.
    pub(super) struct Collect<B> {
        #[pin]
        body: B,
        // The message of a request that does not have it in its body.
        message: Option<Bytes>,
        // What the body has at least, in bytes.
        declared: u64,
        limit: usize,
        prefix: usize,
        text: Option<text::Decoder>,
        // The first piece, as long as it is the only one.
        whole: Bytes,
        pieces: BytesMut,
    }
}

impl<B: Body> Collect<B> {
    /// `message` in place of the body where that is something.
    #[inline(always)]
    pub(super) fn new(
        wire: &Wire,
        limit: usize,
        headers: &HeaderMap,
        message: Option<Bytes>,
        body: B,
    ) -> Self {
        let hint = body.size_hint();
        // A layer in front may have lost what hyper knows from the header.
        let declared = hint.exact().or_else(|| {
            let length = headers.get(header::CONTENT_LENGTH);
            length.and_then(|length| length.to_str().ok()?.parse().ok())
        });
        let declared = declared.unwrap_or_default().max(hint.lower());
        Self {
            body,
            message,
            // Four characters stand for one byte at least.
            declared: if wire.text { declared / 4 } else { declared },
            limit,
            prefix: wire.protocol.prefix_len(),
            text: wire.text.then(text::Decoder::default),
            whole: Bytes::new(),
            pieces: BytesMut::new(),
        }
    }
}

impl<B> Future for Collect<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Bytes, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(message) = this.message.take() {
            return Poll::Ready(Ok(message));
        }
        let limit = *this.limit;
        let allowed = limit.saturating_add(*this.prefix);
        let too_large = |size: u64| {
            Status::resource_exhausted(format!(
                "request body of {size} bytes is over the limit of {limit} bytes"
            ))
        };
        if *this.declared > allowed as u64 {
            return Poll::Ready(Err(too_large(*this.declared)));
        }
        loop {
            let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) else {
                break;
            };
            let frame = frame.map_err(|error| unreadable(error.into()))?;
            // Trailers of a request mean nothing in any of the protocols.
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            if let Some(text) = this.text {
                text.decode(data, this.pieces)?;
                if this.pieces.len() > allowed {
                    return Poll::Ready(Err(too_large(this.pieces.len() as u64)));
                }
                continue;
            }
            let length = data.remaining();
            let size = this
                .whole
                .len()
                .max(this.pieces.len())
                .saturating_add(length);
            if size > allowed {
                return Poll::Ready(Err(too_large(size as u64)));
            }
            if this.pieces.is_empty() && this.whole.is_empty() {
                // The usual case: everything in one piece, which is not copied, and after which nothing is asked for.
                *this.whole = data.copy_to_bytes(length);
                if this.body.is_end_stream() {
                    break;
                }
                continue;
            }
            if this.pieces.is_empty() {
                // What was declared has been checked against the limit.
                this.pieces.reserve((*this.declared as usize).max(size));
                this.pieces.extend_from_slice(this.whole);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                this.pieces.extend_from_slice(chunk);
                let taken = chunk.len();
                data.advance(taken);
            }
        }
        if let Some(text) = this.text {
            text.finish()?;
        }
        Poll::Ready(Ok(if this.pieces.is_empty() {
            std::mem::take(this.whole)
        } else {
            std::mem::take(this.pieces).freeze()
        }))
    }
}

/// The status of a request body that breaks off, or that a layer below us refused.
pub(super) fn unreadable(error: BoxError) -> Status {
    Status::try_from_error(error).unwrap_or_else(|error| {
        Status::cancelled(format!("the request body could not be read: {error}"))
    })
}
