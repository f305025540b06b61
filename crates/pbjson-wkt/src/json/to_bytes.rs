//! JSON as a format of serde, written: bytes at the end of one vector.
//!
//! Each entry and element brings the comma in front of it. The first one's is wrong, and becomes
//! the bracket when the object or list ends: so nothing has to ask whether it is the first.

use std::fmt;

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::error::Error;
use super::escape::{push_quoted, push_text};
use super::name::NAME;
use super::plain::{INTEGER, TIME};
use super::to_plain::ToPlain;
use super::to_size::size_hint;
use crate::decimal::{Integer, Print};

/// Writes a value as JSON, in one allocation.
///
/// # Errors
/// For a value that has no JSON form, such as a timestamp out of range.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(size_hint(value));
    append(value, &mut out)?;
    Ok(out)
}

/// Writes a value as JSON, in one allocation.
///
/// # Errors
/// For a value that has no JSON form, such as a timestamp out of range.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    // What is written is UTF-8, as all of it comes from strings.
    String::from_utf8(to_vec(value)?).map_err(Error::new)
}

/// Writes a value as JSON behind what `out` holds already. On errors, a part of it may be there.
///
/// [`size_hint`] says how much room to reserve for it.
///
/// # Errors
/// For a value that has no JSON form, such as a timestamp out of range.
#[inline]
pub fn append<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(ToBytes { out })
}

struct ToBytes<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> ToBytes<'a> {
    #[inline]
    fn open(self) -> Compound<'a> {
        Compound {
            start: self.out.len(),
            out: self.out,
        }
    }

    /// An object with one key, whose value is to come.
    fn variant(&mut self, variant: &str) {
        self.out.push(b'{');
        push_quoted(self.out, variant);
        self.out.push(b':');
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty;)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            #[allow(unused_comparisons)]
            let negative = value < 0;
            #[allow(clippy::unnecessary_cast)]
            let magnitude = (value as i128).unsigned_abs() as u64;
            let Ok(()) = Integer { negative, magnitude }.print(self.out);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for ToBytes<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    integers! {
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        if !value.is_finite() {
            return self.serialize_unit();
        }
        self.out
            .extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        if !value.is_finite() {
            return self.serialize_unit();
        }
        self.out
            .extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        push_quoted(self.out, value);
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        struct Part<'a>(&'a mut Vec<u8>);

        impl fmt::Write for Part<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                push_text(self.0, text);
                Ok(())
            }
        }

        self.out.push(b'"');
        fmt::write(&mut Part(self.out), format_args!("{value}")).map_err(Error::new)?;
        self.out.push(b'"');
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        quoted: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        if index == NAME {
            self.out.extend_from_slice(quoted.as_bytes());
            return Ok(());
        }
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        if name == TIME || name == INTEGER {
            return value.serialize(ToPlain { out: self.out });
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        append(value, self.out)?;
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        Ok(self.open())
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.open())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.open())
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        self.variant(variant);
        Ok(self.open())
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        Ok(self.open())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.open())
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        self.variant(variant);
        Ok(self.open())
    }
}

/// An object or list whose end is still to come.
struct Compound<'a> {
    out: &'a mut Vec<u8>,
    /// Where the opening bracket belongs.
    start: usize,
}

impl Compound<'_> {
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b',');
        append(value, self.out)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        self.out.push(b',');
        push_quoted(self.out, key);
        self.out.push(b':');
        append(value, self.out)
    }

    #[inline]
    fn close(&mut self, open: u8, close: u8) {
        match self.out.get_mut(self.start) {
            Some(comma) => *comma = open,
            None => self.out.push(open),
        }
        self.out.push(close);
    }
}

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(ToKey { out: self.out })
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        append(value, self.out)
    }

    #[inline]
    fn end(mut self) -> Result<(), Error> {
        self.close(b'{', b'}');
        Ok(())
    }
}

macro_rules! elements {
    ($($kind:ident::$method:ident $(, $behind:literal)?;)*) => {$(
        impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            #[inline]
            fn end(mut self) -> Result<(), Error> {
                self.close(b'[', b']');
                $(self.out.push($behind);)?
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field, b'}';
}

macro_rules! fields {
    ($($kind:ident $(, $behind:literal)?;)*) => {$(
        impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(key, value)
            }

            fn end(mut self) -> Result<(), Error> {
                self.close(b'{', b'}');
                $(self.out.push($behind);)?
                Ok(())
            }
        }
    )*};
}

fields! {
    SerializeStruct;
    SerializeStructVariant, b'}';
}

/// Writes a key, with the comma in front of it and the colon behind it.
struct ToKey<'a> {
    out: &'a mut Vec<u8>,
}

fn no_key() -> Error {
    Error::new("the key of a map must be a string, a number or a boolean")
}

macro_rules! plain_keys {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.out.extend_from_slice(b",\"");
            append(&value, self.out)?;
            self.out.extend_from_slice(b"\":");
            Ok(())
        }
    )*};
}

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$ok, Error> {
            Err(no_key())
        }
    )*};
}

impl Serializer for ToKey<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    plain_keys! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
    }

    no_keys! {
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.out.push(b',');
        push_quoted(self.out, value);
        self.out.push(b':');
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        quoted: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        if index == NAME {
            self.out.extend_from_slice(quoted.as_bytes());
            return Ok(());
        }
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(no_key())
    }
}
