//! Whatever the bytes, a request gets an answer: no panic, and none that was caught.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use bytes::Bytes;
use futures_util::FutureExt;
use greeter::{Greeter, Reply, STREAMING, UNARY, call, outcome, raw};
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;
use tonic_connect::server::Options;

fn answer(request: Request<Full<Bytes>>) -> Reply {
    let greeter = Greeter {
        options: Options::new().max_request_bytes(64),
    };
    call(greeter, request)
        .now_or_never()
        .expect("nothing to wait for")
}

proptest! {
    #[test]
    fn of_a_body(
        mut body in proptest::collection::vec(any::<u8>(), 0..80),
        prefix in proptest::option::of((0u8..4, 0u32..80)),
        compressed in any::<bool>(),
        index in 0usize..16,
    ) {
        if let Some((flags, length)) = prefix {
            body.splice(0..0, [&[flags][..], &length.to_be_bytes()].concat());
        }
        let (method, content_type) = match index {
            0..8 => ("Greet", UNARY[index]),
            _ => ("Count", STREAMING[index - 8]),
        };
        let mut request = raw(method, content_type, body);
        if compressed {
            request.headers_mut().insert(greeter::encoding_headers(content_type).0, "gzip".parse().unwrap());
        }
        let outcome = outcome(content_type, &answer(request));
        prop_assert_ne!(outcome.message, "the handler panicked");
    }

    #[test]
    fn of_a_query(
        query in "(connect=v[12]&)?(encoding=(json|proto)&)?(base64=[01]&)?(compression=gzip&)?(message=)?[!-\"$-~]{0,40}",
    ) {
        if let Ok(request) = Request::get(format!("/greet.v1.Greeter/Read?{query}")).body(Full::default()) {
            let reply = answer(request);
            prop_assert_ne!(reply.status.as_u16(), 500, "{:?}", reply);
        }
    }

    #[test]
    fn of_broken_json(json in "[\\[\\]{},:\"\\\\a1 \n]{0,60}") {
        let reply = answer(raw("Greet", "application/json", json));
        prop_assert!([200, 400].contains(&reply.status.as_u16()));
    }

    #[test]
    fn of_a_header(
        name in prop::sample::select(vec![
            "content-type", "content-length", "content-encoding", "accept-encoding", "connect-timeout-ms",
            "connect-protocol-version", "x-sent", "x-sent-bin",
        ]),
        value in proptest::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff], 0..20),
    ) {
        let mut request = raw("Greet", "application/json", "{}");
        request.headers_mut().insert(name, http::HeaderValue::from_bytes(&value).unwrap());
        // A timeout that counts needs a clock, which this test does without.
        if name != "connect-timeout-ms" || value.iter().any(|byte| !byte.is_ascii_digit()) {
            prop_assert_ne!(answer(request).status.as_u16(), 500);
        }
    }
}
