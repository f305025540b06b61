//! `google.protobuf.FieldMask`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{self, Serialize, Serializer};

use crate::excerpt::excerpt;

/// A set of paths to fields: `google.protobuf.FieldMask`.
///
/// Specified in [field_mask.proto] and, for JSON, in [ProtoJSON].
///
/// # JSON
///
/// One string with the paths in lower camel case, separated by commas:
/// `"metadata.name,spec.desiredPhase"`. [`fmt::Display`] and [`FromStr`] use the same form.
///
/// A path that would not come back the same has no JSON form: an empty one, one with an upper-case
/// letter or a comma, and one with an underscore before anything but a lower-case letter, such as
/// `line_2`. Serializing such a mask is an error. `Display` cannot fail, so it says that the value
/// is invalid and names the path.
///
/// ```
/// use pbjson_wkt::FieldMask;
///
/// let mask: FieldMask = serde_json::from_str(r#""spec.desiredPhase,id""#)?;
/// assert_eq!(mask, FieldMask::new(["spec.desired_phase", "id"])?);
/// assert_eq!(mask.to_string(), "spec.desiredPhase,id");
///
/// assert!("desired_phase".parse::<FieldMask>().is_err());
/// assert!(FieldMask::new(["desiredPhase"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [field_mask.proto]: https://protobuf.dev/reference/protobuf/google.protobuf/#field-mask
/// [ProtoJSON]: https://protobuf.dev/programming-guides/json/#field-masks
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FieldMask {
    /// The paths, by the names of fields in the `.proto` file.
    #[prost(string, repeated, tag = "1")]
    pub paths: Vec<String>,
}

impl FieldMask {
    /// A mask of paths, by the names of fields in the `.proto` file.
    ///
    /// # Errors
    ///
    /// [`FieldMaskError::NoJsonForm`] for the first path that has none.
    pub fn new<P: Into<String>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, FieldMaskError> {
        let mask = Self {
            paths: paths.into_iter().map(Into::into).collect(),
        };
        mask.to_text()?;
        Ok(mask)
    }

    /// Whether every path has a JSON form.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.to_text().is_ok()
    }

    fn to_text(&self) -> Result<String, FieldMaskError> {
        let length = self.paths.iter().map(|path| path.len() + 1).sum();
        let mut text = String::with_capacity(length);
        for (index, path) in self.paths.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if !to_camel(path, &mut text) {
                return Err(FieldMaskError::NoJsonForm {
                    path: excerpt(path),
                });
            }
        }
        Ok(text)
    }
}

/// Why a [`FieldMask`] cannot be made, read or printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldMaskError {
    /// A path that would not come back the same from JSON.
    #[error("the path {path:?} has no JSON form: write it in lower snake case")]
    NoJsonForm {
        /// The path, shortened when it is long.
        path: String,
    },
    /// A path of the JSON form that is empty or has an underscore.
    #[error("the path {path:?} is not in lower camel case")]
    Malformed {
        /// The path, shortened when it is long.
        path: String,
    },
}

impl fmt::Display for FieldMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Ok(text) => f.pad(&text),
            Err(error) => write!(f, "invalid field mask: {error}"),
        }
    }
}

impl FromStr for FieldMask {
    type Err = FieldMaskError;

    /// Reads the JSON form, without the quotes.
    ///
    /// # Errors
    ///
    /// [`FieldMaskError::Malformed`].
    fn from_str(text: &str) -> Result<Self, FieldMaskError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let snake = |path| {
            to_snake(path).ok_or_else(|| FieldMaskError::Malformed {
                path: excerpt(path),
            })
        };
        let paths = text.split(',').map(snake).collect::<Result<_, _>>()?;
        Ok(Self { paths })
    }
}

impl ::prost::Name for FieldMask {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "FieldMask";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.FieldMask".to_owned()
    }
}

/// Appends the path in lower camel case; returns whether it would come back the same.
fn to_camel(path: &str, out: &mut String) -> bool {
    if path.is_empty() {
        return false;
    }
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '_' => match characters.next() {
                Some(letter) if letter.is_ascii_lowercase() => {
                    out.push(letter.to_ascii_uppercase());
                }
                _ => return false,
            },
            ',' => return false,
            _ if character.is_ascii_uppercase() => return false,
            _ => out.push(character),
        }
    }
    true
}

/// The path in snake case, or `None` when it is empty or has an underscore already.
fn to_snake(path: &str) -> Option<String> {
    if path.is_empty() {
        return None;
    }
    let mut snake = String::with_capacity(path.len() + 4);
    for character in path.chars() {
        match character {
            '_' => return None,
            _ if character.is_ascii_uppercase() => {
                snake.push('_');
                snake.push(character.to_ascii_lowercase());
            }
            _ => snake.push(character),
        }
    }
    Some(snake)
}

impl Serialize for FieldMask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_text().map_err(ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for FieldMask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaskVisitor;

        impl Visitor<'_> for MaskVisitor {
            type Value = FieldMask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("paths in lower camel case, separated by commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FieldMask, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(MaskVisitor)
    }
}
