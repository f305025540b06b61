//! JSON itself, to and from messages.
//!
//! Levels of nesting are counted here and not left to the parser, since a value can also come from
//! a format without a limit, and go to a writer, which has none. Whoever reads a value is told at
//! which level it stands.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};

use super::value::Kind;
use super::{ListValue, Struct, Value, ValueError};

/// How deep objects and lists may nest, as in the reference implementation.
const DEPTH: usize = 100;

/// What stands inside of so many objects and lists.
struct At<T> {
    depth: usize,
    inner: T,
}

impl<T> At<T> {
    fn top(inner: T) -> Self {
        Self { depth: 0, inner }
    }

    /// Something inside of this object or list.
    fn within<U>(&self, inner: U) -> Result<At<U>, ValueError> {
        if self.depth == DEPTH {
            return Err(ValueError::TooDeep { limit: DEPTH });
        }
        Ok(At {
            depth: self.depth + 1,
            inner,
        })
    }

    /// The same place, seen as something else.
    fn same<U>(&self, inner: U) -> At<U> {
        At {
            depth: self.depth,
            inner,
        }
    }
}

impl Serialize for Struct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        At::top(self).serialize(serializer)
    }
}

impl Serialize for At<&Struct> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.within(()).map_err(ser::Error::custom)?;
        let entries = self.inner.fields.iter();
        serializer.collect_map(entries.map(|(key, value)| (key, place.same(value))))
    }
}

impl Serialize for ListValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        At::top(self).serialize(serializer)
    }
}

impl Serialize for At<&ListValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.within(()).map_err(ser::Error::custom)?;
        let values = self.inner.values.iter();
        serializer.collect_seq(values.map(|value| place.same(value)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        At::top(self).serialize(serializer)
    }
}

impl Serialize for At<&Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.inner.kind {
            None => Err(ser::Error::custom(ValueError::NoKind)),
            Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::NumberValue(number)) if number.is_finite() => {
                serializer.serialize_f64(*number)
            }
            Some(Kind::NumberValue(number)) => {
                let number = *number;
                Err(ser::Error::custom(ValueError::NotFinite { number }))
            }
            Some(Kind::StringValue(text)) => serializer.serialize_str(text),
            Some(Kind::BoolValue(value)) => serializer.serialize_bool(*value),
            Some(Kind::StructValue(object)) => self.same(object).serialize(serializer),
            Some(Kind::ListValue(list)) => self.same(list).serialize(serializer),
        }
    }
}

/// An object is to be read.
struct Object;
/// A list is to be read.
struct List;
/// Anything is to be read.
struct Anything;

impl<'de> Deserialize<'de> for Struct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(At::top(Object))
    }
}

impl<'de> Visitor<'de> for At<Object> {
    type Value = Struct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Struct, A::Error> {
        let place = self.within(()).map_err(de::Error::custom)?;
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match fields.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(map.next_value_seed(place.same(Anything))?);
                }
                Entry::Occupied(_) => {
                    return Err(de::Error::custom("a key stands in the object twice"));
                }
            }
        }
        Ok(Struct { fields })
    }
}

impl<'de> Deserialize<'de> for ListValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(At::top(List))
    }
}

impl<'de> Visitor<'de> for At<List> {
    type Value = ListValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ListValue, A::Error> {
        let place = self.within(()).map_err(de::Error::custom)?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(place.same(Anything))? {
            values.push(value);
        }
        Ok(ListValue { values })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        At::top(Anything).deserialize(deserializer)
    }
}

impl<'de> DeserializeSeed<'de> for At<Anything> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<Anything> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Kind::NumberValue(number as f64).into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Kind::NumberValue(number as f64).into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Value::number(number).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        self.same(List).visit_seq(seq).map(Value::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.same(Object).visit_map(map).map(Value::from)
    }
}
