//! The implementation under test: each message of both schemas, from binary to JSON and back, with
//! our reader and writer of JSON and with serde_json's, which must agree.

use pbjson_wkt::json::{self, Unknown, with_unknown};
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
                let ours = json::to_vec(&message).map_err(|error| error.to_string())?;
                let ours = String::from_utf8(ours).map_err(|error| error.to_string())?;
                let other = serde_json::to_string(&message).map_err(|error| error.to_string())?;
                if tree(&ours)? != tree(&other)? {
                    return Err(format!("we write {ours}, serde_json {other}"));
                }
                Ok(ours)
            },
            parse: |text| {
                with_unknown(Unknown::Reject, || {
                    let ours: M = json::from_str(text).map_err(|error| error.to_string())?;
                    let other: M = serde_json::from_str(text).map_err(|error| error.to_string())?;
                    if !alike(&ours, &other)? {
                        return Err(format!("we read {text} otherwise than serde_json"));
                    }
                    Ok(ours.encode_to_vec())
                })
            },
        }
    }
}

fn tree(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// Whether two messages print the same, maps in any order.
fn alike<M: Serialize>(a: &M, b: &M) -> Result<bool, String> {
    let [a, b] = [a, b].map(|each| serde_json::to_string(each).map_err(|error| error.to_string()));
    Ok(tree(&a?)? == tree(&b?)?)
}

/// The top-level messages of both schemas, with their full names.
pub const CODECS: &[(&str, Codec)] = include!(concat!(env!("OUT_DIR"), "/codecs.rs"));
