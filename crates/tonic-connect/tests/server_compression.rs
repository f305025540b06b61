//! Encodings: which one a caller gets, in both directions, and what they may cost.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::io::{Read, Write};

use greeter::{
    GreetRequest, Greeter, STREAMING, call, encode, encoding_headers, envelope, gunzip, gzip,
    named, outcome, post, raw,
};
use http::HeaderValue;
use tonic::Code;
use tonic_connect::server::Options;

fn compressed(encoding: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => return gzip(data),
        "zstd" => zstd::stream::copy_encode(data, &mut out, 1).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 3, 22)
            .write_all(data)
            .unwrap(),
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap();
        }
        other => panic!("{other}"),
    }
    out
}

const ENCODINGS: [&str; 4] = ["gzip", "zstd", "br", "deflate"];

fn decompressed(encoding: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => return gunzip(data),
        "zstd" => zstd::stream::copy_decode(data, &mut out).unwrap(),
        "br" => drop(
            brotli::Decompressor::new(data, 4096)
                .read_to_end(&mut out)
                .unwrap(),
        ),
        "deflate" => drop(
            flate2::read::ZlibDecoder::new(data)
                .read_to_end(&mut out)
                .unwrap(),
        ),
        other => panic!("{other}"),
    }
    out
}

#[tokio::test]
async fn answers_are_compressed_in_the_first_encoding_that_the_caller_names() {
    for encoding in ENCODINGS {
        let message = GreetRequest {
            times: 500,
            ..named("Ada")
        };
        let mut request = post("Greet", "application/json", &message);
        let accepted = HeaderValue::from_str(&format!("snappy, {encoding}, identity")).unwrap();
        request.headers_mut().insert("accept-encoding", accepted);
        let reply = call(Greeter::default(), request).await;
        assert_eq!(reply.headers["content-encoding"], encoding);
        let plain = decompressed(encoding, &reply.data);
        assert!(reply.data.len() * 4 < plain.len(), "{encoding}");
        let greeting = greeter::decode("application/json", &plain).greeting;
        assert_eq!(greeting, "hello Ada from stranger; ".repeat(500));
    }
}

#[tokio::test]
async fn messages_come_in_every_encoding_beside_plain_ones() {
    for content_type in STREAMING {
        for encoding in ENCODINGS {
            let payload = |name| encode(content_type, &named(name));
            let mut body = envelope(1, &compressed(encoding, &payload("Ada")));
            body.extend(envelope(0, &payload("Zoë")));
            let mut request = raw("Collect", content_type, body);
            let (sent, _) = encoding_headers(content_type);
            request
                .headers_mut()
                .insert(sent, HeaderValue::from_static(encoding));
            let outcome = outcome(content_type, &call(Greeter::default(), request).await);
            assert_eq!(
                (outcome.code, outcome.greetings),
                (Code::Ok, vec!["Ada+Zoë".to_owned()]),
                "{content_type} {encoding}: {}",
                outcome.message
            );
        }
    }
}

#[tokio::test]
async fn every_encoding_is_bounded_while_it_is_decompressed() {
    let bomb = vec![0; 16 * 1024 * 1024];
    for encoding in ENCODINGS {
        let body = envelope(1, &compressed(encoding, &bomb));
        let content_type = "application/grpc";
        let mut request = raw("Collect", content_type, body);
        request
            .headers_mut()
            .insert("grpc-encoding", HeaderValue::from_static(encoding));
        let outcome = outcome(content_type, &call(Greeter::default(), request).await);
        assert_eq!(
            outcome.code,
            Code::ResourceExhausted,
            "{encoding}: {}",
            outcome.message
        );
    }
}

#[tokio::test]
async fn the_callers_weights_decide_and_then_its_order() {
    for (accepted, chosen) in [
        ("gzip, br", Some("gzip")),
        ("br, gzip", Some("br")),
        ("gzip;q=0.5, zstd;q=0.9, br;q=0.7", Some("zstd")),
        ("gzip; q=0.501, zstd; q=0.502", Some("zstd")),
        ("gzip;q=0, deflate", Some("deflate")),
        ("gzip;q=0", None),
        ("GZip", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("identity, gzip", None),
        ("identity;q=0.5, gzip;q=0.2", None),
        ("identity;q=0.5, gzip;q=0.8", Some("gzip")),
        ("snappy, *", None),
        ("gzip;q=many", None),
        ("", None),
    ] {
        let message = GreetRequest {
            times: 500,
            ..named("Ada")
        };
        let mut request = post("Greet", "application/proto", &message);
        let accepted = HeaderValue::from_static(accepted);
        request
            .headers_mut()
            .insert("accept-encoding", accepted.clone());
        let reply = call(Greeter::default(), request).await;
        let encoding = reply.headers.get("content-encoding");
        assert_eq!(
            encoding.map(|encoding| encoding.to_str().unwrap()),
            chosen,
            "{accepted:?}"
        );
    }
}

#[tokio::test]
async fn gzip_may_have_members_but_not_any_number() {
    let message = br#"{"name":"Ada"}"#;
    let (first, second) = message.split_at(5);
    let empty = gzip(b"");
    for (encoding, members, code) in [
        ("gzip", vec![gzip(first), gzip(second)], Code::Ok),
        ("GZIP", vec![empty.clone(), gzip(message)], Code::Ok),
        ("gzip", vec![gzip(message), vec![0]], Code::InvalidArgument),
        ("gzip", vec![empty; 1000], Code::InvalidArgument),
    ] {
        let mut request = raw("Greet", "application/json", members.concat());
        let encoding = HeaderValue::from_static(encoding);
        request.headers_mut().insert("content-encoding", encoding);
        let reply = call(Greeter::default(), request).await;
        let outcome = outcome("application/json", &reply);
        assert_eq!(outcome.code, code, "{}", outcome.message);
        if code == Code::Ok {
            assert_eq!(outcome.greetings, ["hello Ada from stranger; "]);
        }
    }
}

#[tokio::test]
async fn what_could_not_be_read_leaves_nothing_behind() {
    // One thread, and so the same compressors.
    for encoding in ENCODINGS {
        let long = encode("application/json", &named(&"Ada".repeat(10_000)));
        let whole = compressed(encoding, &long);
        let cut = whole[..whole.len() / 2].to_vec();
        for (body, code) in [
            (whole.clone(), Code::Ok),
            (cut, Code::InvalidArgument),
            (whole.clone(), Code::Ok),
            (
                compressed(encoding, &[b' '; 50_000]),
                Code::ResourceExhausted,
            ),
            (whole, Code::Ok),
        ] {
            let mut request = raw("Greet", "application/json", body);
            let headers = request.headers_mut();
            headers.insert("content-encoding", HeaderValue::from_static(encoding));
            headers.insert("accept-encoding", HeaderValue::from_static(encoding));
            let options = Options::new().max_request_bytes(40_000);
            let reply = call(Greeter { options }, request).await;
            if code != Code::Ok {
                assert_eq!(outcome("application/json", &reply).code, code, "{encoding}");
                continue;
            }
            let plain = decompressed(encoding, &reply.data);
            let greeting = greeter::decode("application/json", &plain).greeting;
            assert!(greeting.ends_with("Ada from stranger; "), "{encoding}");
        }
    }
}
