//! The body of a response that is made of frames, as tonic's client gets it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tonic::Status;

use super::connector;
use super::deadline::Deadline;
use super::frames::{Event, Frames};

/// How a protocol ends a response.
pub(super) trait End: Unpin {
    /// The message with the end flag came.
    fn message(&mut self, flags: u8, message: Bytes) -> Result<(), Status>;
    /// HTTP trailers came.
    fn trailers(&mut self, trailers: HeaderMap);
    /// Whether the end came already, so that no more messages may.
    fn has_come(&self) -> bool;
    /// The body is over, in the midst of a frame or not: the trailers for tonic's client.
    fn finish(&mut self, truncated: bool) -> Result<Option<HeaderMap>, Status>;
}

/// Passes frames on, bounded in size and in time.
pub(super) struct ResponseBody<E> {
    /// None once the body is over: the connection is not held longer than it is needed.
    incoming: Option<Incoming>,
    /// What came and is not yet passed on.
    input: Bytes,
    frames: Frames,
    deadline: Deadline,
    end: E,
}

impl<E: End> ResponseBody<E> {
    pub(super) fn new(incoming: Incoming, frames: Frames, deadline: Deadline, end: E) -> Self {
        Self {
            incoming: Some(incoming),
            input: Bytes::new(),
            frames,
            deadline,
            end,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Status>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(Ok(None));
        };
        if let Poll::Ready(status) = self.deadline.poll_passed(cx) {
            return Poll::Ready(Err(status));
        }
        loop {
            match self.frames.next(&mut self.input) {
                Ok(None) => {}
                Ok(Some(_)) if self.end.has_come() => {
                    return Poll::Ready(Err(Status::internal(
                        "the server sent a message after the end of the stream",
                    )));
                }
                Ok(Some(Event::Pass(bytes))) => return Poll::Ready(Ok(Some(Frame::data(bytes)))),
                Ok(Some(Event::End(flags, message))) => {
                    self.end.message(flags, message)?;
                    continue;
                }
                Err(status) => return Poll::Ready(Err(status)),
            }
            match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.input = data,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.end.trailers(trailers);
                        }
                    }
                },
                // Once the end has come, how the connection goes is of no interest.
                Some(Err(error)) if !self.end.has_come() => {
                    return Poll::Ready(Err(connector::response_failed(error)));
                }
                Some(Err(_)) | None => {
                    let trailers = self.end.finish(!self.frames.at_boundary());
                    return Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)));
                }
            }
        }
    }
}

impl<E: End> Body for ResponseBody<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let result = ready!(this.poll_next(cx));
        if !matches!(&result, Ok(Some(frame)) if frame.is_data()) {
            this.incoming = None;
        }
        Poll::Ready(result.transpose())
    }
}
