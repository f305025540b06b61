//! Serves the methods of a tonic service in every protocol.
//!
//! The generated `FooConnect<T>` is a `match` on the path with one call of [`unary`], [`server_streaming`],
//! [`client_streaming`] or [`bidi_streaming`] per method; everything else happens here. Protocol, codec and compression
//! are three independent axes: a request's content type and headers choose one of each, and a handler sees a
//! [`tonic::Request`] whatever was chosen. Which codecs there are to choose from, the generated code says:
//! [`ProtoAndJson`](crate::ProtoAndJson), or [`ProtoOnly`](crate::ProtoOnly) for messages that have no JSON.
//!
//! The services mount wherever tonic's own do: in axum (`Router::route_service`), in tonic's `Routes`, in plain hyper,
//! and in the `Server` of this crate's feature `transport`.

mod answer;
mod body;
mod call;
mod collect;
#[cfg(feature = "cors")]
mod cors;
mod headers;
mod linger;
mod negotiate;
mod one_request;
mod options;
mod protocol;
mod protocol_connect;
mod protocol_grpc;
mod rejection;
mod requests;
mod respond;
mod streaming;
mod text;
mod timed;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use futures_util::Stream;
use http::StatusCode;
use tonic::Status;
use tonic::codec::Streaming;

pub use body::Body;
#[cfg(feature = "cors")]
pub use cors::{AnyOrigin, Cors, NamedOrigins};
pub use linger::{Lingering, linger};
pub use options::Options;
pub use rejection::{RejectionFuture, RejectionLayer, Rejections};

pub use crate::trailers::Trailers;

use crate::codecs::{Reads, Writes};
use crate::schema::Method;
use call::Call;
use linger::linger_at_last;
use one_request::OneRequest;
use respond::{answered, respond};

/// Any error, as HTTP bodies have it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a service's `call` returns. It never fails: what goes wrong is a response in the caller's protocol.
pub type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// How long the caller of a request waits for the whole call, as it said: a handler finds it in the request's
/// extensions, and can pass it on. The runtime keeps it in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub std::time::Duration);

/// Answers one call of a unary method.
pub fn unary<Req, Res, C, B, F, Fut>(
    options: &Options,
    method: &'static Method,
    codecs: C,
    request: http::Request<B>,
    handler: F,
) -> ResponseFuture
where
    Req: 'static,
    Res: 'static,
    C: Reads<Req> + Writes<Res>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    F: FnOnce(tonic::Request<Req>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<tonic::Response<Res>, Status>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    let call = match Call::open(options, method, codecs, head) {
        Ok(call) => call,
        Err(response) => return answered(*response),
    };
    let (wire, deadline) = (call.wire, call.deadline);
    let answer = OneRequest::new(call, body, handler, answer::one);
    respond(wire, deadline, answer)
}

/// Answers one call of a server-streaming method. The deadline covers the whole stream, and when the peer goes away
/// the stream is dropped.
pub fn server_streaming<Req, Res, S, C, B, F, Fut>(
    options: &Options,
    method: &'static Method,
    codecs: C,
    request: http::Request<B>,
    handler: F,
) -> ResponseFuture
where
    Req: 'static,
    Res: 'static,
    C: Reads<Req> + Writes<Res>,
    S: Stream<Item = Result<Res, Status>> + Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    F: FnOnce(tonic::Request<Req>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<tonic::Response<S>, Status>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    let call = match Call::open(options, method, codecs, head) {
        Ok(call) => call,
        Err(response) => return answered(*response),
    };
    let (wire, deadline) = (call.wire, call.deadline);
    let answer = OneRequest::new(call, body, handler, answer::many);
    respond(wire, deadline, answer)
}

/// Answers one call of a client-streaming method. The handler reads the messages as they come; the deadline covers the
/// whole call.
pub fn client_streaming<Req, Res, C, B, F, Fut>(
    options: &Options,
    method: &'static Method,
    codecs: C,
    request: http::Request<B>,
    handler: F,
) -> ResponseFuture
where
    Req: 'static,
    Res: 'static,
    C: Reads<Req> + Writes<Res>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    F: FnOnce(tonic::Request<Streaming<Req>>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<tonic::Response<Res>, Status>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    let mut call = match Call::open(options, method, codecs, head) {
        Ok(call) => call,
        Err(response) => return answered(*response),
    };
    respond(call.wire, call.deadline, async move {
        let request = call.stream(body);
        answer::one(&mut call, handler(request).await?)
    })
}

/// Answers one call of a method that streams both ways. Each side goes at its own pace: over HTTP/2 the handler may
/// answer while requests still come (over HTTP/1.1 most clients send all of them first). The deadline covers both.
pub fn bidi_streaming<Req, Res, S, C, B, F, Fut>(
    options: &Options,
    method: &'static Method,
    codecs: C,
    request: http::Request<B>,
    handler: F,
) -> ResponseFuture
where
    Req: 'static,
    Res: 'static,
    C: Reads<Req> + Writes<Res>,
    S: Stream<Item = Result<Res, Status>> + Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    F: FnOnce(tonic::Request<Streaming<Req>>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<tonic::Response<S>, Status>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    let mut call = match Call::open(options, method, codecs, head) {
        Ok(call) => call,
        Err(response) => return answered(*response),
    };
    respond(call.wire, call.deadline, async move {
        let request = call.stream(body);
        answer::many(&mut call, handler(request).await?)
    })
}

/// Answers a request to a path that the service does not have: `unimplemented` in the caller's protocol, HTTP status
/// 404 where the protocol's errors have one.
pub fn unknown_method<B>(request: http::Request<B>) -> ResponseFuture
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    let request = http::Request::from_parts(head, body);
    let path = request.uri().path();
    let mut response = error_response(
        &request,
        &Status::unimplemented(format!("{path} does not exist on this server")),
    );
    if response.status() != StatusCode::OK {
        // Not 501, which official clients would send again.
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    answered(response)
}

/// `status` as the caller's protocol writes it, for layers that refuse a request before it reaches its method: wrong
/// credentials, too many requests. Who speaks none of the protocols gets Connect's JSON.
///
/// ```
/// use http::Request;
/// use tonic::Status;
/// use tonic_connect::server::error_response;
///
/// let request = Request::post("/greet.v1.Greeter/Greet").header("content-type", "application/json").body(()).unwrap();
/// let response = error_response(&request, &Status::unauthenticated("the token has expired"));
/// assert_eq!(response.status(), 401);
/// ```
pub fn error_response<B>(request: &http::Request<B>, status: &Status) -> http::Response<Body> {
    let wire = negotiate::wire_of_any(request.method(), request.headers());
    wire.protocol.failure(wire, status)
}
