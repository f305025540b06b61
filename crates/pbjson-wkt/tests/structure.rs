//! `Struct`, `ListValue`, `Value`, `NullValue`: JSON itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pbjson_wkt::json::Name;
use pbjson_wkt::{ListValue, NullValue, Struct, Value, ValueError, json, kind::Kind};
use proptest::prelude::*;
use prost::Message as _;
use serde::ser::{SerializeMap as _, Serializer as _};

#[test]
fn every_kind_of_json_is_a_value() {
    for (json, value) in [
        ("null", Value::NULL),
        ("true", true.into()),
        ("-0.5", Value::number(-0.5).unwrap()),
        (r#""é""#, "é".into()),
        ("{}", Struct::default().into()),
        ("[]", ListValue::default().into()),
        (
            r#"{"a":[null,{"b":""}]}"#,
            Struct::from_iter([(
                "a",
                Value::from_iter([
                    Value::NULL,
                    Struct::from_iter([("b", Value::from(""))]).into(),
                ]),
            )])
            .into(),
        ),
    ] {
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
        assert_eq!(json::from_str::<Value>(json).unwrap(), value);
        assert_eq!(json::to_vec(&value).unwrap(), json.as_bytes());
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        assert_eq!(Value::decode(value.encode_to_vec().as_slice()), Ok(value));
    }
    for (json, number) in [
        ("7", 7.0),
        ("-7", -7.0),
        ("1e3", 1000.0),
        ("-0.0", -0.0_f64),
        // Beyond 2⁵³ the nearest number of double precision.
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("18446744073709551615", 18_446_744_073_709_551_616.0),
    ] {
        let value: Value = serde_json::from_str(json).unwrap();
        let Some(Kind::NumberValue(read)) = value.kind else {
            panic!("{json} is read as {value:?}");
        };
        assert_eq!(read.to_bits(), number.to_bits(), "{json}");
    }
    assert_eq!(
        Value::from(i32::MIN),
        Value::number(-2_147_483_648.0).unwrap()
    );
    assert_eq!(
        Value::from(u32::MAX),
        Value::number(4_294_967_295.0).unwrap()
    );
}

#[test]
fn null_value_is_null() {
    assert_eq!(
        serde_json::to_string(&NullValue::NullValue).unwrap(),
        "null"
    );
    assert_eq!(
        serde_json::from_str::<NullValue>("null").unwrap(),
        NullValue::NullValue
    );
    assert!(serde_json::from_str::<NullValue>("0").is_err());
}

#[test]
fn null_in_a_field_without_presence_is_left_out_whatever_its_number() {
    for number in [0, 1, -1] {
        let mut bytes = Vec::new();
        let mut writer = serde_json::Serializer::new(&mut bytes);
        let mut map = writer.serialize_map(None).unwrap();
        json::put_singular::<json::Null, _>(&mut map, Name::new("unset", ",\"unset\":"), &number)
            .unwrap();
        json::put_optional::<json::Null, _>(&mut map, Name::new("set", ",\"set\":"), &Some(number))
            .unwrap();
        map.end().unwrap();
        assert_eq!(bytes, br#"{"set":null}"#, "{number}");
    }
}

#[test]
fn what_json_does_not_have_is_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = Value::number(number).unwrap_err();
        assert!(matches!(error, ValueError::NotFinite { .. }));
        let value = Value::from(Kind::NumberValue(number));
        let message = serde_json::to_string(&value).unwrap_err().to_string();
        assert_eq!(message, error.to_string());
        let list = ListValue::from_iter([value]);
        assert!(serde_json::to_string(&list).is_err());
    }
    let message = serde_json::to_string(&Value::default())
        .unwrap_err()
        .to_string();
    assert_eq!(message, ValueError::NoKind.to_string());
    assert!(serde_json::from_str::<Value>("1e999").is_err());
}

#[test]
fn objects_are_objects_and_lists_are_lists() {
    for json in ["null", "[]", "1", r#""a""#] {
        assert!(serde_json::from_str::<Struct>(json).is_err(), "{json}");
    }
    for json in ["null", "{}", "1", r#""a""#] {
        assert!(serde_json::from_str::<ListValue>(json).is_err(), "{json}");
    }
}

#[test]
fn a_key_twice_is_refused() {
    for json in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"":0,"b":1,"":2}"#,
    ] {
        let error = serde_json::from_str::<Struct>(json)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a key stands in the object twice"),
            "{error}"
        );
        let nested = format!("[{{\"x\":{json}}}]");
        assert!(serde_json::from_str::<Value>(&nested).is_err());
    }
}

/// Lists in objects in lists, so many levels.
fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::NULL, |inner, level| {
        if level % 2 == 0 {
            Value::from_iter([inner])
        } else {
            Struct::from_iter([("k", inner)]).into()
        }
    })
}

#[test]
fn nests_to_the_limit_in_both_directions_and_no_further() {
    let deepest = nested(100);
    let json = serde_json::to_string(&deepest).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), deepest);
    assert_eq!(json::from_str::<Value>(&json).unwrap(), deepest);

    for levels in [101, 1_000] {
        let error = serde_json::to_string(&nested(levels))
            .unwrap_err()
            .to_string();
        assert_eq!(error, ValueError::TooDeep { limit: 100 }.to_string());
    }
    for json in [
        format!("[{json}]"),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
    ] {
        // A parser without a limit of its own.
        let mut parser = serde_json::Deserializer::from_str(&json);
        assert!(json::from_str::<Value>(&json).is_err());
        assert!(
            serde::Deserialize::deserialize(&mut parser)
                .map(|_: Value| ())
                .is_err()
        );
    }
    // In binary, where a level is two messages, the limit is prost's.
    for (levels, reads) in [(40, true), (60, false), (1_000, false)] {
        let bytes = nested(levels).encode_to_vec();
        assert_eq!(Value::decode(bytes.as_slice()).is_ok(), reads, "{levels}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::NULL),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| Value::number(number).ok()),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from_iter),
            prop::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|entries| Struct::from_iter(entries).into()),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_survives_json_and_binary(value in any_value()) {
        let json = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&json).unwrap(), &value);
        prop_assert_eq!(&Value::decode(value.encode_to_vec().as_slice()).unwrap(), &value);
    }

    #[test]
    fn any_bytes_print_what_reads_back_or_an_error(bytes in prop::collection::vec(0..64_u8, 0..40)) {
        if let Ok(value) = Value::decode(bytes.as_slice())
            && let Ok(json) = serde_json::to_string(&value)
        {
            let back: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
        }
    }
}
