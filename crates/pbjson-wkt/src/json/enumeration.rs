//! Enums, which are open: a number without a name is written and read as a number.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::kind::{Kind, Read};
use super::name::Name;
use super::number;
use super::unknown::{self, Unknown};
use crate::excerpt::excerpt;

/// The names of an enum's values. Generated code implements it.
pub trait Enumeration {
    /// The full protobuf name, for errors.
    const NAME: &'static str;

    /// The name of a number; the first one, if it has aliases.
    fn name(number: i32) -> Option<Name>;

    /// The number of a name or alias.
    fn number(name: &str) -> Option<i32>;
}

/// A field of an enum, held as its number.
#[derive(Clone, Copy, Debug)]
pub struct Enum<E>(PhantomData<E>);

impl<E: Enumeration> Kind for Enum<E> {
    type Value = i32;

    #[inline]
    fn is_default(value: &i32) -> bool {
        *value == 0
    }

    #[inline]
    fn write<S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_enum::<E, S>(*value, serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<i32>, D::Error> {
        deserializer.deserialize_any(EnumVisitor::<E>(PhantomData))
    }
}

/// `google.protobuf.NullValue`, whose only value is `null`.
#[derive(Clone, Copy, Debug)]
pub struct Null;

impl Kind for Null {
    type Value = i32;

    #[inline]
    fn is_default(_: &i32) -> bool {
        // Whatever the number, `null` is written, and reads as a field that is not set.
        true
    }

    #[inline]
    fn write<S: Serializer>(_: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<i32>, D::Error> {
        Ok(
            match deserializer.deserialize_any(EnumVisitor::<crate::NullValue>(PhantomData))? {
                Read::Null => Read::Value(0),
                read => read,
            },
        )
    }
}

/// Writes an enum's value by its name, or as a number when it has none.
///
/// # Errors
/// Of the writer.
#[inline]
pub fn serialize_enum<E: Enumeration, S: Serializer>(
    number: i32,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match E::name(number) {
        Some(name) => name.serialize(serializer),
        None => serializer.serialize_i32(number),
    }
}

/// Reads an enum's value from its name or number.
///
/// # Errors
/// Of the reader, and for `null` or a name that the enum does not have.
pub fn deserialize_enum<'de, E: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<i32, D::Error> {
    match deserializer.deserialize_any(EnumVisitor::<E>(PhantomData))? {
        Read::Value(number) => Ok(number),
        Read::Null | Read::Skipped => Err(de::Error::custom(format_args!(
            "expected a value of {}",
            E::NAME
        ))),
    }
}

struct EnumVisitor<E>(PhantomData<E>);

impl<E: Enumeration> EnumVisitor<E> {
    fn integer<F: de::Error>(number: i128) -> Result<Read<i32>, F> {
        i32::try_from(number).map(Read::Value).map_err(|_| {
            F::custom(format_args!(
                "{number} is out of range for the numbers of {}",
                E::NAME
            ))
        })
    }
}

impl<E: Enumeration> Visitor<'_> for EnumVisitor<E> {
    type Value = Read<i32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name or number of {}", E::NAME)
    }

    fn visit_unit<F: de::Error>(self) -> Result<Read<i32>, F> {
        Ok(Read::Null)
    }

    fn visit_i64<F: de::Error>(self, number: i64) -> Result<Read<i32>, F> {
        Self::integer(number.into())
    }

    fn visit_u64<F: de::Error>(self, number: u64) -> Result<Read<i32>, F> {
        Self::integer(number.into())
    }

    fn visit_f64<F: de::Error>(self, number: f64) -> Result<Read<i32>, F> {
        if number.fract() == 0.0 {
            // The cast keeps to the range of the type, which is beyond an enum's.
            return Self::integer(number as i128);
        }
        Err(F::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<F: de::Error>(self, text: &str) -> Result<Read<i32>, F> {
        if let Some(number) = E::number(text) {
            return Ok(Read::Value(number));
        }
        if let Some(number) = number::integer(text) {
            return Self::integer(number);
        }
        if unknown::current() == Unknown::Ignore {
            return Ok(Read::Skipped);
        }
        Err(F::custom(format_args!(
            "{:?} is not a value of {}",
            excerpt(text),
            E::NAME
        )))
    }
}
