//! `google.protobuf.FieldMask`.

use std::fmt;

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
/// `"metadata.name,spec.desiredPhase"`. A path that would not come back the same, such as one with
/// an upper-case letter or two underscores in a row, has no JSON form and is an error.
///
/// ```
/// use pbjson_wkt::FieldMask;
///
/// let mask: FieldMask = serde_json::from_str(r#""spec.desiredPhase,id""#)?;
/// assert_eq!(mask.paths, ["spec.desired_phase", "id"]);
/// assert!(serde_json::from_str::<FieldMask>(r#""desired_phase""#).is_err());
/// # Ok::<(), serde_json::Error>(())
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

impl ::prost::Name for FieldMask {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "FieldMask";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.FieldMask".to_owned()
    }
}

/// Appends the path in lower camel case; returns whether it would come back the same.
fn to_camel(path: &str, out: &mut String) -> bool {
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '_' => match characters.next() {
                Some(letter) if letter.is_ascii_lowercase() => {
                    out.push(letter.to_ascii_uppercase());
                }
                _ => return false,
            },
            _ if character.is_ascii_uppercase() => return false,
            _ => out.push(character),
        }
    }
    true
}

/// The path in snake case, or `None` when it has an underscore already.
fn to_snake(path: &str) -> Option<String> {
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
        let mut text = String::new();
        for (index, path) in self.paths.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if !to_camel(path, &mut text) {
                return Err(ser::Error::custom(format_args!(
                    "the path {:?} has no JSON form: write it in lower snake case",
                    excerpt(path)
                )));
            }
        }
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
                if text.is_empty() {
                    return Ok(FieldMask::default());
                }
                let paths = text
                    .split(',')
                    .map(|path| {
                        to_snake(path).ok_or_else(|| {
                            E::custom(format_args!(
                                "the path {:?} is not in lower camel case",
                                excerpt(path)
                            ))
                        })
                    })
                    .collect::<Result<_, E>>()?;
                Ok(FieldMask { paths })
            }
        }

        deserializer.deserialize_str(MaskVisitor)
    }
}
