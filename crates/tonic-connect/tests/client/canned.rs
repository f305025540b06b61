//! A server that reads a request and answers bytes that were written down before, however wrong they are.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What a test sees of the server, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole request: its head in lower case, and its body.
    Request(String, Vec<u8>),
    /// The client closed the connection.
    Closed,
}

pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
}

impl Canned {
    /// Answers every request with `answer`, then closes the connection, or holds it until the client does.
    pub(crate) async fn serve(answer: impl Into<Vec<u8>>, hold: bool) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (answer, events) = (answer.clone(), events.clone());
                tokio::spawn(async move {
                    let mut buffer = Vec::new();
                    let (head, length) = loop {
                        if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                            return;
                        }
                        if let Some(end) =
                            buffer.windows(4).position(|window| window == b"\r\n\r\n")
                        {
                            let head =
                                String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
                            let length = head.to_lowercase().lines().find_map(|line| {
                                line.strip_prefix("content-length: ")
                                    .map(|length| length.parse().unwrap())
                            });
                            break (head, length.unwrap_or(0));
                        }
                    };
                    while buffer.len() < length {
                        if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let _ = events.send(Seen::Request(head.to_lowercase(), buffer));
                    let _ = socket.write_all(&answer).await;
                    if hold {
                        while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                        let _ = events.send(Seen::Closed);
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> (String, Vec<u8>) {
        match self.seen.recv().await {
            Some(Seen::Request(head, body)) => (head, body),
            other => panic!("{other:?}"),
        }
    }
}

/// An HTTP/1.1 response with the length of its body.
pub(crate) fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n").as_bytes(),
        body,
    ]
    .concat()
}

/// A frame of a stream.
pub(crate) fn frame(flags: u8, message: impl AsRef<[u8]>) -> Vec<u8> {
    let message = message.as_ref();
    [
        &[flags],
        (message.len() as u32).to_be_bytes().as_slice(),
        message,
    ]
    .concat()
}
