//! Messages: an object whose keys are looked up as they come.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::unknown::{self, Unknown};
use crate::excerpt::excerpt;

/// A message that is an object in JSON. Generated code implements it.
pub trait Message: Default {
    /// The full protobuf name, for errors.
    const NAME: &'static str;
    /// The JSON name of each field, by the field's index.
    const FIELDS: &'static [&'static str];

    /// The index of the field with this JSON name or proto name.
    fn index(name: &str) -> Option<usize>;

    /// Writes the fields that are set, in the order of their declaration.
    ///
    /// # Errors
    /// Of the writer, or for a value that has no JSON form.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of the field with this index.
    ///
    /// # Errors
    /// Of the reader, or for a value that the field cannot hold.
    fn read<'de, A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error>;
}

/// Writes a message as an object.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
pub fn serialize<T: Message, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write(&mut map)?;
    map.end()
}

/// Reads a message from an object.
///
/// # Errors
/// Of the reader, for a field twice, for an unknown field under [`Unknown::Reject`], and for a
/// value that its field cannot hold.
pub fn deserialize<'de, T: Message, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(MessageVisitor(PhantomData))
}

struct MessageVisitor<T>(PhantomData<T>);

impl<'de, T: Message> Visitor<'de> for MessageVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for {}", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut message = T::default();
        let mut seen = Seen::new(T::FIELDS.len());
        while let Some(index) = map.next_key_seed(Name::<T>(PhantomData))? {
            match index {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(index) => {
                    if !seen.insert(index) {
                        return Err(de::Error::duplicate_field(T::FIELDS[index]));
                    }
                    message.read(index, &mut map)?;
                }
            }
        }
        Ok(message)
    }
}

/// Reads a key as the index of a field, without storing the key.
struct Name<T>(PhantomData<T>);

impl<'de, T: Message> DeserializeSeed<'de> for Name<T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<T: Message> Visitor<'_> for Name<T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a field of {}", T::NAME)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        let index = T::index(name);
        if index.is_none() && unknown::current() == Unknown::Reject {
            return Err(E::unknown_field(&excerpt(name), T::FIELDS));
        }
        Ok(index)
    }
}

/// The fields that were read: one word, and more only for messages of more than 64 fields.
struct Seen {
    first: u64,
    others: Vec<u64>,
}

impl Seen {
    fn new(fields: usize) -> Self {
        Self {
            first: 0,
            others: vec![0; fields.saturating_sub(1) / 64],
        }
    }

    /// Returns whether the field is new.
    fn insert(&mut self, index: usize) -> bool {
        let word = match index / 64 {
            0 => &mut self.first,
            other => &mut self.others[other - 1],
        };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
