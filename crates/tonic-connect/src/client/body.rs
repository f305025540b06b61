//! The body of a response that is made of frames, as tonic's client gets it: plain messages, then trailers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::Sleep;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::deadline::Deadline;
use super::frames::{Event, Frames, prefix};
use super::request::Cancel;
use super::transport::Incoming;
use crate::compression::Compression;
use crate::envelope::{COMPRESSED, PREFIX_LEN, read_prefix};
use crate::error::grpc_trailers;

/// The most trailers that are passed on. HTTP bounds its own, but those in a message of Connect or gRPC-Web could be so
/// many that a map of headers cannot hold them beside the headers, which would be a panic in whoever joins the two.
const MAX_TRAILERS: usize = 1000;

/// How long a body is read on for its end, after what ends the response has come: longer than a connection takes that
/// is about to say so, and no longer, since some servers never do.
const GRACE: Duration = Duration::from_secs(1);

/// How a protocol ends a response.
pub(super) trait End: Unpin {
    /// The flag of the message that ends it; 0 where none does.
    const FLAG: u8;
    /// That message came, decompressed.
    fn message(&mut self, message: Bytes) -> Result<(), Status>;
    /// HTTP trailers came.
    fn trailers(&mut self, trailers: HeaderMap);
    /// Whether the end came already, so that no more messages may.
    fn has_come(&self) -> bool;
    /// The body is over, after `messages` messages, in the midst of another or not: how the call ended, and its trailers.
    fn finish(&mut self, messages: u64, truncated: bool) -> Result<MetadataMap, Status>;
}

/// What a response's head and the call's kind say of its body.
#[derive(Debug)]
pub(super) struct Terms {
    /// How messages with the flag are compressed.
    pub(super) compression: Compression,
    /// The most bytes of a message, as it comes and after decompression.
    pub(super) limit: usize,
    /// Whether there is to be exactly one message.
    pub(super) single: bool,
}

/// What a body consists of.
enum Part {
    /// Bytes of frames.
    Data(Bytes),
    /// How the call ended, and its trailers.
    End(Result<MetadataMap, Status>),
}

/// Passes frames on, bounded in size and in time.
pub(super) struct ResponseBody<E> {
    /// None once the body is over: the connection is not held longer than it is needed.
    incoming: Option<Incoming>,
    /// What came and is not yet passed on.
    input: Bytes,
    /// A message after its prefix.
    message: Option<Bytes>,
    frames: Frames,
    terms: Terms,
    deadline: Deadline,
    end: E,
    /// Ends the request with the response.
    cancel: Option<Cancel>,
    /// Runs once the end has come and the body goes on.
    grace: Option<Pin<Box<Sleep>>>,
}

impl<E: End> ResponseBody<E> {
    pub(super) fn new(
        incoming: Incoming,
        terms: Terms,
        deadline: Deadline,
        end: E,
        cancel: Option<Cancel>,
    ) -> Self {
        Self {
            incoming: Some(incoming),
            input: Bytes::new(),
            message: None,
            frames: Frames::new(E::FLAG, terms.limit),
            terms,
            deadline,
            end,
            cancel,
            grace: None,
        }
    }

    /// Polls the body, which is over as well when only its end is wanting and does not come.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(cx),
            None => Poll::Ready(None),
        };
        if polled.is_pending() && self.end.has_come() {
            let grace = self
                .grace
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(GRACE)));
            ready!(grace.as_mut().poll(cx));
            return Poll::Ready(None);
        }
        polled
    }

    /// Reads the one message of a response that has to have one, and the trailers behind it.
    pub(super) async fn one(mut self) -> Result<(Bytes, MetadataMap), Status> {
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        loop {
            match poll_fn(|cx| self.poll_next(cx)).await? {
                Part::Data(data) if first.is_empty() => first = data,
                Part::Data(data) => {
                    if more.is_empty() {
                        more.extend_from_slice(&first);
                    }
                    more.extend_from_slice(&data);
                }
                Part::End(result) => {
                    let trailers = result?;
                    let mut frame = match more.is_empty() {
                        true => first,
                        false => more.freeze(),
                    };
                    match read_prefix(&frame) {
                        None => return Err(no_message()),
                        Some((0, _)) => frame.advance(PREFIX_LEN),
                        // Whatever that is, it is not the message alone.
                        Some((flags, _)) => {
                            return Err(Status::internal(format!(
                                "the message of the response has flags that mean nothing: {flags:#04x}"
                            )));
                        }
                    }
                    return Ok((frame, trailers));
                }
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, Status>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Ok(Part::Data(message)));
        }
        // What the server said in time counts.
        if !self.end.has_come()
            && let Poll::Ready(status) = self.deadline.poll_passed(cx)
        {
            return Poll::Ready(Err(status));
        }
        loop {
            let event = self.frames.next(&mut self.input)?;
            if event.is_some() && self.end.has_come() {
                return Poll::Ready(Err(Status::internal(
                    "the server sent a message after the end of the stream",
                )));
            }
            if self.terms.single && self.frames.messages() > 1 {
                return Poll::Ready(Err(Status::unimplemented(
                    "the response has more than one message: this method answers with exactly one",
                )));
            }
            match event {
                None => {}
                Some(Event::Pass(bytes)) => return Poll::Ready(Ok(Part::Data(bytes))),
                Some(Event::Whole(flags, message)) => {
                    let message = self.unpack(flags, message)?;
                    if flags & E::FLAG != 0 {
                        self.end.message(message)?;
                        continue;
                    }
                    // Within the limit, and a limit beyond 4 GiB is beyond what a frame can say.
                    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
                    let prefix = Bytes::copy_from_slice(&prefix(flags & !COMPRESSED, length));
                    self.message = (!message.is_empty()).then_some(message);
                    return Poll::Ready(Ok(Part::Data(prefix)));
                }
            }
            match ready!(self.poll_body(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.input = data,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.end.trailers(trailers);
                        }
                    }
                },
                // Once the end has come, how the connection goes is of no interest.
                Some(Err(status)) if !self.end.has_come() => {
                    return Poll::Ready(Err(self.deadline.judge(status)));
                }
                Some(Err(_)) | None => {
                    let messages = self.frames.messages();
                    let end = self.end.finish(messages, !self.frames.at_boundary());
                    let trailers = end.as_ref().unwrap_or_else(Status::metadata);
                    if trailers.len() > MAX_TRAILERS {
                        return Poll::Ready(Err(Status::resource_exhausted(format!(
                            "the response has {} trailers, more than the limit of {MAX_TRAILERS}",
                            trailers.len()
                        ))));
                    }
                    if self.terms.single && messages == 0 && end.is_ok() {
                        return Poll::Ready(Err(no_message()));
                    }
                    return Poll::Ready(Ok(Part::End(end)));
                }
            }
        }
    }

    fn unpack(&self, flags: u8, message: Bytes) -> Result<Bytes, Status> {
        if flags & COMPRESSED == 0 {
            return Ok(message);
        }
        if self.terms.compression == Compression::Identity {
            return Err(Status::internal(
                "a message of the response is compressed, though its headers name no encoding",
            ));
        }
        unpack(self.terms.compression, message, self.terms.limit)
    }
}

/// Decompresses a part of a response.
pub(super) fn unpack(
    compression: Compression,
    message: Bytes,
    limit: usize,
) -> Result<Bytes, Status> {
    compression
        .decompress(message, limit)
        .map_err(|status| match status.code() {
            Code::ResourceExhausted => status,
            // The server's fault, not the caller's.
            _ => Status::internal(format!("the response cannot be read: {}", status.message())),
        })
}

/// The status for a method that answers with one message, and got none.
pub(super) fn no_message() -> Status {
    Status::unimplemented("the response has no message: this method answers with exactly one")
}

impl<E: End> Body for ResponseBody<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.incoming.is_none() {
            return Poll::Ready(None);
        }
        let frame = match ready!(this.poll_next(cx)) {
            Ok(Part::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Ok(Part::End(end)) => Ok(Frame::trailers(grpc_trailers(end.as_ref()))),
            Err(status) => Err(status),
        };
        this.incoming = None;
        this.cancel = None;
        Poll::Ready(Some(frame))
    }
}
