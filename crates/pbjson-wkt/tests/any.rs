//! `Any`: what it holds, what its JSON looks like, what it refuses, how deep it goes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pbjson_wkt::json::{self, Unknown, with_unknown};
use pbjson_wkt::{
    Any, AnyError, AnyType, BoolValue, BytesValue, DoubleValue, Duration, Empty, FieldMask,
    FloatValue, Int32Value, Int64Value, ListValue, StringValue, Struct, Timestamp, UInt32Value,
    UInt64Value, Value, register,
};
use proptest::prelude::*;
use prost::Message as _;

fn url(name: &str) -> String {
    format!("type.googleapis.com/google.protobuf.{name}")
}

/// What both writers write, ours and serde_json's.
fn to_json(any: &Any) -> String {
    let json = serde_json::to_string(any).unwrap();
    assert_eq!(json::to_vec(any).unwrap(), json.as_bytes());
    json
}

/// What both readers read.
fn from_json(text: &str) -> Result<Any, String> {
    let any = serde_json::from_str(text).map_err(|error| error.to_string());
    assert_eq!(json::from_str(text).ok(), any.clone().ok(), "{text}");
    any
}

#[test]
fn well_known_types_stand_under_value() {
    let object = Struct::from_iter([("k", Value::NULL)]);
    let cases = [
        (
            Any::pack(&Duration::new(1, 0).unwrap()),
            "Duration",
            r#""1s""#,
        ),
        (
            Any::pack(&Timestamp::default()),
            "Timestamp",
            r#""1970-01-01T00:00:00Z""#,
        ),
        (
            Any::pack(&FieldMask::new(["a_b", "c"]).unwrap()),
            "FieldMask",
            r#""aB,c""#,
        ),
        (Any::pack(&object), "Struct", r#"{"k":null}"#),
        (Any::pack(&Value::from(true)), "Value", "true"),
        (Any::pack(&Value::NULL), "Value", "null"),
        (
            Any::pack(&ListValue::from_iter([Value::NULL])),
            "ListValue",
            "[null]",
        ),
        (Any::pack(&BoolValue::from(true)), "BoolValue", "true"),
        (
            Any::pack(&BytesValue::from(vec![0xff])),
            "BytesValue",
            r#""/w==""#,
        ),
        (Any::pack(&DoubleValue::from(0.5)), "DoubleValue", "0.5"),
        (
            Any::pack(&FloatValue::from(f32::NAN)),
            "FloatValue",
            r#""NaN""#,
        ),
        (Any::pack(&Int32Value::from(-1)), "Int32Value", "-1"),
        (Any::pack(&Int64Value::from(-1)), "Int64Value", r#""-1""#),
        (
            Any::pack(&StringValue::from("s".to_owned())),
            "StringValue",
            r#""s""#,
        ),
        (Any::pack(&UInt32Value::from(1)), "UInt32Value", "1"),
        (
            Any::pack(&UInt64Value::from(u64::MAX)),
            "UInt64Value",
            r#""18446744073709551615""#,
        ),
        (
            Any::pack(&Any::pack(&Empty {})),
            "Any",
            r#"{"@type":"type.googleapis.com/google.protobuf.Empty"}"#,
        ),
    ];
    for (any, name, value) in cases {
        let json = format!(r#"{{"@type":"{}","value":{value}}}"#, url(name));
        assert_eq!(to_json(&any), json);
        assert_eq!(from_json(&json).unwrap(), any);
        // Its type may stand behind its value.
        let turned = format!(r#"{{"value":{value},"@type":"{}"}}"#, url(name));
        assert_eq!(from_json(&turned).unwrap(), any);
    }
    assert_eq!(to_json(&Any::default()), "{}");
    assert_eq!(from_json("{}").unwrap(), Any::default());
}

#[test]
fn any_prefix_before_the_slash_is_kept() {
    for prefix in ["", "example.com", "https://example.com/a"] {
        let json = format!(r#"{{"@type":"{prefix}/google.protobuf.Int32Value","value":7}}"#);
        let any = from_json(&json).unwrap();
        assert_eq!(to_json(&any), json);
        assert_eq!(any.unpack::<Int32Value>().unwrap().value, 7);
    }
}

#[test]
fn refuses_what_it_cannot_read() {
    let duration = url("Duration");
    for (json, message) in [
        ("null".to_owned(), "expected an object"),
        ("[]".to_owned(), "expected an object"),
        (r#""x""#.to_owned(), "expected an object"),
        (r#"{"value":"1s"}"#.to_owned(), "missing field `@type`"),
        (r#"{"@type":7}"#.to_owned(), "@type is not a string"),
        (r#"{"@type":""}"#.to_owned(), "has no slash"),
        (
            r#"{"@type":"google.protobuf.Empty"}"#.to_owned(),
            "has no slash",
        ),
        (
            r#"{"@type":"type.googleapis.com/demo.v1.Unheard"}"#.to_owned(),
            r#"the type "type.googleapis.com/demo.v1.Unheard" in google.protobuf.Any is not known"#,
        ),
        (
            format!(r#"{{"@type":"{duration}"}}"#),
            "missing field `value`",
        ),
        (
            format!(r#"{{"@type":"{duration}","value":5}}"#),
            "invalid type",
        ),
        (
            format!(r#"{{"@type":"{duration}","value":null}}"#),
            "invalid type",
        ),
        (
            format!(r#"{{"@type":"{duration}","@type":"{duration}","value":"1s"}}"#),
            "duplicate field `@type`",
        ),
        (
            format!(r#"{{"@type":"{duration}","value":"1s","value":"1s"}}"#),
            "duplicate field `value`",
        ),
    ] {
        let error = from_json(&json).unwrap_err();
        assert!(error.contains(message), "{json}: {error}");
    }
    let long = format!(r#"{{"@type":"a/{}"}}"#, "x".repeat(100_000));
    assert!(from_json(&long).unwrap_err().len() < 300);
}

#[test]
fn refuses_what_it_cannot_write() {
    for (type_url, value, message) in [
        (
            "type.googleapis.com/demo.v1.Unheard",
            &[][..],
            "is not known: register it",
        ),
        ("", &[8, 1], "has no slash"),
        // Reading it back would be refused.
        ("google.protobuf.Empty", &[], "has no slash"),
        (
            "type.googleapis.com/google.protobuf.Empty",
            &[0x08],
            "varint",
        ),
        ("a/google.protobuf.Value", &[], "without a kind"),
        // A duration of two billion nanoseconds.
        (
            "a/google.protobuf.Duration",
            &[16, 128, 168, 214, 185, 7],
            "nanoseconds",
        ),
    ] {
        let any = Any {
            type_url: type_url.to_owned(),
            value: value.to_vec(),
        };
        let error = serde_json::to_string(&any).unwrap_err().to_string();
        assert!(error.contains(message), "{type_url}: {error}");
    }
}

#[test]
fn what_stands_beside_the_value_is_a_choice() {
    let json = format!(
        r#"{{"@type":"{}","value":true,"more":[1]}}"#,
        url("BoolValue")
    );
    assert_eq!(from_json(&json).unwrap(), Any::pack(&BoolValue::from(true)));
    let error = with_unknown(Unknown::Reject, || from_json(&json)).unwrap_err();
    assert!(error.contains("unknown field `more`"), "{error}");
}

#[test]
fn registered_types_are_known_from_then_on() {
    let any = Any {
        type_url: "example.com/demo.v1.Nothing".to_owned(),
        value: Vec::new(),
    };
    let json = r#"{"@type":"example.com/demo.v1.Nothing"}"#;
    assert!(serde_json::to_string(&any).is_err());
    assert!(from_json(json).is_err());
    register(&[AnyType::new::<Empty>("demo.v1.Nothing")]);
    register(&[AnyType::new::<Empty>("demo.v1.Nothing")]);
    assert_eq!(to_json(&any), json);
    assert_eq!(from_json(json).unwrap(), any);
}

/// A message whose JSON another generator wrote, or somebody by hand.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct ByHand {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(message, optional, boxed, tag = "2")]
    inner: Option<Box<ByHand>>,
}

#[test]
fn messages_that_are_not_of_our_generator_can_be_registered() {
    register(&[AnyType::new::<ByHand>("demo.v1.ByHand")]);
    let message = ByHand {
        text: "hello".to_owned(),
        inner: Some(Box::default()),
    };
    let any = Any {
        type_url: "example.com/demo.v1.ByHand".to_owned(),
        value: message.encode_to_vec(),
    };
    let json = to_json(&any);
    assert_eq!(
        json,
        r#"{"@type":"example.com/demo.v1.ByHand","text":"hello","inner":{"text":"","inner":null}}"#
    );
    assert_eq!(from_json(&json).unwrap(), any);
}

#[test]
fn gives_back_what_was_packed() {
    let duration = Duration::new(5, 0).unwrap();
    let any = Any::pack(&duration);
    assert_eq!(any.type_name(), "google.protobuf.Duration");
    assert!(any.is::<Duration>() && !any.is::<Timestamp>());
    assert_eq!(any.unpack(), Ok(duration));
    assert_eq!(
        any.unpack::<Timestamp>(),
        Err(AnyError::OtherType {
            expected: "google.protobuf.Timestamp".to_owned(),
            found: "google.protobuf.Duration".to_owned(),
        })
    );
    let broken = Any {
        value: vec![8],
        ..any
    };
    let error = broken.unpack::<Duration>().unwrap_err();
    assert!(matches!(error, AnyError::Malformed { .. }));
    let message = error.to_string();
    assert!(
        message.contains("not a google.protobuf.Duration"),
        "{message}"
    );
}

/// An `Any` in an `Any`, so many times.
fn nested(levels: usize) -> Any {
    let mut any = Any::pack(&Empty {});
    for _ in 1..levels {
        any = Any::pack(&any);
    }
    any
}

#[test]
fn nests_to_the_limit_in_both_directions_and_no_further() {
    let deepest = nested(100);
    let json = to_json(&deepest);
    assert_eq!(from_json(&json).unwrap(), deepest);

    // Bytes from outside can nest as deep as they are long, without any parser counting.
    for levels in [101, 3_000] {
        let decoded = Any::decode(nested(levels).encode_to_vec().as_slice()).unwrap();
        let error = serde_json::to_string(&decoded).unwrap_err().to_string();
        assert!(error.contains("nest deeper than 100 levels"), "{error}");
    }
    let too_deep = format!(r#"{{"@type":"{}","value":{json}}}"#, url("Any"));
    let error = from_json(&too_deep).unwrap_err();
    assert!(error.contains("nest deeper than 100 levels"), "{error}");
    // The limit is free again after an error.
    assert_eq!(from_json(&json).unwrap(), deepest);
}

proptest! {
    #[test]
    fn any_bytes_under_any_known_type_print_what_reads_back(
        name in prop::sample::select(vec![
            "Any", "Duration", "Empty", "FieldMask", "Struct", "Value", "ListValue", "Timestamp",
            "BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value",
            "StringValue", "UInt32Value", "UInt64Value",
        ]),
        value in prop_oneof![any::<Vec<u8>>(), prop::collection::vec(0..32_u8, 0..12)],
    ) {
        let any = Any { type_url: url(name), value };
        if let Ok(json) = serde_json::to_string(&any) {
            let back = from_json(&json).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"\{("(@type|value|k)":("[ -~]{0,40}"|[0-9]|\{\}),?){0,4}\}"#) {
        if let Ok(any) = from_json(&text) {
            prop_assert_eq!(from_json(&to_json(&any)).unwrap(), any);
        }
    }
}
