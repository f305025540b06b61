//! The implementation under test: each message of both schemas, from binary to JSON and back.

use pbjson_wkt::json::{Unknown, with_unknown};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One type of message.
#[derive(Clone, Copy)]
pub struct Codec {
    /// Prints a message.
    pub print: fn(&[u8]) -> Result<String, String>,
    /// Reads a message, into binary. Fields that the schema does not have are errors.
    pub parse: fn(&str) -> Result<Vec<u8>, String>,
}

impl Codec {
    /// The type `M`.
    pub const fn of<M: Message + Default + Serialize + DeserializeOwned>() -> Self {
        Self {
            print: |bytes| {
                let message = M::decode(bytes).map_err(|error| error.to_string())?;
                serde_json::to_string(&message).map_err(|error| error.to_string())
            },
            parse: |text| {
                let message: M = with_unknown(Unknown::Reject, || serde_json::from_str(text))
                    .map_err(|error| error.to_string())?;
                Ok(message.encode_to_vec())
            },
        }
    }
}

/// The top-level messages of both schemas, with their full names.
pub const CODECS: &[(&str, Codec)] = include!(concat!(env!("OUT_DIR"), "/codecs.rs"));
