//! The runtime under generated JSON: what every message, field and enum shares.
//!
//! Code that `tonic-connect-build` generates implements [`Message`] for each message and
//! [`Enumeration`] for each enum, as tables and calls of the functions here, and derives its
//! [`serde`] implementations from them with [`serialize`] and [`deserialize`]. All rules of
//! [ProtoJSON] live here, once: what a number may look like, what `null` means, what is a
//! duplicate.
//!
//! It works with any self-describing format of serde. Keys are matched while they are read and
//! never stored; numbers go to the writer through the stack.
//!
//! What is unknown to the schema is decided at run time, by [`with_unknown`]:
//!
//! ```
//! use pbjson_wkt::{Empty, json::{Unknown, with_unknown}};
//!
//! let text = r#"{"ofTomorrow": 1}"#;
//! assert!(serde_json::from_str::<Empty>(text).is_ok());
//! assert!(with_unknown(Unknown::Reject, || serde_json::from_str::<Empty>(text)).is_err());
//! ```
//!
//! [ProtoJSON]: https://protobuf.dev/programming-guides/json/

mod enumeration;
mod error;
mod escape;
mod field;
mod field_map;
mod key;
mod kind;
mod message;
mod name;
mod number;
mod parse;
pub(crate) mod plain;
mod scalar;
mod text;
mod to_bytes;
mod to_plain;
mod to_size;
pub(crate) mod tree;
mod unknown;

pub use enumeration::{Enum, Enumeration, Null, deserialize_enum, serialize_enum};
pub use error::Error;
pub use field::{
    map, oneof, optional, put, put_map, put_optional, put_repeated, put_singular, repeated,
    singular,
};
pub use field_map::FieldMap;
pub use key::MapKey;
pub use kind::{Embedded, Kind, OrNull, Read};
pub use message::{Message, deserialize, serialize};
pub use name::Name;
pub use parse::{from_slice, from_str};
pub use scalar::{Bool, Bytes, Double, Float, Int32, Int64, Text, UInt32, UInt64};
pub use to_bytes::{append, to_string, to_vec};
pub use to_size::size_hint;
pub use unknown::{Unknown, with_unknown};

pub(crate) use unknown::current as unknown;
