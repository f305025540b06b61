//! The body of a request: messages as tonic's client frames them, compressed if the channel says so.
//!
//! A call that sends one message is collected, so that its body has a length and goes out in one piece. A stream is
//! passed on as it comes, no faster than the connection takes it; when the call ends on this side ([`Cancel`] is
//! dropped), so does the request, whether its stream has more to say or not.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

use crate::compression::Compression;
use crate::envelope::{self, COMPRESSED, PREFIX_LEN, read_prefix};

/// Lives as long as the call: dropping it ends the request.
pub(super) type Cancel = oneshot::Sender<()>;

/// How the messages of a request are compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    pub(super) compression: Compression,
    /// A smaller message goes as it is.
    pub(super) min_bytes: usize,
}

impl Packing {
    /// Whether a message of `length` bytes is to be compressed.
    pub(super) fn applies(self, length: usize) -> bool {
        self.compression != Compression::Identity && length >= self.min_bytes
    }
}

/// The frames of a request that has one message: tonic's client makes one chunk of them.
pub(super) async fn collect(body: Body) -> Result<Bytes, Status> {
    Ok(body.collect().await?.to_bytes())
}

/// A body of all frames of a request at once.
pub(super) fn whole(frames: Bytes, packing: Packing) -> Result<Body, Status> {
    let mut packer = Packer::new(packing);
    let frames = packer.push(frames)?;
    Ok(Body::new(Full::new(frames)))
}

/// A body of the frames of `body` as they come, and what ends it.
pub(super) fn stream(body: Body, packing: Packing) -> (Body, Cancel) {
    let (cancel, cancelled) = oneshot::channel();
    let body = RequestBody {
        inner: Some(body),
        packer: Packer::new(packing),
        cancelled,
    };
    (Body::new(body), cancel)
}

struct RequestBody {
    /// None once it is over.
    inner: Option<Body>,
    packer: Packer,
    cancelled: oneshot::Receiver<()>,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Cancelled;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cancelled>>> {
        let this = self.get_mut();
        if Pin::new(&mut this.cancelled).poll(cx).is_ready() {
            this.inner = None;
            return Poll::Ready(Some(Err(Cancelled::ByCaller(h2::Reason::CANCEL.into()))));
        }
        loop {
            let Some(inner) = &mut this.inner else {
                return Poll::Ready(None);
            };
            let result = match ready!(Pin::new(inner).poll_frame(cx)) {
                None => {
                    this.inner = None;
                    return Poll::Ready(None);
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.packer.push(data),
                    // A client sends no trailers.
                    Err(_) => continue,
                },
                Some(Err(status)) => Err(status),
            };
            match result {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(status) => {
                    this.inner = None;
                    return Poll::Ready(Some(Err(Cancelled::Broken(status))));
                }
            }
        }
    }
}

/// Why a request did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Cancelled {
    /// The call is over on this side. The source says to HTTP/2 how to reset the stream.
    #[error("the call was cancelled")]
    ByCaller(#[source] h2::Error),
    /// The stream of requests failed, or a message has no form.
    #[error("the request cannot be sent: {0}")]
    Broken(#[source] Status),
}

/// Compresses the messages of frames that may be cut anywhere.
struct Packer {
    packing: Packing,
    /// The beginning of a frame whose rest is to come.
    rest: BytesMut,
}

impl Packer {
    fn new(packing: Packing) -> Self {
        Self {
            packing,
            rest: BytesMut::new(),
        }
    }

    fn push(&mut self, data: Bytes) -> Result<Bytes, Status> {
        if self.packing.compression == Compression::Identity {
            return Ok(data);
        }
        self.rest.extend_from_slice(&data);
        let mut out = Vec::with_capacity(data.len());
        while let Some((flags, length)) = read_prefix(&self.rest)
            && self.rest.len() - PREFIX_LEN >= length
        {
            let frame = &self.rest[..PREFIX_LEN + length];
            if flags & COMPRESSED != 0 || !self.packing.applies(length) {
                out.extend_from_slice(frame);
            } else {
                let start = out.len();
                envelope::open(&mut out);
                let message = &frame[PREFIX_LEN..];
                self.packing.compression.compress(message, &mut out)?;
                envelope::close(&mut out, start, flags | COMPRESSED)?;
            }
            self.rest.advance(PREFIX_LEN + length);
        }
        Ok(out.into())
    }
}
