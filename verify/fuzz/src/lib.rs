//! What the targets share: for JSON the types, and what must hold of each; for RPC [`http`].
//!
//! A target is one file in `src/bin` with seeds in the folder of its name in `corpus`; `run` finds
//! it there.

pub mod http;

#[allow(missing_docs, clippy::all)]
mod proto3 {
    include!(concat!(
        env!("OUT_DIR"),
        "/protobuf_test_messages.proto3.rs"
    ));
}

use std::sync::Once;

use pbjson_wkt::json::{self, Unknown, with_unknown};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type of message, as the functions that check something of it.
pub struct Type {
    /// Reads bytes as JSON, whatever is in them.
    pub read_json: fn(&[u8]),
    /// Reads bytes as binary; what can be printed can be read again.
    pub print_binary: fn(&[u8]),
    /// Reads bytes as JSON; if that works, every way back gives the same message.
    pub keep_json: fn(&[u8]),
}

impl Type {
    const fn of<M: Message + Default + Serialize + DeserializeOwned>() -> Self {
        Self {
            read_json: |bytes| {
                for unknown in [Unknown::Reject, Unknown::IgnoreFields, Unknown::Ignore] {
                    with_unknown(unknown, || {
                        let _ = serde_json::from_slice::<M>(bytes);
                        let _ = json::from_slice::<M>(bytes);
                    });
                }
                if let Ok(text) = str::from_utf8(bytes) {
                    formats_agree::<M>(text);
                }
            },
            print_binary: |bytes| {
                let Ok(message) = M::decode(bytes) else {
                    return;
                };
                for format in FORMATS {
                    if let Ok(text) = format.print(&message) {
                        comes_back::<M>(format, &text);
                    }
                }
            },
            keep_json: |bytes| {
                let Ok(text) = str::from_utf8(bytes) else {
                    return;
                };
                for format in FORMATS {
                    let Ok(message) = format.read::<M>(text) else {
                        continue;
                    };
                    let text = format
                        .print(&message)
                        .unwrap_or_else(|error| panic!("{error}"));
                    comes_back::<M>(format, &text);

                    // prost takes minus zero for the default and does not encode it.
                    if !text.contains(":-0") {
                        match M::decode(message.encode_to_vec().as_slice()) {
                            Ok(back) => same(&format.print(&back), &text),
                            Err(error) => too_deep(&error.to_string(), &text),
                        }
                    }
                }
            },
        }
    }
}

/// A reader and writer of JSON under the messages.
#[derive(Clone, Copy)]
enum Format {
    SerdeJson,
    Ours,
}

const FORMATS: [Format; 2] = [Format::SerdeJson, Format::Ours];

impl Format {
    /// Reads a message, without fields that it does not have.
    fn read<M: DeserializeOwned>(self, text: &str) -> Result<M, String> {
        with_unknown(Unknown::Reject, || match self {
            Self::SerdeJson => serde_json::from_str(text).map_err(|error| error.to_string()),
            Self::Ours => json::from_str(text).map_err(|error| error.to_string()),
        })
    }

    fn print(self, message: &impl Serialize) -> Result<String, String> {
        match self {
            Self::SerdeJson => serde_json::to_string(message).map_err(|error| error.to_string()),
            Self::Ours => {
                let bytes = json::to_vec(message).map_err(|error| error.to_string())?;
                Ok(String::from_utf8(bytes).expect("the writer's text is not UTF-8"))
            }
        }
    }
}

/// What was printed must be read as the same message. Only an `Any` can hold more levels than a
/// reader takes.
fn comes_back<M: Serialize + DeserializeOwned>(format: Format, text: &str) {
    match format.read::<M>(text) {
        Ok(back) => same(&format.print(&back), text),
        Err(error) => too_deep(&error, text),
    }
}

/// Both readers take the same texts, and both writers print the same of them.
fn formats_agree<M: Serialize + DeserializeOwned>(text: &str) {
    let theirs = Format::SerdeJson.read::<M>(text);
    let ours = Format::Ours.read::<M>(text);
    match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => {
            let printed = Format::SerdeJson
                .print(theirs)
                .unwrap_or_else(|error| panic!("{error}"));
            same(&Format::Ours.print(theirs), &printed);
            // serde_json rounds what has a fraction or an exponent before we see it.
            if !has_fraction(text) {
                same(&Format::Ours.print(ours), &printed);
            }
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => assert!(
            error.contains("deeper than") || has_fraction(text),
            "only serde_json reads {text}: {error}"
        ),
        (Err(error), Ok(_)) => assert!(has_fraction(text), "only we read {text}: {error}"),
    }
}

/// Whether there may be a number with a fraction or an exponent.
fn has_fraction(text: &str) -> bool {
    text.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'.' | b'e' | b'E'))
}

fn too_deep(error: &str, text: &str) {
    let known = error.contains("recursion limit") || error.contains("deeper than");
    assert!(known, "{error}: {text}");
}

fn same(printed: &Result<String, String>, text: &str) {
    let printed = printed
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(tree(printed), tree(text));
}

/// All well-known types, and the message that has a field of every kind.
pub static TYPES: &[Type] = &[
    Type::of::<proto3::TestAllTypesProto3>(),
    Type::of::<pbjson_wkt::Any>(),
    Type::of::<pbjson_wkt::Duration>(),
    Type::of::<pbjson_wkt::Empty>(),
    Type::of::<pbjson_wkt::FieldMask>(),
    Type::of::<pbjson_wkt::ListValue>(),
    Type::of::<pbjson_wkt::Struct>(),
    Type::of::<pbjson_wkt::Timestamp>(),
    Type::of::<pbjson_wkt::Value>(),
    Type::of::<pbjson_wkt::BoolValue>(),
    Type::of::<pbjson_wkt::BytesValue>(),
    Type::of::<pbjson_wkt::DoubleValue>(),
    Type::of::<pbjson_wkt::FloatValue>(),
    Type::of::<pbjson_wkt::Int32Value>(),
    Type::of::<pbjson_wkt::Int64Value>(),
    Type::of::<pbjson_wkt::StringValue>(),
    Type::of::<pbjson_wkt::UInt32Value>(),
    Type::of::<pbjson_wkt::UInt64Value>(),
];

/// Makes the types known to `Any`.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(proto3::register_json_types);
}

/// The text without the order of its keys, which is random in maps.
fn tree(text: &str) -> serde_json::Value {
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.disable_recursion_limit();
    serde::Deserialize::deserialize(&mut parser)
        .unwrap_or_else(|error| panic!("not JSON: {error}: {text}"))
}
