//! The codec axis: how a message becomes bytes, whatever protocol carries it.
//!
//! Both codecs read from one contiguous [`Bytes`] and append to one `Vec<u8>`, so that a unary call costs one buffer in
//! each direction. Framing and compression are other axes and stand elsewhere.

use bytes::Bytes;
use pbjson_wkt::json;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::json_path::json_path_at;

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// The protobuf binary format.
    #[default]
    Proto,
    /// The protobuf JSON mapping, by the messages' serde implementations: exact for messages of our generator, and
    /// whatever the other one wrote for those of others.
    Json,
}

impl Codec {
    /// The name in content types and query strings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::Json => "json",
        }
    }

    /// Reads one message in the binary format.
    ///
    /// # Errors
    /// `invalid_argument` for bytes that are not one whole message.
    pub(crate) fn read_proto<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
        M::decode(bytes)
            .map_err(|error| Status::invalid_argument(format!("invalid protobuf message: {error}")))
    }

    /// Reads one message in JSON.
    ///
    /// # Errors
    /// `invalid_argument` which says what is wrong and where, for bytes that are not one whole message.
    pub(crate) fn read_json<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, Status> {
        json::from_slice(bytes).map_err(|error| invalid_json(bytes, &error))
    }

    /// Appends one message in the binary format to `out`, after room for a prefix of so many bytes, and makes all of
    /// the room at once: a response is one allocation.
    pub(crate) fn write_proto<M: Message>(message: &M, prefix: usize, out: &mut Vec<u8>) {
        let start = out.len() + prefix;
        out.resize(start + message.encoded_len(), 0);
        // Into a slice, since each byte that is pushed asks a vector to grow.
        let mut rest = &mut out[start..];
        message.encode_raw(&mut rest);
        let unwritten = rest.len();
        out.truncate(out.len() - unwritten);
    }

    /// Appends one message in JSON to `out`, as [`write_proto`](Self::write_proto) does.
    ///
    /// # Errors
    /// `internal` for a message that has no JSON form, such as a timestamp out of range.
    pub(crate) fn write_json<M: Serialize>(
        message: &M,
        prefix: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let start = out.len() + prefix;
        // Rarely too little.
        out.reserve(prefix + json::size_hint(message));
        out.resize(start, 0);
        json::append(message, out)
            .map_err(|error| Status::internal(format!("the message has no JSON form: {error}")))
    }
}

/// Says what is wrong with the JSON, and in which field when that is known.
fn invalid_json(bytes: &[u8], error: &json::Error) -> Status {
    if bytes.is_empty() {
        return Status::invalid_argument(
            "invalid JSON message: the body is empty, send at least {}",
        );
    }
    match json_path_at(bytes, error.offset().unwrap_or_default()) {
        path if path.is_empty() => {
            Status::invalid_argument(format!("invalid JSON message: {error}"))
        }
        path => Status::invalid_argument(format!("invalid JSON message: {path}: {error}")),
    }
}
