//! A JSON value in memory, for `google.protobuf.Any`: its type may stand behind its fields, and
//! its message is only known at run time.
//!
//! Unlike other such types this one keeps the order of keys and keys that stand twice, tells
//! single from double precision, and is bounded in depth, since an `Any` can nest within the bytes
//! of another without any parser counting.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};

/// How deep objects and lists may nest, as in the reference implementation.
pub(super) const DEPTH: usize = 100;

/// A JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Why a tree cannot be made, or be read as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TreeError(String);

impl de::Error for TreeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl ser::Error for TreeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

thread_local! {
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

/// One open object or list of a tree that is being made on this thread.
pub(crate) struct Level;

impl Level {
    pub(crate) fn open() -> Result<Self, TreeError> {
        let open = OPEN.get() + 1;
        if open > DEPTH {
            return Err(TreeError(format!(
                "messages in google.protobuf.Any nest deeper than {DEPTH} levels"
            )));
        }
        OPEN.set(open);
        Ok(Self)
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        OPEN.set(OPEN.get() - 1);
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Single(value) => serializer.serialize_f32(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

/// Makes a tree of whatever is serialized into it.
#[derive(Clone, Copy)]
pub(crate) struct ToTree;

macro_rules! leaves {
    ($($method:ident($type:ty) => $variant:ident;)*) => {$(
        fn $method(self, value: $type) -> Result<Tree, TreeError> {
            Ok(Tree::$variant(value.into()))
        }
    )*};
}

impl Serializer for ToTree {
    type Ok = Tree;
    type Error = TreeError;
    type SerializeSeq = ToList;
    type SerializeTuple = Impossible<Tree, TreeError>;
    type SerializeTupleStruct = Impossible<Tree, TreeError>;
    type SerializeTupleVariant = Impossible<Tree, TreeError>;
    type SerializeMap = ToObject;
    type SerializeStruct = ToObject;
    type SerializeStructVariant = Impossible<Tree, TreeError>;

    leaves! {
        serialize_bool(bool) => Bool;
        serialize_i8(i8) => Signed;
        serialize_i16(i16) => Signed;
        serialize_i32(i32) => Signed;
        serialize_i64(i64) => Signed;
        serialize_u8(u8) => Unsigned;
        serialize_u16(u16) => Unsigned;
        serialize_u32(u32) => Unsigned;
        serialize_u64(u64) => Unsigned;
        serialize_f32(f32) => Single;
        serialize_f64(f64) => Double;
        serialize_char(char) => Text;
        serialize_str(&str) => Text;
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Tree, TreeError> {
        Err(not_json())
    }

    fn serialize_none(self) -> Result<Tree, TreeError> {
        Ok(Tree::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Tree, TreeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Tree, TreeError> {
        Ok(Tree::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Tree, TreeError> {
        Ok(Tree::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Tree, TreeError> {
        Ok(Tree::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Tree, TreeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Tree, TreeError> {
        Err(not_json())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ToList, TreeError> {
        Ok(ToList {
            values: Vec::new(),
            _level: Level::open()?,
        })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, TreeError> {
        Err(not_json())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, TreeError> {
        Err(not_json())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TreeError> {
        Err(not_json())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<ToObject, TreeError> {
        Ok(ToObject {
            entries: Vec::new(),
            key: String::new(),
            _level: Level::open()?,
        })
    }

    fn serialize_struct(self, _: &'static str, fields: usize) -> Result<ToObject, TreeError> {
        self.serialize_map(Some(fields))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TreeError> {
        Err(not_json())
    }
}

/// What messages never serialize.
fn not_json() -> TreeError {
    TreeError("the message in google.protobuf.Any has no JSON of protobuf".to_owned())
}

pub(crate) struct ToList {
    values: Vec<Tree>,
    _level: Level,
}

impl SerializeSeq for ToList {
    type Ok = Tree;
    type Error = TreeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.values.push(value.serialize(ToTree)?);
        Ok(())
    }

    fn end(self) -> Result<Tree, TreeError> {
        Ok(Tree::List(self.values))
    }
}

pub(crate) struct ToObject {
    entries: Vec<(String, Tree)>,
    key: String,
    _level: Level,
}

/// Messages that are not of our generator write themselves so.
impl SerializeStruct for ToObject {
    type Ok = Tree;
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        self.entries
            .push((key.to_owned(), value.serialize(ToTree)?));
        Ok(())
    }

    fn end(self) -> Result<Tree, TreeError> {
        Ok(Tree::Object(self.entries))
    }
}

impl SerializeMap for ToObject {
    type Ok = Tree;
    type Error = TreeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TreeError> {
        match key.serialize(ToTree)? {
            Tree::Text(key) => {
                self.key = key;
                Ok(())
            }
            _ => Err(not_json()),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        let value = value.serialize(ToTree)?;
        self.entries.push((std::mem::take(&mut self.key), value));
        Ok(())
    }

    fn end(self) -> Result<Tree, TreeError> {
        Ok(Tree::Object(self.entries))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Double(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let _level = Level::open().map_err(de::Error::custom)?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Tree::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let _level = Level::open().map_err(de::Error::custom)?;
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Object(entries))
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Single(value) => visitor.visit_f32(value),
            Self::Double(value) => visitor.visit_f64(value),
            Self::Text(value) => visitor.visit_string(value),
            Self::List(values) => visitor.visit_seq(Values(values.into_iter())),
            Self::Object(entries) => visitor.visit_map(Entries {
                entries: entries.into_iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Self::Null => visitor.visit_none(),
            tree => visitor.visit_some(tree),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Values(std::vec::IntoIter<Tree>);

impl<'de> SeqAccess<'de> for Values {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TreeError> {
        self.0.next().map(|tree| seed.deserialize(tree)).transpose()
    }
}

struct Entries {
    entries: std::vec::IntoIter<(String, Tree)>,
    value: Option<Tree>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TreeError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TreeError> {
        seed.deserialize(self.value.take().unwrap_or(Tree::Null))
    }
}
