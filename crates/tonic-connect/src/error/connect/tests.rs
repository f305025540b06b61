use proptest::prelude::*;

use super::*;
use crate::details::BadRequest;

fn detail(type_name: &str, value: &'static [u8]) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{type_name}"),
        value: value.to_vec(),
    }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_error_is_json_with_a_code_a_message_and_unpadded_details() {
    for (status, expected) in [
        (
            Status::not_found("no \"x\""),
            r#"{"code":"not_found","message":"no \"x\""}"#,
        ),
        (Status::cancelled(""), r#"{"code":"canceled"}"#),
        (
            Status::ok("an error that says ok"),
            r#"{"code":"unknown","message":"an error that says ok"}"#,
        ),
        (
            details::status(
                Code::Internal,
                "m",
                [detail("a.B", b"\xff\xee"), detail("c.D", b"")],
            ),
            r#"{"code":"internal","message":"m","details":[{"type":"a.B","value":"/+4"},{"type":"c.D","value":""}]}"#,
        ),
        (
            Status::with_details(Code::Aborted, "m", "not a Status".into()),
            r#"{"code":"aborted","message":"m"}"#,
        ),
    ] {
        assert_eq!(text(&connect_error_body(&status)), expected);
    }
}

#[test]
fn every_code_has_its_name_and_its_http_status() {
    for (code, name, http) in [
        (Code::Cancelled, "canceled", 499),
        (Code::Unknown, "unknown", 500),
        (Code::InvalidArgument, "invalid_argument", 400),
        (Code::DeadlineExceeded, "deadline_exceeded", 504),
        (Code::NotFound, "not_found", 404),
        (Code::AlreadyExists, "already_exists", 409),
        (Code::PermissionDenied, "permission_denied", 403),
        (Code::ResourceExhausted, "resource_exhausted", 429),
        (Code::FailedPrecondition, "failed_precondition", 400),
        (Code::Aborted, "aborted", 409),
        (Code::OutOfRange, "out_of_range", 400),
        (Code::Unimplemented, "unimplemented", 501),
        (Code::Internal, "internal", 500),
        (Code::Unavailable, "unavailable", 503),
        (Code::DataLoss, "data_loss", 500),
        (Code::Unauthenticated, "unauthenticated", 401),
    ] {
        assert_eq!(connect_http_status(code), http);
        let body = connect_error_body(&Status::new(code, ""));
        assert_eq!(text(&body), format!(r#"{{"code":"{name}"}}"#));
        assert_eq!(
            parse_connect_error(StatusCode::IM_A_TEAPOT, &body).code(),
            code
        );
    }
}

#[test]
fn an_answer_that_is_no_connect_error_gets_the_code_of_its_http_status() {
    for body in [
        "",
        "<html>",
        "[]",
        "null",
        "{}",
        r#"{"code":1}"#,
        r#"{"code":"not_found""#,
    ] {
        for (http, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (409, Code::Unknown),
            (429, Code::Unavailable),
            (500, Code::Unknown),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ] {
            let status = parse_connect_error(StatusCode::from_u16(http).unwrap(), body.as_bytes());
            assert_eq!(status.code(), code, "{http} {body}");
            assert!(status.message().contains(&http.to_string()), "{status:?}");
        }
    }
}

#[test]
fn what_is_right_of_a_strange_error_is_kept() {
    for (body, code, message, details) in [
        (r#"{"message":"m"}"#, Code::Unavailable, "m", 0),
        (
            r#"{"code":"nonsense","message":"m"}"#,
            Code::Unavailable,
            "m",
            0,
        ),
        (r#"{"code":"ok","message":"m"}"#, Code::Unavailable, "m", 0),
        (
            r#"{"code":"aborted","message":null,"details":null,"more":[{}]}"#,
            Code::Aborted,
            "",
            0,
        ),
        (
            r#"{"code":"aborted","details":[{"type":"a.B","value":"AA==","debug":{"x":1}}]}"#,
            Code::Aborted,
            "",
            1,
        ),
        (
            r#"{"code":"aborted","details":[{"type":"a.B","value":"!"},{"type":"c.D","value":"AA"}]}"#,
            Code::Aborted,
            "",
            1,
        ),
        (
            r#"{"code":"aborted","details":[{"type":"a.B"},7,null,{"type":"c.D","value":"AA"}]}"#,
            Code::Aborted,
            "",
            1,
        ),
        (
            r#"{"code":"aborted","message":"m","details":{"type":"a.B"}}"#,
            Code::Aborted,
            "m",
            0,
        ),
    ] {
        let status = parse_connect_error(StatusCode::SERVICE_UNAVAILABLE, body.as_bytes());
        assert_eq!((status.code(), status.message()), (code, message), "{body}");
        assert_eq!(details::of(&status).len(), details, "{body}");
    }
}

#[test]
fn the_details_of_this_crate_are_readable_in_json() {
    let status = details::bad_request([("spec.timeout", "is below 5m")]);
    let body = connect_error_body(&status);
    let violation = r#"{"description":"is below 5m","field":"spec.timeout"}"#;
    let debug = format!(r#""debug":{{"fieldViolations":[{violation}]}}"#);
    assert!(text(&body).contains(&debug), "{}", text(&body));
}

#[test]
fn details_survive_the_way_through_json() {
    let status = details::bad_request([("spec.timeout", "is below 5m"), ("name", "is empty")]);
    let parsed = parse_connect_error(StatusCode::BAD_REQUEST, &connect_error_body(&status));
    assert_eq!(details::of(&parsed), details::of(&status));
    let bad: BadRequest = details::of(&parsed)[0].unpack().unwrap();
    assert_eq!(bad.field_violations[1].field, "name");
}

#[test]
fn an_end_stream_carries_the_error_and_the_trailers_of_both() {
    let mut metadata = MetadataMap::new();
    metadata.append("k", "1".parse().unwrap());
    metadata.append("k", "2".parse().unwrap());
    metadata.insert("grpc-status-details-bin-not", "3".parse().unwrap());
    metadata
        .as_mut()
        .insert("grpc-status", HeaderValue::from_static("0"));
    metadata
        .as_mut()
        .insert("opaque", HeaderValue::from_bytes(b"\xff").unwrap());
    let mut status = Status::data_loss("gone");
    status
        .metadata_mut()
        .insert_bin("b-bin", tonic::metadata::MetadataValue::from_bytes(b"\x00"));
    for (status, metadata, expected) in [
        (None, &MetadataMap::new(), "{}"),
        (
            None,
            &metadata,
            r#"{"metadata":{"grpc-status-details-bin-not":["3"],"k":["1","2"]}}"#,
        ),
        (
            Some(&status),
            &metadata,
            r#"{"error":{"code":"data_loss","message":"gone"},"metadata":{"b-bin":["AA"],"grpc-status-details-bin-not":["3"],"k":["1","2"]}}"#,
        ),
    ] {
        assert_eq!(text(&connect_end_stream(status, metadata)), expected);
    }
}

#[test]
fn an_end_stream_that_is_not_connects_is_an_internal_error() {
    for body in [
        "",
        "null",
        "[]",
        "{",
        r#"{"error":1}"#,
        r#"{"metadata":{"k":"v"}}"#,
        "{}x",
    ] {
        assert_eq!(
            parse_connect_end_stream(body.as_bytes())
                .unwrap_err()
                .code(),
            Code::Internal,
            "{body}"
        );
    }
    let end = parse_connect_end_stream(
        br#"{"error":{},"metadata":{"bad name":["1"],"k":["a\nb","2"],"te":["x"]}}"#,
    )
    .unwrap();
    assert_eq!(end.status.unwrap().code(), Code::Unknown);
    assert_eq!(end.metadata.len(), 1);
    assert_eq!(end.metadata.get("k").unwrap(), "2");
}

fn any_status() -> impl Strategy<Value = Status> {
    let details = prop::collection::vec(
        ("[a-z.]{1,8}", prop::collection::vec(any::<u8>(), 0..20)),
        0..4,
    );
    (1i32..=16, ".{0,20}", details).prop_map(|(code, message, details)| {
        let details = details.into_iter().map(|(name, value)| Any {
            type_url: format!("type.googleapis.com/{name}"),
            value,
        });
        details::status(Code::from_i32(code), message, details)
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..64), http in 100u16..=999) {
        let _ = parse_connect_error(StatusCode::from_u16(http).unwrap(), &body);
        let _ = parse_connect_end_stream(&body);
    }

    #[test]
    fn no_json_panics(
        key in "code|message|details|error|metadata|type|value",
        value in r#"null|1|-1.5e9|"[a-z_]{0,9}"|\[\]|\{\}|\[null\]|\{"code":"x"\}|\[\{"type":"","value":"A"\}\]"#,
    ) {
        for body in [format!(r#"{{"{key}":{value}}}"#), format!(r#"{{"error":{{"{key}":{value}}},"metadata":{{"{key}":{value}}}}}"#)] {
            let _ = parse_connect_error(StatusCode::OK, body.as_bytes());
            let _ = parse_connect_end_stream(body.as_bytes());
        }
    }

    #[test]
    fn errors_round_trip(status in any_status(), keys in prop::collection::btree_map("x-[a-z]{1,5}", "[!-~]{0,9}", 0..4)) {
        let parsed = parse_connect_error(StatusCode::OK, &connect_error_body(&status));
        prop_assert_eq!((parsed.code(), parsed.message()), (status.code(), status.message()));
        prop_assert_eq!(details::of(&parsed), details::of(&status));

        let mut metadata = MetadataMap::new();
        for (key, value) in &keys {
            metadata.as_mut().insert(HeaderName::try_from(key).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let end = parse_connect_end_stream(&connect_end_stream(Some(&status), &metadata)).unwrap();
        let parsed = end.status.unwrap();
        prop_assert_eq!((parsed.code(), parsed.message(), parsed.details()), (status.code(), status.message(), status.details()));
        prop_assert_eq!(end.metadata.as_ref(), metadata.as_ref());
    }
}
