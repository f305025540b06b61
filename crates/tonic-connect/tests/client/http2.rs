//! HTTP/2 with a peer that keeps to the letter of it, or breaks it.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Response, Status};
use tonic_connect::{Builder, Client, HttpVersion, ProtoOnly, Protocol};

use crate::echo::{self, Echo};
use crate::pool::{
    ACK, END, GOAWAY, HEADERS, NOT_FOUND, PING, SETTINGS, accept_http2, read_frame, write_frame,
};

const DATA: u8 = 0;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: &[u8] = &[0; 4];
/// Longer than anything here takes that does not hang.
const HANG: Duration = Duration::from_secs(20);
/// The head of a response of Connect.
const CONNECT: &[u8] = b"\x88\x00\x0ccontent-type\x11application/proto";

/// The head of a stream of Connect.
const STREAM: &[u8] = b"\x88\x00\x0ccontent-type\x19application/connect+proto";

type Called = JoinHandle<Result<Response<Echo>, Status>>;

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

#[tokio::test]
async fn a_response_that_is_reset_before_its_end_is_not_taken_for_a_shorter_one() {
    let (listener, builder) = listen(Protocol::Connect).await;
    let call = tokio::spawn(call(caller(builder), String::new()));
    let (mut socket, stream) = accept_http2(&listener).await;
    write_frame(&mut socket, HEADERS, END_HEADERS, stream, CONNECT).await;
    // It can be read, and may have been half of it.
    let half = Echo::bytes("half");
    write_frame(&mut socket, DATA, 0, stream, &half).await;
    write_frame(&mut socket, RST_STREAM, 0, stream, NO_ERROR).await;
    let status = call.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status:?}");
}

#[tokio::test]
async fn a_whole_response_is_not_lost_to_the_reset_of_a_request_that_goes_on() {
    let (listener, builder) = listen(Protocol::Connect).await;
    let one = tokio::spawn(call(caller(builder), "x".repeat(100_000)));
    let (mut socket, stream) = accept_http2(&listener).await;
    write_frame(&mut socket, HEADERS, END_HEADERS, stream, CONNECT).await;
    let all = Echo::bytes("all");
    write_frame(&mut socket, DATA, END_STREAM, stream, &all).await;
    write_frame(&mut socket, RST_STREAM, 0, stream, NO_ERROR).await;
    let response = one.await.unwrap().unwrap();
    assert_eq!(response.get_ref().text, "all");

    let (listener, builder) = listen(Protocol::Grpc).await;
    let client = caller(builder);
    let requests = Request::new(tokio_stream::pending::<Echo>());
    let endless = tokio::spawn(async move {
        let method = &echo::SERVICE.methods[2];
        client.client_streaming::<_, Echo>(method, requests).await
    });
    let (mut socket, stream) = accept_http2(&listener).await;
    write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
    write_frame(&mut socket, RST_STREAM, 0, stream, NO_ERROR).await;
    let status = endless.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_there_before_the_first_request_is_not_lost() {
    let (listener, builder) = listen(Protocol::Grpc).await;
    let client = caller(builder);
    let (answered, answer) = mpsc::channel::<()>();
    let answer = Mutex::new(answer);
    // Made in the call's own thread, by something that takes its time.
    let requests = tokio_stream::iter([Echo::default(), Echo::default()]).filter(move |_| {
        let _ = tokio::task::block_in_place(|| answer.lock().unwrap().recv());
        true
    });
    let call = tokio::spawn(async move {
        let method = &echo::SERVICE.methods[2];
        let call = client.client_streaming::<_, Echo>(method, Request::new(requests));
        call.await
    });
    let (mut socket, stream) = accept_http2(&listener).await;
    write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
    write_frame(&mut socket, RST_STREAM, 0, stream, NO_ERROR).await;
    until_pong(&mut socket).await;
    drop(answered);
    let status = call.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
}

#[tokio::test]
async fn of_a_request_that_the_server_does_not_want_to_read_nothing_is_left_with_the_connection() {
    for then in [None, Some(RST_STREAM)] {
        let (listener, builder) = listen(Protocol::Grpc).await;
        let client = caller(builder);
        let larger_than_the_window = call(client.clone(), "x".repeat(100_000));
        let first = tokio::spawn(larger_than_the_window);
        let (mut socket, stream) = accept_http2(&listener).await;
        write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
        if let Some(reset) = then {
            write_frame(&mut socket, reset, 0, stream, NO_ERROR).await;
        }
        let status = first.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
        // A connection that has no stream is closed with its channel.
        drop(client);
        let closed = async { while read_frame(&mut socket).await.is_some() {} };
        tokio::time::timeout(HANG, closed).await.unwrap();
    }
}

/// MAX_CONCURRENT_STREAMS of 1.
const ONE_AT_A_TIME: &[u8] = &[0, 3, 0, 0, 0, 1];

/// A call that has the only stream, and the server's side of it.
async fn busy(client: &Client<ProtoOnly>, listener: &TcpListener) -> (Called, TcpStream, [u8; 4]) {
    let first = tokio::spawn(call(client.clone(), String::new()));
    let (mut socket, stream) = accept_http2(listener).await;
    write_frame(&mut socket, SETTINGS, 0, [0; 4], ONE_AT_A_TIME).await;
    until_pong(&mut socket).await;
    (first, socket, stream)
}

/// A call that waits for a stream.
async fn waiting(client: &Client<ProtoOnly>, socket: &mut TcpStream) -> Called {
    let call = tokio::spawn(call(client.clone(), "x".repeat(100_000)));
    // On the one thread of this runtime it has queued its request before this goes on.
    tokio::task::yield_now().await;
    assert!(!until_pong(socket).await.contains(&HEADERS));
    call
}

async fn code_of(call: Called) -> Code {
    let ended = tokio::time::timeout(HANG, call).await.unwrap();
    ended.unwrap().unwrap_err().code()
}

#[tokio::test]
async fn a_call_that_waits_for_a_stream_is_told_that_the_server_goes_away() {
    let (listener, builder) = listen(Protocol::Grpc).await;
    let client = caller(builder);
    let (first, mut socket, stream) = busy(&client, &listener).await;
    let second = waiting(&client, &mut socket).await;
    let last_and_no_error = [stream, [0; 4]].concat();
    write_frame(&mut socket, GOAWAY, 0, [0; 4], &last_and_no_error).await;
    assert_eq!(code_of(second).await, Code::Unavailable);
    write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
    assert_eq!(code_of(first).await, Code::NotFound);
    while let Some((kind, ..)) = read_frame(&mut socket).await {
        assert_ne!(kind, HEADERS);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_waits_for_a_stream_keeps_none_from_the_next() {
    let (listener, builder) = listen(Protocol::Grpc).await;
    let client = caller(builder);
    let (first, mut socket, stream) = busy(&client, &listener).await;
    let given_up = waiting(&client, &mut socket).await;
    let next = tokio::spawn(call(client.clone(), String::new()));
    tokio::task::yield_now().await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
    assert_eq!(code_of(first).await, Code::NotFound);
    loop {
        let (kind, flags, stream, _) = read_frame(&mut socket).await.unwrap();
        if kind == DATA && flags & END_STREAM != 0 {
            write_frame(&mut socket, HEADERS, END, stream, NOT_FOUND).await;
            break;
        }
    }
    assert_eq!(code_of(next).await, Code::NotFound);
}

#[tokio::test]
async fn a_call_that_is_given_up_while_the_server_takes_no_more_of_its_requests_is_reset() {
    for answers in [false, true] {
        let (listener, builder) = listen(Protocol::Connect).await;
        let client = caller(builder);
        let text = "x".repeat(50_000);
        let endless = tokio_stream::iter(0..).map(move |_| Echo { text: text.clone() });
        let call = tokio::spawn(async move {
            let method = &echo::SERVICE.methods[2];
            let call = client.client_streaming::<_, Echo>(method, Request::new(endless));
            call.await
        });
        let (mut socket, stream) = accept_http2(&listener).await;
        let mut window = 65_535;
        while window > 0 {
            if let (DATA, .., data) = read_frame(&mut socket).await.unwrap() {
                window -= data.len();
            }
        }
        if answers {
            write_frame(&mut socket, HEADERS, END_HEADERS, stream, STREAM).await;
            until_pong(&mut socket).await;
        }
        call.abort();
        loop {
            let (kind, _, of, reason) = read_frame(&mut socket).await.unwrap();
            assert_ne!(kind, DATA);
            if kind == RST_STREAM {
                assert_eq!((of, reason), (stream, vec![0, 0, 0, 8]));
                break;
            }
        }
    }
}
