//! HTTP/1.1 connections whose peers send or go while a call runs.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use greeter::{GreetRequest, GreetResponse};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tonic::{Response, Status};
use tonic_connect::server::Body;
use tonic_connect::transport::Server;

/// What a test and the calls that it makes have between them.
#[derive(Default)]
struct Between {
    begun: Notify,
    may_answer: Notify,
    dropped: Notify,
}

struct Dropped(Arc<Between>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

/// Answers each call when it may.
async fn serve_when_allowed(between: &Arc<Between>) -> SocketAddr {
    let between = Arc::clone(between);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let between = Arc::clone(&between);
        tonic_connect::server::unary(
            &Default::default(),
            &greeter::SERVICE.methods[0],
            tonic_connect::ProtoAndJson,
            request,
            |request: tonic::Request<GreetRequest>| async move {
                let _dropped = Dropped(Arc::clone(&between));
                between.begun.notify_one();
                between.may_answer.notified().await;
                let greeting = format!("Hello, {}!", request.get_ref().name);
                Ok(Response::new(GreetResponse { greeting }))
            },
        )
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, service, pending()));
    address
}

fn call(name: &str) -> String {
    let body = format!(r#"{{"name":"{name}"}}"#);
    format!(
        "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer, and nothing of what comes after it.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        answer.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_comes_while_a_call_runs_is_the_next_request() {
    let between = Arc::new(Between::default());
    let mut stream = TcpStream::connect(serve_when_allowed(&between).await)
        .await
        .unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(call("Ada").as_bytes()).await.unwrap();
    between.begun.notified().await;
    // In pieces of fewer bytes than are looked at, and of more.
    let (first, rest) = (call("Grace"), call("Mary"));
    stream.write_all(&first.as_bytes()[..3]).await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(&first.as_bytes()[3..]).await.unwrap();
    stream.write_all(rest.as_bytes()).await.unwrap();
    for (name, last) in [("Ada", false), ("Grace", false), ("Mary", true)] {
        between.may_answer.notify_one();
        let answer = answer(&mut stream).await;
        assert!(answer.contains(&format!("Hello, {name}!")), "{answer}");
        if !last {
            between.begun.notified().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_is_dropped_when_its_caller_sends_no_more() {
    let between = Arc::new(Between::default());
    let mut stream = TcpStream::connect(serve_when_allowed(&between).await)
        .await
        .unwrap();
    stream.write_all(call("Ada").as_bytes()).await.unwrap();
    between.begun.notified().await;
    stream.shutdown().await.unwrap();
    between.dropped.notified().await;
    // Closed without an answer, for which nobody waits any more.
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_call_that_waits_is_dropped_when_its_caller_goes_whatever_was_sent_after_it() {
    let next = call("Grace");
    let many = next.repeat(100);
    for more in ["\r\n", "P", &next[..40], &next, &many] {
        let between = Arc::new(Between::default());
        let mut stream = TcpStream::connect(serve_when_allowed(&between).await)
            .await
            .unwrap();
        stream.write_all(call("Ada").as_bytes()).await.unwrap();
        between.begun.notified().await;
        stream.write_all(more.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        between.dropped.notified().await;
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "{more:?}");
    }
}

#[tokio::test]
async fn a_caller_that_sends_no_more_gets_what_is_answered_at_once() {
    let between = Arc::new(Between::default());
    between.may_answer.notify_one();
    let mut stream = TcpStream::connect(serve_when_allowed(&between).await)
        .await
        .unwrap();
    stream.write_all(call("Ada").as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.contains("Hello, Ada!"), "{answer}");
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_dropped_when_its_caller_sends_no_more() {
    let between = Arc::new(Between::default());
    let (messages, mut sent) = mpsc::unbounded_channel();
    let shared = Arc::clone(&between);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let (between, messages) = (Arc::clone(&shared), messages.clone());
        tonic_connect::server::server_streaming(
            &Default::default(),
            &greeter::SERVICE.methods[2],
            tonic_connect::ProtoAndJson,
            request,
            |_: tonic::Request<GreetRequest>| async move {
                let dropped = Dropped(between);
                let endless = stream::repeat_with(move || {
                    let _with_the_stream = &dropped;
                    messages.send(()).ok();
                    Ok::<_, Status>(GreetResponse {
                        greeting: "x".repeat(64 * 1024),
                    })
                });
                Ok(Response::new(endless.boxed()))
            },
        )
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, service, pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let envelope = [b"\0\0\0\0\x02".as_slice(), b"{}"].concat();
    let head = format!(
        "POST /greet.v1.Greeter/Count HTTP/1.1\r\nhost: x\r\n\
         content-type: application/connect+json\r\ncontent-length: {}\r\n\r\n",
        envelope.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&envelope).await.unwrap();
    sent.recv().await.unwrap();
    stream.shutdown().await.unwrap();
    between.dropped.notified().await;
}

#[tokio::test]
async fn a_large_body_comes_in_large_pieces_though_its_call_runs() {
    const SIZE: usize = 1 << 20;
    let service = tower::service_fn(|request: Request<Incoming>| async {
        let mut body = request.into_body();
        let (mut pieces, mut size) = (0, 0);
        while let Some(frame) = body.frame().await {
            pieces += 1;
            size += frame.unwrap().into_data().unwrap().len();
        }
        let answer = format!("{size} bytes in {pieces} pieces");
        Ok::<_, Infallible>(http::Response::new(Body::full(answer)))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, service, pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {SIZE}\r\n\r\n"
    );
    let request = [head.as_bytes(), &vec![b'x'; SIZE]].concat();
    stream.write_all(&request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, said) = answer.split_once("\r\n\r\n").unwrap();
    let pieces = said
        .strip_prefix("1048576 bytes in ")
        .and_then(|rest| rest.strip_suffix(" pieces"))
        .expect(said);
    // Of 256 bytes on average, when the machine is that slow; of many thousands usually.
    assert!(pieces.parse::<usize>().unwrap() < SIZE / 256, "{said}");
}
