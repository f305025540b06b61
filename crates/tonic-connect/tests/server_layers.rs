//! What stands around a service, over real connections: interceptors, browsers' preflights, handlers that panic.

#![cfg(all(feature = "server", feature = "transport", feature = "cors"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use greeter::{GreetRequest, Greeter, Reply, STREAMING, UNARY, named, outcome, post};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};
use tonic_connect::codegen::Service;
use tonic_connect::server::{BoxError, Cors, RejectionLayer};
use tonic_connect::transport::Server;
use tower::Layer;

/// One connection, and no other.
enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection to a new server with each HTTP version.
async fn serve<S, B>(service: S) -> [Connection; 2]
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    let io = || async { TokioIo::new(TcpStream::connect(address).await.unwrap()) };
    let (http1, connection) = http1::handshake(io().await).await.unwrap();
    tokio::spawn(connection);
    let (http2, connection) = http2::handshake(TokioExecutor::new(), io().await)
        .await
        .unwrap();
    tokio::spawn(connection);
    [Connection::Http1(http1), Connection::Http2(http2)]
}

async fn send(connection: &mut Connection, mut request: Request<Full<Bytes>>) -> Reply {
    let headers = request.headers_mut();
    headers.insert("te", HeaderValue::from_static("trailers"));
    let response = match connection {
        Connection::Http1(connection) => {
            headers.insert("host", HeaderValue::from_static("x"));
            connection.ready().await.unwrap();
            connection.send_request(request).await
        }
        Connection::Http2(connection) => {
            let uri = format!("http://x{}", request.uri());
            *request.uri_mut() = uri.parse().unwrap();
            connection.ready().await.unwrap();
            connection.send_request(request).await
        }
    };
    let (head, body) = response.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    Reply {
        status: head.status,
        headers: head.headers,
        trailers: body.trailers().cloned().unwrap_or_default(),
        data: body.to_bytes(),
    }
}

/// Every method and content type that goes with it.
fn calls() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unary = UNARY
        .into_iter()
        .map(|content_type| ("Greet", content_type));
    unary.chain(
        STREAMING
            .into_iter()
            .map(|content_type| ("Count", content_type)),
    )
}

#[tokio::test]
async fn an_interceptors_refusal_reaches_every_client_in_its_own_form() {
    let intercepted =
        InterceptedService::new(
            Greeter::default(),
            |request: tonic::Request<()>| match request.metadata().get("authorization") {
                Some(_) => Ok(request),
                None => {
                    let mut status = Status::unauthenticated("who are you, Zoë?");
                    let realm = "the office".parse().unwrap();
                    status.metadata_mut().insert("x-realm", realm);
                    Err(status)
                }
            },
        );
    for mut connection in serve(RejectionLayer::new().layer(intercepted)).await {
        for (method, content_type) in calls() {
            let message = GreetRequest {
                times: 1,
                ..named("Ada")
            };
            let reply = send(&mut connection, post(method, content_type, &message)).await;
            let refused = outcome(content_type, &reply);
            assert_eq!(
                (refused.code, &*refused.message),
                (Code::Unauthenticated, "who are you, Zoë?"),
                "{method} {content_type}"
            );
            assert_eq!(refused.metadata["x-realm"], "the office", "{content_type}");
            let mut request = post(method, content_type, &message);
            let token = HeaderValue::from_static("Bearer x");
            request.headers_mut().insert("authorization", token);
            let reply = send(&mut connection, request).await;
            assert_eq!(outcome(content_type, &reply).greetings.len(), 1);
        }
    }
}

/// What fails before a service has the call, or has not even room for it.
#[derive(Clone)]
struct Failing {
    ready: bool,
    error: fn() -> BoxError,
}

impl Service<Request<Incoming>> for Failing {
    type Response = Response<tonic_connect::server::Body>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.ready {
            true => Poll::Ready(Ok(())),
            false => Poll::Ready(Err((self.error)())),
        }
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        assert!(self.ready, "a service is not called before it is ready");
        std::future::ready(Err((self.error)()))
    }
}

#[tokio::test]
async fn an_error_of_a_layer_reaches_every_client_in_its_own_form() {
    let status: fn() -> BoxError = || Status::resource_exhausted("too many calls").into();
    let unnamed: fn() -> BoxError = || "the gate is shut".into();
    for (error, code, message) in [
        (status, Code::ResourceExhausted, "too many calls"),
        (unnamed, Code::Unknown, "the gate is shut"),
    ] {
        for ready in [true, false] {
            let service = RejectionLayer::new().layer(Failing { ready, error });
            for mut connection in serve(service).await {
                for (method, content_type) in calls() {
                    let request = post(method, content_type, &named("Ada"));
                    let reply = send(&mut connection, request).await;
                    let refused = outcome(content_type, &reply);
                    let found = (refused.code, refused.message.as_str());
                    assert_eq!(found, (code, message), "{method} {content_type}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_panic_is_one_calls_failure_and_the_connection_lives_on() {
    for mut connection in serve(Greeter::default()).await {
        for (method, content_type) in calls() {
            for (name, code) in [("panic", Code::Internal), ("Ada", Code::Ok)] {
                let reply = send(&mut connection, post(method, content_type, &named(name))).await;
                let outcome = outcome(content_type, &reply);
                assert_eq!(outcome.code, code, "{method} {content_type}");
                assert!(!outcome.message.contains("secret"), "{}", outcome.message);
            }
        }
    }
}

const APP: HeaderValue = HeaderValue::from_static("https://app.example");

fn preflight(origin: &HeaderValue) -> Request<Full<Bytes>> {
    Request::options("/greet.v1.Greeter/Greet")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "connect-protocol-version,content-type,x-tenant",
        )
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_read_everything() {
    let tenant = HeaderName::from_static("x-tenant");
    let named_origins = Cors::origins([HeaderValue::from_static("*"), APP]).credentials();
    let by_rule = Cors::origins_if(|origin, _| origin.as_bytes().ends_with(b".example"));
    for (cors, app, others, credentials) in [
        (
            named_origins.metadata([tenant.clone()]).layer(),
            Some(APP),
            None,
            true,
        ),
        (
            by_rule.metadata([tenant.clone()]).layer(),
            Some(APP),
            None,
            false,
        ),
        (
            Cors::any_origin().metadata([tenant.clone()]).layer(),
            Some(HeaderValue::from_static("*")),
            Some(HeaderValue::from_static("*")),
            false,
        ),
    ] {
        for mut connection in serve(cors.layer(Greeter::default())).await {
            let stranger = HeaderValue::from_static("https://evil.test");
            for (origin, allowed) in [(APP, &app), (stranger, &others)] {
                let reply = send(&mut connection, preflight(&origin)).await;
                let headers = &reply.headers;
                assert_eq!(headers.get("access-control-allow-origin"), allowed.as_ref());
                let listed = headers["access-control-allow-headers"].to_str().unwrap();
                for name in [
                    "connect-protocol-version",
                    "content-type",
                    "x-tenant",
                    "grpc-timeout",
                ] {
                    assert!(
                        listed.split(',').any(|listed| listed == name),
                        "{name}: {listed}"
                    );
                }
                assert_eq!(headers["access-control-allow-methods"], "GET,POST");
                assert_eq!(headers["access-control-max-age"], "7200");

                for content_type in UNARY {
                    let mut request = post("Greet", content_type, &named("fail"));
                    request.headers_mut().insert("origin", origin.clone());
                    let reply = send(&mut connection, request).await;
                    assert_eq!(outcome(content_type, &reply).code, Code::NotFound);
                    let headers = &reply.headers;
                    assert_eq!(headers.get("access-control-allow-origin"), allowed.as_ref());
                    assert_eq!(
                        headers.contains_key("access-control-allow-credentials"),
                        credentials
                    );
                    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
                    for name in [
                        "grpc-status",
                        "grpc-message",
                        "grpc-status-details-bin",
                        "x-tenant",
                        "trailer-x-tenant",
                    ] {
                        assert!(
                            exposed.split(',').any(|exposed| exposed == name),
                            "{name}: {exposed}"
                        );
                    }
                }
            }
        }
    }
}
