//! The names of fields and of the values of enums, as they are written.

use serde::ser::{Serialize, Serializer};

/// The JSON name of a field or of an enum's value. Generated code makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    plain: &'static str,
    /// With what stands around it.
    quoted: &'static str,
}

impl Name {
    /// The name `plain`, with the text that is written for it, escaped where it has to be:
    /// `,"plain":` for a field, `"plain"` for the value of an enum.
    #[must_use]
    #[inline]
    pub const fn new(plain: &'static str, quoted: &'static str) -> Self {
        Self { plain, quoted }
    }
}

/// No enum has that many variants.
pub(super) const NAME: u32 = u32::MAX;

/// A name that nobody has to look at again is a unit variant in serde's model: the only static
/// text, which may be a key too. Our writer takes the quoted form, which stands in the place of
/// the enum's name; all others take the variant, which is the plain one.
impl Serialize for Name {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_variant(self.quoted, NAME, self.plain)
    }
}
