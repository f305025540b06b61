//! Streams of requests, in every protocol, codec and compression: each message as it comes, within limits and time.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use greeter::{
    GreetRequest, GreetResponse, Greeter, STREAMING, call, encode, envelope, named, outcome, raw,
};
use http::HeaderValue;
use http_body_util::StreamBody;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::client::Grpc;
use tonic_connect::server::{BoxError, Options};
use tonic_connect::transport::Server;
use tonic_prost::ProstCodec;

/// The body of a stream of these names.
fn names(content_type: &str, names: &[&str]) -> Vec<u8> {
    names
        .iter()
        .flat_map(|name| envelope(0, &encode(content_type, &named(name))))
        .collect()
}

#[tokio::test]
async fn a_client_stream_is_answered_once() {
    for content_type in STREAMING {
        for (sent, expected) in [(&["Ada", "Zoë", "Max"][..], "Ada+Zoë+Max"), (&[], "")] {
            let reply = call(
                Greeter::default(),
                raw("Collect", content_type, names(content_type, sent)),
            )
            .await;
            let outcome = outcome(content_type, &reply);
            assert_eq!(
                (outcome.code, outcome.greetings),
                (Code::Ok, vec![expected.to_owned()]),
                "{content_type}"
            );
        }
    }
}

#[tokio::test]
async fn a_bidi_stream_answers_each_message() {
    for content_type in STREAMING {
        let body = names(content_type, &["Ada", "Zoë"]);
        let outcome = outcome(
            content_type,
            &call(Greeter::default(), raw("Chat", content_type, body)).await,
        );
        assert_eq!(
            (outcome.code, outcome.greetings),
            (
                Code::Ok,
                vec!["hello Ada".to_owned(), "hello Zoë".to_owned()]
            )
        );
    }
}

#[tokio::test]
async fn an_error_in_a_stream_comes_after_what_was_answered_before() {
    for content_type in STREAMING {
        for (method, expected) in [("Chat", &["hello Ada"][..]), ("Collect", &[])] {
            let body = names(content_type, &["Ada", "fail", "Max"]);
            let outcome = outcome(
                content_type,
                &call(Greeter::default(), raw(method, content_type, body)).await,
            );
            assert_eq!(
                (
                    outcome.code,
                    outcome
                        .greetings
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                ),
                (Code::NotFound, expected.to_vec())
            );
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_code() {
    for content_type in STREAMING {
        let good = names(content_type, &["Ada"]);
        let mut cut = good.clone();
        cut.truncate(good.len() - 1);
        let mut flagged = good.clone();
        flagged[0] = 1;
        let mut unknown_flags = good.clone();
        unknown_flags[0] = 0x40;
        let cases: [(&str, Vec<u8>, Code); 5] = [
            ("a cut payload", cut, Code::InvalidArgument),
            (
                "a cut prefix",
                [&good[..], &[0, 0]].concat(),
                Code::InvalidArgument,
            ),
            ("a flag without an encoding", flagged, Code::Internal),
            ("unknown flags", unknown_flags, Code::InvalidArgument),
            (
                "a length over the limit",
                [0, 0xff, 0xff, 0xff, 0xff].to_vec(),
                Code::ResourceExhausted,
            ),
        ];
        for (what, body, code) in cases {
            for method in ["Collect", "Chat"] {
                let reply = call(Greeter::default(), raw(method, content_type, body.clone())).await;
                assert_eq!(
                    outcome(content_type, &reply).code,
                    code,
                    "{content_type} {method}: {what}"
                );
            }
        }
    }
}

/// A POST whose body comes in these pieces.
fn in_pieces(
    method: &str,
    content_type: &str,
    pieces: Vec<Result<Bytes, BoxError>>,
) -> http::Request<impl http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static> {
    let frames = pieces
        .into_iter()
        .map(|piece| piece.map(http_body::Frame::data));
    let body = StreamBody::new(stream::iter(frames));
    raw(method, content_type, Bytes::new()).map(|_| body)
}

#[tokio::test]
async fn messages_are_whole_however_the_body_is_cut() {
    for content_type in STREAMING {
        let body = names(content_type, &["Ada", "", "Zoë"]);
        for size in [1, 3, 7] {
            let pieces = body
                .chunks(size)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let request = in_pieces("Collect", content_type, pieces.collect());
            let outcome = outcome(content_type, &call(Greeter::default(), request).await);
            assert_eq!(
                (outcome.code, outcome.greetings),
                (Code::Ok, vec!["Ada++Zoë".to_owned()]),
                "{content_type} in pieces of {size}"
            );
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_never_taken_for_a_whole_one() {
    for content_type in STREAMING {
        for method in ["Collect", "Chat"] {
            let pieces = vec![
                Ok(names(content_type, &["Ada"]).into()),
                Err("the connection is gone".into()),
            ];
            let request = in_pieces(method, content_type, pieces);
            let outcome = outcome(content_type, &call(Greeter::default(), request).await);
            assert_eq!(outcome.code, Code::Aborted, "{content_type} {method}");
        }
    }
}

#[tokio::test]
async fn the_limit_is_for_each_message_and_not_for_the_stream() {
    let greeter = || Greeter {
        options: Options::default().max_request_bytes(64),
    };
    let content_type = "application/connect+proto";
    let many = vec!["a name of thirty characters, no"; 100];
    let reply = call(
        greeter(),
        raw("Collect", content_type, names(content_type, &many)),
    )
    .await;
    assert_eq!(outcome(content_type, &reply).code, Code::Ok);
    let long = "x".repeat(65);
    let reply = call(
        greeter(),
        raw(
            "Collect",
            content_type,
            names(content_type, &["Ada", &long]),
        ),
    )
    .await;
    assert_eq!(outcome(content_type, &reply).code, Code::ResourceExhausted);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_a_stream_that_does_not_end() {
    for content_type in STREAMING {
        for method in ["Collect", "Chat"] {
            let first = Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from(
                names(content_type, &["Ada"]),
            )));
            let body = StreamBody::new(stream::iter([first]).chain(stream::pending()));
            let (name, value) = match content_type.starts_with("application/grpc") {
                true => ("grpc-timeout", "2S"),
                false => ("connect-timeout-ms", "2000"),
            };
            let request = raw(method, content_type, Bytes::new()).map(|_| body);
            let (mut head, body) = request.into_parts();
            head.headers.insert(name, HeaderValue::from_static(value));
            let reply = call(Greeter::default(), http::Request::from_parts(head, body)).await;
            assert_eq!(
                outcome(content_type, &reply).code,
                Code::DeadlineExceeded,
                "{content_type} {method}"
            );
        }
    }
}

#[tokio::test]
async fn a_full_duplex_stream_answers_before_the_next_message_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(Server::new().serve(listener, Greeter::default(), async {
        let _ = stopped.await;
    }));

    let channel = tonic::transport::Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let (send, requests) = mpsc::channel(1);
    send.send(named("0")).await.unwrap();
    let codec = ProstCodec::<GreetRequest, GreetResponse>::default();
    let path = http::uri::PathAndQuery::from_static("/greet.v1.Greeter/Chat");
    let request = tonic::Request::new(ReceiverStream::new(requests));
    let talk = async {
        let mut answers = client
            .streaming(request, path, codec)
            .await
            .unwrap()
            .into_inner();
        for number in 0..100 {
            let answer = answers.message().await.unwrap().unwrap();
            assert_eq!(answer.greeting, format!("hello {number}"));
            send.send(named(&(number + 1).to_string())).await.unwrap();
        }
        drop(send);
        assert_eq!(
            answers.message().await.unwrap().unwrap().greeting,
            "hello 100"
        );
        assert_eq!(answers.message().await.unwrap(), None);
    };
    tokio::time::timeout(Duration::from_secs(60), talk)
        .await
        .expect("the stream is not full duplex");
    drop(client);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
