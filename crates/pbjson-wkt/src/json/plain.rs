//! Values that are short ASCII text in JSON, with nothing to escape: times and 64-bit integers.
//!
//! They go to any serializer as a newtype around a string. Our own writer and sizer know the
//! newtypes by their names, so that the sizer does not have to print the value, and the writer neither
//! has to look for characters to escape nor needs proof that the bytes are a `str`: inside of the
//! newtype it takes the pieces of the text as a list of bytes, and shows that it does by not calling
//! itself human-readable there.

use serde::ser::{self, Serialize, SerializeSeq, Serializer};

use crate::decimal::{Integer, Pieces, Print, Text};

/// The name of the newtype around a timestamp or a duration.
pub(super) const TIME: &str = "pbjson_wkt::Time";
/// The name of the newtype around an integer.
pub(super) const INTEGER: &str = "pbjson_wkt::Integer";

/// Writes a timestamp or a duration.
///
/// # Errors
/// Of the writer, or for a value without a text.
#[inline]
pub(crate) fn serialize_time<S: Serializer>(
    value: impl Print,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let readable = serializer.is_human_readable();
    serializer.serialize_newtype_struct(TIME, &Plain { value, readable })
}

/// Writes an integer as a string.
///
/// # Errors
/// Of the writer.
#[inline]
pub(super) fn serialize_integer<S: Serializer>(
    negative: bool,
    magnitude: u64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let value = Integer {
        negative,
        magnitude,
    };
    let readable = serializer.is_human_readable();
    serializer.serialize_newtype_struct(INTEGER, &Plain { value, readable })
}

struct Plain<V> {
    value: V,
    /// Whether the serializer around the newtype calls itself human-readable.
    readable: bool,
}

impl<V: Print> Serialize for Plain<V> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.readable && !serializer.is_human_readable() {
            // Printed in place: to move what was just written byte by byte makes a processor wait.
            let mut pieces = Elements {
                seq: serializer.serialize_seq(None)?,
                written: Ok(()),
            };
            self.value.print(&mut pieces).map_err(ser::Error::custom)?;
            pieces.written?;
            return pieces.seq.end();
        }
        let mut text = Text::new();
        self.value.print(&mut text).map_err(ser::Error::custom)?;
        serializer.serialize_str(text.as_str())
    }
}

/// The pieces of a text as the elements of a list.
struct Elements<Q: SerializeSeq> {
    seq: Q,
    written: Result<(), Q::Error>,
}

impl<Q: SerializeSeq> Pieces for Elements<Q> {
    #[inline]
    fn push(&mut self, piece: &[u8]) {
        if self.written.is_ok() {
            self.written = self.seq.serialize_element(&Piece(piece));
        }
    }
}

struct Piece<'a>(&'a [u8]);

impl Serialize for Piece<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
