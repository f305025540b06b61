//! Connect: <https://connectrpc.com/docs/protocol>.
//!
//! A unary call is a plain POST: the frame's prefix comes off the request and goes onto the response, and an error is a
//! JSON object under an HTTP status. A method without side effects may be a GET instead, its message in the query. A
//! stream keeps the frames and ends with a message of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use http::{Method, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::answer::Answer;
use super::body::{self, End, ResponseBody, Terms};
use super::call::Call;
use super::frames::too_large;
use super::transport::Incoming;
use super::{head, request};
use crate::codec::Codec;
use crate::compression::Compression;
use crate::envelope::{COMPRESSED, PREFIX_LEN, read_prefix};
use crate::error::{is_reserved, joined, parse_connect_end_stream, parse_connect_error};
use crate::schema::{Idempotency, MethodKind};
use crate::timeout;

const STREAM_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const STREAM_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT: HeaderName = HeaderName::from_static(timeout::CONNECT_TIMEOUT_MS);
/// Trailers of a unary call travel as headers with this before their names.
const TRAILER_PREFIX: &str = "trailer-";
/// What a query string need not encode.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A call whose request is a body of frames, as tonic's client makes it.
pub(super) async fn call(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let method = call.method.ok_or_else(|| unknown_method(&call))?;
    if method.kind == MethodKind::Unary {
        let frame = call.deadline.cover(request::collect(body)).await?;
        return match exchange(call, frame).await? {
            Ok(answer) => answer.into_grpc(),
            Err(status) => Ok(head::trailers_only(&status)),
        };
    }
    streaming(call, body).await
}

/// A call of one message each way: sends what is in `frame`, and reads the response to its end.
pub(super) async fn answer(call: Call, frame: Bytes) -> Result<Answer, Status> {
    exchange(call, frame).await?
}

fn unknown_method(call: &Call) -> Status {
    Status::internal(format!(
        "the channel does not know the method {}: pass its service's table to the channel's builder, with \
         `.service(&…_connect::SERVICE)`",
        call.path.path()
    ))
}

fn name_timeout(call: &mut Call) {
    if let Some(timeout) = call.timeout {
        call.insert(TIMEOUT, timeout::format_connect(timeout));
    }
}

/// The inner error is what the server answered.
async fn exchange(mut call: Call, frame: Bytes) -> Result<Result<Answer, Status>, Status> {
    name_timeout(&mut call);
    let message = single_message(&call, frame)?;
    call.accept(ACCEPT_ENCODING);
    let content_type = match call.codec {
        Codec::Proto => "application/proto",
        Codec::Json => "application/json",
    };
    let response = match get_url(&call, &message)? {
        Some(url) => {
            call.send(Method::GET, url, Version::HTTP_11, Body::empty())
                .await?
        }
        None => {
            call.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
            call.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(encoding) = message.encoding {
                call.insert(CONTENT_ENCODING, encoding);
            }
            let (url, body) = (call.url()?, Body::new(Full::new(message.bytes)));
            call.send(Method::POST, url, Version::HTTP_11, body).await?
        }
    };

    let (head, incoming) = response.into_parts();
    let limit = call.max_response_bytes();
    let metadata = Metadata::of(&head.headers);
    if head.status != StatusCode::OK {
        let body = match head::content_type(&head.headers).eq_ignore_ascii_case("application/json")
        {
            true => {
                let reading = read_error(incoming, &head.headers, limit);
                call.deadline.cover(reading).await?
            }
            false => Bytes::new(),
        };
        let mut status = parse_connect_error(head.status, &body);
        *status.metadata_mut() = metadata.joined();
        return Ok(Err(status));
    }
    let checked = head::check_content_type(&head.headers, &["application/"], &[content_type])
        .and_then(|()| call.encoding_of(&head.headers, &CONTENT_ENCODING));
    let compression = match checked {
        Ok(compression) => compression,
        Err(mut status) => {
            *status.metadata_mut() = metadata.joined();
            return Ok(Err(status));
        }
    };

    let mut message = call.deadline.cover(collect(incoming, limit)).await?;
    if compression != Compression::Identity {
        message = body::unpack(compression, message, limit)?;
    }
    Ok(Ok(Answer {
        leading: metadata.leading,
        message,
        trailing: metadata.trailing,
    }))
}

/// The one message of a unary request, as it goes out.
struct Message {
    bytes: Bytes,
    /// How it is compressed, if it is.
    encoding: Option<HeaderValue>,
}

/// Takes the message out of its frame.
fn single_message(call: &Call, mut frame: Bytes) -> Result<Message, Status> {
    let Some((flags, length)) = read_prefix(&frame) else {
        return Err(Status::internal(
            "a unary call needs one request message, and none came",
        ));
    };
    let bytes = frame.split_off(PREFIX_LEN);
    if bytes.len() != length {
        return Err(Status::internal(
            "a unary call needs one request message, and more than one came",
        ));
    }
    if flags & COMPRESSED != 0 {
        let encoding = call.packed();
        return Ok(Message { bytes, encoding });
    }
    let packing = call.packing();
    if !packing.applies(length) {
        return Ok(Message {
            bytes,
            encoding: None,
        });
    }
    let mut packed = Vec::with_capacity(length);
    packing.compression.compress(&bytes, &mut packed)?;
    Ok(Message {
        bytes: packed.into(),
        encoding: packing.compression.header_value(),
    })
}

/// The URL of a call that goes by GET: the method has no side effects, the client wants it, and the message fits.
/// <https://connectrpc.com/docs/protocol#unary-get-request>
fn get_url(call: &Call, message: &Message) -> Result<Option<Uri>, Status> {
    let reads = call
        .method
        .is_some_and(|method| method.idempotency == Idempotency::NoSideEffects);
    if !call.get || !reads || message.bytes.len() > call.max_url_bytes() {
        return Ok(None);
    }
    let url = call.url()?;
    // In the order of the names: equal calls have equal URLs, which is what caches go by.
    let mut query = String::with_capacity(64 + message.bytes.len() * 2);
    let plain_text = call.codec == Codec::Json && message.encoding.is_none();
    if !plain_text {
        query.push_str("base64=1&");
    }
    if let Some(encoding) = message
        .encoding
        .as_ref()
        .and_then(|name| name.to_str().ok())
    {
        query.push_str("compression=");
        query.push_str(encoding);
        query.push('&');
    }
    query.push_str("connect=v1&encoding=");
    query.push_str(call.codec.name());
    query.push_str("&message=");
    if plain_text {
        query.extend(percent_encode(&message.bytes, QUERY));
    } else {
        URL_SAFE_NO_PAD.encode_string(&message.bytes, &mut query);
    }
    let target = format!("{}?{query}", url.path());
    if target.len() > call.max_url_bytes() {
        return Ok(None);
    }
    let mut parts = url.into_parts();
    // Too long for the `http` crate is too long for a GET.
    let Ok(target) = target.try_into() else {
        return Ok(None);
    };
    parts.path_and_query = Some(target);
    Ok(Uri::from_parts(parts).ok())
}

async fn streaming(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    name_timeout(&mut call);
    let content_type = match call.codec {
        Codec::Proto => "application/connect+proto",
        Codec::Json => "application/connect+json",
    };
    call.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
    call.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    call.name_encoding(STREAM_ENCODING);
    call.accept(STREAM_ACCEPT_ENCODING);
    // The frames are already as Connect wants them.
    let (body, cancel) = call.frames(body).await?;
    let url = call.url()?;
    let response = call.send(Method::POST, url, Version::HTTP_11, body).await?;

    let (head, incoming) = response.into_parts();
    let metadata = Metadata::of(&head.headers);
    let checked = head::check(
        head.status,
        &head.headers,
        &["application/connect+"],
        &[content_type],
    )
    .and_then(|()| call.encoding_of(&head.headers, &STREAM_ENCODING));
    let compression = match checked {
        Ok(compression) => compression,
        Err(mut status) => {
            *status.metadata_mut() = metadata.joined();
            return Ok(head::trailers_only(&status));
        }
    };
    let terms = Terms {
        compression,
        limit: call.max_response_bytes(),
        single: call.answers_once(),
    };
    let end = EndStream { ended: None };
    let body = ResponseBody::new(incoming, terms, call.deadline, end, cancel);
    let mut response = http::Response::new(Body::new(body));
    *response.headers_mut() = metadata.joined().into_headers();
    Ok(response)
}

/// Connect ends a stream with a message of JSON.
struct EndStream {
    ended: Option<Result<MetadataMap, Status>>,
}

impl End for EndStream {
    const FLAG: u8 = 0b10;

    fn message(&mut self, message: Bytes) -> Result<(), Status> {
        let end = parse_connect_end_stream(&message)?;
        self.ended = Some(match end.status {
            None => Ok(end.metadata),
            Some(mut status) => {
                *status.metadata_mut() = end.metadata;
                Err(status)
            }
        });
        Ok(())
    }

    fn trailers(&mut self, _: HeaderMap) {}

    fn has_come(&self) -> bool {
        self.ended.is_some()
    }

    fn finish(&mut self, _: u64, truncated: bool) -> Result<MetadataMap, Status> {
        match self.ended.take() {
            Some(ended) if !truncated => ended,
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
                None if !is_reserved(name) => leading.append(name, value.clone()),
                _ => false,
            };
        }
        Self { leading, trailing }
    }

    /// An error has one set of metadata.
    fn joined(self) -> MetadataMap {
        MetadataMap::from_headers(joined(self.leading, &self.trailing))
    }
}

/// Reads a body of at most `limit` bytes. One that came in one piece is not copied.
async fn collect(mut incoming: Incoming, limit: usize) -> Result<Bytes, Status> {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(announced, limit));
    }
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let length = first.len().max(all.len()) + data.len();
        if length > limit {
            return Err(too_large(length, limit));
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.max(length));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(match all.is_empty() {
        true => first,
        false => all.freeze(),
    })
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
    let compression = Compression::from_header(headers.get(CONTENT_ENCODING));
    Ok(compression
        .and_then(|compression| compression.decompress(body, limit))
        .unwrap_or_default())
}
