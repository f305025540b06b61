//! Streams that last: what a dropped call does on the wire, and that neither side runs ahead of the other.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tonic::body::Body;
use tonic::{Code, Request, Response, Streaming};
use tonic_connect::{Channel, Client, HttpVersion, Protocol};
use tower::service_fn;

use crate::canned::frame;
use crate::greeter::{GreetRequest, GreetResponse, SERVICE, named};
use crate::served::builder;

const CHAT: usize = 3;
const PROTOCOLS: [(Protocol, &str); 3] = [
    (Protocol::Connect, "application/connect+proto"),
    (Protocol::Grpc, "application/grpc"),
    (Protocol::GrpcWeb, "application/grpc-web+proto"),
];

/// A server over HTTP/2 that answers with a head at once, or never, and then says why the request ended.
async fn listening(
    content_type: Option<&'static str>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (events, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service =
            hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let events = events.clone();
                let mut body = request.into_body();
                tokio::spawn(async move {
                    let end = loop {
                        match body.frame().await {
                            Some(Ok(_)) => events.send("data".to_owned()).unwrap(),
                            Some(Err(error)) => break reset(&error),
                            None => break "ended".to_owned(),
                        }
                    };
                    let _ = events.send(end);
                });
                async move {
                    let Some(content_type) = content_type else {
                        return std::future::pending().await;
                    };
                    let body = StreamBody::new(tokio_stream::pending::<
                        Result<Frame<Bytes>, Infallible>,
                    >());
                    let response = http::Response::builder().header("content-type", content_type);
                    Ok::<_, Infallible>(response.body(body).unwrap())
                }
            });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(socket), service)
            .await;
    });
    (address, seen)
}

fn reset(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(reason) = error
            .downcast_ref::<h2::Error>()
            .and_then(h2::Error::reason)
        {
            return format!("{reason:?}");
        }
        cause = error.source();
    }
    error.to_string()
}

/// One request, then nothing, for ever.
fn endless() -> Request<impl tokio_stream::Stream<Item = GreetRequest> + Send + 'static> {
    Request::new(tokio_stream::once(named("Ada")).chain(tokio_stream::pending()))
}

#[tokio::test]
async fn a_dropped_call_is_reset_though_its_requests_go_on() {
    for (protocol, content_type) in PROTOCOLS {
        for answers in [None, Some(content_type)] {
            let (address, mut seen) = listening(answers).await;
            let channel = builder(address, (protocol, HttpVersion::Http2));
            let client = Client::new(channel.build().unwrap());
            let call = tokio::spawn(async move {
                client
                    .bidi_streaming::<_, GreetResponse>(&SERVICE.methods[CHAT], endless())
                    .await
            });
            assert_eq!(seen.recv().await.unwrap(), "data");
            if answers.is_some() {
                drop(call.await.unwrap().unwrap());
            } else {
                call.abort();
            }
            assert_eq!(
                seen.recv().await.unwrap(),
                "CANCEL",
                "{protocol:?} {answers:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_reason_of_a_reset_becomes_the_code_of_grpcs_table() {
    for (reason, code) in [
        (h2::Reason::CANCEL, Code::Cancelled),
        (h2::Reason::REFUSED_STREAM, Code::Unavailable),
        (h2::Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (h2::Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
        (h2::Reason::INTERNAL_ERROR, Code::Internal),
        (h2::Reason::PROTOCOL_ERROR, Code::Internal),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(move |_| {
                std::future::ready(Err::<http::Response<String>, _>(h2::Error::from(reason)))
            });
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
        let channel = builder(address, (Protocol::Grpc, HttpVersion::Http2));
        let client = Client::new(channel.build().unwrap());
        let request = Request::new(named("Ada"));
        let call = client.unary::<_, GreetResponse>(&SERVICE.methods[0], request);
        let status = call.await.unwrap_err();
        assert_eq!(status.code(), code, "{reason:?}: {status:?}");
    }
}

#[tokio::test]
async fn requests_are_made_as_the_server_takes_them() {
    for (protocol, content_type) in PROTOCOLS {
        // Takes one frame of the request, and keeps the rest.
        let service = service_fn(move |mut request: http::Request<Body>| async move {
            let first = request.body_mut().frame().await.unwrap().unwrap();
            assert!(first.into_data().unwrap().len() > 60_000);
            let body = StreamBody::new(
                tokio_stream::once(request)
                    .filter_map(|_| None::<Result<Frame<Bytes>, Infallible>>)
                    .chain(tokio_stream::pending()),
            );
            let response = http::Response::builder().header("content-type", content_type);
            Ok::<_, Infallible>(response.body(body).unwrap())
        });
        let channel = Channel::builder("http://in.process").protocol(protocol);
        let made = Arc::new(AtomicUsize::new(0));
        let requests = {
            let made = Arc::clone(&made);
            let name = "x".repeat(60_000);
            tokio_stream::iter(0..1000).map(move |_| {
                made.fetch_add(1, Ordering::Relaxed);
                named(&name)
            })
        };
        let response: Response<Streaming<GreetResponse>> =
            Client::new(channel.build_over(service).unwrap())
                .bidi_streaming(&SERVICE.methods[CHAT], Request::new(requests))
                .await
                .unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 1, "{protocol:?}");
        drop(response);
    }
}

#[tokio::test]
async fn answers_are_taken_as_they_are_read() {
    for (protocol, content_type) in PROTOCOLS {
        let given = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&given);
        let service = service_fn(move |_: http::Request<Body>| {
            let given = Arc::clone(&counted);
            let answers = tokio_stream::iter(0..1000).map(move |_| {
                given.fetch_add(1, Ordering::Relaxed);
                let message = GreetResponse {
                    greeting: "x".repeat(60_000),
                };
                Ok::<_, Infallible>(Frame::data(Bytes::from(frame(0, message.encode_to_vec()))))
            });
            let response = http::Response::builder().header("content-type", content_type);
            std::future::ready(Ok::<_, Infallible>(
                response.body(StreamBody::new(answers)).unwrap(),
            ))
        });
        let channel = Channel::builder("http://in.process").protocol(protocol);
        let client = Client::new(channel.build_over(service).unwrap());
        let mut messages: Streaming<GreetResponse> = client
            .server_streaming(&SERVICE.methods[2], Request::new(named("Ada")))
            .await
            .unwrap()
            .into_inner();
        for read in 1..=3 {
            messages.message().await.unwrap().unwrap();
            assert_eq!(given.load(Ordering::Relaxed), read, "{protocol:?}");
        }
    }
}
