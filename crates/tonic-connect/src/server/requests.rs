//! The messages that a client streams, as the handler's [`tonic::Streaming`].
//!
//! tonic's own stream cannot do it alone: it has neither our limits' codes nor our encodings. So [`Envelopes`] stands
//! below it, checks and decompresses one envelope at a time as the body comes, and hands on plain envelopes; above it
//! [`Messages`] decodes in the call's codec. The body is only read when the handler asks, which is the back-pressure.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::Frame;
use pin_project_lite::pin_project;
use tonic::codec::{DecodeBuf, Decoder, Streaming};
use tonic::{Code, Status};

use super::BoxError;
use super::collect::unreadable;
use super::protocol::Wire;
use super::text;
use crate::codec::Codec;
use crate::codecs::Reads;
use crate::compression::Compression;
use crate::envelope::{self, PREFIX_LEN};

/// The messages of `body`, each of at most `limit` bytes.
pub(super) fn messages<Req, C, B>(
    body: B,
    wire: &Wire,
    compression: Compression,
    limit: usize,
) -> Streaming<Req>
where
    Req: 'static,
    C: Reads<Req>,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let envelopes = Envelopes {
        body,
        compression,
        limit,
        text: wire.text.then(text::Decoder::default),
        buffer: BytesMut::new(),
        ended: false,
    };
    let decoder = Messages::<Req, C> {
        codec: wire.codec,
        types: PhantomData,
    };
    // The limit has been applied below, with the right code.
    Streaming::new_request(decoder, envelopes, None, Some(usize::MAX))
}

pin_project! {
    /// A body that is one plain envelope per frame.
    struct Envelopes<B> {
        #[pin]
        body: B,
        compression: Compression,
        limit: usize,
        text: Option<text::Decoder>,
        // What has come and is not a whole envelope yet: never more than one within the limit, and one frame.
        buffer: BytesMut,
        ended: bool,
    }
}

impl<B> http_body::Body for Envelopes<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let last = loop {
            match next(this.buffer, *this.compression, *this.limit) {
                Ok(Some(envelope)) => return Poll::Ready(Some(Ok(Frame::data(envelope)))),
                Ok(None) => {}
                Err(status) => break Some(Err(status)),
            }
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers of a request mean nothing in any of the protocols.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    match this.text {
                        None => this.buffer.put(data),
                        Some(text) => {
                            if let Err(status) = text.decode(data, this.buffer) {
                                break Some(Err(status));
                            }
                        }
                    }
                }
                Some(Err(error)) => break Some(Err(broken_off(error.into()))),
                None if this.buffer.is_empty() => {
                    let cut = this.text.as_ref().and_then(|text| text.finish().err());
                    break cut.map(Err);
                }
                None => break Some(Err(envelope::incomplete(this.buffer))),
            }
        };
        *this.ended = true;
        Poll::Ready(last)
    }
}

/// Takes the first envelope out of `buffer` once it is whole, as an envelope that is not compressed.
fn next(
    buffer: &mut BytesMut,
    compression: Compression,
    limit: usize,
) -> Result<Option<Bytes>, Status> {
    let Some((flags, length)) = envelope::read_prefix(buffer) else {
        return Ok(None);
    };
    // Before the payload has come: nobody makes us hold more than the limit.
    envelope::check_length(length, limit)?;
    let whole = PREFIX_LEN + length;
    if flags == 0 {
        return Ok((buffer.len() >= whole).then(|| buffer.split_to(whole).freeze()));
    }
    envelope::check_message_flags(flags, compression)?;
    if buffer.len() < whole {
        return Ok(None);
    }
    buffer.advance(PREFIX_LEN);
    let payload = compression.decompress(buffer.split_to(length).freeze(), limit)?;
    let mut plain = Vec::with_capacity(PREFIX_LEN + payload.len());
    envelope::open(&mut plain);
    plain.extend_from_slice(&payload);
    envelope::close(&mut plain, 0, 0)?;
    Ok(Some(plain.into()))
}

/// The status of a body that breaks off. Never `cancelled`: tonic takes that for the end of the stream, and the
/// handler would act on half of it.
fn broken_off(error: BoxError) -> Status {
    let status = unreadable(error);
    match status.code() {
        Code::Cancelled => Status::aborted(status.message()),
        _ => status,
    }
}

/// Decodes messages in the codec of the call.
struct Messages<Req, C> {
    codec: Codec,
    types: PhantomData<fn(C) -> Req>,
}

impl<Req, C> Decoder for Messages<Req, C>
where
    C: Reads<Req>,
{
    type Item = Req;
    type Error = Status;

    fn decode(&mut self, payload: &mut DecodeBuf<'_>) -> Result<Option<Req>, Status> {
        let payload = payload.copy_to_bytes(payload.remaining());
        C::read(self.codec, payload).map(Some)
    }
}
