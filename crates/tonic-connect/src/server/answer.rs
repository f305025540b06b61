//! What a handler answered, as a response: one message or a stream of them, with metadata and trailers.

use futures_util::Stream;
use prost::Message;
use serde::Serialize;
use tokio::time::Instant;
use tonic::Status;

use super::Trailers;
use super::body::Body;
use super::call::Call;
use super::options::Options;
use super::protocol::Wire;
use super::streaming::Responses;
use crate::compression::Compression;

/// How the responses of one call are written.
pub(super) struct Answer {
    wire: &'static Wire,
    options: Options,
    offered: Compression,
    deadline: Option<Instant>,
    // Trailers have to be announced.
    http1: bool,
}

impl Answer {
    pub(super) fn to(call: &Call) -> Self {
        Self {
            wire: call.wire,
            options: call.options.clone(),
            offered: call.offered(),
            deadline: call.deadline,
            http1: call.is_http1(),
        }
    }

    /// The response of a method that answers with one message.
    pub(super) fn one<Res>(
        self,
        response: tonic::Response<Res>,
    ) -> Result<http::Response<Body>, Status>
    where
        Res: Message + Serialize,
    {
        let (metadata, message, mut extensions) = response.into_parts();
        let mut out = Vec::new();
        let compression =
            write_message(self.wire, &self.options, self.offered, &message, &mut out)?;
        let Trailers(trailers) = extensions.remove().unwrap_or_default();
        let announced = self.http1.then(|| trailers.clone());
        let mut response = self.wire.protocol.unary(
            self.wire,
            self.offered,
            compression,
            out,
            metadata,
            trailers,
        );
        if let Some(trailers) = announced {
            let headers = response.headers_mut();
            self.wire.protocol.announce(headers, &trailers);
        }
        if self.wire.text {
            response = response.map(Body::into_text);
        }
        *response.extensions_mut() = extensions;
        Ok(response)
    }

    /// The response of a method that answers with a stream.
    pub(super) fn many<S, Res>(self, response: tonic::Response<S>) -> http::Response<Body>
    where
        S: Stream<Item = Result<Res, Status>> + Send + 'static,
        Res: Message + Serialize + 'static,
    {
        let (metadata, messages, mut extensions) = response.into_parts();
        let Trailers(trailers) = extensions.remove().unwrap_or_default();
        let mut head = self.wire.protocol.stream(self.wire, self.offered, metadata);
        if self.http1 {
            self.wire.protocol.announce(head.headers_mut(), &trailers);
        }
        let responses = Responses::new(
            self.wire,
            self.options,
            self.offered,
            trailers,
            self.deadline,
            messages,
        );
        let mut response = head.map(|()| Body::stream(responses));
        *response.extensions_mut() = extensions;
        response
    }
}

/// Appends one message of the response, complete with its prefix. Leaves `out` as it was on errors.
pub(super) fn write_message<Res>(
    wire: &'static Wire,
    options: &Options,
    offered: Compression,
    message: &Res,
    out: &mut Vec<u8>,
) -> Result<Compression, Status>
where
    Res: Message + Serialize,
{
    let start = out.len();
    let written = try_write_message(wire, options, offered, message, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn try_write_message<Res>(
    wire: &'static Wire,
    options: &Options,
    offered: Compression,
    message: &Res,
    out: &mut Vec<u8>,
) -> Result<Compression, Status>
where
    Res: Message + Serialize,
{
    let start = out.len();
    let payload = start + wire.protocol.prefix_len();
    out.reserve(wire.protocol.prefix_len() + wire.codec.size_hint(message));
    out.resize(payload, 0);
    wire.codec.encode(message, out)?;
    let size = out.len() - payload;
    if size > options.max_response_bytes {
        let limit = options.max_response_bytes;
        return Err(Status::resource_exhausted(format!(
            "response message of {size} bytes is over the server's limit of {limit} bytes"
        )));
    }
    let compression = if size >= options.compress_min_bytes {
        offered
    } else {
        Compression::Identity
    };
    if compression != Compression::Identity {
        let plain = out.split_off(payload);
        compression.compress(&plain, out)?;
    }
    wire.protocol.seal(out, start, compression)?;
    Ok(compression)
}
