//! Map keys, which are strings in JSON whatever their type.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::number;
use super::scalar::{Bool, Int32, Int64, Text, UInt32, UInt64};
use crate::decimal::{self, Integer, Print};
use crate::excerpt::excerpt;

/// A kind of value that may be the key of a map.
pub trait MapKey {
    /// The type that prost gives the key.
    type Value;

    /// Writes the key as a string.
    ///
    /// # Errors
    /// Of the writer.
    fn write<S: Serializer>(key: &Self::Value, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the key, or returns `None` when it is not of this kind.
    fn parse(text: &str) -> Option<Self::Value>;
}

macro_rules! integers {
    ($($kind:ident: $value:ty),*) => {$(
        impl MapKey for $kind {
            type Value = $value;

            fn write<S: Serializer>(key: &$value, serializer: S) -> Result<S::Ok, S::Error> {
                let key = i128::from(*key);
                // Of 64 bits at most.
                let magnitude = key.unsigned_abs() as u64;
                let mut text = decimal::Text::new();
                let Ok(()) = Integer { negative: key < 0, magnitude }.print(&mut text);
                serializer.serialize_str(text.as_str())
            }

            fn parse(text: &str) -> Option<$value> {
                number::integer(text).and_then(|number| number.try_into().ok())
            }
        }
    )*};
}

integers!(Int32: i32, Int64: i64, UInt32: u32, UInt64: u64);

impl MapKey for Bool {
    type Value = bool;

    fn write<S: Serializer>(key: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if *key { "true" } else { "false" })
    }

    fn parse(text: &str) -> Option<bool> {
        text.parse().ok()
    }
}

impl MapKey for Text {
    type Value = String;

    fn write<S: Serializer>(key: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(key)
    }

    fn parse(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

pub(super) struct KeyWriter<'a, Q: MapKey>(pub(super) &'a Q::Value);

impl<Q: MapKey> Serialize for KeyWriter<'_, Q> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Q::write(self.0, serializer)
    }
}

pub(super) struct KeySeed<Q>(pub(super) PhantomData<Q>);

impl<'de, Q: MapKey> DeserializeSeed<'de> for KeySeed<Q> {
    type Value = Q::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Q::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<Q: MapKey> Visitor<'_> for KeySeed<Q> {
    type Value = Q::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of a map")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Q::Value, E> {
        Q::parse(text)
            .ok_or_else(|| E::custom(format_args!("{:?} is not a key of this map", excerpt(text))))
    }
}
