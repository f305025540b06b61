//! Fields: how a value of some kind stands in a message, by the field's cardinality.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::field_map::FieldMap;
use super::key::{KeySeed, KeyWriter, MapKey};
use super::kind::{Elements, Kind, List, Read, Seed, Writer};
use super::name::Name;

/// Writes a field in any case.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
#[inline]
pub fn put<K: Kind, M: SerializeMap>(
    map: &mut M,
    name: Name,
    value: &K::Value,
) -> Result<(), M::Error> {
    map.serialize_entry(&name, &Writer::<K>(value))
}

/// Writes a field without presence, unless it has its default value.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
#[inline]
pub fn put_singular<K: Kind, M: SerializeMap>(
    map: &mut M,
    name: Name,
    value: &K::Value,
) -> Result<(), M::Error> {
    if K::is_default(value) {
        return Ok(());
    }
    put::<K, M>(map, name, value)
}

/// Writes a field with presence, if it is set.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
#[inline]
pub fn put_optional<K: Kind, M: SerializeMap>(
    map: &mut M,
    name: Name,
    value: &Option<K::Value>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => put::<K, M>(map, name, value),
        None => Ok(()),
    }
}

/// Writes a list, unless it is empty.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
#[inline]
pub fn put_repeated<K: Kind, M: SerializeMap>(
    map: &mut M,
    name: Name,
    values: &[K::Value],
) -> Result<(), M::Error> {
    if values.is_empty() {
        return Ok(());
    }
    map.serialize_entry(&name, &List::<K>(values))
}

/// Writes a map, unless it is empty.
///
/// # Errors
/// Of the writer, or for a value that has no JSON form.
#[inline]
pub fn put_map<Q: MapKey, K: Kind, M: SerializeMap>(
    map: &mut M,
    name: Name,
    entries: &impl FieldMap<Key = Q::Value, Value = K::Value>,
) -> Result<(), M::Error> {
    if entries.size() == 0 {
        return Ok(());
    }
    map.serialize_entry(&name, &Entries::<Q, K, _>(entries, PhantomData))
}

struct Entries<'a, Q, K, F>(&'a F, PhantomData<(Q, K)>);

impl<Q, K, F> Serialize for Entries<'_, Q, K, F>
where
    Q: MapKey,
    K: Kind,
    F: FieldMap<Key = Q::Value, Value = K::Value>,
{
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.size()))?;
        for (key, value) in self.0.entries() {
            map.serialize_entry(&KeyWriter::<Q>(key), &Writer::<K>(value))?;
        }
        map.end()
    }
}

/// Reads a field without presence.
///
/// # Errors
/// Of the reader, or for a value that the field cannot hold.
pub fn singular<'de, K: Kind, A: MapAccess<'de>>(
    slot: &mut K::Value,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Read::Value(value) = map.next_value_seed(Seed::<K>(PhantomData))? {
        *slot = value;
    }
    Ok(())
}

/// Reads a field with presence.
///
/// # Errors
/// Of the reader, or for a value that the field cannot hold.
pub fn optional<'de, K: Kind, A: MapAccess<'de>>(
    slot: &mut Option<K::Value>,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Read::Value(value) = map.next_value_seed(Seed::<K>(PhantomData))? {
        *slot = Some(value);
    }
    Ok(())
}

/// Reads a member of a oneof, of which only one may be set.
///
/// # Errors
/// Of the reader, for a value that the member cannot hold, and when another member was read before.
pub fn oneof<'de, K: Kind, O, A: MapAccess<'de>>(
    slot: &mut Option<O>,
    map: &mut A,
    name: &'static str,
    member: impl FnOnce(K::Value) -> O,
) -> Result<(), A::Error> {
    if let Read::Value(value) = map.next_value_seed(Seed::<K>(PhantomData))? {
        if slot.is_some() {
            return Err(de::Error::custom(format_args!(
                "`{name}` belongs to a oneof of which another field is set already"
            )));
        }
        *slot = Some(member(value));
    }
    Ok(())
}

/// Reads a list.
///
/// # Errors
/// Of the reader, or for an element that the field cannot hold, `null` among them.
pub fn repeated<'de, K: Kind, A: MapAccess<'de>>(
    slot: &mut Vec<K::Value>,
    map: &mut A,
) -> Result<(), A::Error> {
    map.next_value_seed(Elements::<K>(slot))
}

/// Reads a map.
///
/// # Errors
/// Of the reader, for a key twice, or for a key or value that the field cannot hold.
pub fn map<'de, Q: MapKey, K: Kind, A: MapAccess<'de>>(
    slot: &mut impl FieldMap<Key = Q::Value, Value = K::Value>,
    map: &mut A,
) -> Result<(), A::Error> {
    map.next_value_seed(MapSeed::<Q, K, _>(slot, PhantomData))
}

struct MapSeed<'a, Q, K, F>(&'a mut F, PhantomData<(Q, K)>);

impl<'de, Q, K, F> DeserializeSeed<'de> for MapSeed<'_, Q, K, F>
where
    Q: MapKey,
    K: Kind,
    F: FieldMap<Key = Q::Value, Value = K::Value>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, Q, K, F> Visitor<'de> for MapSeed<'_, Q, K, F>
where
    Q: MapKey,
    K: Kind,
    F: FieldMap<Key = Q::Value, Value = K::Value>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the entries of a map")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed::<Q>(PhantomData))? {
            match map.next_value_seed(Seed::<K>(PhantomData))? {
                Read::Value(value) => {
                    if self.0.put(key, value) {
                        return Err(de::Error::custom("a key stands in the map twice"));
                    }
                }
                Read::Null => return Err(de::Error::custom("null cannot stand in a map")),
                Read::Skipped => {}
            }
        }
        Ok(())
    }
}
