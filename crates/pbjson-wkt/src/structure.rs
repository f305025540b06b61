//! `google/protobuf/struct.proto`: JSON itself, as messages.

mod json;

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::json::{Enumeration, Name};

/// The only value of an enum that stands for JSON's `null`: `google.protobuf.NullValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum NullValue {
    /// `null`.
    NullValue = 0,
}

impl Enumeration for NullValue {
    const NAME: &'static str = "google.protobuf.NullValue";

    fn name(number: i32) -> Option<Name> {
        (number == 0).then_some(Name::new("NULL_VALUE", "\"NULL_VALUE\""))
    }

    fn number(name: &str) -> Option<i32> {
        (name == "NULL_VALUE").then_some(0)
    }
}

impl Serialize for NullValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for NullValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        Ok(Self::NullValue)
    }
}

/// A JSON object: `google.protobuf.Struct`. A key that stands twice is an error.
///
/// Specified in [struct.proto](https://protobuf.dev/reference/protobuf/google.protobuf/#struct).
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Struct {
    /// The entries, in the order of their keys.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// A JSON list: `google.protobuf.ListValue`.
///
/// Specified in [struct.proto](https://protobuf.dev/reference/protobuf/google.protobuf/#list-value).
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListValue {
    /// The elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// Any JSON value: `google.protobuf.Value`.
///
/// Specified in [struct.proto](https://protobuf.dev/reference/protobuf/google.protobuf/#value).
/// Numbers have double precision.
///
/// # JSON
///
/// JSON has neither a value without a kind nor numbers that are not finite: writing one of those
/// is an error. So is reading or writing a value in which objects and lists nest deeper than 100
/// levels, and an object in which a key stands twice.
///
/// ```
/// use pbjson_wkt::{Struct, Value};
///
/// let labels: Value = serde_json::from_str(r#"{"team": "infra", "sizes": [1.5, 2.5]}"#)?;
/// let sizes = [Value::number(1.5)?, Value::number(2.5)?];
/// let object = Struct::from_iter([
///     ("team", Value::from("infra")),
///     ("sizes", Value::from_iter(sizes)),
/// ]);
/// assert_eq!(labels, Value::from(object));
/// assert_eq!(serde_json::to_string(&labels)?, r#"{"sizes":[1.5,2.5],"team":"infra"}"#);
///
/// assert!(Value::number(f64::NAN).is_err());
/// assert!(serde_json::to_string(&Value::default()).is_err()); // no kind
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Value {
    /// What kind of value it is. A valid one has a kind.
    #[prost(oneof = "value::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<value::Kind>,
}

/// What is inside of a [`Value`].
pub mod value {
    /// The kind of a [`Value`](super::Value).
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        /// `null`.
        #[prost(enumeration = "super::NullValue", tag = "1")]
        NullValue(i32),
        /// A number.
        #[prost(double, tag = "2")]
        NumberValue(f64),
        /// A string.
        #[prost(string, tag = "3")]
        StringValue(String),
        /// `true` or `false`.
        #[prost(bool, tag = "4")]
        BoolValue(bool),
        /// An object.
        #[prost(message, tag = "5")]
        StructValue(super::Struct),
        /// A list.
        #[prost(message, tag = "6")]
        ListValue(super::ListValue),
    }
}

use value::Kind;

macro_rules! names {
    ($($message:ident),*) => {$(
        impl ::prost::Name for $message {
            const PACKAGE: &'static str = "google.protobuf";
            const NAME: &'static str = stringify!($message);

            fn type_url() -> String {
                concat!("type.googleapis.com/google.protobuf.", stringify!($message)).to_owned()
            }
        }
    )*};
}

names!(Struct, ListValue, Value);

impl Value {
    /// JSON's `null`.
    pub const NULL: Self = Self {
        kind: Some(Kind::NullValue(NullValue::NullValue as i32)),
    };

    /// A number.
    ///
    /// # Errors
    ///
    /// [`ValueError::NotFinite`] for NaN and the infinities.
    pub fn number(number: f64) -> Result<Self, ValueError> {
        if number.is_finite() {
            Ok(Kind::NumberValue(number).into())
        } else {
            Err(ValueError::NotFinite { number })
        }
    }
}

/// Why a [`Value`] cannot be made, read or printed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A number that JSON does not have.
    #[error("the number {number} has no form in google.protobuf.Value: only finite ones do")]
    NotFinite {
        /// NaN or an infinity.
        number: f64,
    },
    /// A value that was never set.
    #[error("a google.protobuf.Value without a kind has no JSON form: set one")]
    NoKind,
    /// Objects and lists in each other beyond the limit.
    #[error("google.protobuf.Value nests deeper than {limit} levels: flatten it")]
    TooDeep {
        /// The most levels.
        limit: usize,
    },
}

macro_rules! kinds {
    ($($from:ty => $kind:ident;)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Kind::$kind(value.into()).into()
            }
        }
    )*};
}

// Integers of 32 bits are exact in double precision; wider ones are not.
kinds! {
    i32 => NumberValue;
    u32 => NumberValue;
    &str => StringValue;
    String => StringValue;
    bool => BoolValue;
    Struct => StructValue;
    ListValue => ListValue;
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        ListValue::from_iter(values).into()
    }
}

impl FromIterator<Value> for ListValue {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Struct {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self {
            fields: entries.map(|(key, value)| (key.into(), value)).collect(),
        }
    }
}
