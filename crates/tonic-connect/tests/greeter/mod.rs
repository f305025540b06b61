//! A service as the generator would write it, and the least client that can tell what each protocol answered.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::codec::Streaming;
use tonic::{Code, Response, Status};
use tonic_connect::codegen::{NamedService, Service};
use tonic_connect::schema::{self, Idempotency, Method, MethodKind};
use tonic_connect::server::{self, BoxError, Options, ResponseFuture, Timeout, Trailers};
use tower::ServiceExt;

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct GreetRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint32, tag = "2")]
    pub times: u32,
    #[prost(message, optional, tag = "3")]
    pub style: Option<Style>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Style {
    #[prost(uint32, repeated, tag = "1")]
    pub exclamation_marks: Vec<u32>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct GreetResponse {
    #[prost(string, tag = "1")]
    pub greeting: String,
}

pub static SERVICE: schema::Service = schema::Service {
    name: "greet.v1.Greeter",
    methods: &[
        method(
            "/greet.v1.Greeter/Greet",
            MethodKind::Unary,
            Idempotency::Unknown,
        ),
        method(
            "/greet.v1.Greeter/Read",
            MethodKind::Unary,
            Idempotency::NoSideEffects,
        ),
        method(
            "/greet.v1.Greeter/Count",
            MethodKind::ServerStreaming,
            Idempotency::NoSideEffects,
        ),
        method(
            "/greet.v1.Greeter/Chat",
            MethodKind::BidiStreaming,
            Idempotency::Unknown,
        ),
        method(
            "/greet.v1.Greeter/Collect",
            MethodKind::ClientStreaming,
            Idempotency::Unknown,
        ),
    ],
};

const fn method(path: &'static str, kind: MethodKind, idempotency: Idempotency) -> Method {
    Method {
        path,
        kind,
        idempotency,
    }
}

/// Something that a tower layer put into the request.
#[derive(Clone)]
pub struct Caller(pub &'static str);

#[derive(Clone, Default)]
pub struct Greeter {
    pub options: Options,
}

impl NamedService for Greeter {
    const NAME: &'static str = "greet.v1.Greeter";
}

/// What each name does: `fail`, `panic` and `hang` are themselves, all others are greeted `times` times.
async fn greet(request: tonic::Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    match message.name.as_str() {
        "fail" => return Err(failure()),
        "panic" => panic!("the secret of the handler"),
        "hang" => std::future::pending().await,
        _ => {}
    }
    let caller = extensions
        .get::<Caller>()
        .map_or("stranger", |caller| caller.0);
    let greeting =
        format!("hello {} from {caller}; ", message.name).repeat(message.times.max(1) as usize);
    let mut response = Response::new(GreetResponse { greeting });
    if let Some(Timeout(timeout)) = extensions.get() {
        let millis = timeout.as_millis().to_string();
        response
            .metadata_mut()
            .insert("x-timeout", millis.parse().unwrap());
    }
    if let Some(sent) = metadata.get("x-sent") {
        response.metadata_mut().insert("x-seen", sent.clone());
    }
    if let Some(sent) = metadata.get_bin("x-sent-bin") {
        response
            .metadata_mut()
            .insert_bin("x-seen-bin", sent.clone());
    }
    // What is the protocol's own never reaches a handler, nor may a handler overwrite it.
    for name in [
        "content-type",
        "grpc-timeout",
        "connect-timeout-ms",
        "content-length",
    ] {
        assert!(metadata.get(name).is_none(), "{name}");
    }
    response
        .metadata_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    let mut trailers = Trailers::default();
    trailers.0.insert("checksum", "c0ffee".parse().unwrap());
    response.extensions_mut().insert(trailers);
    Ok(response)
}

fn failure() -> Status {
    let mut status = Status::not_found("no such person: Zoë");
    status
        .metadata_mut()
        .insert("x-why", "moved".parse().unwrap());
    status
}

type Greetings = BoxStream<'static, Result<GreetResponse, Status>>;

/// Counts to `times`; then `fail`, `panic` and `hang` are themselves.
async fn count(request: tonic::Request<GreetRequest>) -> Result<Response<Greetings>, Status> {
    let message = request.into_inner();
    if message.name == "refuse" {
        return Err(failure());
    }
    let counted = stream::iter(1..=message.times).map(|n| {
        Ok(GreetResponse {
            greeting: n.to_string(),
        })
    });
    let name = message.name;
    let end = stream::once(async move {
        match name.as_str() {
            "fail" => Some(Err(failure())),
            "panic" => panic!("the secret of the stream"),
            "hang" => std::future::pending().await,
            _ => None,
        }
    });
    let mut response = Response::new(counted.chain(end.filter_map(std::future::ready)).boxed());
    let mut trailers = Trailers::default();
    trailers.0.insert("checksum", "c0ffee".parse().unwrap());
    response.extensions_mut().insert(trailers);
    response
        .metadata_mut()
        .insert("x-seen", "stream".parse().unwrap());
    Ok(response)
}

/// One greeting for all names together.
async fn collect(
    request: tonic::Request<Streaming<GreetRequest>>,
) -> Result<Response<GreetResponse>, Status> {
    let mut requests = request.into_inner();
    let mut names = Vec::new();
    while let Some(request) = requests.message().await? {
        if request.name == "fail" {
            return Err(failure());
        }
        names.push(request.name);
    }
    Ok(Response::new(GreetResponse {
        greeting: names.join("+"),
    }))
}

/// Greets each name as it comes.
async fn chat(
    request: tonic::Request<Streaming<GreetRequest>>,
) -> Result<Response<Greetings>, Status> {
    let greetings = request.into_inner().map(|request| {
        let request = request?;
        if request.name == "fail" {
            return Err(failure());
        }
        Ok(GreetResponse {
            greeting: format!("hello {}", request.name),
        })
    });
    Ok(Response::new(greetings.boxed()))
}

impl<B> Service<Request<B>> for Greeter
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<server::Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let options = &self.options;
        match request.uri().path() {
            "/greet.v1.Greeter/Greet" => {
                server::unary(options, &SERVICE.methods[0], request, greet)
            }
            "/greet.v1.Greeter/Read" => server::unary(options, &SERVICE.methods[1], request, greet),
            "/greet.v1.Greeter/Count" => {
                server::server_streaming(options, &SERVICE.methods[2], request, count)
            }
            "/greet.v1.Greeter/Chat" => {
                server::bidi_streaming(options, &SERVICE.methods[3], request, chat)
            }
            "/greet.v1.Greeter/Collect" => {
                server::client_streaming(options, &SERVICE.methods[4], request, collect)
            }
            _ => server::unknown_method(request),
        }
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub data: Bytes,
    pub trailers: HeaderMap,
}

pub async fn call<B>(greeter: Greeter, request: Request<B>) -> Reply
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let response = greeter.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Reply {
        status: head.status,
        headers: head.headers,
        data: body.to_bytes(),
        trailers,
    }
}

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

pub fn decode(content_type: &str, data: &[u8]) -> GreetResponse {
    if is_json(content_type) {
        serde_json::from_slice(data).unwrap()
    } else {
        GreetResponse::decode(data).unwrap()
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

pub fn gunzip(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(data)
        .read_to_end(&mut out)
        .unwrap();
    out
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

/// What a call came to.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub greetings: Vec<String>,
    pub code: Code,
    pub message: String,
    /// Trailers, or the metadata of the error.
    pub metadata: HeaderMap,
}

/// Reads a reply as a client of that content type would.
pub fn outcome(content_type: &str, reply: &Reply) -> Outcome {
    let mut outcome = Outcome {
        greetings: Vec::new(),
        code: Code::Ok,
        message: String::new(),
        metadata: HeaderMap::new(),
    };
    if !is_enveloped(content_type) {
        outcome.metadata = reply.headers.clone();
        if reply.status != StatusCode::OK {
            connect_error(&mut outcome, &serde_json::from_slice(&reply.data).unwrap());
            return outcome;
        }
        assert_eq!(reply.headers["content-type"], content_type);
        let data = match reply.headers.get("content-encoding") {
            Some(_) => gunzip(&reply.data),
            None => reply.data.to_vec(),
        };
        outcome.greetings.push(decode(content_type, &data).greeting);
        return outcome;
    }
    assert_eq!(
        (reply.status, &reply.headers["content-type"]),
        (StatusCode::OK, &content_type.parse().unwrap())
    );
    let mut rest = &reply.data[..];
    let mut ended = false;
    while !rest.is_empty() {
        assert!(!ended, "data after the end");
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (flags, payload) = (rest[0], &rest[5..5 + length]);
        rest = &rest[5 + length..];
        match flags {
            0 => outcome
                .greetings
                .push(decode(content_type, payload).greeting),
            1 => outcome
                .greetings
                .push(decode(content_type, &gunzip(payload)).greeting),
            2 => {
                let end: serde_json::Value = serde_json::from_slice(payload).unwrap();
                if let Some(error) = end.get("error") {
                    connect_error(&mut outcome, error);
                }
                for (name, values) in end
                    .get("metadata")
                    .and_then(|all| all.as_object())
                    .into_iter()
                    .flatten()
                {
                    let name: http::HeaderName = name.parse().unwrap();
                    outcome
                        .metadata
                        .insert(name, values[0].as_str().unwrap().parse().unwrap());
                }
                ended = true;
            }
            0x80 => {
                let trailers = std::str::from_utf8(payload)
                    .unwrap()
                    .lines()
                    .map(|line| line.split_once(": ").unwrap());
                for (name, value) in trailers {
                    assert_eq!(name, name.to_lowercase());
                    outcome.metadata.insert(
                        name.parse::<http::HeaderName>().unwrap(),
                        value.parse().unwrap(),
                    );
                }
                grpc_status(&mut outcome);
                ended = true;
            }
            flags => panic!("flags {flags}"),
        }
    }
    if content_type.starts_with("application/grpc") && !ended {
        // Trailers-only responses have them in the head.
        let only = reply.data.is_empty() && reply.headers.contains_key("grpc-status");
        outcome.metadata = if only {
            reply.headers.clone()
        } else {
            reply.trailers.clone()
        };
        grpc_status(&mut outcome);
    } else {
        assert!(ended, "no end of stream");
    }
    outcome
}

fn connect_error(outcome: &mut Outcome, error: &serde_json::Value) {
    let name = error["code"].as_str().unwrap();
    let codes = (1..=16).map(Code::from);
    let snake = |code: &Code| match code {
        Code::Cancelled => "canceled".to_owned(),
        other => {
            let mut snake = String::new();
            for letter in format!("{other:?}").chars() {
                if letter.is_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            snake
        }
    };
    outcome.code = codes
        .into_iter()
        .find(|code| snake(code) == name)
        .unwrap_or_else(|| panic!("{name}"));
    outcome.message = error["message"].as_str().unwrap_or_default().to_owned();
}

fn grpc_status(outcome: &mut Outcome) {
    outcome.code = Code::from_bytes(outcome.metadata["grpc-status"].as_bytes());
    if let Some(message) = outcome.metadata.get("grpc-message") {
        let message = percent_encoding::percent_decode(message.as_bytes());
        outcome.message = message.decode_utf8().unwrap().into_owned();
    }
}
