//! Connect: <https://connectrpc.com/docs/protocol>.
//!
//! A unary call is a plain POST: the frame's prefix comes off the request and goes onto the response, and an error is a
//! JSON object under an HTTP status. A stream keeps the frames and ends with a message of its own. Compression is
//! tonic's: a compressed frame travels as it is, only the headers that name the encoding differ.

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE,
};
use http::{StatusCode, Version};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::body::{End, ResponseBody};
use super::channel::Call;
use super::connector;
use super::frames::{Frames, prefix, too_large};
use super::head;
use crate::compression::Compression;
use crate::envelope::{COMPRESSED, PREFIX_LEN, read_prefix};
use crate::error::{grpc_trailers, is_reserved, parse_connect_end_stream, parse_connect_error};
use crate::schema::MethodKind;
use crate::timeout;

const UNARY_TYPE: &str = "application/proto";
const STREAM_TYPE: &str = "application/connect+proto";
const STREAM_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const STREAM_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// Trailers of a unary call travel as headers with this before their names.
const TRAILER_PREFIX: &str = "trailer-";
/// The flag of a stream's last message.
const END_STREAM: u8 = 0b10;

pub(super) async fn call(call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let (path, method) = call.method();
    let Some(method) = method else {
        return Err(Status::internal(format!(
            "the channel does not know the method {path}: pass its service's table to the channel's builder, with \
             `.service(&…_connect::SERVICE)`"
        )));
    };
    match method.kind {
        MethodKind::Unary => unary(call, body).await,
        MethodKind::ServerStreaming => server_streaming(call, body).await,
        MethodKind::ClientStreaming | MethodKind::BidiStreaming => {
            Err(Status::unimplemented(format!(
                "{path} streams requests, which this channel cannot do over Connect: use Protocol::Grpc"
            )))
        }
    }
}

/// The encodings that tonic's client named in gRPC's headers.
struct Encodings {
    request: Option<HeaderValue>,
    accepted: Option<HeaderValue>,
}

/// Puts Connect's headers in the place of gRPC's.
fn translate_headers(call: &mut Call, content_type: &'static str) -> Encodings {
    call.headers.remove(TE);
    call.headers.remove(timeout::GRPC_TIMEOUT);
    call.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    call.set_header("connect-protocol-version", HeaderValue::from_static("1"));
    if let Some(timeout) = call.timeout {
        call.set_header(
            timeout::CONNECT_TIMEOUT_MS,
            timeout::format_connect(timeout),
        );
    }
    Encodings {
        request: call.headers.remove(GRPC_ENCODING),
        accepted: call.headers.remove(GRPC_ACCEPT_ENCODING),
    }
}

async fn unary(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let encodings = translate_headers(&mut call, UNARY_TYPE);
    let (compressed, message) = single_message(call.deadline.cover(collect_request(body)).await?)?;
    if compressed && let Some(encoding) = encodings.request {
        call.headers.insert(CONTENT_ENCODING, encoding);
    }
    let accepts = encodings.accepted.is_some();
    if let Some(accepted) = encodings.accepted {
        call.headers.insert(ACCEPT_ENCODING, accepted);
    }
    let limit = call.max_response_bytes();

    let (response, mut deadline) = call
        .send(Version::HTTP_11, Body::new(Full::new(message)))
        .await?;
    let (head, incoming) = response.into_parts();
    let metadata = Metadata::of(&head.headers);
    if head.status != StatusCode::OK {
        let body = match head::content_type(&head.headers).eq_ignore_ascii_case("application/json")
        {
            true => {
                deadline
                    .cover(read_error(incoming, &head.headers, limit))
                    .await?
            }
            false => Bytes::new(),
        };
        let mut status = parse_connect_error(head.status, &body);
        *status.metadata_mut() = metadata.joined();
        return Ok(head::trailers_only(&status));
    }
    head::check_content_type(&head.headers, "application/", UNARY_TYPE)?;
    let encoding = encoding_of(&head.headers, CONTENT_ENCODING, accepts)?;

    let mut frame = deadline.cover(collect(incoming, limit)).await?;
    let length = frame.len() - PREFIX_LEN;
    // An empty message is an empty body, even where an encoding is named.
    let flags = if encoding.is_some() && length > 0 {
        COMPRESSED
    } else {
        0
    };
    // The limit is checked, and a body beyond 4 GiB is beyond what a frame can say.
    let length = u32::try_from(length).map_err(|_| too_large(length, u32::MAX as usize))?;
    frame[..PREFIX_LEN].copy_from_slice(&prefix(flags, length));

    let mut response = http::Response::new(());
    *response.headers_mut() = metadata.leading;
    if let Some(encoding) = encoding {
        response.headers_mut().insert(GRPC_ENCODING, encoding);
    }
    let trailers = grpc_trailers(Ok(&MetadataMap::from_headers(metadata.trailing)));
    let frames = [Frame::data(frame.freeze()), Frame::trailers(trailers)].map(Ok::<_, Status>);
    Ok(response.map(|()| Body::new(StreamBody::new(futures_util::stream::iter(frames)))))
}

async fn server_streaming(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let encodings = translate_headers(&mut call, STREAM_TYPE);
    // The frame is already as Connect wants it.
    let request = call.deadline.cover(collect_request(body)).await?;
    let accepts = encodings.accepted.is_some();
    if let Some(encoding) = encodings.request {
        call.headers.insert(STREAM_ENCODING, encoding);
    }
    if let Some(accepted) = encodings.accepted {
        call.headers.insert(STREAM_ACCEPT_ENCODING, accepted);
    }
    let limit = call.max_response_bytes();

    let (response, deadline) = call
        .send(Version::HTTP_11, Body::new(Full::new(request)))
        .await?;
    let (head, incoming) = response.into_parts();
    let metadata = Metadata::of(&head.headers);
    if let Err(mut status) = head::check(
        head.status,
        &head.headers,
        "application/connect+",
        STREAM_TYPE,
    ) {
        *status.metadata_mut() = metadata.joined();
        return Ok(head::trailers_only(&status));
    }
    let encoding = encoding_of(&head.headers, STREAM_ENCODING, accepts)?;
    let end = EndStream {
        compression: Compression::from_header(encoding.as_ref()),
        limit,
        trailers: None,
    };
    let body = ResponseBody::new(incoming, Frames::new(END_STREAM, limit), deadline, end);
    let mut response = http::Response::new(Body::new(body));
    *response.headers_mut() = metadata.joined().into_headers();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(GRPC_ENCODING, encoding);
    }
    Ok(response)
}

/// Connect ends a stream with a message of JSON.
struct EndStream {
    compression: Result<Compression, Status>,
    limit: usize,
    trailers: Option<HeaderMap>,
}

impl End for EndStream {
    fn message(&mut self, flags: u8, mut message: Bytes) -> Result<(), Status> {
        if flags & COMPRESSED != 0 {
            message = self.compression.clone()?.decompress(message, self.limit)?;
        }
        let end = parse_connect_end_stream(&message)?;
        self.trailers = Some(match end.status {
            None => grpc_trailers(Ok(&end.metadata)),
            Some(mut status) => {
                *status.metadata_mut() = end.metadata;
                grpc_trailers(Err(&status))
            }
        });
        Ok(())
    }

    fn trailers(&mut self, _: HeaderMap) {}

    fn has_come(&self) -> bool {
        self.trailers.is_some()
    }

    fn finish(&mut self, truncated: bool) -> Result<Option<HeaderMap>, Status> {
        match self.trailers.take() {
            Some(trailers) if !truncated => Ok(Some(trailers)),
            _ if truncated => Err(Status::internal(
                "the response ended in the midst of a message",
            )),
            _ => Err(Status::internal(
                "the response ended without Connect's end-stream message",
            )),
        }
    }
}

/// The headers of a response that belong to the application.
struct Metadata {
    leading: HeaderMap,
    trailing: HeaderMap,
}

impl Metadata {
    fn of(headers: &HeaderMap) -> Self {
        let (mut leading, mut trailing) = (HeaderMap::new(), HeaderMap::new());
        for (name, value) in headers {
            let trailer = name
                .as_str()
                .strip_prefix(TRAILER_PREFIX)
                .and_then(|name| HeaderName::try_from(name).ok());
            match trailer {
                Some(name) if !is_reserved(&name) => trailing.append(name, value.clone()),
                None if !is_reserved(name) && !is_connects(name) => {
                    leading.append(name, value.clone())
                }
                _ => false,
            };
        }
        Self { leading, trailing }
    }

    /// An error has one set of metadata.
    fn joined(self) -> MetadataMap {
        let mut all = self.leading;
        all.extend(self.trailing);
        MetadataMap::from_headers(all)
    }
}

/// Headers that Connect writes beside those that every protocol reserves.
fn is_connects(name: &HeaderName) -> bool {
    [
        CONTENT_ENCODING,
        ACCEPT_ENCODING,
        STREAM_ENCODING,
        STREAM_ACCEPT_ENCODING,
    ]
    .contains(name)
}

/// The encoding that a response names; `identity` is none. One that was not asked for is an error.
fn encoding_of(
    headers: &HeaderMap,
    name: HeaderName,
    accepts: bool,
) -> Result<Option<HeaderValue>, Status> {
    match headers
        .get(name)
        .filter(|value| !value.is_empty() && *value != "identity")
    {
        Some(encoding) if !accepts => Err(Status::internal(format!(
            "the response is compressed ({encoding:?}), which the client did not ask for"
        ))),
        encoding => Ok(encoding.cloned()),
    }
}

/// The frames of the request, of which tonic's client makes one chunk.
async fn collect_request(body: Body) -> Result<Bytes, Status> {
    Ok(body.collect().await?.to_bytes())
}

/// Whether the one message of a unary request is compressed, and the message.
fn single_message(mut frame: Bytes) -> Result<(bool, Bytes), Status> {
    let Some((flags, length)) = read_prefix(&frame) else {
        return Err(Status::internal(
            "a unary call needs one request message, and none came",
        ));
    };
    let message = frame.split_off(PREFIX_LEN);
    if message.len() != length {
        return Err(Status::internal(
            "a unary call needs one request message, and more than one came",
        ));
    }
    Ok((flags & COMPRESSED != 0, message))
}

/// Reads a body of at most `limit` bytes behind room for a frame's prefix.
async fn collect(mut incoming: Incoming, limit: usize) -> Result<BytesMut, Status> {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(announced, limit));
    }
    let mut collected = BytesMut::with_capacity(PREFIX_LEN + announced);
    collected.extend_from_slice(&[0; PREFIX_LEN]);
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(connector::response_failed)?.into_data() else {
            continue;
        };
        let length = collected.len() - PREFIX_LEN + data.len();
        if length > limit {
            return Err(too_large(length, limit));
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected)
}

/// The JSON of an error, empty when it cannot be read: then the HTTP status has to say it all.
async fn read_error(
    incoming: Incoming,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, Status> {
    let Ok(body) = collect(incoming, limit).await else {
        return Ok(Bytes::new());
    };
    let body = body.freeze().slice(PREFIX_LEN..);
    let compression = Compression::from_header(headers.get(CONTENT_ENCODING));
    Ok(compression
        .and_then(|compression| compression.decompress(body, limit))
        .unwrap_or_default())
}
