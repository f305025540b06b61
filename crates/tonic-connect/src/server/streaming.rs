//! The body of a response that is a stream of messages.
//!
//! Messages that are ready together go out together, up to [`FLUSH_BYTES`]; beyond that the stream is not polled before
//! the transport asks for more, which is the back-pressure.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http_body::Frame;
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::answer::write_message;
use super::options::Options;
use super::protocol::Wire;
use super::respond::panicked;
use super::text;
use crate::codecs::Writes;
use crate::compression::Compression;

/// A frame is handed to the transport once it has so many bytes, even when more is ready.
const FLUSH_BYTES: usize = 32 * 1024;

pin_project! {
    /// Encodes the items of `S`, ends the stream in the protocol's way.
    pub(super) struct Responses<C, S> {
        codecs: PhantomData<C>,
        wire: &'static Wire,
        options: Options,
        compression: Compression,
        trailers: MetadataMap,
        // Dropped as soon as it has ended, so that the handler's resources are free before the last byte is sent.
        #[pin]
        messages: Option<S>,
        buffer: Vec<u8>,
        // The size of the frame before this one, of which it most likely is as well.
        expected: usize,
        last: Option<HeaderMap>,
    }
}

impl<C, S> Responses<C, S> {
    pub(super) fn new(
        wire: &'static Wire,
        options: Options,
        compression: Compression,
        trailers: MetadataMap,
        messages: S,
    ) -> Self {
        let messages = Some(messages);
        Self {
            codecs: PhantomData,
            wire,
            options,
            compression,
            trailers,
            messages,
            buffer: Vec::new(),
            expected: 0,
            last: None,
        }
    }
}

impl<C, S, Res> http_body::Body for Responses<C, S>
where
    C: Writes<Res>,
    S: Stream<Item = Result<Res, Status>>,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut this = self.project();
        while this.buffer.len() < FLUSH_BYTES {
            let Some(messages) = this.messages.as_mut().as_pin_mut() else {
                break;
            };
            let next = catch_unwind(AssertUnwindSafe(|| messages.poll_next(cx)))
                .unwrap_or_else(|_| Poll::Ready(Some(Err(panicked()))));
            let end = match next {
                Poll::Ready(Some(Ok(message))) => {
                    if this.buffer.is_empty() {
                        this.buffer.reserve(*this.expected);
                    }
                    let written = write_message::<C, _>(
                        this.wire,
                        this.options,
                        *this.compression,
                        &message,
                        this.buffer,
                    );
                    match written {
                        Ok(_) => continue,
                        Err(status) => this.wire.protocol.end(Err(&status)),
                    }
                }
                Poll::Ready(Some(Err(status))) => this.wire.protocol.end(Err(&status)),
                Poll::Ready(None) => this.wire.protocol.end(Ok(this.trailers)),
                Poll::Pending if this.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            };
            this.messages.set(None);
            this.buffer.extend_from_slice(&end.data);
            *this.last = end.trailers;
        }
        if !this.buffer.is_empty() {
            let mut data = std::mem::take(this.buffer);
            *this.expected = data.len();
            if this.wire.text {
                data = text::encode(data);
            }
            return Poll::Ready(Some(Ok(Frame::data(data.into()))));
        }
        Poll::Ready(
            this.last
                .take()
                .map(|trailers| Ok(Frame::trailers(trailers))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_none() && self.buffer.is_empty() && self.last.is_none()
    }
}
