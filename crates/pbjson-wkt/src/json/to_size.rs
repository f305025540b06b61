//! How long the JSON of a value will be, without writing it: for the room to reserve.
//!
//! The answer is a guess that is rarely too small: strings count as if nothing had to be escaped,
//! most other values as the longest of their type. Types that count up to much work are not asked, and
//! neither are those of other generators, which may allocate to answer.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::plain::{INTEGER, TIME};

/// What is reserved for a value of which nothing is known.
const UNKNOWN: usize = 128;
/// A timestamp of full precision, with quotes. Most are shorter, and so are all durations.
const TIME_LEN: usize = 32;
/// An integer of a dozen digits, with quotes.
const INTEGER_LEN: usize = 14;

/// The number of bytes to reserve for the JSON of a value: rarely too small, never far too large.
#[must_use]
pub fn size_hint<T: Serialize + ?Sized>(value: &T) -> usize {
    size(value)
}

#[inline]
fn size<T: Serialize + ?Sized>(value: &T) -> usize {
    value.serialize(ToSize).unwrap_or(UNKNOWN)
}

/// The value is not sized: it has no JSON form, or its type does not say.
#[derive(Debug)]
struct Unsized;

impl fmt::Display for Unsized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the size of the value is not known")
    }
}

impl std::error::Error for Unsized {}

impl ser::Error for Unsized {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct ToSize;

macro_rules! sizes {
    ($($method:ident($($argument:ty),*) => $size:expr;)*) => {$(
        #[inline]
        fn $method(self, $(_: $argument),*) -> Result<usize, Unsized> {
            Ok($size)
        }
    )*};
}

macro_rules! of_others {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$ok, Unsized> {
            Err(Unsized)
        }
    )*};
}

impl Serializer for ToSize {
    type Ok = usize;
    type Error = Unsized;
    type SerializeSeq = Sum;
    type SerializeTuple = Impossible<usize, Unsized>;
    type SerializeTupleStruct = Impossible<usize, Unsized>;
    type SerializeTupleVariant = Impossible<usize, Unsized>;
    type SerializeMap = Sum;
    type SerializeStruct = Impossible<usize, Unsized>;
    type SerializeStructVariant = Impossible<usize, Unsized>;

    sizes! {
        serialize_bool(bool) => 5;
        serialize_i8(i8) => 4;
        serialize_i16(i16) => 6;
        serialize_i32(i32) => 11;
        serialize_i64(i64) => 20;
        serialize_u8(u8) => 3;
        serialize_u16(u16) => 5;
        serialize_u32(u32) => 10;
        serialize_u64(u64) => 20;
        serialize_f32(f32) => 24;
        serialize_f64(f64) => 24;
        serialize_char(char) => 8;
        serialize_none() => 4;
        serialize_unit() => 4;
        serialize_unit_struct(&'static str) => 4;
    }

    of_others! {
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<usize, Unsized> {
        Ok(value.len() + 2)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<usize, Unsized> {
        Err(Unsized)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<usize, Unsized> {
        Ok(value.len() * 4 + 2)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<usize, Unsized> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<usize, Unsized> {
        Ok(variant.len() + 2)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<usize, Unsized> {
        match name {
            TIME => Ok(TIME_LEN),
            INTEGER => Ok(INTEGER_LEN),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<usize, Unsized> {
        Ok(variant.len() + 5 + size(value))
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Sum, Unsized> {
        Ok(Sum(2))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Sum, Unsized> {
        Ok(Sum(2))
    }
}

/// The size of an object or list so far.
struct Sum(usize);

impl SerializeSeq for Sum {
    type Ok = usize;
    type Error = Unsized;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsized> {
        self.0 += size(value) + 1;
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<usize, Unsized> {
        Ok(self.0)
    }
}

impl SerializeMap for Sum {
    type Ok = usize;
    type Error = Unsized;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsized> {
        // With a comma and a colon. A number gets quotes, but is counted as long as they can be.
        self.0 += size(key) + 2;
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsized> {
        self.0 += size(value);
        Ok(())
    }

    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), Unsized> {
        self.0 += size(key) + 2 + size(value);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<usize, Unsized> {
        Ok(self.0)
    }
}
