//! Calls that share an HTTP/2 connection: none waits for another, none ends another, and what they answer arrives whole.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tonic_connect::server::Body;
use tonic_connect::transport::Server;

/// Serves, by path: `/meet` waits until two are there, `/panic` panics, a number is so many bytes.
async fn connect() -> SendRequest<Empty<Bytes>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let barrier = Arc::clone(&barrier);
        async move {
            let body = match request.uri().path() {
                "/meet" => {
                    barrier.wait().await;
                    Body::empty()
                }
                "/panic" => panic!("as asked for"),
                number => Body::full(pattern(number[1..].parse().unwrap())),
            };
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://localhost{path}");
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_call_that_waits_lets_the_next_begin() {
    let mut sender = connect().await;
    let (one, other) = (
        sender.send_request(get("/meet")),
        sender.clone().send_request(get("/meet")),
    );
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one.unwrap().status(), StatusCode::OK);
    assert_eq!(other.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_panic_ends_its_own_call_alone() {
    let mut sender = connect().await;
    let (panicked, served) = (
        sender.send_request(get("/panic")),
        sender.clone().send_request(get("/7")),
    );
    let (panicked, served) = tokio::join!(panicked, served);
    assert!(panicked.is_err());
    assert_eq!(served.unwrap().status(), StatusCode::OK);
    let after = sender.send_request(get("/7")).await;
    assert_eq!(after.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_of_every_size_arrive_whole() {
    let sender = connect().await;
    // On both sides of what h2 copies, of what is kept for the next write, of a frame, of a window.
    let sizes = [
        0, 1, 255, 256, 1023, 1024, 4095, 4097, 16_384, 16_385, 70_000, 3_000_000,
    ];
    let answers = sizes.map(|size| {
        let mut sender = sender.clone();
        async move {
            let response = sender.send_request(get(&format!("/{size}"))).await;
            let body = response.unwrap().into_body().collect().await.unwrap();
            (size, body.to_bytes())
        }
    });
    for (size, body) in join_all(answers).await {
        assert!(body == pattern(size), "{size} bytes differ");
    }
}
