//! gRPC and gRPC-Web, client side. They share framing and headers; gRPC-Web's trailers are the last frame of the body.
//!
//! Specifications: `PROTOCOL-HTTP2.md` and `PROTOCOL-WEB.md` of the gRPC project.
//!
//! tonic's client takes a response of any HTTP status and content type for frames, has deadlines only until the headers,
//! and panics on a `grpc-status-details-bin` that is not base64. So the head is checked here, trailers are read and
//! written anew, and the deadline covers the body.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE};
use http::{HeaderMap, Method, Version};
use http_body::Body as _;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::answer::{Answer, joined};
use super::body::{End, ResponseBody, Terms};
use super::call::Call;
use super::transport::Incoming;
use super::{head, request};
use crate::codec::Codec;
use crate::compression::Compression;
use crate::error::{application, parse_grpc_trailers};
use crate::timeout;

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static(timeout::GRPC_TIMEOUT);
const X_GRPC_WEB: HeaderName = HeaderName::from_static("x-grpc-web");

/// Where the two differ.
pub(super) struct Variant {
    web: bool,
    version: Version,
    proto: &'static str,
    json: &'static str,
    /// The content types of responses in the binary codec, the second without its name.
    accepted: [&'static str; 2],
    /// What the content types of all codecs begin with.
    family: [&'static str; 1],
}

pub(super) static GRPC: Variant = Variant {
    web: false,
    version: Version::HTTP_2,
    proto: "application/grpc",
    json: "application/grpc+json",
    accepted: ["application/grpc+proto", "application/grpc"],
    family: ["application/grpc"],
};

pub(super) static GRPC_WEB: Variant = Variant {
    web: true,
    version: Version::HTTP_11,
    proto: "application/grpc-web+proto",
    json: "application/grpc-web+json",
    accepted: ["application/grpc-web+proto", "application/grpc-web"],
    family: ["application/grpc-web"],
};

/// A call whose request is a body of frames, as tonic's client makes it.
pub(super) async fn call(
    mut call: Call,
    body: Body,
    variant: &'static Variant,
) -> Result<http::Response<Body>, Status> {
    name_protocol(&mut call, variant);
    let (body, cancel) = call.frames(body).await?;
    let begun = match begin(&mut call, body, variant).await? {
        Ok(begun) => begun,
        Err(status) => return Ok(head::trailers_only(&status)),
    };
    let terms = begun.terms(&call);
    let (incoming, end) = (begun.incoming, Trailers::after(begun.in_headers));
    let body = match variant.web {
        false => Body::new(ResponseBody::new(
            incoming,
            terms,
            call.deadline,
            end,
            cancel,
        )),
        true => Body::new(ResponseBody::new(
            incoming,
            terms,
            call.deadline,
            WebTrailers(end),
            cancel,
        )),
    };
    let mut response = http::Response::new(body);
    *response.headers_mut() = begun.leading;
    Ok(response)
}

/// A call of one message each way: sends `frame`, and reads the response to its end.
pub(super) async fn answer(
    mut call: Call,
    frame: Bytes,
    variant: &'static Variant,
) -> Result<Answer, Status> {
    name_protocol(&mut call, variant);
    let body = request::whole(frame, call.packing())?;
    let begun = begin(&mut call, body, variant).await??;
    let terms = begun.terms(&call);
    let (incoming, end) = (begun.incoming, Trailers::after(begun.in_headers));
    let read = match variant.web {
        false => {
            ResponseBody::new(incoming, terms, call.deadline, end, None)
                .one()
                .await
        }
        true => {
            let end = WebTrailers(end);
            ResponseBody::new(incoming, terms, call.deadline, end, None)
                .one()
                .await
        }
    };
    match read {
        Ok((message, trailing)) => Ok(Answer {
            leading: begun.leading,
            message,
            trailing: trailing.into_headers(),
        }),
        Err(status) => Err(joined(begun.leading, status)),
    }
}

fn name_protocol(call: &mut Call, variant: &Variant) {
    if let Some(timeout) = call.timeout {
        call.insert(TIMEOUT, timeout::format_grpc(timeout));
    }
    let content_type = match call.codec {
        Codec::Proto => variant.proto,
        Codec::Json => variant.json,
    };
    call.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if variant.web {
        call.insert(X_GRPC_WEB, HeaderValue::from_static("1"));
    } else {
        call.insert(TE, HeaderValue::from_static("trailers"));
    }
    call.name_encoding(ENCODING);
    call.accept(ACCEPT_ENCODING);
}

/// A response whose head is one of the protocol.
struct Begun {
    leading: HeaderMap,
    compression: Compression,
    /// What the headers said of the end.
    in_headers: Option<Ended>,
    incoming: Incoming,
}

/// How a call ended, and its trailers.
type Ended = Result<MetadataMap, Status>;

impl Begun {
    fn terms(&self, call: &Call) -> Terms {
        Terms {
            compression: self.compression,
            limit: call.max_response_bytes(),
            single: call.answers_once(),
        }
    }
}

/// Sends the request. The inner error is what the server answered.
async fn begin(
    call: &mut Call,
    body: Body,
    variant: &Variant,
) -> Result<Result<Begun, Status>, Status> {
    let url = call.url()?;
    let response = call.send(Method::POST, url, variant.version, body).await?;
    let (head, incoming) = response.into_parts();
    // A call may end in its headers, which only the lack of a body shows: else the trailers have the last word.
    let in_headers = parse_grpc_trailers(&head.headers);
    let in_headers = match in_headers {
        Some(Err(status)) if incoming.is_end_stream() || head.status != http::StatusCode::OK => {
            return Ok(Err(status));
        }
        in_headers => in_headers,
    };
    let accepted = match call.codec {
        Codec::Proto => variant.accepted.as_slice(),
        Codec::Json => std::slice::from_ref(&variant.json),
    };
    let checked = head::check(head.status, &head.headers, &variant.family, accepted)
        .and_then(|()| call.encoding_of(&head.headers, &ENCODING));
    let leading = application(head.headers);
    Ok(match checked {
        Ok(compression) => Ok(Begun {
            leading,
            compression,
            in_headers,
            incoming,
        }),
        Err(mut status) => {
            *status.metadata_mut() = MetadataMap::from_headers(leading);
            Err(status)
        }
    })
}

/// gRPC ends with HTTP trailers.
struct Trailers {
    /// What the headers said of the end, which counts when nothing comes after them.
    in_headers: Option<Ended>,
    trailers: Option<HeaderMap>,
}

impl Trailers {
    fn after(in_headers: Option<Ended>) -> Self {
        Self {
            in_headers,
            trailers: None,
        }
    }

    fn end(&mut self, messages: u64, truncated: bool) -> Ended {
        let ended = match self.trailers.take() {
            None if messages == 0 && !truncated => self.in_headers.take().map(Some),
            trailers => trailers.map(|trailers| parse_grpc_trailers(&trailers)),
        };
        match ended {
            // The server's own error says more than the half message before it.
            Some(Some(Err(status))) => Err(status),
            _ if truncated => Err(Status::internal(
                "the response ended in the midst of a message",
            )),
            Some(Some(Ok(metadata))) => Ok(metadata),
            Some(None) => Err(Status::unknown(
                "the response ended with trailers that have no grpc-status",
            )),
            None => Err(Status::internal("the response ended without trailers")),
        }
    }
}

impl End for Trailers {
    const FLAG: u8 = 0;

    fn message(&mut self, _: Bytes) -> Result<(), Status> {
        Ok(())
    }

    fn trailers(&mut self, trailers: HeaderMap) {
        self.trailers = Some(trailers);
    }

    fn has_come(&self) -> bool {
        self.trailers.is_some()
    }

    fn finish(&mut self, messages: u64, truncated: bool) -> Ended {
        self.end(messages, truncated)
    }
}

/// gRPC-Web ends with a frame of trailers in HTTP/1's form.
struct WebTrailers(Trailers);

impl End for WebTrailers {
    const FLAG: u8 = 0b1000_0000;

    fn message(&mut self, message: Bytes) -> Result<(), Status> {
        self.0.trailers = Some(parse_trailers(&message)?);
        Ok(())
    }

    fn trailers(&mut self, _: HeaderMap) {}

    fn has_come(&self) -> bool {
        self.0.trailers.is_some()
    }

    fn finish(&mut self, messages: u64, truncated: bool) -> Ended {
        self.0.end(messages, truncated)
    }
}

/// Reads lines of `name: value`; a name may have any case.
fn parse_trailers(block: &[u8]) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let parsed = line
            .iter()
            .position(|byte| *byte == b':')
            .and_then(|colon| {
                let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
                let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
                Some((name, value))
            });
        let Some((name, value)) = parsed else {
            return Err(Status::internal(
                "the trailers of the response have a line that is not `name: value`",
            ));
        };
        if trailers.try_append(name, value).is_err() {
            return Err(Status::internal("the response has too many trailers"));
        }
    }
    Ok(trailers)
}
