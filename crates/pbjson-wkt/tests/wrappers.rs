//! The wrappers and `Empty`: the value itself in JSON, by the rules of its type.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Debug;

use pbjson_wkt::{
    BoolValue, BytesValue, DoubleValue, Empty, FloatValue, Int32Value, Int64Value, StringValue,
    UInt32Value, UInt64Value,
};
use proptest::prelude::*;
use prost::{Message, Name};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn parsed(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

fn printed(wrapper: &impl Serialize) -> serde_json::Value {
    parsed(&serde_json::to_string(wrapper).unwrap())
}

/// What each JSON text is read as, printed again; `None` when it is refused. A number may be
/// printed in any way that is exact.
fn table<W>(cases: &[(&str, Option<&str>)])
where
    W: Message + Name + Default + Debug + Serialize + DeserializeOwned,
{
    for (json, expected) in cases {
        match (serde_json::from_str::<W>(json), expected) {
            (Ok(wrapper), Some(expected)) => {
                assert_eq!(printed(&wrapper), parsed(expected), "{json}");
                let bytes = wrapper.encode_to_vec();
                let back = W::decode(bytes.as_slice()).unwrap();
                assert_eq!(printed(&back), parsed(expected), "{json}");
            }
            (Err(_), None) => {}
            (read, _) => panic!("{json} as {} is {read:?}", W::NAME),
        }
    }
    assert!(serde_json::from_str::<W>("null").is_err());
    assert!(serde_json::from_str::<W>("{}").is_err());
    assert_eq!(
        W::type_url(),
        format!("type.googleapis.com/google.protobuf.{}", W::NAME)
    );
}

#[test]
fn integers() {
    table::<Int32Value>(&[
        ("2147483647", Some("2147483647")),
        ("\"-2147483648\"", Some("-2147483648")),
        ("1.0", Some("1")),
        ("1e5", Some("100000")),
        ("\"1e5\"", Some("100000")),
        ("-0", Some("0")),
        ("2147483648", None),
        ("-2147483649", None),
        ("0.5", None),
        ("\"+1\"", None),
        ("\" 1\"", None),
        ("\"1 \"", None),
        ("\"\"", None),
        ("\"01\"", None),
        ("\"0x1\"", None),
        ("true", None),
    ]);
    table::<UInt32Value>(&[
        ("4294967295", Some("4294967295")),
        ("4294967296", None),
        ("-1", None),
        ("\"-0\"", Some("0")),
    ]);
    table::<Int64Value>(&[
        ("\"9223372036854775807\"", Some("\"9223372036854775807\"")),
        ("-9223372036854775808", Some("\"-9223372036854775808\"")),
        ("9223372036854775808", None),
        ("1e18", Some("\"1000000000000000000\"")),
    ]);
    table::<UInt64Value>(&[
        ("18446744073709551615", Some("\"18446744073709551615\"")),
        ("\"18446744073709551616\"", None),
        ("1e20", None),
        ("-1", None),
    ]);
}

#[test]
fn floating_point() {
    table::<DoubleValue>(&[
        ("\"NaN\"", Some("\"NaN\"")),
        ("\"Infinity\"", Some("\"Infinity\"")),
        ("\"-Infinity\"", Some("\"-Infinity\"")),
        ("\"1.5\"", Some("1.5")),
        ("1.7976931348623157e308", Some("1.7976931348623157e308")),
        ("5e-324", Some("5e-324")),
        ("1.7976931348623159e308", None),
        ("\"1e309\"", None),
        ("\"inf\"", None),
        ("\"nan\"", None),
        ("\"infinity\"", None),
        ("\"\"", None),
        ("\".5\"", None),
        ("\"5.\"", None),
        ("\"1_0\"", None),
    ]);
    table::<FloatValue>(&[
        ("3.4028235e38", Some("3.4028235e38")),
        ("3.4028236e38", None),
        ("-3.4028236e38", None),
        ("\"-Infinity\"", Some("\"-Infinity\"")),
        ("1e-45", Some("1e-45")),
        ("0.1", Some("0.1")),
    ]);
}

#[test]
fn the_others() {
    table::<BoolValue>(&[
        ("true", Some("true")),
        ("false", Some("false")),
        ("\"true\"", None),
        ("1", None),
    ]);
    table::<StringValue>(&[
        (r#""""#, Some(r#""""#)),
        (r#""\u00e9\n\"\\""#, Some(r#""é\n\"\\""#)),
        (r#""\ud83d\ude00""#, Some("\"😀\"")),
        (r#""\ud83d""#, None),
        ("1", None),
    ]);
    table::<BytesValue>(&[
        (r#""""#, Some(r#""""#)),
        (r#""-_8=""#, Some(r#""+/8=""#)),
        (r#""-_8""#, Some(r#""+/8=""#)),
        (r#""+/8""#, Some(r#""+/8=""#)),
        (r#""*""#, None),
        (r#""A""#, None),
        ("[1]", None),
    ]);
}

#[test]
fn empty_is_an_empty_object() {
    assert_eq!(serde_json::to_string(&Empty {}).unwrap(), "{}");
    assert!(serde_json::from_str::<Empty>("{}").is_ok());
    for json in ["null", "[]", "0", r#""""#] {
        assert!(serde_json::from_str::<Empty>(json).is_err(), "{json}");
    }
    // Unknown fields are ignored unless that is chosen otherwise, and are not followed too far.
    assert!(serde_json::from_str::<Empty>(r#"{"a":{"b":[1]},"a":2}"#).is_ok());
    let deep = format!(r#"{{"a":{}}}"#, "[".repeat(1_000_000));
    assert!(serde_json::from_str::<Empty>(&deep).is_err());
}

fn survives<W, V>(value: V) -> Result<(), TestCaseError>
where
    V: Clone + PartialEq + Debug + From<W>,
    W: From<V> + Message + Default + Serialize + DeserializeOwned,
{
    let wrapper = W::from(value.clone());
    let json = serde_json::to_string(&wrapper).unwrap();
    prop_assert_eq!(&V::from(serde_json::from_str::<W>(&json).unwrap()), &value);
    let bytes = wrapper.encode_to_vec();
    prop_assert_eq!(&V::from(W::decode(bytes.as_slice()).unwrap()), &value);
    Ok(())
}

proptest! {
    #[test]
    fn every_value_survives_json_and_binary(
        int32: i32,
        int64: i64,
        uint32: u32,
        uint64: u64,
        float in any::<f32>().prop_filter("NaN is unequal to itself", |f| !f.is_nan()),
        double in any::<f64>().prop_filter("NaN is unequal to itself", |f| !f.is_nan()),
        text: String,
        bytes: Vec<u8>,
    ) {
        survives::<Int32Value, _>(int32)?;
        survives::<Int64Value, _>(int64)?;
        survives::<UInt32Value, _>(uint32)?;
        survives::<UInt64Value, _>(uint64)?;
        survives::<FloatValue, _>(float)?;
        survives::<DoubleValue, _>(double)?;
        survives::<StringValue, _>(text)?;
        survives::<BytesValue, _>(bytes)?;
    }
}
