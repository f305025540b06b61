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
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::body::{self, End, ResponseBody, Terms};
use super::call::Call;
use super::frames::{prefix, too_large};
use super::transport::Incoming;
use super::{head, request};
use crate::codec::Codec;
use crate::compression::Compression;
use crate::envelope::{COMPRESSED, PREFIX_LEN, read_prefix};
use crate::error::{grpc_trailers, is_reserved, parse_connect_end_stream, parse_connect_error};
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

pub(super) async fn call(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let Some(method) = call.method else {
        return Err(Status::internal(format!(
            "the channel does not know the method {}: pass its service's table to the channel's builder, with \
             `.service(&…_connect::SERVICE)`",
            call.path.path()
        )));
    };
    if let Some(timeout) = call.timeout {
        call.insert(TIMEOUT, timeout::format_connect(timeout));
    }
    match method.kind {
        MethodKind::Unary => unary(call, body).await,
        _ => streaming(call, body).await,
    }
}

async fn unary(mut call: Call, body: Body) -> Result<http::Response<Body>, Status> {
    let message = call.deadline.cover(request::collect(body)).await?;
    let message = single_message(&call, message)?;
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
        return Ok(head::trailers_only(&status));
    }
    let checked = head::check_content_type(&head.headers, &["application/"], &[content_type])
        .and_then(|()| call.encoding_of(&head.headers, &CONTENT_ENCODING));
    let compression = match checked {
        Ok(compression) => compression,
        Err(mut status) => {
            *status.metadata_mut() = metadata.joined();
            return Ok(head::trailers_only(&status));
        }
    };

    let mut frame = call.deadline.cover(collect(incoming, limit)).await?;
    if compression != Compression::Identity {
        let message = body::unpack(compression, frame.split_off(PREFIX_LEN).freeze(), limit)?;
        frame.extend_from_slice(&message);
    }
    let length = frame.len() - PREFIX_LEN;
    // The limit is checked, and a body beyond 4 GiB is beyond what a frame can say.
    let length = u32::try_from(length).map_err(|_| too_large(length, u32::MAX as usize))?;
    frame[..PREFIX_LEN].copy_from_slice(&prefix(0, length));

    let mut response = http::Response::new(());
    *response.headers_mut() = metadata.leading;
    let trailers = grpc_trailers(Ok(&MetadataMap::from_headers(metadata.trailing)));
    let frames = [Frame::data(frame.freeze()), Frame::trailers(trailers)].map(Ok::<_, Status>);
    Ok(response.map(|()| Body::new(StreamBody::new(futures_util::stream::iter(frames)))))
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
    let end = EndStream { trailers: None };
    let body = ResponseBody::new(incoming, terms, call.deadline, end, cancel);
    let mut response = http::Response::new(Body::new(body));
    *response.headers_mut() = metadata.joined().into_headers();
    Ok(response)
}

/// Connect ends a stream with a message of JSON.
struct EndStream {
    trailers: Option<HeaderMap>,
}

impl End for EndStream {
    const FLAG: u8 = 0b10;

    fn message(&mut self, message: Bytes) -> Result<(), Status> {
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

    fn finish(&mut self, _: u64, truncated: bool) -> Result<HeaderMap, Status> {
        match self.trailers.take() {
            Some(trailers) if !truncated => Ok(trailers),
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
        let mut all = self.leading;
        all.extend(self.trailing);
        MetadataMap::from_headers(all)
    }
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
        let Ok(data) = frame?.into_data() else {
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
