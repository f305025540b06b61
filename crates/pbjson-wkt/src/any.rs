//! `google.protobuf.Any`, and the registry of types that its JSON needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{self, Serialize, SerializeMap as _, Serializer};

use crate::excerpt::excerpt;
use crate::json::tree::{Level, ToTree, Tree, TreeError};
use crate::json::{self, Unknown};

/// Any message, as bytes with the name of its type: `google.protobuf.Any`.
///
/// Specified in [any.proto] and, for JSON, in [ProtoJSON].
///
/// # JSON
///
/// The object of the message with a key `@type` in front: `{"@type":
/// "type.googleapis.com/demo.v1.Greeting", "text": "hello"}`. Types whose own JSON is special, such
/// as [`Duration`](crate::Duration), stand under the key `value`. To find the message behind a
/// name, its type has to be known: the types of this crate are, others are added with [`register`],
/// which generated code does in the `register_json_types()` of each package. An `Any` of an
/// unknown type cannot be written or read as JSON, and neither can one whose type has no slash in
/// front or in which messages nest deeper than 100 levels.
///
/// # Examples
///
/// ```
/// use pbjson_wkt::{Any, Duration};
///
/// let any = Any::pack(&Duration::new(1, 500_000_000)?);
/// let json = serde_json::to_string(&any)?;
/// assert_eq!(json, r#"{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}"#);
/// assert_eq!(serde_json::from_str::<Any>(&json)?, any);
/// assert_eq!(any.unpack::<Duration>()?.seconds, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [any.proto]: https://protobuf.dev/reference/protobuf/google.protobuf/#any
/// [ProtoJSON]: https://protobuf.dev/programming-guides/json/#any
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Any {
    /// A URL whose last segment is the full name of the message's type.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message in the binary format.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

impl Any {
    /// Holds a message.
    #[must_use]
    pub fn pack<M: prost::Name>(message: &M) -> Self {
        Self {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: message.encode_to_vec(),
        }
    }

    /// Whether it holds a message of type `M`, by the name of the type.
    #[must_use]
    pub fn is<M: prost::Name>(&self) -> bool {
        self.type_name() == M::full_name()
    }

    /// The message that it holds.
    ///
    /// # Errors
    ///
    /// [`AnyError::OtherType`] or [`AnyError::Malformed`].
    pub fn unpack<M: prost::Name + Default>(&self) -> Result<M, AnyError> {
        if !self.is::<M>() {
            return Err(AnyError::OtherType {
                expected: M::full_name(),
                found: excerpt(self.type_name()),
            });
        }
        M::decode(self.value.as_slice()).map_err(|source| AnyError::Malformed {
            name: M::full_name(),
            source,
        })
    }

    /// The full name of the message's type, which is empty in an `Any` that holds nothing.
    #[must_use]
    pub fn type_name(&self) -> &str {
        type_name(&self.type_url)
    }
}

impl ::prost::Name for Any {
    const PACKAGE: &'static str = "google.protobuf";
    const NAME: &'static str = "Any";

    fn type_url() -> String {
        "type.googleapis.com/google.protobuf.Any".to_owned()
    }
}

/// Why a message cannot be taken out of an [`Any`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnyError {
    /// It holds a message of another type.
    #[error("google.protobuf.Any holds {found:?}, not {expected}: ask for the type that it names")]
    OtherType {
        /// The full name of the type that was asked for.
        expected: String,
        /// The full name of the type that it holds, shortened when it is long.
        found: String,
    },
    /// Its bytes are not a message of the type that it names.
    #[error("google.protobuf.Any holds bytes that are not a {name}: {source}")]
    Malformed {
        /// The full name of the type.
        name: String,
        /// What is wrong with the bytes.
        source: prost::DecodeError,
    },
}

fn type_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

/// A type of message that an [`Any`] can hold in JSON.
#[derive(Clone, Copy)]
pub struct AnyType {
    name: &'static str,
    /// Whether its JSON stands under the key `value`.
    special: bool,
    write: fn(&[u8]) -> Result<Tree, TreeError>,
    read: fn(Tree) -> Result<Vec<u8>, TreeError>,
}

impl fmt::Debug for AnyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyType").field(&self.name).finish()
    }
}

impl AnyType {
    /// The type `M`, whose JSON is an object, with its full protobuf name.
    #[must_use]
    pub const fn new<M>(name: &'static str) -> Self
    where
        M: prost::Message + Default + Serialize + DeserializeOwned,
    {
        Self {
            name,
            special: false,
            write: |bytes| {
                M::decode(bytes)
                    .map_err(ser::Error::custom)?
                    .serialize(ToTree)
            },
            read: |tree| Ok(M::deserialize(tree)?.encode_to_vec()),
        }
    }

    /// The JSON of a message of this type.
    fn tree(&self, bytes: &[u8]) -> Result<Tree, TreeError> {
        // The object with the key `value` is around it already, and it counts before what is in
        // it is made: an `Any` in an `Any` in an `Any` would otherwise be followed without end.
        let _level = if self.special {
            Some(Level::open()?)
        } else {
            None
        };
        (self.write)(bytes)
    }

    const fn special<M>(name: &'static str) -> Self
    where
        M: prost::Message + Default + Serialize + DeserializeOwned,
    {
        Self {
            special: true,
            ..Self::new::<M>(name)
        }
    }
}

static TYPES: LazyLock<RwLock<HashMap<&'static str, AnyType>>> = LazyLock::new(|| {
    let own = [
        AnyType::special::<Any>("google.protobuf.Any"),
        AnyType::special::<crate::Duration>("google.protobuf.Duration"),
        AnyType::new::<crate::Empty>("google.protobuf.Empty"),
        AnyType::special::<crate::FieldMask>("google.protobuf.FieldMask"),
        AnyType::special::<crate::Struct>("google.protobuf.Struct"),
        AnyType::special::<crate::Value>("google.protobuf.Value"),
        AnyType::special::<crate::ListValue>("google.protobuf.ListValue"),
        AnyType::special::<crate::Timestamp>("google.protobuf.Timestamp"),
        AnyType::special::<crate::BoolValue>("google.protobuf.BoolValue"),
        AnyType::special::<crate::BytesValue>("google.protobuf.BytesValue"),
        AnyType::special::<crate::DoubleValue>("google.protobuf.DoubleValue"),
        AnyType::special::<crate::FloatValue>("google.protobuf.FloatValue"),
        AnyType::special::<crate::Int32Value>("google.protobuf.Int32Value"),
        AnyType::special::<crate::Int64Value>("google.protobuf.Int64Value"),
        AnyType::special::<crate::StringValue>("google.protobuf.StringValue"),
        AnyType::special::<crate::UInt32Value>("google.protobuf.UInt32Value"),
        AnyType::special::<crate::UInt64Value>("google.protobuf.UInt64Value"),
    ];
    RwLock::new(own.into_iter().map(|each| (each.name, each)).collect())
});

/// Makes types known to the JSON of every [`Any`] in this process. Doing it again changes nothing.
pub fn register(types: &[AnyType]) {
    let mut known = TYPES.write().unwrap_or_else(PoisonError::into_inner);
    for each in types {
        known.entry(each.name).or_insert(*each);
    }
}

fn find(url: &str) -> Result<AnyType, TreeError> {
    if !url.contains('/') {
        return Err(ser::Error::custom(format_args!(
            "the type {:?} in google.protobuf.Any has no slash before its name: write \
             type.googleapis.com/ in front",
            excerpt(url)
        )));
    }
    let known = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    known.get(type_name(url)).copied().ok_or_else(|| {
        ser::Error::custom(format_args!(
            "the type {:?} in google.protobuf.Any is not known: register it",
            excerpt(url)
        ))
    })
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.type_url.is_empty() && self.value.is_empty() {
            return serializer.serialize_map(Some(0))?.end();
        }
        let known = find(&self.type_url).map_err(ser::Error::custom)?;
        let tree = known.tree(&self.value).map_err(ser::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@type", &self.type_url)?;
        match tree {
            Tree::Object(entries) if !known.special => {
                for (key, value) in &entries {
                    map.serialize_entry(key, value)?;
                }
            }
            tree => map.serialize_entry("value", &tree)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tree::Object(mut entries) = Tree::deserialize(deserializer)? else {
            return Err(de::Error::custom(
                "expected an object with a key @type for google.protobuf.Any",
            ));
        };
        if entries.is_empty() {
            return Ok(Self::default());
        }
        let Some(at) = entries.iter().position(|(key, _)| key == "@type") else {
            return Err(de::Error::missing_field("@type"));
        };
        let Tree::Text(type_url) = entries.remove(at).1 else {
            return Err(de::Error::custom("@type is not a string"));
        };
        if entries.iter().any(|(key, _)| key == "@type") {
            return Err(de::Error::duplicate_field("@type"));
        }
        let known = find(&type_url).map_err(de::Error::custom)?;
        let tree = if known.special {
            only_value(entries).map_err(de::Error::custom)?
        } else {
            Tree::Object(entries)
        };
        let value = (known.read)(tree).map_err(de::Error::custom)?;
        Ok(Self { type_url, value })
    }
}

/// What stands under the key `value`, beside which nothing belongs.
fn only_value(entries: Vec<(String, Tree)>) -> Result<Tree, TreeError> {
    let mut found = None;
    for (key, tree) in entries {
        if key == "value" {
            if found.replace(tree).is_some() {
                return Err(de::Error::duplicate_field("value"));
            }
        } else if json::unknown() == Unknown::Reject {
            return Err(de::Error::unknown_field(&excerpt(&key), &["value"]));
        }
    }
    found.ok_or_else(|| de::Error::missing_field("value"))
}
