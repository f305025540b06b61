//! gRPC, against tonic's own server and against servers that break its rules.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Request, Response, Status};
use tonic_connect::{Channel, Protocol, details};
use tonic_prost::ProstCodec;
use tower::service_fn;
use tower_service::Service;

use crate::canned::frame;
use crate::echo::{self, CLIENT_STREAM, Client, Echo, SERVER_STREAM, UNARY};

type Codec = ProstCodec<Echo, Echo>;

/// What tonic would generate for the service.
#[derive(Clone)]
struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = "test.v1.EchoService";
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut grpc = tonic::server::Grpc::new(Codec::new());
        Box::pin(async move {
            Ok(match request.uri().path() {
                UNARY => grpc.unary(service_fn(unary), request).await,
                SERVER_STREAM => {
                    grpc.server_streaming(service_fn(server_stream), request)
                        .await
                }
                CLIENT_STREAM => {
                    grpc.client_streaming(service_fn(client_stream), request)
                        .await
                }
                path => panic!("{path}"),
            })
        })
    }
}

async fn unary(request: Request<Echo>) -> Result<Response<Echo>, Status> {
    if request.get_ref().text == "fail" {
        let mut status = details::bad_request([("text", "is \"fail\", ü")]);
        status
            .metadata_mut()
            .insert("x-trail", "2".parse().unwrap());
        return Err(status);
    }
    if request.get_ref().text == "hang" {
        std::future::pending::<()>().await;
    }
    let timeout = request
        .metadata()
        .get("grpc-timeout")
        .map_or("none", |timeout| timeout.to_str().unwrap());
    let mut response = Response::new(Echo::new(&format!("{} {timeout}", request.get_ref().text)));
    response
        .metadata_mut()
        .insert("x-lead", "1".parse().unwrap());
    Ok(response)
}

type Echoes = Pin<Box<dyn tokio_stream::Stream<Item = Result<Echo, Status>> + Send>>;

async fn server_stream(request: Request<Echo>) -> Result<Response<Echoes>, Status> {
    let text = request.into_inner().text;
    let last = if text == "hang" {
        Box::pin(tokio_stream::pending()) as Echoes
    } else {
        Box::pin(tokio_stream::once(Err(Status::aborted("enough")))) as Echoes
    };
    Ok(Response::new(Box::pin(futures_util::StreamExt::chain(
        tokio_stream::once(Ok(Echo::new(&text))),
        last,
    ))))
}

async fn client_stream(request: Request<tonic::Streaming<Echo>>) -> Result<Response<Echo>, Status> {
    let (texts, _) = echo::drain(&mut request.into_inner()).await;
    Ok(Response::new(Echo::new(&texts.join(" "))))
}

async fn tonic_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(EchoServer)
            .serve_with_incoming(incoming),
    );
    address
}

fn client(address: SocketAddr) -> Client {
    Client::new(
        echo::builder(address)
            .protocol(Protocol::Grpc)
            .build()
            .unwrap(),
    )
}

#[tokio::test]
async fn calls_of_every_kind_reach_a_tonic_server() {
    let mut client = client(tonic_server().await);

    let mut request = Request::new(Echo::new("ping"));
    request.set_timeout(Duration::from_secs(60));
    let response = echo::unary(&mut client, request).await.unwrap();
    assert_eq!(response.get_ref().text, "ping 60000000u");
    assert_eq!(response.metadata().get("x-lead").unwrap(), "1");

    let status = echo::unary(&mut client, Request::new(Echo::new("fail")))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "text: is \"fail\", ü")
    );
    assert_eq!(details::of(&status).len(), 1);
    assert_eq!(status.metadata().get("x-trail").unwrap(), "2");

    let mut messages = echo::stream(&mut client, Request::new(Echo::new("one")))
        .await
        .unwrap()
        .into_inner();
    let (texts, status) = echo::drain(&mut messages).await;
    assert_eq!(
        (texts, status.unwrap().code()),
        (vec!["one".to_owned()], Code::Aborted)
    );

    let requests = Request::new(tokio_stream::iter(["a", "b"].map(Echo::new)));
    let response = client
        .client_streaming(requests, echo::path(CLIENT_STREAM), Codec::new())
        .await
        .unwrap();
    assert_eq!(response.into_inner().text, "a b");
}

#[tokio::test]
async fn the_deadline_covers_streams_that_tonic_would_let_hang() {
    let mut client = client(tonic_server().await);
    let mut request = Request::new(Echo::new("hang"));
    request.set_timeout(Duration::from_secs(3600));
    let mut messages = echo::stream(&mut client, request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap().text, "hang");
    tokio::time::pause();
    assert_eq!(
        messages.message().await.unwrap_err().code(),
        Code::DeadlineExceeded
    );
}

/// A server over HTTP/2 that answers every request with this head, these bytes and these trailers.
async fn canned(
    head: http::response::Builder,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (parts, ()) = head.body(()).unwrap().into_parts();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(move |_| {
            let frames = [Frame::data(Bytes::from(body.clone()))]
                .into_iter()
                .chain(trailers.clone().map(Frame::trailers));
            let body = StreamBody::new(tokio_stream::iter(
                frames.map(Ok::<_, Infallible>).collect::<Vec<_>>(),
            ));
            std::future::ready(Ok::<_, Infallible>(http::Response::from_parts(
                parts.clone(),
                body,
            )))
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(socket), service)
            .await;
    });
    address
}

fn trailers(entries: &[(&'static str, &'static str)]) -> Option<HeaderMap> {
    let entries = entries.iter();
    Some(
        entries
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect(),
    )
}

#[tokio::test]
async fn answers_that_break_the_rules_are_errors_and_never_panics() {
    let head = || http::Response::builder().header("content-type", "application/grpc");
    let good = frame(0, Echo::bytes("x"));
    let zero = trailers(&[("grpc-status", "0")]);
    for (name, address, code) in [
        (
            "details that are not base64 in the trailers",
            canned(
                head(),
                vec![],
                trailers(&[("grpc-status", "5"), ("grpc-status-details-bin", "!")]),
            )
            .await,
            Code::NotFound,
        ),
        (
            "details that are not base64 in the headers",
            canned(
                head()
                    .header("grpc-status", "5")
                    .header("grpc-status-details-bin", "!"),
                vec![],
                None,
            )
            .await,
            Code::NotFound,
        ),
        (
            "details that are not base64 beside status 0 in the headers",
            canned(
                head()
                    .header("grpc-status", "0")
                    .header("grpc-status-details-bin", "!"),
                vec![],
                None,
            )
            .await,
            Code::Unimplemented,
        ),
        (
            "a message that is not UTF-8",
            canned(
                head(),
                vec![],
                trailers(&[("grpc-status", "5"), ("grpc-message", "%ff")]),
            )
            .await,
            Code::NotFound,
        ),
        (
            "no trailers",
            canned(head(), good.clone(), None).await,
            Code::Internal,
        ),
        (
            "no status in the trailers",
            canned(head(), good.clone(), trailers(&[("x", "y")])).await,
            Code::Unknown,
        ),
        (
            "a truncated message",
            canned(head(), good[..6].to_vec(), zero.clone()).await,
            Code::Internal,
        ),
        (
            "a message beyond the limit",
            canned(head(), vec![0, 0xff, 0, 0, 0], zero.clone()).await,
            Code::ResourceExhausted,
        ),
        (
            "an HTTP error",
            canned(head().status(503), vec![], None).await,
            Code::Unavailable,
        ),
        (
            "not gRPC",
            canned(
                http::Response::builder().header("content-type", "text/html"),
                b"<html>".to_vec(),
                None,
            )
            .await,
            Code::Unknown,
        ),
        (
            "another codec",
            canned(
                http::Response::builder().header("content-type", "application/grpc+json"),
                good.clone(),
                zero.clone(),
            )
            .await,
            Code::Internal,
        ),
    ] {
        let status = echo::unary(&mut client(address), Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{name}: {status:?}");
    }
    for content_type in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc; x=y",
    ] {
        let head = http::Response::builder().header("content-type", content_type);
        let address = canned(head, good.clone(), zero.clone()).await;
        assert_eq!(
            echo::unary(&mut client(address), Request::new(Echo::default()))
                .await
                .unwrap()
                .into_inner()
                .text,
            "x"
        );
    }
}

#[tokio::test]
async fn a_message_whose_flags_mean_nothing_is_not_taken_for_one() {
    for flags in [2, 0x80, 0xfe] {
        let service = service_fn(move |_: http::Request<Body>| {
            let frames = [
                Frame::data(Bytes::from(frame(flags, Echo::bytes("odd")))),
                Frame::trailers(trailers(&[("grpc-status", "0")]).unwrap()),
            ];
            let body = StreamBody::new(tokio_stream::iter(frames.map(Ok::<_, Infallible>)));
            let response = http::Response::builder().header("content-type", "application/grpc");
            std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
        });
        let builder = Channel::builder("http://in.process").protocol(Protocol::Grpc);
        let client = tonic_connect::Client::proto_only(builder.build_over(service).unwrap());
        let request = Request::new(Echo::default());
        let call = client.unary::<_, Echo>(&echo::SERVICE.methods[0], request);
        let status = call.await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{flags} {status:?}");
    }
}
