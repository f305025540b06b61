//! A response that has said its last word, over a connection that goes on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::{Code, Request};
use tonic_connect::{HttpVersion, Protocol};

use crate::canned::{Canned, Seen, frame, response};
use crate::echo::{self, Client, Echo};

const HOUR: Duration = Duration::from_secs(3600);

/// A chunk of a body, whose end does not come.
fn endless(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n"
    );
    [head.as_bytes(), body, b"\r\n"].concat()
}

#[tokio::test]
async fn a_stream_ends_with_its_last_message_even_if_the_connection_does_not() {
    for (timeout, end, code) in [
        (None, r#"{}"#, None),
        (None, r#"{"error":{"code":"aborted"}}"#, Some(Code::Aborted)),
        // What was said in time counts.
        (
            Some(Duration::from_millis(900)),
            r#"{"error":{"code":"aborted"}}"#,
            Some(Code::Aborted),
        ),
    ] {
        let body = [frame(0, Echo::bytes("one")), frame(2, end)].concat();
        let answer = endless("application/connect+proto", &body);
        let mut server = Canned::serve(answer, true).await;
        let mut request = Request::new(Echo::default());
        request.set_timeout(timeout.unwrap_or(HOUR));
        let mut messages = echo::stream(&mut echo::client(server.address), request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(messages.message().await.unwrap().unwrap().text, "one");
        server.request().await;
        tokio::time::pause();
        let (texts, status) = echo::drain(&mut messages).await;
        tokio::time::resume();
        assert_eq!(texts, [""; 0], "{end}");
        assert_eq!(status.map(|status| status.code()), code, "{end}");
        assert_eq!(server.seen.recv().await, Some(Seen::Closed));
    }
}

#[tokio::test]
async fn a_response_of_grpc_web_ends_with_its_trailers() {
    let body = [
        frame(0, Echo::bytes("one")),
        frame(0x80, "grpc-status: 0\r\n"),
    ]
    .concat();
    let answer = endless("application/grpc-web+proto", &body);
    let mut server = Canned::serve(answer, true).await;
    let builder = echo::builder(server.address)
        .protocol(Protocol::GrpcWeb)
        .http_version(HttpVersion::Http1);
    let mut client = Client::new(builder.build().unwrap());
    let call =
        tokio::spawn(async move { echo::unary(&mut client, Request::new(Echo::default())).await });
    server.request().await;
    tokio::time::pause();
    assert_eq!(call.await.unwrap().unwrap().into_inner().text, "one");
}

/// HTTP/1.1 has no way to stop a request but to close the connection, and a server that has answered may never read it.
#[tokio::test]
async fn a_request_that_the_server_has_answered_unread_does_not_keep_its_connection() {
    const LENGTH: usize = 32 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (go_on, answered) = oneshot::channel();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_exact(&mut [0; 16]).await.unwrap();
        let answer = response("200 OK", "Content-Type: application/proto\r\n", b"");
        socket.write_all(&answer).await.unwrap();
        answered.await.unwrap();
        // Ends with the connection, whether that ends well or not.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
        rest.len()
    });
    let mut client = echo::client(address);
    let request = Request::new(Echo::new(&"x".repeat(LENGTH)));
    echo::unary(&mut client, request).await.unwrap();
    // The time that it has passes at once, since nothing else happens.
    tokio::time::pause();
    tokio::time::sleep(HOUR).await;
    tokio::time::resume();
    go_on.send(()).unwrap();
    let read = server.await.unwrap();
    assert!(read < LENGTH, "{read}");
}
