//! JSON as a format of serde, read: one pass over a text that lies in memory as a whole.
//!
//! The text is checked to be UTF-8 once, so that strings without escapes are lent out as they
//! stand. Numbers keep every digit: what denotes an integer of 64 bits is one, however it is
//! written, and what does not is the nearest `f64`.

use std::borrow::Cow;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::Error;
use super::number;
use super::text::{next_special, unescape};
use super::tree::DEPTH;

/// Reads a message, or whatever else serde can, from JSON.
///
/// # Errors
/// For a text that is not UTF-8, not one JSON value, nested deeper than 100 levels, or that the
/// type does not take. The error says where.
pub fn from_slice<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Error> {
    match str::from_utf8(text) {
        Ok(text) => from_str(text),
        Err(error) => Err(Error::new("the text is not UTF-8")
            .at(error.valid_up_to())
            .located(text)),
    }
}

/// Reads a message, or whatever else serde can, from JSON.
///
/// # Errors
/// For a text that is not one JSON value, nested deeper than 100 levels, or that the type does not
/// take. The error says where.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let mut parser = Parser {
        text,
        at: 0,
        levels: DEPTH,
    };
    let read = T::deserialize(&mut parser).and_then(|value| match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.fault("trailing characters behind the value")),
    });
    read.map_err(|error| error.at(parser.at).located(text.as_bytes()))
}

struct Parser<'de> {
    text: &'de str,
    /// What was read so far, in bytes.
    at: usize,
    /// How many objects and lists may still open.
    levels: usize,
}

impl<'de> Parser<'de> {
    #[cold]
    fn fault(&self, message: &str) -> Error {
        Error::new(message).at(self.at)
    }

    /// What was expected is not here.
    #[cold]
    fn unexpected(&self, expected: &str) -> Error {
        match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            None => self.fault("the text ends too early"),
            Some(found) => {
                Error::new(format_args!("{found:?} where {expected} belongs")).at(self.at)
            }
        }
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    #[inline]
    fn consume(&mut self, byte: u8, name: &str) -> Result<(), Error> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(name))
    }

    fn literal(&mut self, literal: &str) -> Result<(), Error> {
        if self.text.as_bytes()[self.at..].starts_with(literal.as_bytes()) {
            self.at += literal.len();
            return Ok(());
        }
        Err(self.unexpected("a value"))
    }

    /// The string whose first quote is the next byte.
    #[inline]
    fn string(&mut self) -> Result<Cow<'de, str>, Error> {
        let start = self.at + 1;
        let end = next_special(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.string_with_escapes(start, end).map(Cow::Owned)
    }

    #[cold]
    fn string_with_escapes(&mut self, start: usize, special: usize) -> Result<String, Error> {
        let text = self.text.as_bytes();
        let mut out = String::with_capacity(2 * (special - start) + 16);
        let (mut start, mut special) = (start, special);
        loop {
            out.push_str(&self.text[start..special]);
            self.at = special;
            match text.get(special) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    start = unescape(text, special, &mut out).map_err(|(fault, at)| {
                        Error::new(format_args!("{fault} in a string")).at(at)
                    })?;
                    special = next_special(text, start);
                }
                Some(_) => return Err(self.fault("a control character in a string: escape it")),
                None => return Err(self.fault("the text ends within a string")),
            }
        }
    }

    /// Reads between brackets, of which the opening one is the next byte.
    #[inline]
    fn within<T>(
        &mut self,
        close: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.levels == 0 {
            return Err(self.too_deep());
        }
        self.at += 1;
        self.levels -= 1;
        let value = read(self).map_err(|error| error.at(self.at))?;
        self.levels += 1;
        self.consume(close, "the end of an object or list")?;
        Ok(value)
    }

    #[cold]
    fn too_deep(&self) -> Error {
        Error::new(format_args!(
            "objects and lists nest deeper than {DEPTH} levels"
        ))
        .at(self.at)
    }

    /// The text of the number that begins here: it may still be wrong.
    fn number_text(&mut self) -> &'de str {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        self.at += number.len();
        number
    }

    #[inline]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut magnitude: u64 = 0;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(digits) {
            magnitude = magnitude
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0'));
            digits += 1;
        }
        let plain = match rest.get(digits) {
            Some(b'.' | b'e' | b'E') => false,
            // 19 digits always fit into 64 bits.
            _ => digits == 1 || (1 < digits && digits <= 19 && rest[0] != b'0'),
        };
        if !plain {
            return self.unusual_number(visitor);
        }
        self.at += digits;
        visitor.visit_u64(magnitude)
    }

    /// A number that is negative, longer than 19 digits, or has a fraction or an exponent.
    fn unusual_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let text = self.number_text();
        // Minus zero is not an integer.
        if let Some(integer) = number::integer(text).filter(|integer| *integer != 0) {
            if let Ok(integer) = u64::try_from(integer) {
                return visitor.visit_u64(integer);
            }
            if let Ok(integer) = i64::try_from(integer) {
                return visitor.visit_i64(integer);
            }
        }
        if !number::is_number(text) {
            return Err(self.fault("a number that JSON does not have"));
        }
        match number::float(text) {
            Some(float) => visitor.visit_f64(float),
            None => Err(self.fault("the number is out of range")),
        }
    }
}

/// Says where in the text the visitor of a value failed.
macro_rules! placed {
    ($parser:ident, $read:expr) => {{
        let read = $read;
        read.map_err(|error: Error| error.at($parser.at))
    }};
}

impl<'de> Deserializer<'de> for &mut Parser<'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => placed!(self, visitor.visit_borrowed_str(text)),
                Cow::Owned(text) => placed!(self, visitor.visit_string(text)),
            },
            Some(b'{') => self.within(b'}', |parser| visitor.visit_map(Elements::of(parser))),
            Some(b'[') => self.within(b']', |parser| visitor.visit_seq(Elements::of(parser))),
            Some(b'-' | b'0'..=b'9') => placed!(self, self.number(visitor)),
            Some(b't') => {
                self.literal("true")?;
                placed!(self, visitor.visit_bool(true))
            }
            Some(b'f') => {
                self.literal("false")?;
                placed!(self, visitor.visit_bool(false))
            }
            Some(b'n') => {
                self.literal("null")?;
                placed!(self, visitor.visit_unit())
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(b'n') {
            self.literal("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => {
                let variant = self.string()?;
                placed!(self, visitor.visit_enum(variant.into_deserializer()))
            }
            Some(b'{') => self.within(b'}', |parser| {
                visitor.visit_enum(MapAccessDeserializer::new(Elements::of(parser)))
            }),
            _ => Err(self.unexpected("a variant of an enum")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return self.deserialize_any(visitor);
        }
        // A number of any size can be ignored.
        if number::is_number(self.number_text()) {
            return visitor.visit_unit();
        }
        Err(self.fault("a number that JSON does not have"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// What stands between brackets, one after the other.
struct Elements<'a, 'de> {
    parser: &'a mut Parser<'de>,
    first: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    fn of(parser: &'a mut Parser<'de>) -> Self {
        Self {
            parser,
            first: true,
        }
    }

    /// Goes to the next element; returns whether there is one.
    #[inline]
    fn next(&mut self, close: u8) -> Result<bool, Error> {
        match self.parser.peek() {
            Some(byte) if byte == close => return Ok(false),
            Some(b',') if !self.first => {
                self.parser.at += 1;
                if self.parser.peek() == Some(close) {
                    return Err(self.parser.unexpected("another element"));
                }
            }
            Some(_) if self.first => {}
            _ => return Err(self.parser.unexpected("a comma")),
        }
        self.first = false;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.next(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.parser).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        if self.parser.peek() != Some(b'"') {
            return Err(self.parser.unexpected("a key in quotes"));
        }
        let parser = &mut *self.parser;
        placed!(
            parser,
            seed.deserialize(Key {
                parser: &mut *parser
            })
        )
        .map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.parser.consume(b':', "a colon")?;
        seed.deserialize(&mut *self.parser)
    }
}

/// Reads a key, which is the next string.
struct Key<'a, 'de> {
    parser: &'a mut Parser<'de>,
}

macro_rules! scalar_keys {
    ($($method:ident: $type:ty => $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let key = self.parser.string()?;
            match key.parse::<$type>() {
                Ok(key) => visitor.$visit(key),
                Err(_) => Err(de::Error::invalid_type(de::Unexpected::Str(&key), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.parser.string()? {
            Cow::Borrowed(key) => visitor.visit_borrowed_str(key),
            Cow::Owned(key) => visitor.visit_string(key),
        }
    }

    scalar_keys! {
        deserialize_bool: bool => visit_bool;
        deserialize_i8: i8 => visit_i8;
        deserialize_i16: i16 => visit_i16;
        deserialize_i32: i32 => visit_i32;
        deserialize_i64: i64 => visit_i64;
        deserialize_u8: u8 => visit_u8;
        deserialize_u16: u16 => visit_u16;
        deserialize_u32: u32 => visit_u32;
        deserialize_u64: u64 => visit_u64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.parser.string()?.into_deserializer())
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}
