//! What a handler answered, as a response: one message or a stream of them, with metadata and trailers.

use futures_util::Stream;
use tonic::Status;

use super::Trailers;
use super::body::Body;
use super::call::Call;
use super::options::Options;
use super::protocol::{Wire, response as response_with};
use super::streaming::Responses;
use super::timed::Timed;
use crate::codecs::Writes;
use crate::compression::Compression;

/// The response of a method that answers with one message.
pub(super) fn one<C, Res>(
    call: &mut Call<C>,
    mut response: tonic::Response<Res>,
) -> Result<http::Response<Body>, Status>
where
    C: Writes<Res>,
{
    let (wire, offered) = (call.wire, call.offered());
    let mut out = Vec::new();
    // The message is large, and stays where it is.
    let message = response.get_ref();
    let compression = write_message::<C, _>(wire, &call.options, offered, message, &mut out)?;
    let metadata = std::mem::take(response.metadata_mut());
    let mut extensions = std::mem::take(response.extensions_mut());
    let Trailers(trailers) = match extensions.is_empty() {
        true => Trailers::default(),
        false => extensions.remove().unwrap_or_default(),
    };
    let protocol = wire.protocol;
    let mut response = protocol.unary(wire, offered, compression, out, metadata, &trailers);
    if call.is_http1() {
        protocol.announce(response.headers_mut(), &trailers);
    }
    if wire.text {
        response = response.map(Body::into_text);
    }
    *response.extensions_mut() = extensions;
    Ok(response)
}

/// The response of a method that answers with a stream.
pub(super) fn many<C, S, Res>(
    call: &mut Call<C>,
    response: tonic::Response<S>,
) -> Result<http::Response<Body>, Status>
where
    C: Writes<Res>,
    S: Stream<Item = Result<Res, Status>> + Send + 'static,
    Res: 'static,
{
    let (wire, offered) = (call.wire, call.offered());
    let (metadata, messages, mut extensions) = response.into_parts();
    let Trailers(trailers) = extensions.remove().unwrap_or_default();
    let mut headers = wire.protocol.head(wire, offered, metadata);
    if call.is_http1() {
        wire.protocol.announce(&mut headers, &trailers);
    }
    let options = call.options.clone();
    let body = match call.deadline {
        None => Body::stream(Responses::<C, _>::new(
            wire, options, offered, trailers, messages,
        )),
        Some(deadline) => Body::stream(Responses::<C, _>::new(
            wire,
            options,
            offered,
            trailers,
            Timed::new(messages, deadline),
        )),
    };
    let mut response = response_with(headers, body);
    *response.extensions_mut() = extensions;
    Ok(response)
}

/// Appends one message of the response, complete with its prefix. Leaves `out` as it was on errors.
pub(super) fn write_message<C, Res>(
    wire: &'static Wire,
    options: &Options,
    offered: Compression,
    message: &Res,
    out: &mut Vec<u8>,
) -> Result<Compression, Status>
where
    C: Writes<Res>,
{
    let start = out.len();
    let written = try_write_message::<C, _>(wire, options, offered, message, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn try_write_message<C, Res>(
    wire: &'static Wire,
    options: &Options,
    offered: Compression,
    message: &Res,
    out: &mut Vec<u8>,
) -> Result<Compression, Status>
where
    C: Writes<Res>,
{
    let start = out.len();
    let prefix = wire.protocol.prefix_len();
    C::write(wire.codec, message, prefix, out)?;
    let payload = start + prefix;
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
