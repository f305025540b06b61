//! Deadlines and cancellation. Time stands still until the server has seen what the test waits for, then jumps.

use std::time::Duration;

use tonic::{Code, Request};

use crate::canned::{Canned, Seen, frame};
use crate::echo::{self, Client, Echo};

const HOUR: Duration = Duration::from_secs(3600);
const UNARY_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 9\r\n\r\nabc";

fn request(timeout: Option<Duration>) -> Request<Echo> {
    let mut request = Request::new(Echo::new("ping"));
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    request
}

#[tokio::test]
async fn the_deadline_covers_the_head_and_the_body_whether_the_call_or_the_channel_sets_it() {
    for answer in ["", UNARY_HEAD] {
        for of_call in [true, false] {
            let mut server = Canned::serve(answer, true).await;
            let builder = echo::builder(server.address);
            let builder = if of_call {
                builder
            } else {
                builder.timeout(HOUR)
            };
            let mut client = Client::new(builder.build().unwrap());
            let call = tokio::spawn(async move {
                echo::unary(&mut client, request(of_call.then_some(HOUR))).await
            });
            let (head, _) = server.request().await;
            assert!(
                head.contains("\r\nconnect-timeout-ms: 3600000\r\n"),
                "{head}"
            );
            tokio::time::pause();
            let status = call.await.unwrap().unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded);
            assert!(status.message().contains("3600s"), "{status:?}");
            tokio::time::resume();
            assert_eq!(server.seen.recv().await, Some(Seen::Closed));
        }
    }
}

#[tokio::test]
async fn the_deadline_of_a_stream_covers_all_of_it_and_frees_the_connection() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/connect+proto\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n";
    let answer = [head.as_bytes(), &frame(0, b"\x0a\x01x"), b"\r\n"].concat();
    let mut server = Canned::serve(answer, true).await;
    let mut client = echo::client(server.address);
    let mut messages = echo::stream(&mut client, request(Some(HOUR)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap().text, "x");
    server.request().await;
    tokio::time::pause();
    let status = messages.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    tokio::time::resume();
    // The stream is still held, its connection is not.
    assert_eq!(server.seen.recv().await, Some(Seen::Closed));
}

#[tokio::test]
async fn a_server_that_does_not_take_connections_is_under_the_deadline_too() {
    // Nothing answers the TLS handshake, and no timer but the deadline is as short.
    let server = Canned::serve("", true).await;
    let channel = tonic_connect::Channel::builder(format!("https://{}", server.address))
        .service(&echo::SERVICE)
        .connect_timeout(HOUR)
        .build()
        .unwrap();
    tokio::time::pause();
    let status = echo::unary(
        &mut Client::new(channel),
        request(Some(Duration::from_secs(1))),
    )
    .await
    .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_unavailable() {
    let server = Canned::serve("", true).await;
    let channel = tonic_connect::Channel::builder(format!("https://{}", server.address))
        .service(&echo::SERVICE)
        .connect_timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    tokio::time::pause();
    let status = echo::unary(&mut Client::new(channel), request(None))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().contains("no connection within 7s"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    for answer in ["", UNARY_HEAD] {
        let mut server = Canned::serve(answer, true).await;
        let mut client = echo::client(server.address);
        let call = tokio::spawn(async move { echo::unary(&mut client, request(None)).await });
        server.request().await;
        call.abort();
        assert_eq!(server.seen.recv().await, Some(Seen::Closed));
    }
}
