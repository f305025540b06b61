//! Over HTTP/1.1, whoever writes a whole request before looking for an answer gets the answer, and keeps the connection.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;

use greeter::{Greeter, encode, envelope, named};
use http::Request;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;
use tonic_connect::server::{Options, error_response, linger};
use tonic_connect::transport::Server;
use tower::ServiceExt;

/// More than what the sockets' buffers hold.
const BODY_BYTES: usize = 16 * 1024 * 1024;

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options::new().max_request_bytes(1024 * 1024);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let greeter = Greeter {
            options: options.clone(),
        };
        async move {
            if request.headers().contains_key("x-refused") {
                let request = linger(request);
                let refusal = Status::unauthenticated("a layer says no");
                return Ok(error_response(&request, &refusal));
            }
            greeter.oneshot(request).await
        }
    });
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    address
}

/// One response whose length is declared, or which is chunked.
async fn response(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0, "closed");
        let text = String::from_utf8_lossy(&response);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map(|length| length.parse::<usize>().unwrap());
        let whole = match length {
            Some(length) => body.len() >= length,
            None => body.ends_with("\r\n0\r\n\r\n"),
        };
        if whole {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn whoever_writes_everything_first_reads_the_answer_and_keeps_the_connection() {
    let address = start().await;
    let json = "content-type: application/json\r\n";
    let stream = "content-type: application/connect+json\r\n";
    let fail = envelope(0, &encode("application/json", &named("fail")));
    let long = envelope(0, &[b' '; 2 * 1024 * 1024]);
    let no = Vec::new;
    let cases = [
        ("PUT", "Greet", json.to_owned(), no(), "405", ""),
        ("POST", "Greet", String::new(), no(), "415", ""),
        (
            "POST",
            "Nothing",
            json.to_owned(),
            no(),
            "404",
            "unimplemented",
        ),
        (
            "POST",
            "Greet",
            format!("{json}connect-timeout-ms: soon\r\n"),
            no(),
            "400",
            "invalid_argument",
        ),
        (
            "POST",
            "Greet",
            format!("{json}x-refused: yes\r\n"),
            no(),
            "401",
            "a layer says no",
        ),
        (
            "POST",
            "Greet",
            json.to_owned(),
            no(),
            "429",
            "over the limit",
        ),
        (
            "POST",
            "Collect",
            stream.to_owned(),
            fail.clone(),
            "200",
            "not_found",
        ),
        (
            "POST",
            "Chat",
            stream.to_owned(),
            fail.clone(),
            "200",
            "not_found",
        ),
        (
            "POST",
            "Collect",
            stream.to_owned(),
            long,
            "200",
            "over the limit",
        ),
    ];
    let mut connection = TcpStream::connect(address).await.unwrap();
    for (method, name, headers, begin, status, text) in cases {
        for chunked in [false, true] {
            let length = BODY_BYTES + begin.len();
            let framing = match chunked {
                true => "transfer-encoding: chunked".to_owned(),
                false => format!("content-length: {length}"),
            };
            let mut request = format!(
                "{method} /greet.v1.Greeter/{name} HTTP/1.1\r\nhost: x\r\n{headers}{framing}\r\n\r\n"
            )
            .into_bytes();
            if chunked {
                request.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            }
            request.extend_from_slice(&begin);
            request.resize(request.len() + BODY_BYTES, b' ');
            if chunked {
                request.extend_from_slice(b"\r\n0\r\n\r\n");
            }
            let case = format!("{method} {name} {headers} chunked {chunked}");
            let written = connection.write_all(&request).await;
            assert!(written.is_ok(), "{case}: {written:?}");
            let response = response(&mut connection).await;
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")) && response.contains(text),
                "{case}: {response}"
            );
        }
    }
}

#[tokio::test]
async fn who_asks_before_sending_is_refused_without_being_told_to_send() {
    let address = start().await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                content-type: text/plain\r\ncontent-length: 20\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 415 "), "{response}");
}
