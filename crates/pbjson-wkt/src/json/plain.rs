//! Values that are short ASCII text in JSON, with nothing to escape: times and 64-bit integers.
//!
//! They go to any serializer as a newtype around a string. Our own writer and sizer know the
//! newtypes by their names, so that the sizer does not have to print the value, and the writer neither
//! has to look for characters to escape nor needs proof that the bytes are a `str`: inside of the
//! newtype it takes the bytes, which it shows by not calling itself human-readable there.

use std::convert::Infallible;
use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use crate::decimal::Text;

/// The name of the newtype around a timestamp or a duration.
pub(super) const TIME: &str = "pbjson_wkt::Time";
/// The name of the newtype around an integer.
pub(super) const INTEGER: &str = "pbjson_wkt::Integer";

/// Writes a timestamp or a duration.
///
/// # Errors
/// Of the writer, or of `print`.
#[inline]
pub(crate) fn serialize_time<S: Serializer, E: fmt::Display>(
    print: impl Fn(&mut Text) -> Result<(), E>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let readable = serializer.is_human_readable();
    serializer.serialize_newtype_struct(TIME, &Plain { print, readable })
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
    let print = |text: &mut Text| {
        text.set_integer(negative, magnitude);
        Ok::<_, Infallible>(())
    };
    let readable = serializer.is_human_readable();
    serializer.serialize_newtype_struct(INTEGER, &Plain { print, readable })
}

struct Plain<P> {
    print: P,
    /// Whether the serializer around the newtype calls itself human-readable.
    readable: bool,
}

impl<P: Fn(&mut Text) -> Result<(), E>, E: fmt::Display> Serialize for Plain<P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Printed in place: to move what was just written byte by byte makes a processor wait.
        let mut text = Text::new();
        (self.print)(&mut text).map_err(ser::Error::custom)?;
        if self.readable && !serializer.is_human_readable() {
            return serializer.serialize_bytes(text.as_bytes());
        }
        serializer.serialize_str(text.as_str())
    }
}
