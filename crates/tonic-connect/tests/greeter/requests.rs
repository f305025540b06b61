//! Requests as each protocol writes them.

use std::io::Write as _;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use prost::Message as _;

use super::GreetRequest;

pub const UNARY: [&str; 8] = [
    "application/proto",
    "application/json",
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
];

pub const STREAMING: [&str; 8] = [
    "application/connect+proto",
    "application/connect+json",
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
];

pub fn is_json(content_type: &str) -> bool {
    content_type.ends_with("json")
}

/// Whether messages stand in envelopes.
pub fn is_enveloped(content_type: &str) -> bool {
    !matches!(content_type, "application/proto" | "application/json")
}

pub fn encode(content_type: &str, message: &GreetRequest) -> Vec<u8> {
    if is_json(content_type) {
        serde_json::to_vec(message).unwrap()
    } else {
        message.encode_to_vec()
    }
}

pub fn envelope(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![flags];
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The headers in which a content type's protocol names the encoding of what is sent, and what it accepts back.
pub fn encoding_headers(content_type: &str) -> (&'static str, &'static str) {
    match content_type {
        "application/proto" | "application/json" => ("content-encoding", "accept-encoding"),
        connect if connect.starts_with("application/connect") => {
            ("connect-content-encoding", "connect-accept-encoding")
        }
        _ => ("grpc-encoding", "grpc-accept-encoding"),
    }
}

/// A POST of one message.
pub fn post(method: &str, content_type: &str, message: &GreetRequest) -> Request<Full<Bytes>> {
    let payload = encode(content_type, message);
    let body = if is_enveloped(content_type) {
        envelope(0, &payload)
    } else {
        payload
    };
    raw(method, content_type, body)
}

pub fn raw(method: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let builder =
        Request::post(format!("/greet.v1.Greeter/{method}")).header("content-type", content_type);
    builder.body(Full::new(body.into())).unwrap()
}

pub fn named(name: &str) -> GreetRequest {
    GreetRequest {
        name: name.to_owned(),
        ..Default::default()
    }
}
