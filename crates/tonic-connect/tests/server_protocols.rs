//! The same service, the same answers, whatever protocol, codec and compression a caller chose.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use bytes::Bytes;
use greeter::{
    Caller, Greeter, Reply, STREAMING, UNARY, call, encode, encoding_headers, envelope, gzip,
    is_enveloped, named, outcome, post, raw,
};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use prost::Message;
use tonic::Code;
use tonic_connect::server::{self, Options};

fn header(
    mut request: http::Request<http_body_util::Full<bytes::Bytes>>,
    name: &'static str,
    value: &'static str,
) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    request
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    request
}

#[tokio::test]
async fn a_unary_call_is_answered_with_metadata_and_trailers() {
    for content_type in UNARY {
        let request = post("Greet", content_type, &named("Ada"));
        let request = header(header(request, "x-sent", "yes"), "x-sent-bin", "AAEC");
        let (timeout, value) = match content_type.starts_with("application/grpc") {
            true => ("grpc-timeout", "10S"),
            false => ("connect-timeout-ms", "10000"),
        };
        let mut request = header(request, timeout, value);
        request.extensions_mut().insert(Caller("layer"));
        let reply = call(Greeter::default(), request).await;
        let outcome = outcome(content_type, &reply);
        assert_eq!(
            outcome.greetings,
            ["hello Ada from layer; "],
            "{content_type}"
        );
        assert_eq!(outcome.code, Code::Ok);
        assert_eq!(reply.headers["x-timeout"], "10000");
        assert_eq!(reply.headers["x-seen"], "yes");
        assert_eq!(reply.headers["x-seen-bin"], "AAEC");
        let trailer = if is_enveloped(content_type) {
            "checksum"
        } else {
            "trailer-checksum"
        };
        assert_eq!(outcome.metadata[trailer], "c0ffee", "{content_type}");
    }
}

#[tokio::test]
async fn an_error_keeps_its_code_message_and_metadata() {
    for (content_types, method, name) in [
        (UNARY, "Greet", "fail"),
        (UNARY, "Read", "fail"),
        (STREAMING, "Count", "refuse"),
        (STREAMING, "Count", "fail"),
    ] {
        for content_type in content_types {
            let reply = call(Greeter::default(), post(method, content_type, &named(name))).await;
            let outcome = outcome(content_type, &reply);
            let got = (outcome.code, outcome.message.as_str());
            assert_eq!(
                got,
                (Code::NotFound, "no such person: Zoë"),
                "{content_type} {method} {name}"
            );
            assert_eq!(
                outcome.metadata["x-why"], "moved",
                "{content_type} {method} {name}"
            );
            let http = if is_enveloped(content_type) {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            assert_eq!(reply.status, http);
        }
    }
}

#[tokio::test]
async fn a_panic_is_that_calls_failure_and_tells_nothing() {
    for content_type in UNARY {
        let reply = call(
            Greeter::default(),
            post("Greet", content_type, &named("panic")),
        )
        .await;
        let outcome = outcome(content_type, &reply);
        assert_eq!(
            (outcome.code, outcome.message.as_str()),
            (Code::Internal, "the handler panicked"),
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn a_layer_refuses_in_the_callers_protocol() {
    let status = tonic::Status::unauthenticated("the token has expired");
    for content_type in UNARY.into_iter().chain(STREAMING).chain(["text/plain"]) {
        let refusal = server::error_response(&post("Greet", content_type, &named("Ada")), &status);
        let (head, body) = refusal.into_parts();
        let data = body.collect().await.unwrap().to_bytes();
        let reply = Reply {
            status: head.status,
            headers: head.headers,
            data,
            trailers: Default::default(),
        };
        let spoken = if content_type == "text/plain" {
            "application/json"
        } else {
            content_type
        };
        let outcome = outcome(spoken, &reply);
        assert_eq!(
            (outcome.code, outcome.message.as_str()),
            (Code::Unauthenticated, "the token has expired")
        );
    }
}

#[tokio::test]
async fn a_stream_comes_whole_and_in_order_before_its_end() {
    for content_type in STREAMING {
        for (name, code) in [
            ("", Code::Ok),
            ("fail", Code::NotFound),
            ("panic", Code::Internal),
        ] {
            // More than one frame's worth.
            let message = greeter::GreetRequest {
                times: 9000,
                ..named(name)
            };
            let reply = call(Greeter::default(), post("Count", content_type, &message)).await;
            let outcome = outcome(content_type, &reply);
            let expected: Vec<String> = (1..=9000).map(|n| n.to_string()).collect();
            assert_eq!(outcome.greetings, expected, "{content_type} {name:?}");
            assert_eq!(
                outcome.code, code,
                "{content_type} {name:?}: {}",
                outcome.message
            );
            assert_eq!(reply.headers["x-seen"], "stream");
            if code == Code::Ok {
                assert_eq!(outcome.metadata["checksum"], "c0ffee");
            }
        }
    }
}

#[tokio::test]
async fn gzip_is_read_and_written_when_headers_agree() {
    for (content_types, method) in [(UNARY, "Greet"), (STREAMING, "Count")] {
        for content_type in content_types {
            let (sent, accepted) = encoding_headers(content_type);
            let message = greeter::GreetRequest {
                times: 500,
                ..named("Ada")
            };
            let payload = gzip(&encode(content_type, &message));
            let body = if is_enveloped(content_type) {
                envelope(1, &payload)
            } else {
                payload
            };
            for (accept, answered) in [
                ("snappy, gzip", Some("gzip")),
                ("gzip;q=0", None),
                ("snappy", None),
                ("GZIP-ISH", None),
                ("gzip;q=1.0", Some("gzip")),
            ] {
                let request = header(raw(method, content_type, body.clone()), sent, "gzip");
                let greeter = Greeter {
                    options: tonic_connect::server::Options::new().compress_min_bytes(2),
                };
                let reply = call(greeter, header(request, accepted, accept)).await;
                let encoding = reply.headers.get(sent).map(|value| value.to_str().unwrap());
                assert_eq!(encoding, answered, "{content_type} {accept}");
                let outcome = outcome(content_type, &reply);
                assert_eq!(
                    outcome.code,
                    Code::Ok,
                    "{content_type}: {}",
                    outcome.message
                );
                let expected = if method == "Greet" { 1 } else { 500 };
                assert_eq!(outcome.greetings.len(), expected, "{content_type} {accept}");
                if method == "Greet" {
                    let small = reply.data.len() < 1000;
                    assert_eq!(small, answered.is_some(), "{content_type} {accept}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_small_response_is_not_compressed() {
    for content_type in UNARY {
        let (_, accepted) = encoding_headers(content_type);
        let reply = call(
            Greeter::default(),
            header(post("Greet", content_type, &named("Ada")), accepted, "gzip"),
        )
        .await;
        assert_eq!(
            outcome(content_type, &reply).greetings,
            ["hello Ada from stranger; "]
        );
        assert!(!reply.headers.contains_key("content-encoding"));
        assert!(
            !is_enveloped(content_type) || reply.data[0] == 0,
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn an_empty_proto_body_is_an_empty_message() {
    for (content_type, body) in [
        ("application/proto", vec![]),
        ("application/grpc", envelope(0, b"")),
        ("application/grpc-web", envelope(0, b"")),
        ("application/json", b"{}".to_vec()),
        ("application/json; charset=utf-8", b" {} ".to_vec()),
        ("Application/JSON;Charset=\"UTF-8\"", b"{}".to_vec()),
    ] {
        let reply = call(Greeter::default(), raw("Greet", content_type, body)).await;
        let canonical = content_type.split(';').next().unwrap().to_lowercase();
        assert_eq!(
            outcome(&canonical, &reply).greetings,
            ["hello  from stranger; "],
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn a_plain_json_call_needs_no_connect_header() {
    let reply = call(
        Greeter::default(),
        raw("Greet", "application/json", r#"{"name":"Ada"}"#),
    )
    .await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        &reply.data[..],
        br#"{"greeting":"hello Ada from stranger; "}"#
    );
}

#[tokio::test]
async fn grpc_web_text_is_base64_however_it_is_cut() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let body = |names: &[&str]| {
        let messages = names.iter().map(|name| named(name).encode_to_vec());
        messages
            .flat_map(|message| envelope(0, &message))
            .collect::<Vec<_>>()
    };
    let two = body(&["Ada", "Zoë"]);
    // Padded in the middle as well as at the end, or as one.
    let in_parts = [&two[..2], &two[2..7], &two[7..]].map(|part| STANDARD.encode(part));
    let long = STANDARD.encode(body(&["too long a name for so low a limit"]));
    let cases = [
        (
            "Greet",
            STANDARD.encode(body(&["Ada"])),
            Code::Ok,
            "hello Ada from stranger; ",
        ),
        (
            "Count",
            STANDARD.encode(envelope(0, &[0x10, 2])),
            Code::Ok,
            "1,2",
        ),
        ("Collect", STANDARD.encode(&two), Code::Ok, "Ada+Zoë"),
        ("Collect", in_parts.concat(), Code::Ok, "Ada+Zoë"),
        ("Chat", in_parts.concat(), Code::Ok, "hello Ada,hello Zoë"),
        ("Greet", in_parts.concat(), Code::Unimplemented, ""),
        ("Greet", "AAAA!AAA".to_owned(), Code::InvalidArgument, ""),
        ("Collect", "AAAA!AAA".to_owned(), Code::InvalidArgument, ""),
        ("Greet", "AAAAAAA".to_owned(), Code::InvalidArgument, ""),
        ("Collect", "AAAAAAA".to_owned(), Code::InvalidArgument, ""),
        ("Greet", long.clone(), Code::ResourceExhausted, ""),
        ("Collect", long, Code::ResourceExhausted, ""),
    ];
    for (method, text, code, greetings) in cases {
        for size in [1, 3, 1000] {
            let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
            let frames = pieces.into_iter().map(|piece| {
                let piece = Bytes::copy_from_slice(piece);
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(piece))
            });
            let frames = futures_util::stream::iter(frames.collect::<Vec<_>>());
            let request = raw(method, "application/grpc-web-text", Bytes::new());
            let request = request.map(|_| http_body_util::StreamBody::new(frames));
            let options = Options::new().max_request_bytes(30);
            let mut reply = call(Greeter { options }, request).await;
            assert_eq!(reply.headers["content-type"], "application/grpc-web-text");
            // What is padded may be followed by more.
            let groups = reply.data.chunks(4);
            reply.data = groups
                .flat_map(|group| STANDARD.decode(group).unwrap())
                .collect();
            let web = "application/grpc-web".parse().unwrap();
            reply.headers.insert("content-type", web);
            let outcome = outcome("application/grpc-web", &reply);
            assert_eq!(
                (outcome.code, outcome.greetings.join(",")),
                (code, greetings.to_owned()),
                "{method} {text} in pieces of {size}: {}",
                outcome.message
            );
        }
    }
}

#[tokio::test]
async fn details_are_shown_where_their_types_are_known() {
    use tonic_connect::details::{self, Any};
    let duration = pbjson_wkt::Duration::new(90, 0).unwrap();
    let known = Any::pack(&duration);
    let unknown = Any {
        type_url: "type.googleapis.com/nobody.knows.This".to_owned(),
        ..known.clone()
    };
    let status = details::status(Code::NotFound, "gone", [known, unknown]);
    let request = raw("Greet", "application/json", "");
    let body = tonic_connect::server::error_response(&request, &status).into_body();
    let body = http_body_util::BodyExt::collect(body)
        .await
        .unwrap()
        .to_bytes();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        json["details"],
        serde_json::json!([
            {"type": "google.protobuf.Duration", "value": "CFo", "debug": "90s"},
            {"type": "nobody.knows.This", "value": "CFo"},
        ])
    );
}
