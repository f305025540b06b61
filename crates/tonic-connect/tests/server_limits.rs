//! Sizes and times that a stranger controls are bounded.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use greeter::{
    GreetRequest, Greeter, STREAMING, UNARY, call, encode, encoding_headers, envelope, gzip,
    is_enveloped, named, outcome, post, raw,
};
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::Instant;
use tonic::Code;
use tonic_connect::server::Options;

/// A body of one-byte pieces, which counts how many of them were taken.
fn pieces(
    content_type: &str,
    body: Vec<u8>,
    taken: Arc<AtomicUsize>,
) -> Request<StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>>> {
    let stream = stream::iter(body).map(move |byte| {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok(Frame::data(Bytes::from(vec![byte])))
    });
    let builder = Request::post("/greet.v1.Greeter/Greet").header("content-type", content_type);
    builder.body(StreamBody::new(stream)).unwrap()
}

fn limited(bytes: usize) -> Greeter {
    Greeter {
        options: Options::new().max_request_bytes(bytes),
    }
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_put_together() {
    for content_type in UNARY {
        let payload = encode(content_type, &named("Ada Lovelace"));
        let exact = payload.len();
        let body = if is_enveloped(content_type) {
            envelope(0, &payload)
        } else {
            payload
        };
        let reply = call(limited(exact), pieces(content_type, body, Arc::default())).await;
        assert_eq!(
            outcome(content_type, &reply).greetings,
            ["hello Ada Lovelace from stranger; "],
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_without_reading_it() {
    for content_type in UNARY {
        let payload = encode(content_type, &named(&"x".repeat(1000)));
        let body = if is_enveloped(content_type) {
            envelope(0, &payload)
        } else {
            payload
        };

        let declared = call(limited(100), raw("Greet", content_type, body.clone())).await;
        let taken = Arc::new(AtomicUsize::new(0));
        let streamed = call(
            limited(100),
            pieces(content_type, body.clone(), Arc::clone(&taken)),
        )
        .await;
        assert!(
            taken.load(Ordering::Relaxed) <= 106,
            "{content_type} {taken:?}"
        );
        let untouched = Arc::new(AtomicUsize::new(0));
        let mut request = pieces(content_type, body, Arc::clone(&untouched));
        request
            .headers_mut()
            .insert("content-length", "1100".parse().unwrap());
        let declared_by_header = call(limited(100), request).await;
        assert_eq!(untouched.load(Ordering::Relaxed), 0, "{content_type}");

        for reply in [declared, streamed, declared_by_header] {
            let outcome = outcome(content_type, &reply);
            assert_eq!(outcome.code, Code::ResourceExhausted, "{content_type}");
            assert!(
                outcome.message.contains("the limit of 100 bytes"),
                "{}",
                outcome.message
            );
        }
    }
}

#[tokio::test]
async fn a_bomb_is_defused() {
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024);
    for content_type in [
        "application/proto",
        "application/json",
        "application/grpc",
        "application/grpc-web+json",
    ] {
        let body = if is_enveloped(content_type) {
            envelope(1, &bomb)
        } else {
            bomb.clone()
        };
        let mut request = raw("Greet", content_type, body);
        request
            .headers_mut()
            .insert(encoding_headers(content_type).0, "gzip".parse().unwrap());
        let outcome = outcome(content_type, &call(limited(1024 * 1024), request).await);
        assert_eq!(
            outcome.code,
            Code::ResourceExhausted,
            "{content_type}: {}",
            outcome.message
        );
    }
}

#[tokio::test]
async fn a_response_over_the_limit_is_not_sent() {
    let greeter = Greeter {
        options: Options::new().max_response_bytes(1000),
    };
    for (method, content_types) in [("Greet", UNARY), ("Count", STREAMING)] {
        for content_type in content_types {
            for (times, expected) in [(2, Code::Ok), (100, Code::ResourceExhausted)] {
                // Each of a stream's messages is small.
                let expected = if method == "Greet" {
                    expected
                } else {
                    Code::Ok
                };
                let message = GreetRequest {
                    times,
                    ..named("Ada")
                };
                let outcome = outcome(
                    content_type,
                    &call(greeter.clone(), post(method, content_type, &message)).await,
                );
                assert_eq!(outcome.code, expected, "{method} {content_type}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_ends_a_call() {
    for (method, content_types) in [("Greet", UNARY), ("Count", STREAMING)] {
        for content_type in content_types {
            let mut request = post(
                method,
                content_type,
                &GreetRequest {
                    times: 3,
                    ..named("hang")
                },
            );
            match content_type.starts_with("application/grpc") {
                true => request
                    .headers_mut()
                    .insert("grpc-timeout", "1500m".parse().unwrap()),
                false => request
                    .headers_mut()
                    .insert("connect-timeout-ms", "1500".parse().unwrap()),
            };
            let start = Instant::now();
            let reply = call(Greeter::default(), request).await;
            let outcome = outcome(content_type, &reply);
            assert_eq!(
                outcome.code,
                Code::DeadlineExceeded,
                "{method} {content_type}"
            );
            let waited = start.elapsed();
            assert!(
                (1500..1510).contains(&waited.as_millis()),
                "{method} {content_type} {waited:?}"
            );
            // What was there before the deadline has been sent.
            assert_eq!(
                outcome.greetings.len(),
                if method == "Count" { 3 } else { 0 }
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_longest_deadline_holds_for_everybody() {
    let greeter = Greeter {
        options: Options::new().max_deadline(Duration::from_secs(2)),
    };
    for (timeout, expected) in [
        (None, 2000),
        (Some("60000"), 2000),
        (Some("500"), 500),
        (Some("9999999999"), 2000),
    ] {
        let mut request = post("Greet", "application/json", &named("hang"));
        if let Some(timeout) = timeout {
            request
                .headers_mut()
                .insert("connect-timeout-ms", timeout.parse().unwrap());
        }
        let start = Instant::now();
        let reply = call(greeter.clone(), request).await;
        assert_eq!(reply.status, 504);
        assert!(
            start.elapsed().as_millis().abs_diff(expected) < 10,
            "{timeout:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_reading_the_request() {
    let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let request = Request::post("/greet.v1.Greeter/Greet")
        .header("content-type", "application/proto")
        .header("connect-timeout-ms", "100");
    let reply = call(Greeter::default(), request.body(never).unwrap()).await;
    assert_eq!(
        outcome("application/proto", &reply).code,
        Code::DeadlineExceeded
    );
}
