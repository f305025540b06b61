//! Values that are short ASCII text in JSON, with nothing to escape: times and 64-bit integers.
//!
//! They go to any serializer as a newtype around a string. Our own writer and sizer know the
//! newtype by its name, so that the sizer does not have to print the value, and the writer neither
//! has to look for characters to escape nor needs proof that the bytes are a `str`: inside of the
//! newtype it takes the bytes, which it shows by not calling itself human-readable there.

use serde::ser::{self, Serialize, Serializer};

use crate::decimal::Text;

/// The name of the newtype.
pub(super) const PLAIN: &str = "pbjson_wkt::json::Plain";
/// The room for the longest of such values, with quotes.
pub(super) const PLAIN_LEN: usize = Text::LEN + 2;

/// Writes the text that `print` gives, as a string.
///
/// # Errors
/// Of the writer, or of `print`.
pub(crate) fn serialize_plain<S: Serializer, E: std::fmt::Display>(
    print: impl Fn() -> Result<Text, E>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let readable = serializer.is_human_readable();
    serializer.serialize_newtype_struct(PLAIN, &Plain { print, readable })
}

struct Plain<P> {
    print: P,
    /// Whether the serializer around the newtype calls itself human-readable.
    readable: bool,
}

impl<P: Fn() -> Result<Text, E>, E: std::fmt::Display> Serialize for Plain<P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = (self.print)().map_err(ser::Error::custom)?;
        if self.readable && !serializer.is_human_readable() {
            return serializer.serialize_bytes(text.as_bytes());
        }
        serializer.serialize_str(text.as_str())
    }
}
