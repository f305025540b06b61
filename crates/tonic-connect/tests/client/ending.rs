//! A response that has said its last word, over a connection that goes on.

use std::time::Duration;

use tonic::{Code, Request};
use tonic_connect::{HttpVersion, Protocol};

use crate::canned::{Canned, Seen, frame};
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
