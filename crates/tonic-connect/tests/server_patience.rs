//! How long an HTTP/1.1 connection waits for the head of the next request, and when it does not count.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use greeter::Greeter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic_connect::transport::Server;

/// A server that waits 100 ms.
async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new().header_read_timeout(Duration::from_millis(100));
    tokio::spawn(server.serve(listener, Greeter::default(), std::future::pending()));
    address
}

fn request(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// One call, of which the whole response is read.
async fn exchange(stream: &mut TcpStream) {
    stream.write_all(request("{}").as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0, "closed");
    }
}

/// Reads to the end, which only the server can bring about.
async fn end(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

/// Returns when a connection that is idle now has been closed, so that its time is over for older ones as well.
async fn patience_ends(address: SocketAddr) {
    for _ in 0..2 {
        let mut idle = TcpStream::connect(address).await.unwrap();
        exchange(&mut idle).await;
        assert_eq!(end(&mut idle).await, "");
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_no_other_request_comes() {
    let address = start().await;
    for next in ["", "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        exchange(&mut stream).await;
        exchange(&mut stream).await;
        stream.write_all(next.as_bytes()).await.unwrap();
        assert_eq!(end(&mut stream).await, "", "after {next:?}");
    }
}

#[tokio::test]
async fn the_time_begins_anew_with_each_call() {
    let address = start().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut patience = pin!(patience_ends(address));
    while patience.as_mut().now_or_never().is_none() {
        exchange(&mut stream).await;
    }
    assert_eq!(end(&mut stream).await, "");
}

#[tokio::test]
async fn a_call_that_runs_has_all_the_time_it_needs() {
    let address = start().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream).await;
    let request = request("{}");
    let (most, last) = request.split_at(request.len() - 1);
    stream.write_all(most.as_bytes()).await.unwrap();
    patience_ends(address).await;
    stream.write_all(last.as_bytes()).await.unwrap();
    let answer = end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_peer_that_has_not_read_its_answer_has_time_to_do_so() {
    let address = start().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    // More than the system takes for a peer that does not read.
    let times = 1_000_000;
    let request = request(&format!(r#"{{"name":"Ada","times":{times}}}"#));
    stream.write_all(request.as_bytes()).await.unwrap();
    patience_ends(address).await;
    let answer = end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"));
    assert!(answer.len() > times * "hello Ada from stranger; ".len());
    assert!(answer.ends_with("\"}"), "all of it");
}
