//! The service: its messages, its schema, and what its methods do.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, StreamExt};
use http::Request;
use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::codec::Streaming;
use tonic::{Response, Status};
use tonic_connect::ProtoAndJson;
use tonic_connect::codegen::{NamedService, Service};
use tonic_connect::schema::{self, Idempotency, Method, MethodKind};
use tonic_connect::server::{self, BoxError, Options, ResponseFuture, Timeout, Trailers};

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
                server::unary(options, &SERVICE.methods[0], ProtoAndJson, request, greet)
            }
            "/greet.v1.Greeter/Read" => {
                server::unary(options, &SERVICE.methods[1], ProtoAndJson, request, greet)
            }
            "/greet.v1.Greeter/Count" => {
                server::server_streaming(options, &SERVICE.methods[2], ProtoAndJson, request, count)
            }
            "/greet.v1.Greeter/Chat" => {
                server::bidi_streaming(options, &SERVICE.methods[3], ProtoAndJson, request, chat)
            }
            "/greet.v1.Greeter/Collect" => server::client_streaming(
                options,
                &SERVICE.methods[4],
                ProtoAndJson,
                request,
                collect,
            ),
            _ => server::unknown_method(request),
        }
    }
}
