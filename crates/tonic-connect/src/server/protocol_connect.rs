//! Connect, server side: unary calls whose body is the message itself (POST, and GET for reads), and streams of
//! envelopes whose last one says how the call ended.
//!
//! Specification: <https://connectrpc.com/docs/protocol>.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::body::Body;
use super::headers::{Header, Known, Names};
use super::protocol::{End, Protocol, Terms, Wire, response, response_headers};
use super::protocol_grpc::{enveloped_message, flags};
use crate::codec::Codec;
use crate::compression::{self, Compression};
use crate::envelope::{self, PREFIX_LEN};
use crate::{error, timeout};

/// What a handler does not get.
const RESERVED: Names = Names::HTTP.with(&[
    Header::ConnectProtocolVersion,
    Header::ConnectTimeoutMs,
    Header::ConnectContentEncoding,
    Header::ConnectAcceptEncoding,
]);

/// The flag of the envelope that ends a stream.
const END_STREAM: u8 = 0b0000_0010;

/// Unary calls.
pub(super) static UNARY: ConnectUnary = ConnectUnary { cacheable: false };
/// Unary calls by GET.
pub(super) static GET: ConnectUnary = ConnectUnary { cacheable: true };
/// Streams.
pub(super) static STREAM: ConnectStream = ConnectStream;

pub(super) struct ConnectUnary {
    /// Whether caches may keep responses, and have to know what they depend on.
    cacheable: bool,
}

impl ConnectUnary {
    fn headers(&self, metadata: &MetadataMap, content_type: &HeaderValue) -> HeaderMap {
        let mut headers = response_headers(metadata, content_type);
        if self.cacheable {
            headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        headers
    }
}

pub(super) struct ConnectStream;

fn check_version(version: Option<&[u8]>, expected: &str, name: &str) -> Result<(), Status> {
    match version {
        Some(version) if version != expected.as_bytes() => Err(Status::invalid_argument(format!(
            "{name} must be {expected:?}, got {:?}",
            String::from_utf8_lossy(version)
        ))),
        // Official clients call without it.
        _ => Ok(()),
    }
}

/// The terms of a call whose bodies or messages have the encoding of that header.
fn terms(headers: &Known<'_>, encoding: Header, accept: Header) -> Result<Terms, Status> {
    let version = headers.first(Header::ConnectProtocolVersion);
    check_version(
        version.map(HeaderValue::as_bytes),
        "1",
        "connect-protocol-version",
    )?;
    let timeout = headers.first(Header::ConnectTimeoutMs);
    let timeout = timeout.map(timeout::parse_connect).transpose();
    Ok(Terms {
        request: Compression::from_header(headers.first(encoding))?,
        response: Compression::choose(headers.all(accept)),
        timeout: timeout.map_err(|error| Status::invalid_argument(error.to_string()))?,
        message: None,
    })
}

impl Protocol for ConnectUnary {
    fn terms(&self, headers: &Known<'_>) -> Result<Terms, Status> {
        terms(headers, Header::ContentEncoding, Header::AcceptEncoding)
    }

    fn reserved(&self) -> Names {
        RESERVED
    }

    fn prefix_len(&self) -> usize {
        0
    }

    fn message(
        &self,
        body: Bytes,
        compression: Compression,
        limit: usize,
    ) -> Result<Bytes, Status> {
        compression.decompress(body, limit)
    }

    fn seal(&self, _: &mut [u8], _: usize, _: Compression) -> Result<(), Status> {
        Ok(())
    }

    fn unary(
        &self,
        wire: &'static Wire,
        _: Compression,
        compression: Compression,
        message: Vec<u8>,
        metadata: MetadataMap,
        trailers: &MetadataMap,
    ) -> http::Response<Body> {
        let mut headers = self.head(wire, compression, metadata);
        for (name, value) in error::sendable(trailers) {
            if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
                headers.append(name, value.clone());
            }
        }
        response(headers, Body::full(message))
    }

    fn head(&self, wire: &'static Wire, offered: Compression, metadata: MetadataMap) -> HeaderMap {
        let mut headers = self.headers(&metadata, &wire.content_type);
        if let Some(encoding) = offered.header_value() {
            headers.insert(header::CONTENT_ENCODING, encoding);
        }
        headers
    }

    fn end(&self, _: Result<&MetadataMap, &Status>) -> End {
        // A unary body has no end of its own.
        End::default()
    }

    fn failure(&self, _: &'static Wire, status: &Status) -> http::Response<Body> {
        // JSON, whatever the codec of the call.
        let json = HeaderValue::from_static("application/json");
        let mut headers = self.headers(status.metadata(), &json);
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static(compression::SUPPORTED),
        );
        let mut response = response(headers, Body::full(error::connect_error_body(status)));
        *response.status_mut() = error::connect_http_status(status.code());
        response
    }
}

impl Protocol for ConnectStream {
    fn terms(&self, headers: &Known<'_>) -> Result<Terms, Status> {
        terms(
            headers,
            Header::ConnectContentEncoding,
            Header::ConnectAcceptEncoding,
        )
    }

    fn reserved(&self) -> Names {
        RESERVED
    }

    fn prefix_len(&self) -> usize {
        PREFIX_LEN
    }

    fn message(
        &self,
        body: Bytes,
        compression: Compression,
        limit: usize,
    ) -> Result<Bytes, Status> {
        enveloped_message(body, compression, limit)
    }

    fn seal(&self, out: &mut [u8], start: usize, compression: Compression) -> Result<(), Status> {
        envelope::close(out, start, flags(compression))
    }

    fn unary(
        &self,
        wire: &'static Wire,
        offered: Compression,
        _: Compression,
        mut message: Vec<u8>,
        metadata: MetadataMap,
        trailers: &MetadataMap,
    ) -> http::Response<Body> {
        let headers = self.head(wire, offered, metadata);
        message.extend_from_slice(&self.end(Ok(trailers)).data);
        response(headers, Body::full(message))
    }

    fn head(&self, wire: &'static Wire, offered: Compression, metadata: MetadataMap) -> HeaderMap {
        let mut headers = response_headers(&metadata, &wire.content_type);
        if let Some(encoding) = offered.header_value() {
            headers.insert(Header::ConnectContentEncoding.name(), encoding);
        }
        headers
    }

    fn end(&self, result: Result<&MetadataMap, &Status>) -> End {
        let json = match result {
            Ok(metadata) => error::connect_end_stream(None, metadata),
            Err(status) => error::connect_end_stream(Some(status), &MetadataMap::new()),
        };
        let mut data = Vec::with_capacity(PREFIX_LEN + json.len());
        envelope::open(&mut data);
        data.extend_from_slice(&json);
        match envelope::close(&mut data, 0, END_STREAM) {
            Ok(()) => End {
                data,
                trailers: None,
            },
            Err(status) => self.end(Err(&status)),
        }
    }

    fn failure(&self, wire: &'static Wire, status: &Status) -> http::Response<Body> {
        let mut headers = response_headers(&MetadataMap::new(), &wire.content_type);
        headers.insert(
            Header::ConnectAcceptEncoding.name(),
            HeaderValue::from_static(compression::SUPPORTED),
        );
        response(headers, Body::full(self.end(Err(status)).data))
    }
}

/// Base64 with the URL alphabet, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The query of a Connect GET. Parameters of other names are somebody else's.
#[derive(Debug, Default)]
pub(super) struct GetQuery<'a> {
    connect: Option<Cow<'a, str>>,
    encoding: Option<Cow<'a, str>>,
    base64: Option<Cow<'a, str>>,
    compression: Option<Cow<'a, str>>,
    message: Option<&'a str>,
}

impl<'a> GetQuery<'a> {
    pub(super) fn parse(query: &'a str) -> Self {
        let mut parsed = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "connect" => parsed.connect = Some(unescape(value)),
                "encoding" => parsed.encoding = Some(unescape(value)),
                "base64" => parsed.base64 = Some(unescape(value)),
                "compression" => parsed.compression = Some(unescape(value)),
                "message" => parsed.message = Some(value),
                _ => {}
            }
        }
        parsed
    }

    /// The codec, none for one that does not exist.
    pub(super) fn codec(&self) -> Option<Codec> {
        match self.encoding.as_deref()? {
            "proto" => Some(Codec::Proto),
            "json" => Some(Codec::Json),
            _ => None,
        }
    }

    pub(super) fn terms(&self, headers: &Known<'_>) -> Result<Terms, Status> {
        check_version(
            self.connect.as_deref().map(str::as_bytes),
            "v1",
            "query parameter connect",
        )?;
        let mut terms = GET.terms(headers)?;
        terms.request =
            Compression::from_name(self.compression.as_deref().unwrap_or_default().as_bytes())?;
        terms.message = Some(self.message()?);
        Ok(terms)
    }

    fn message(&self) -> Result<Bytes, Status> {
        let Some(escaped) = self.message else {
            return Err(Status::invalid_argument(
                "query parameter message is missing",
            ));
        };
        // Bytes, not text: without base64 a binary message is percent-encoded.
        let bytes: Vec<u8> = match escaped.contains('+') {
            true => percent_encoding::percent_decode_str(&escaped.replace('+', " ")).collect(),
            false => percent_encoding::percent_decode_str(escaped).collect(),
        };
        match self.base64.as_deref() {
            Some("1") => {
                let decoded = BASE64.decode(&bytes);
                let decoded = decoded.map_err(|error| {
                    Status::invalid_argument(format!(
                        "query parameter message is not URL-safe base64: {error}"
                    ))
                })?;
                Ok(decoded.into())
            }
            None | Some("" | "0") => Ok(bytes.into()),
            Some(other) => Err(Status::invalid_argument(format!(
                "query parameter base64 must be \"1\", got {other:?}"
            ))),
        }
    }
}

fn unescape(value: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(value).decode_utf8_lossy()
}
