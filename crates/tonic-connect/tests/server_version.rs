//! Which HTTP a peer speaks is found out from its first bytes, in however many pieces they come.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;

use greeter::Greeter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic_connect::transport::Server;

/// The first bytes of an HTTP/2 client: the preface and empty settings.
const HTTP2: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const CALL: &str = "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 2\r\n\r\n{}";

/// What begins like HTTP/2 for as long as it can.
const NEARLY: &str = "PRI * HTTP/1.1\r\nhost: x\r\n\r\n";

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, Greeter::default(), std::future::pending()));
    address
}

/// One call over HTTP/1.1. What others sent before has been read when it is answered.
async fn exchange(stream: &mut TcpStream) {
    stream.write_all(CALL.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0, "closed");
    }
}

#[tokio::test]
async fn a_version_is_known_by_bytes_that_come_one_by_one() {
    let address = start().await;
    let mut other = TcpStream::connect(address).await.unwrap();
    for (said, answer) in [
        // The server's settings.
        (HTTP2, &b"\x04\0\0\0\0\0"[..]),
        (CALL, b"HTTP/1.1 200 OK"),
        (NEARLY, b"HTTP/1.1 404 Not Found"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in said.bytes() {
            stream.write_all(&[byte]).await.unwrap();
            exchange(&mut other).await;
        }
        let mut begin = vec![0; answer.len() + 3];
        stream.read_exact(&mut begin).await.unwrap();
        // Frames begin with three bytes of length.
        let begin = if said == HTTP2 {
            &begin[3..]
        } else {
            &begin[..answer.len()]
        };
        assert_eq!(begin, answer, "{}", String::from_utf8_lossy(begin));
    }
}

#[tokio::test]
async fn a_peer_that_goes_before_its_version_is_known_is_closed() {
    let address = start().await;
    for said in ["", "P", "PRI", &HTTP2[..23]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        // Ends only when the server closes.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
}
