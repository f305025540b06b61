//! Finds out which wire a request speaks, from its HTTP method and its content type.

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode, request};
use tonic::Status;

use super::body::Body;
use super::headers::{Header, Known};
use super::protocol::{Terms, Wire};
use super::protocol_connect::{self, GET, STREAM, UNARY};
use super::protocol_grpc::{GRPC, GRPC_WEB};
use crate::codec::Codec;
use crate::schema::{Idempotency, Method, MethodKind};

/// A row of the tables below.
macro_rules! wire {
    ($protocol:expr, $codec:ident, $content_type:literal) => {
        wire!($protocol, $codec, $content_type, false)
    };
    ($protocol:expr, $codec:ident, $content_type:literal, $text:literal) => {
        Wire {
            protocol: &$protocol,
            codec: Codec::$codec,
            text: $text,
            content_type: HeaderValue::from_static($content_type),
        }
    };
}

/// Content types of every kind of method.
static ENVELOPED: [Wire; 8] = [
    wire!(GRPC, Proto, "application/grpc"),
    wire!(GRPC, Proto, "application/grpc+proto"),
    wire!(GRPC, Json, "application/grpc+json"),
    wire!(GRPC_WEB, Proto, "application/grpc-web"),
    wire!(GRPC_WEB, Proto, "application/grpc-web+proto"),
    wire!(GRPC_WEB, Json, "application/grpc-web+json"),
    wire!(GRPC_WEB, Proto, "application/grpc-web-text", true),
    wire!(GRPC_WEB, Proto, "application/grpc-web-text+proto", true),
];
/// Content types of unary methods only.
static CONNECT_UNARY: [Wire; 2] = [
    wire!(UNARY, Proto, "application/proto"),
    wire!(UNARY, Json, "application/json"),
];
/// Codecs of unary methods that are called by GET.
static CONNECT_GET: [Wire; 2] = [
    wire!(GET, Proto, "application/proto"),
    wire!(GET, Json, "application/json"),
];
/// Content types of streaming methods only.
static CONNECT_STREAM: [Wire; 2] = [
    wire!(STREAM, Proto, "application/connect+proto"),
    wire!(STREAM, Json, "application/connect+json"),
];

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// The content types for unary methods, as `Accept-Post` lists them.
const ACCEPT_UNARY: HeaderValue = HeaderValue::from_static(
    "application/proto, application/json, application/grpc, application/grpc+proto, application/grpc+json, \
     application/grpc-web, application/grpc-web+proto, application/grpc-web+json, application/grpc-web-text, \
     application/grpc-web-text+proto",
);
/// Those for unary methods whose messages have no JSON.
const ACCEPT_UNARY_PROTO: HeaderValue = HeaderValue::from_static(
    "application/proto, application/grpc, application/grpc+proto, application/grpc-web, application/grpc-web+proto, \
     application/grpc-web-text, application/grpc-web-text+proto",
);
/// The content types for streaming methods.
const ACCEPT_STREAM: HeaderValue = HeaderValue::from_static(
    "application/connect+proto, application/connect+json, application/grpc, application/grpc+proto, \
     application/grpc+json, application/grpc-web, application/grpc-web+proto, application/grpc-web+json, \
     application/grpc-web-text, application/grpc-web-text+proto",
);
/// Those for streaming methods whose messages have no JSON.
const ACCEPT_STREAM_PROTO: HeaderValue = HeaderValue::from_static(
    "application/connect+proto, application/grpc, application/grpc+proto, application/grpc-web, \
     application/grpc-web+proto, application/grpc-web-text, application/grpc-web-text+proto",
);

/// Why a request is not a call at all, and gets a plain HTTP answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 405, with what is allowed.
    Method(HeaderValue),
    /// 415, with what is accepted.
    ContentType(HeaderValue),
}

impl Refusal {
    pub(super) fn into_response(self) -> http::Response<Body> {
        let mut response = http::Response::new(Body::empty());
        let (status, name, value) = match self {
            Self::Method(allowed) => (StatusCode::METHOD_NOT_ALLOWED, ALLOW, allowed),
            Self::ContentType(accepted) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, ACCEPT_POST, accepted)
            }
        };
        *response.status_mut() = status;
        response.headers_mut().insert(name, value);
        response
    }
}

/// The wire that the request speaks, and its terms or what to answer when they are not right. `json` says whether the
/// method's messages have JSON.
pub(super) fn negotiate(
    method: &Method,
    json: bool,
    head: &request::Parts,
    headers: &Known<'_>,
) -> Result<(&'static Wire, Result<Terms, Status>), Refusal> {
    let readable =
        method.kind == MethodKind::Unary && method.idempotency == Idempotency::NoSideEffects;
    match head.method {
        HttpMethod::POST => {
            let content_type = headers.first(Header::ContentType);
            let wire = wire_of_method(method.kind, json, content_type)?;
            Ok((wire, wire.protocol.terms(headers)))
        }
        HttpMethod::GET if readable => {
            let query = protocol_connect::GetQuery::parse(head.uri.query().unwrap_or_default());
            let wire = match query.codec() {
                Some(Codec::Proto) => &CONNECT_GET[0],
                Some(Codec::Json) if json => &CONNECT_GET[1],
                _ => return Err(Refusal::ContentType(accepted(method.kind, json))),
            };
            Ok((wire, query.terms(headers)))
        }
        _ if readable => Err(Refusal::Method(HeaderValue::from_static("GET, POST"))),
        _ => Err(Refusal::Method(HeaderValue::from_static("POST"))),
    }
}

fn wire_of_method(
    kind: MethodKind,
    json: bool,
    content_type: Option<&HeaderValue>,
) -> Result<&'static Wire, Refusal> {
    let connect = match kind {
        MethodKind::Unary => &CONNECT_UNARY,
        _ => &CONNECT_STREAM,
    };
    find(connect.iter().chain(&ENVELOPED), content_type)
        .filter(|wire| json || wire.codec != Codec::Json)
        .ok_or_else(|| Refusal::ContentType(accepted(kind, json)))
}

/// What `Accept-Post` lists.
const fn accepted(kind: MethodKind, json: bool) -> HeaderValue {
    match (kind, json) {
        (MethodKind::Unary, true) => ACCEPT_UNARY,
        (MethodKind::Unary, false) => ACCEPT_UNARY_PROTO,
        (_, true) => ACCEPT_STREAM,
        (_, false) => ACCEPT_STREAM_PROTO,
    }
}

/// The wire to answer in when the method is not known, or not yet: Connect's JSON for a request that names none, since
/// that is what a person can read.
pub(super) fn wire_of_any(method: &HttpMethod, headers: &HeaderMap) -> &'static Wire {
    let wires = CONNECT_UNARY
        .iter()
        .chain(&CONNECT_STREAM)
        .chain(&ENVELOPED);
    match *method {
        HttpMethod::POST => find(wires, headers.get(CONTENT_TYPE)).unwrap_or(&CONNECT_UNARY[1]),
        HttpMethod::GET => &CONNECT_GET[1],
        _ => &CONNECT_UNARY[1],
    }
}

fn find(
    wires: impl Iterator<Item = &'static Wire> + Clone,
    content_type: Option<&HeaderValue>,
) -> Option<&'static Wire> {
    let sent = content_type?.as_bytes();
    // As nearly everybody writes it.
    if let Some(wire) = wires.clone().find(|wire| wire.content_type == sent) {
        return Some(wire);
    }
    find_inexact(wires, sent)
}

fn find_inexact(
    mut wires: impl Iterator<Item = &'static Wire>,
    sent: &[u8],
) -> Option<&'static Wire> {
    let (essence, parameters) = match sent.iter().position(|byte| *byte == b';') {
        Some(at) => (sent[..at].trim_ascii(), &sent[at + 1..]),
        None => (sent.trim_ascii(), &[][..]),
    };
    let wire = wires.find(|wire| essence.eq_ignore_ascii_case(wire.content_type.as_bytes()))?;
    parameters
        .split(|byte| *byte == b';')
        .all(is_harmless)
        .then_some(wire)
}

/// Only a character set other than UTF-8 changes what the body means.
fn is_harmless(parameter: &[u8]) -> bool {
    let Some(at) = parameter.iter().position(|byte| *byte == b'=') else {
        return true;
    };
    let (name, value) = (
        parameter[..at].trim_ascii(),
        parameter[at + 1..].trim_ascii(),
    );
    let value = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    !name.eq_ignore_ascii_case(b"charset") || value.eq_ignore_ascii_case(b"utf-8")
}
