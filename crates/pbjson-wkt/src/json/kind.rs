//! The kind of a field: how one value of it is written and read, `null` included.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

/// What stood in the place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<T> {
    /// A value.
    Value(T),
    /// `null`, which means "not set" for a field, and is an error in lists and maps.
    Null,
    /// An enum name that the schema does not have, under [`Unknown::Ignore`](super::Unknown).
    Skipped,
}

/// How the values of a field are written and read.
pub trait Kind {
    /// The type that prost gives the value.
    type Value;

    /// Whether a field without presence leaves this value out.
    fn is_default(value: &Self::Value) -> bool;

    /// Writes one value.
    ///
    /// # Errors
    /// Of the writer, or for a value that has no JSON form.
    fn write<S: Serializer>(value: &Self::Value, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads one value.
    ///
    /// # Errors
    /// Of the reader, or for a value that the field cannot hold.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<Self::Value>, D::Error>;
}

/// A message inside of a message, boxed or not.
#[derive(Clone, Copy, Debug)]
pub struct Embedded<T>(PhantomData<T>);

impl<T: Serialize + for<'de> Deserialize<'de>> Kind for Embedded<T> {
    type Value = T;

    #[inline]
    fn is_default(_: &T) -> bool {
        false
    }

    #[inline]
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<T>, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Read::Null, Read::Value))
    }
}

/// A `google.protobuf.Value`, for which `null` is a value like others.
#[derive(Clone, Copy, Debug)]
pub struct OrNull<T>(PhantomData<T>);

impl<T: Serialize + for<'de> Deserialize<'de>> Kind for OrNull<T> {
    type Value = T;

    #[inline]
    fn is_default(_: &T) -> bool {
        false
    }

    #[inline]
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read<T>, D::Error> {
        T::deserialize(deserializer).map(Read::Value)
    }
}

/// A value on its way to a serializer, by the rules of its kind.
pub(crate) struct Writer<'a, K: Kind>(pub(crate) &'a K::Value);

impl<K: Kind> Serialize for Writer<'_, K> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        K::write(self.0, serializer)
    }
}

/// Reads one value, by the rules of its kind.
pub(crate) struct Seed<K>(pub(crate) PhantomData<K>);

impl<'de, K: Kind> DeserializeSeed<'de> for Seed<K> {
    type Value = Read<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        K::read(deserializer)
    }
}

/// A list on its way to a serializer.
pub(super) struct List<'a, K: Kind>(pub(super) &'a [K::Value]);

impl<K: Kind> Serialize for List<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            seq.serialize_element(&Writer::<K>(value))?;
        }
        seq.end()
    }
}

/// Reads a list to the end of a vector; `null` is the empty list.
pub(crate) struct Elements<'a, K: Kind>(pub(crate) &'a mut Vec<K::Value>);

impl<'de, K: Kind> DeserializeSeed<'de> for Elements<'_, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, K: Kind> Visitor<'de> for Elements<'_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(read) = seq.next_element_seed(Seed::<K>(PhantomData))? {
            match read {
                Read::Value(value) => self.0.push(value),
                Read::Null => return Err(de::Error::custom("null cannot stand in a list")),
                Read::Skipped => {}
            }
        }
        Ok(())
    }
}
