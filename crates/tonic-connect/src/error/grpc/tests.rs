use proptest::prelude::*;

use super::*;

fn trailers(entries: &[(&'static str, &[u8])]) -> HeaderMap {
    entries
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value).unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_call_that_went_well_ends_with_zero_and_its_metadata() {
    let mut metadata = MetadataMap::new();
    metadata.append("k", "1".parse().unwrap());
    metadata.append("k", "2".parse().unwrap());
    metadata
        .as_mut()
        .insert("grpc-status", HeaderValue::from_static("13"));
    assert_eq!(
        grpc_trailers(Ok(&metadata)),
        trailers(&[("grpc-status", b"0"), ("k", b"1"), ("k", b"2")])
    );
}

#[test]
fn an_error_ends_with_its_code_its_message_and_its_details() {
    let mut with_metadata = Status::with_details(
        Code::NotFound,
        "50% weg: ü\n",
        Bytes::from_static(b"\xff\xee"),
    );
    with_metadata
        .metadata_mut()
        .insert("k", "v".parse().unwrap());
    for (status, expected) in [
        (
            with_metadata,
            trailers(&[
                ("grpc-status", b"5"),
                ("grpc-message", b"50%25 weg: %C3%BC%0A"),
                ("grpc-status-details-bin", b"/+4"),
                ("k", b"v"),
            ]),
        ),
        (
            Status::unauthenticated(""),
            trailers(&[("grpc-status", b"16")]),
        ),
        (
            Status::ok("an error that says ok"),
            trailers(&[
                ("grpc-status", b"2"),
                ("grpc-message", b"an error that says ok"),
            ]),
        ),
    ] {
        assert_eq!(grpc_trailers(Err(&status)), expected);
    }
}

#[test]
fn broken_trailers_keep_the_code_and_what_can_be_read() {
    for (entries, code, message, details) in [
        (
            &[("grpc-status", &b"5"[..])][..],
            Code::NotFound,
            "",
            &b""[..],
        ),
        (&[("grpc-status", b"99")], Code::Unknown, "", b""),
        (&[("grpc-status", b"-1")], Code::Unknown, "", b""),
        (&[("grpc-status", b"")], Code::Unknown, "", b""),
        (
            &[("grpc-status", b"5"), ("grpc-message", b"%C3 %zz %")],
            Code::NotFound,
            "\u{fffd} %zz %",
            b"",
        ),
        (
            &[("grpc-status", b"5"), ("grpc-message", b"\xff")],
            Code::NotFound,
            "\u{fffd}",
            b"",
        ),
        (
            &[("grpc-status", b"5"), ("grpc-status-details-bin", b"!!!")],
            Code::NotFound,
            "",
            b"",
        ),
        (
            &[("grpc-status", b"5"), ("grpc-status-details-bin", b"AA==")],
            Code::NotFound,
            "",
            b"\x00",
        ),
        (
            &[("grpc-status", b"5"), ("grpc-status-details-bin", b"AB")],
            Code::NotFound,
            "",
            b"\x00",
        ),
    ] {
        let status = parse_grpc_trailers(&trailers(entries))
            .unwrap()
            .unwrap_err();
        assert_eq!(
            (status.code(), status.message(), status.details()),
            (code, message, details),
            "{entries:?}"
        );
    }
    assert!(parse_grpc_trailers(&trailers(&[("grpc-message", b"x")])).is_none());
}

proptest! {
    #[test]
    fn no_trailer_panics(
        code in prop::collection::vec(0x20u8..0x7f, 0..4),
        message in prop::collection::vec(0x20u8..0x7f, 0..20),
        details in prop::collection::vec(0x80u8..=0xff, 0..20),
    ) {
        let _ = parse_grpc_trailers(&trailers(&[
            ("grpc-status", &code),
            ("grpc-message", &message),
            ("grpc-status-details-bin", &details),
        ]));
    }

    #[test]
    fn statuses_round_trip_and_tonic_reads_the_same(
        code in 1i32..=16,
        message in ".{0,20}",
        details in prop::collection::vec(any::<u8>(), 0..20),
        keys in prop::collection::btree_map("x-[a-z]{1,5}", "[!-~]{0,9}", 0..4),
    ) {
        let mut status = Status::with_details(Code::from_i32(code), message, details.into());
        for (key, value) in &keys {
            status.metadata_mut().as_mut().insert(HeaderName::try_from(key).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let trailers = grpc_trailers(Err(&status));
        for parsed in [parse_grpc_trailers(&trailers).unwrap().unwrap_err(), Status::from_header_map(&trailers).unwrap()] {
            prop_assert_eq!(parsed.code(), status.code());
            prop_assert_eq!(parsed.message(), status.message());
            prop_assert_eq!(parsed.details(), status.details());
            prop_assert_eq!(parsed.metadata().as_ref(), status.metadata().as_ref());
        }
    }
}
