//! Which connections a channel keeps, for how long, and how it finds out that one is dead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tonic::{Code, Request};
use tonic_connect::{Builder, Protocol};

use crate::canned::response;
use crate::echo::{self, Client, Echo};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(10);
/// Frames of HTTP/2 (RFC 9113 section 6).
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const ACK: u8 = 1;
/// END_STREAM and END_HEADERS.
pub(crate) const END: u8 = 5;
/// The head of a response that says `not_found`, and nothing more.
pub(crate) const NOT_FOUND: &[u8] =
    b"\x88\x00\x0ccontent-type\x10application/grpc\x00\x0bgrpc-status\x015";

/// What happened on which connection, counted from 0.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Call(usize),
    Closed(usize),
}

/// A server of HTTP/1.1 that answers every request, and closes no connection.
async fn keeping() -> (SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (events, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for connection in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(socket, connection, events.clone()));
        }
    });
    (address, seen)
}

/// Answers requests without a body until the client closes.
async fn answer(mut socket: TcpStream, connection: usize, events: mpsc::UnboundedSender<Seen>) {
    let mut head = Vec::new();
    while socket.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            let _ = events.send(Seen::Call(connection));
            let answer = response("200 OK", "Content-Type: application/proto\r\n", b"");
            socket.write_all(&answer).await.unwrap();
        }
    }
    let _ = events.send(Seen::Closed(connection));
}

async fn call(client: &mut Client) {
    let request = Request::new(Echo::default());
    echo::unary(client, request).await.unwrap();
}

fn client(builder: Builder) -> Client {
    Client::new(builder.build().unwrap())
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_call() {
    let (address, mut seen) = keeping().await;
    let mut client = client(echo::builder(address));
    for _ in 0..3 {
        call(&mut client).await;
        assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    }
}

#[tokio::test]
async fn a_channel_that_may_keep_none_closes_each_after_its_call() {
    let (address, mut seen) = keeping().await;
    let mut client = client(echo::builder(address).pool_max_idle(0));
    for connection in 0..3 {
        call(&mut client).await;
        assert_eq!(seen.recv().await, Some(Seen::Call(connection)));
        assert_eq!(seen.recv().await, Some(Seen::Closed(connection)));
    }
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_when_its_time_is_over() {
    let (address, mut seen) = keeping().await;
    let mut client = client(echo::builder(address).pool_idle_timeout(Some(HOUR)));
    call(&mut client).await;
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    // Now time passes as fast as nothing happens.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert_eq!(seen.recv().await, Some(Seen::Closed(0)));
    let kept = began.elapsed();
    assert!((HOUR..=2 * HOUR).contains(&kept), "{kept:?}");
}

#[tokio::test]
async fn a_connection_without_such_a_time_is_kept() {
    let (address, mut seen) = keeping().await;
    let mut client = client(echo::builder(address).pool_idle_timeout(None));
    call(&mut client).await;
    tokio::time::pause();
    tokio::time::advance(1000 * HOUR).await;
    tokio::time::resume();
    call(&mut client).await;
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
}

/// One frame of HTTP/2: its type, flags, stream and payload.
pub(crate) async fn read_frame(socket: &mut TcpStream) -> Option<(u8, u8, [u8; 4], Vec<u8>)> {
    let mut head = [0; 9];
    socket.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    socket.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, stream, payload))
}

pub(crate) async fn write_frame(
    socket: &mut TcpStream,
    kind: u8,
    flags: u8,
    stream: [u8; 4],
    payload: &[u8],
) {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&[a, b, c, kind, flags][..], &stream].concat();
    socket.write_all(&[&head, payload].concat()).await.unwrap();
}

/// A server of HTTP/2 that answers each call when it is permitted to, and closes no connection.
async fn keeping_http2() -> (SocketAddr, mpsc::UnboundedReceiver<Seen>, Arc<Semaphore>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (events, seen) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(0));
    let answers = Arc::clone(&permits);
    tokio::spawn(async move {
        for connection in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (events, answers) = (events.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                socket.read_exact(&mut [0; 24]).await.unwrap();
                write_frame(&mut socket, SETTINGS, 0, [0; 4], &[]).await;
                while let Some((kind, flags, stream, _)) = read_frame(&mut socket).await {
                    if kind == SETTINGS && flags & ACK == 0 {
                        write_frame(&mut socket, SETTINGS, ACK, [0; 4], &[]).await;
                    }
                    if kind == HEADERS {
                        let _ = events.send(Seen::Call(connection));
                        answers.acquire().await.unwrap().forget();
                        write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
                    }
                }
                let _ = events.send(Seen::Closed(connection));
            });
        }
    });
    (address, seen, permits)
}

async fn call_http2(mut client: Client) {
    let status = echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
}

/// Lets time pass.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    // Whoever waited for it runs.
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn the_time_of_a_connection_of_http2_begins_when_its_last_call_ends() {
    let (address, mut seen, answers) = keeping_http2().await;
    let builder = echo::builder(address).protocol(Protocol::Grpc);
    let client = client(builder.pool_idle_timeout(Some(HOUR)));
    let long = tokio::spawn(call_http2(client.clone()));
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    pass(HOUR - MINUTE).await;
    answers.add_permits(1);
    long.await.unwrap();
    pass(2 * MINUTE).await;
    answers.add_permits(1);
    call_http2(client).await;
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
}

#[tokio::test]
async fn a_connection_whose_time_is_over_is_not_used_even_if_nothing_closed_it_yet() {
    let (address, mut seen, answers) = keeping_http2().await;
    answers.add_permits(2);
    let builder = echo::builder(address).protocol(Protocol::Grpc);
    let client = client(builder.pool_idle_timeout(Some(HOUR)));
    call_http2(client.clone()).await;
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    // As after a thread that stood still: no task sees the time pass before the next call does.
    tokio::time::pause();
    assert!(tokio::time::advance(2 * HOUR).now_or_never().is_none());
    tokio::time::resume();
    call_http2(client).await;
    let mut calls = [seen.recv().await, seen.recv().await];
    calls.sort_by_key(|seen| matches!(seen, Some(Seen::Call(_))));
    assert_eq!(calls, [Some(Seen::Closed(0)), Some(Seen::Call(1))]);
}

#[tokio::test]
async fn dead_connections_take_no_place_of_those_that_live() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = echo::builder(listener.local_addr().unwrap());
    let client = client(builder.pool_max_idle(1));
    let (mut one, mut other) = (client.clone(), client.clone());
    let one = tokio::spawn(async move { call(&mut one).await });
    let (mut first, _) = listener.accept().await.unwrap();
    let other = tokio::spawn(async move { call(&mut other).await });
    let (second, _) = listener.accept().await.unwrap();
    let (events, mut seen) = mpsc::unbounded_channel();
    first.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
    let answer_one = response("200 OK", "Content-Type: application/proto\r\n", b"");
    first.write_all(&answer_one).await.unwrap();
    one.await.unwrap();
    // Once the client has closed in turn, it knows.
    first.shutdown().await.unwrap();
    assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
    tokio::spawn(answer(second, 1, events));
    other.await.unwrap();
    assert_eq!(seen.recv().await, Some(Seen::Call(1)));
    let mut third = client.clone();
    tokio::spawn(async move { call(&mut third).await });
    assert_eq!(seen.recv().await, Some(Seen::Call(1)));
}

/// A server of HTTP/2 that takes one call. It answers so many pings, then the call; one that is to answer none answers
/// nothing. Returns how many pings came, when the client closes.
async fn pinged(listener: TcpListener, answers: usize) -> usize {
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.read_exact(&mut [0; 24]).await.unwrap();
    write_frame(&mut socket, SETTINGS, 0, [0; 4], &[]).await;
    let (mut pings, mut call) = (0, None);
    while let Some((kind, flags, stream, payload)) = read_frame(&mut socket).await {
        match kind {
            SETTINGS if flags & ACK == 0 => {
                write_frame(&mut socket, SETTINGS, ACK, [0; 4], &[]).await
            }
            HEADERS => call = Some(stream),
            PING if flags & ACK == 0 => {
                pings += 1;
                if pings <= answers {
                    write_frame(&mut socket, PING, ACK, [0; 4], &payload).await;
                }
                if pings == answers {
                    write_frame(&mut socket, HEADERS, END, call.unwrap(), NOT_FOUND).await;
                }
            }
            _ => {}
        }
    }
    pings
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_given_up_and_one_that_does_has_all_the_time_it_wants() {
    for (answers, wait, code) in [(0, MOMENT, Code::Unavailable), (3, HOUR, Code::NotFound)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(pinged(listener, answers));
        let builder = echo::builder(address).protocol(Protocol::Grpc);
        let mut client = client(builder.http2_keep_alive(MOMENT, wait));
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        drop(client);
        let pings = server.await.unwrap();
        assert!(pings >= answers.max(1), "{pings}");
    }
}

/// Accepts a connection of HTTP/2 and awaits its call.
pub(crate) async fn accept_http2(listener: &TcpListener) -> (TcpStream, [u8; 4]) {
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.read_exact(&mut [0; 24]).await.unwrap();
    write_frame(&mut socket, SETTINGS, 0, [0; 4], &[]).await;
    loop {
        match read_frame(&mut socket).await.unwrap() {
            (HEADERS, _, stream, _) => return (socket, stream),
            _ => continue,
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_away_ends_the_calls_that_it_has_and_the_next_goes_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = echo::builder(listener.local_addr().unwrap()).protocol(Protocol::Grpc);
    let client = client(builder);
    let one = tokio::spawn(call_http2(client.clone()));
    let (mut first, stream) = accept_http2(&listener).await;
    let last_and_no_error = [stream, [0; 4]].concat();
    write_frame(&mut first, GOAWAY, 0, [0; 4], &last_and_no_error).await;
    // Who answers this has read that.
    write_frame(&mut first, PING, 0, [0; 4], &[0; 8]).await;
    while !matches!(read_frame(&mut first).await.unwrap(), (PING, ACK, ..)) {}
    let other = tokio::spawn(call_http2(client.clone()));
    let (mut second, other_stream) = accept_http2(&listener).await;
    write_frame(&mut second, HEADERS, END, other_stream, NOT_FOUND).await;
    other.await.unwrap();
    write_frame(&mut first, HEADERS, END, stream, NOT_FOUND).await;
    one.await.unwrap();
}

#[tokio::test]
async fn calls_side_by_side_share_a_connection_of_http2_that_is_not_kept() {
    let (address, mut seen, answers) = keeping_http2().await;
    let builder = echo::builder(address).protocol(Protocol::Grpc);
    let client = client(builder.pool_max_idle(0));
    let one = tokio::spawn(call_http2(client.clone()));
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    let other = tokio::spawn(call_http2(client));
    // On the one thread of this runtime it asks for a connection before this goes on.
    tokio::task::yield_now().await;
    answers.add_permits(2);
    one.await.unwrap();
    other.await.unwrap();
    assert_eq!(seen.recv().await, Some(Seen::Call(0)));
    assert_eq!(seen.recv().await, Some(Seen::Closed(0)));
}
