//! How long a peer may keep the server waiting for a body, or for room to write, and what is no such wait.

#![cfg(all(feature = "client", feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use greeter::{GreetRequest, GreetResponse, Greeter};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tonic_connect::server::Body;
use tonic_connect::transport::Server;

const TIME: Duration = Duration::from_millis(100);

async fn start<S, B>(server: Server, service: S) -> SocketAddr
where
    S: tower::Service<Request<Incoming>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, service, pending()));
    address
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}\r\n\r\n")
}

/// Reads to the end, which only the server can bring about.
async fn end(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

/// Returns when two connections that stall, one after the other, have been closed, so that the time is over for whoever
/// stalled before.
async fn is_over(time: Duration) {
    let address = start(Server::new().stall_timeout(Some(time)), Greeter::default()).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = head("/greet.v1.Greeter/Greet", "content-length: 2");
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(end(&mut stream).await, "");
    }
}

#[tokio::test]
async fn a_peer_whose_body_stops_coming_leaves_its_slot_to_others() {
    let server = Server::new().max_connections(1).stall_timeout(Some(TIME));
    let address = start(server, Greeter::default()).await;
    let path = "/greet.v1.Greeter/Greet";
    for (length, some) in [
        ("content-length: 2", ""),
        ("content-length: 2", "{"),
        ("transfer-encoding: chunked", ""),
        ("transfer-encoding: chunked", "2\r\n{}\r\n"),
    ] {
        let mut stalled = TcpStream::connect(address).await.unwrap();
        let request = head(path, length) + some;
        stalled.write_all(request.as_bytes()).await.unwrap();
        let mut honest = TcpStream::connect(address).await.unwrap();
        let request = head(path, "connection: close\r\ncontent-length: 2") + "{}";
        honest.write_all(request.as_bytes()).await.unwrap();
        let answer = end(&mut honest).await;
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{length} {some:?}: {answer}"
        );
        assert_eq!(end(&mut stalled).await, "");
    }
}

#[tokio::test]
async fn a_body_that_comes_slowly_but_steadily_arrives() {
    // Longer than a busy machine keeps this task from going on.
    let time = 10 * TIME;
    let server = Server::new().stall_timeout(Some(time));
    let address = start(server, Greeter::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = "connection: close\r\ntransfer-encoding: chunked";
    let head = head("/greet.v1.Greeter/Greet", length);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut over = pin!(is_over(time));
    while over.as_mut().now_or_never().is_none() {
        stream.write_all(b"1\r\n \r\n").await.unwrap();
        // Gives way to the server.
        tokio::task::yield_now().await;
    }
    stream.write_all(b"2\r\n{}\r\n0\r\n\r\n").await.unwrap();
    let answer = end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// What its path says with the body, then nothing until it may go on, then answers how many bytes came afterwards.
async fn take_its_time(request: Request<Incoming>, between: Arc<Between>) -> http::Response<Body> {
    let path = request.uri().path().to_owned();
    let mut body = Some(request.into_body());
    match path.as_str() {
        "/reads-it-all" => {
            body.as_mut().unwrap().collect().await.unwrap();
        }
        "/reads-some" => {
            body.as_mut().unwrap().frame().await.unwrap().unwrap();
        }
        "/reads-some-and-drops-it" => {
            body.as_mut().unwrap().frame().await.unwrap().unwrap();
            body = None;
        }
        "/drops-it" => body = None,
        _ => {}
    }
    between.waits.notify_one();
    between.may_go_on.notified().await;
    let rest = match body {
        Some(body) if path != "/never-reads-it" => body.collect().await.unwrap().to_bytes().len(),
        _ => 0,
    };
    http::Response::new(Body::full(format!("{rest} bytes")))
}

#[derive(Default)]
struct Between {
    waits: Notify,
    may_go_on: Notify,
}

#[tokio::test]
async fn a_handler_may_take_its_time_whatever_it_does_with_the_body() {
    let between = Arc::new(Between::default());
    let shared = Arc::clone(&between);
    let service =
        tower::service_fn(move |request| take_its_time(request, Arc::clone(&shared)).map(Ok));
    let server = Server::new().stall_timeout(Some(TIME));
    let address = start(server, service).await;
    let large = vec![b'x'; 16 << 20];
    for (path, more, body) in [
        ("/reads-it-all", "content-length: 2", &b"{}"[..]),
        (
            "/reads-it-all",
            "transfer-encoding: chunked",
            b"2\r\n{}\r\n0\r\n\r\n",
        ),
        ("/reads-some", "content-length: 16777216", &large),
        ("/holds-it", "content-length: 16777216", &large),
        ("/drops-it", "content-length: 2", b""),
        ("/drops-it", "content-length: 2", b"{"),
        ("/drops-it", "transfer-encoding: chunked", b"2\r\n{}\r\n"),
        ("/reads-some-and-drops-it", "content-length: 2", b"{"),
        (
            "/reads-some-and-drops-it",
            "transfer-encoding: chunked",
            b"2\r\n{}\r\n",
        ),
        (
            "/never-reads-it",
            "expect: 100-continue\r\ncontent-length: 2",
            b"",
        ),
    ] {
        let (mut reads, mut writes) = TcpStream::connect(address).await.unwrap().into_split();
        let request = [
            head(path, &format!("connection: close\r\n{more}")).as_bytes(),
            body,
        ]
        .concat();
        let writing = async {
            writes.write_all(&request).await.unwrap();
            // Not closed: that would be to go away.
            writes
        };
        let handling = async {
            between.waits.notified().await;
            is_over(TIME).await;
            between.may_go_on.notify_one();
            let mut answer = String::new();
            reads.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (_writes, answer) = tokio::join!(writing, handling);
        assert!(answer.contains("HTTP/1.1 200"), "{path} {more}: {answer}");
    }
}

/// Streams without end, and says when it is dropped.
fn endless(
    dropped: mpsc::UnboundedSender<()>,
) -> impl tower::Service<
    Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(()).ok();
        }
    }
    tower::service_fn(move |request: Request<Incoming>| {
        let dropped = Dropped(dropped.clone());
        tonic_connect::server::server_streaming(
            &Default::default(),
            &greeter::SERVICE.methods[2],
            tonic_connect::ProtoAndJson,
            request,
            |_: tonic::Request<GreetRequest>| async move {
                let endless = stream::repeat_with(move || {
                    let _with_the_stream = &dropped;
                    Ok::<_, tonic::Status>(GreetResponse {
                        greeting: "x".repeat(64 * 1024),
                    })
                });
                Ok(tonic::Response::new(endless.boxed()))
            },
        )
    })
}

const MESSAGE: &[u8] = b"\0\0\0\0\x02{}";

#[tokio::test]
async fn a_peer_of_http1_that_does_not_read_is_closed() {
    let (dropped, mut was_dropped) = mpsc::unbounded_channel();
    let server = Server::new().stall_timeout(Some(TIME));
    let address = start(server, endless(dropped)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = head("/greet.v1.Greeter/Count", "content-length: 7")
        .replace("application/json", "application/connect+json");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(MESSAGE).await.unwrap();
    was_dropped.recv().await.unwrap();
}

#[tokio::test]
async fn a_peer_of_http2_that_does_not_read_is_closed() {
    let (dropped, mut was_dropped) = mpsc::unbounded_channel();
    let server = Server::new()
        .http2_keep_alive(None)
        .stall_timeout(Some(TIME));
    let address = start(server, endless(dropped)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let window = (1 << 31) - 1;
    let (mut client, mut connection) = h2::client::Builder::new()
        .initial_window_size(window)
        .initial_connection_window_size(window)
        .handshake::<_, Bytes>(stream)
        .await
        .unwrap();
    let request = Request::post("http://x/greet.v1.Greeter/Count")
        .header("content-type", "application/connect+json")
        .body(())
        .unwrap();
    let (mut response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(MESSAGE), true).unwrap();
    // Reads until the response has begun, and no more.
    let response = poll_fn(|cx| {
        assert!(connection.poll_unpin(cx).is_pending());
        response.poll_unpin(cx)
    });
    assert_eq!(response.await.unwrap().status(), 200);
    was_dropped.recv().await.unwrap();
}
