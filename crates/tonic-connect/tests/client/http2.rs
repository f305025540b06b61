//! HTTP/2 with a peer that keeps to the letter of it, or breaks it.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response, Status};
use tonic_connect::{Builder, Client, HttpVersion, ProtoOnly, Protocol};

use crate::echo::{self, Echo};
use crate::pool::{ACK, HEADERS, PING, read_frame, write_frame};

async fn listen(protocol: Protocol) -> (TcpListener, Builder) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = echo::builder(listener.local_addr().unwrap()).protocol(protocol);
    (listener, builder.http_version(HttpVersion::Http2))
}

fn caller(builder: Builder) -> Client<ProtoOnly> {
    Client::proto_only(builder.build().unwrap())
}

async fn call(client: Client<ProtoOnly>, text: String) -> Result<Response<Echo>, Status> {
    let request = Request::new(Echo { text });
    client.unary(&echo::SERVICE.methods[0], request).await
}

/// The kinds of all frames that the client sends until it answers a ping.
async fn until_pong(socket: &mut TcpStream) -> Vec<u8> {
    write_frame(socket, PING, 0, [0; 4], &[0; 8]).await;
    let mut frames = Vec::new();
    loop {
        match read_frame(socket).await.unwrap() {
            (PING, ACK, ..) => return frames,
            (kind, ..) => frames.push(kind),
        }
    }
}

#[tokio::test]
async fn no_more_calls_than_any_server_takes_are_sent_before_it_says_how_many_it_takes() {
    let (listener, builder) = listen(Protocol::Grpc).await;
    let client = caller(builder);
    for _ in 0..150 {
        tokio::spawn(call(client.clone(), String::new()));
    }
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.read_exact(&mut [0; 24]).await.unwrap();
    // The first is answered by whoever drives the connection, perhaps before any call has it.
    let mut begun = 0;
    for _ in 0..3 {
        let frames = until_pong(&mut socket).await;
        begun += frames.iter().filter(|kind| **kind == HEADERS).count();
    }
    assert_eq!(begun, 100);
}
