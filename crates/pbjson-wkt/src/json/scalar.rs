//! The scalar types of protobuf.

use std::fmt;
use std::marker::PhantomData;

use pbjson::private::base64;
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

use super::kind::{Kind, Read};
use super::number;
use super::plain::serialize_integer;
use crate::excerpt::excerpt;

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

macro_rules! integers {
    ($($(#[$doc:meta])* $kind:ident: $value:ty, $write:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;

        impl Kind for $kind {
            type Value = $value;

            #[inline]
            fn is_default(value: &$value) -> bool {
                *value == 0
            }

            #[inline]
            fn write<S: Serializer>(value: &$value, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(S, $value) -> Result<S::Ok, S::Error> = $write;
                write(serializer, *value)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<$value>, D::Error> {
                match deserializer.deserialize_any(IntegerVisitor)? {
                    Read::Value(number) => <$value>::try_from(number).map(Read::Value).map_err(|_| {
                        de::Error::custom(format_args!(
                            "{number} is out of range: keep it between {} and {}",
                            <$value>::MIN, <$value>::MAX,
                        ))
                    }),
                    Read::Null => Ok(Read::Null),
                    Read::Skipped => Ok(Read::Skipped),
                }
            }
        }
    )*};
}

integers! {
    /// `int32`, `sint32`, `sfixed32`: a number.
    Int32: i32, |serializer, value| serializer.serialize_i32(value);
    /// `int64`, `sint64`, `sfixed64`: a string of digits.
    Int64: i64, |serializer, value| {
        serialize_integer(value < 0, value.unsigned_abs(), serializer)
    };
    /// `uint32`, `fixed32`: a number.
    UInt32: u32, |serializer, value| serializer.serialize_u32(value);
    /// `uint64`, `fixed64`: a string of digits.
    UInt64: u64, |serializer, value| {
        serialize_integer(false, value, serializer)
    };
}

/// Reads any JSON number or string of one that denotes an integer.
pub(super) struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Read<i128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Read<i128>, E> {
        Ok(Read::Null)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Read<i128>, E> {
        Ok(Read::Value(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Read<i128>, E> {
        Ok(Read::Value(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Read<i128>, E> {
        // Beyond 2⁶⁴ no field can hold it, whatever the cast makes of it.
        if number.fract() == 0.0 && number.abs() <= 18_446_744_073_709_551_616.0 {
            return Ok(Read::Value(number as i128));
        }
        Err(E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<i128>, E> {
        match number::integer(text) {
            Some(number) => Ok(Read::Value(number)),
            None => Err(E::invalid_value(de::Unexpected::Str(&excerpt(text)), &self)),
        }
    }
}

/// `double`: a number, or one of the strings `NaN`, `Infinity`, `-Infinity`.
#[derive(Clone, Copy, Debug)]
pub struct Double;

impl Kind for Double {
    type Value = f64;

    #[inline]
    fn is_default(value: &f64) -> bool {
        // Not `== 0.0`: minus zero is a value of its own.
        value.to_bits() == 0
    }

    #[inline]
    fn write<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match not_finite(*value) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(*value),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<f64>, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

/// `float`: as [`Double`], in single precision.
#[derive(Clone, Copy, Debug)]
pub struct Float;

impl Kind for Float {
    type Value = f32;

    #[inline]
    fn is_default(value: &f32) -> bool {
        value.to_bits() == 0
    }

    #[inline]
    fn write<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        match not_finite((*value).into()) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f32(*value),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<f32>, D::Error> {
        Ok(match deserializer.deserialize_any(FloatVisitor)? {
            Read::Value(number) => {
                let single = number as f32;
                if single.is_infinite() && number.is_finite() {
                    return Err(de::Error::custom(format_args!(
                        "{number:e} is out of range for a float: keep it between {:e} and {:e}",
                        f32::MIN,
                        f32::MAX
                    )));
                }
                Read::Value(single)
            }
            Read::Null => Read::Null,
            Read::Skipped => Read::Skipped,
        })
    }
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_finite() {
        None
    } else if value.is_nan() {
        Some("NaN")
    } else if value > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Read<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Read<f64>, E> {
        Ok(Read::Null)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Read<f64>, E> {
        Ok(Read::Value(number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Read<f64>, E> {
        Ok(Read::Value(number as f64))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Read<f64>, E> {
        Ok(Read::Value(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<f64>, E> {
        match number::float(text) {
            Some(number) => Ok(Read::Value(number)),
            None => Err(E::invalid_value(de::Unexpected::Str(&excerpt(text)), &self)),
        }
    }
}

/// `bool`: `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Bool;

impl Kind for Bool {
    type Value = bool;

    #[inline]
    fn is_default(value: &bool) -> bool {
        !*value
    }

    #[inline]
    fn write<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*value)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<bool>, D::Error> {
        struct BoolVisitor;

        impl Visitor<'_> for BoolVisitor {
            type Value = Read<bool>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Read<bool>, E> {
                Ok(Read::Null)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Read<bool>, E> {
                Ok(Read::Value(value))
            }
        }

        deserializer.deserialize_any(BoolVisitor)
    }
}

/// `string`.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Kind for Text {
    type Value = String;

    #[inline]
    fn is_default(value: &String) -> bool {
        value.is_empty()
    }

    #[inline]
    fn write<S: Serializer>(value: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<String>, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Read<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Read<String>, E> {
                Ok(Read::Null)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<String>, E> {
                Ok(Read::Value(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Read<String>, E> {
                Ok(Read::Value(text))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// `bytes`: base64 with padding when written; read in both alphabets, with padding or without,
/// whatever the bits behind the last byte. Held as a `Vec<u8>`, or as a `bytes::Bytes` where the generator was told so.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<T = Vec<u8>>(PhantomData<T>);

const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD_BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, BASE64);
const URL_BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, BASE64);

impl<T: AsRef<[u8]> + From<Vec<u8>>> Kind for Bytes<T> {
    type Value = T;

    #[inline]
    fn is_default(value: &T) -> bool {
        value.as_ref().is_empty()
    }

    #[inline]
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(
            value.as_ref(),
            &STANDARD_BASE64,
        ))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<T>, D::Error> {
        struct BytesVisitor;

        impl Visitor<'_> for BytesVisitor {
            type Value = Read<Vec<u8>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in base64")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Read<Vec<u8>>, E> {
                Ok(Read::Null)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<Vec<u8>>, E> {
                let engine = if text.bytes().any(|byte| matches!(byte, b'-' | b'_')) {
                    URL_BASE64
                } else {
                    STANDARD_BASE64
                };
                engine.decode(text).map(Read::Value).map_err(E::custom)
            }
        }

        Ok(match deserializer.deserialize_any(BytesVisitor)? {
            Read::Value(bytes) => Read::Value(T::from(bytes)),
            Read::Null => Read::Null,
            Read::Skipped => Read::Skipped,
        })
    }
}
