//! gRPC and gRPC-Web, server side. They share framing and headers; gRPC-Web's trailers are the last frame of the body.
//!
//! Specifications: `PROTOCOL-HTTP2.md` and `PROTOCOL-WEB.md` of the gRPC project.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::body::Body;
use super::headers::{Header, Known, Names};
use super::protocol::{End, Protocol, Terms, Wire, response, response_headers};
use crate::compression::{self, Compression};
use crate::envelope::{self, COMPRESSED, PREFIX_LEN};
use crate::{error, timeout};

/// What a handler does not get.
const RESERVED: Names = Names::HTTP.with(&[
    Header::Te,
    Header::GrpcTimeout,
    Header::GrpcEncoding,
    Header::GrpcAcceptEncoding,
]);

/// The flag of the frame that holds gRPC-Web's trailers.
const WEB_TRAILERS: u8 = 0b1000_0000;

/// gRPC over HTTP/2.
pub(super) static GRPC: Grpc = Grpc { web: false };
/// gRPC-Web, which needs neither HTTP/2 nor trailers.
pub(super) static GRPC_WEB: Grpc = Grpc { web: true };

pub(super) struct Grpc {
    web: bool,
}

impl Protocol for Grpc {
    fn terms(&self, headers: &Known<'_>) -> Result<Terms, Status> {
        let timeout = headers.first(Header::GrpcTimeout);
        let timeout = timeout.map(timeout::parse_grpc).transpose();
        Ok(Terms {
            request: Compression::from_header(headers.first(Header::GrpcEncoding))?,
            response: Compression::choose(headers.all(Header::GrpcAcceptEncoding)),
            timeout: timeout.map_err(|error| Status::invalid_argument(error.to_string()))?,
            message: None,
        })
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
        let end = self.end(Ok(trailers));
        let body = match end.trailers {
            Some(trailers) => Body::full_with_trailers(message.into(), trailers),
            None => {
                message.extend_from_slice(&end.data);
                Body::full(message)
            }
        };
        response(headers, body)
    }

    fn head(&self, wire: &'static Wire, offered: Compression, metadata: MetadataMap) -> HeaderMap {
        let mut headers = response_headers(&metadata, &wire.content_type);
        if let Some(encoding) = offered.header_value() {
            headers.insert(Header::GrpcEncoding.name(), encoding);
        }
        headers
    }

    fn announce(&self, headers: &mut HeaderMap, trailers: &MetadataMap) {
        if self.web {
            return;
        }
        let names = HeaderValue::from_static("grpc-status, grpc-message, grpc-status-details-bin");
        headers.append(header::TRAILER, names);
        for (name, _) in error::sendable(trailers) {
            headers.append(header::TRAILER, HeaderValue::from(name.clone()));
        }
    }

    fn end(&self, result: Result<&MetadataMap, &Status>) -> End {
        let trailers = error::grpc_trailers(result);
        if !self.web {
            return End {
                data: Vec::new(),
                trailers: Some(trailers),
            };
        }
        let mut data = Vec::with_capacity(64);
        envelope::open(&mut data);
        write_trailers(&trailers, &mut data);
        // Trailers are headers: far below the 4 GiB that an envelope holds.
        match envelope::close(&mut data, 0, WEB_TRAILERS) {
            Ok(()) => End {
                data,
                trailers: None,
            },
            Err(status) => self.end(Err(&status)),
        }
    }

    fn failure(&self, wire: &'static Wire, status: &Status) -> http::Response<Body> {
        // "Trailers-Only": the trailers are the headers, and there is no body.
        let mut response = http::Response::new(Body::empty());
        let headers = response.headers_mut();
        *headers = error::grpc_trailers(Err(status));
        headers.insert(header::CONTENT_TYPE, wire.content_type.clone());
        headers.insert(
            Header::GrpcAcceptEncoding.name(),
            HeaderValue::from_static(compression::SUPPORTED),
        );
        response
    }
}

/// The trailers as an HTTP/1 header block; header names are lower-case already.
fn write_trailers(trailers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in trailers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The flags of a message that has been compressed so.
pub(super) fn flags(compression: Compression) -> u8 {
    match compression {
        Compression::Identity => 0,
        _ => COMPRESSED,
    }
}

/// The only message of a body of envelopes.
pub(super) fn enveloped_message(
    mut body: Bytes,
    compression: Compression,
    limit: usize,
) -> Result<Bytes, Status> {
    let Some(envelope) = envelope::split_whole(&mut body, limit)? else {
        return Err(Status::unimplemented(
            "the request has no message: this method takes exactly one",
        ));
    };
    if !body.is_empty() {
        return Err(Status::unimplemented(
            "the request has more than one message: this method takes exactly one",
        ));
    }
    envelope::check_message_flags(envelope.flags, compression)?;
    match envelope.flags {
        0 => Ok(envelope.payload),
        _ => compression.decompress(envelope.payload, limit),
    }
}
