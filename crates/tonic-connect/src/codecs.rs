//! Which codecs the messages of a service have: the binary format always, JSON where they implement serde.
//!
//! A type says so, not a value: so that a service whose messages know nothing of serde is served and called as well, and
//! no message pays for the question.

use bytes::Bytes;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::codec::Codec;

mod sealed {
    pub trait Sealed {}
}

/// The codecs of a service's messages: [`ProtoAndJson`] or [`ProtoOnly`].
pub trait Codecs: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Whether JSON is one of them.
    const JSON: bool;
}

/// Codecs in which messages of type `M` are read.
pub trait Reads<M>: Codecs {
    /// Reads one message, in a codec of these.
    #[doc(hidden)]
    fn read(codec: Codec, bytes: Bytes) -> Result<M, Status>;
}

/// Codecs in which messages of type `M` are written.
pub trait Writes<M>: Codecs {
    /// Appends one message to `out`, in a codec of these, after room for a prefix of so many bytes.
    #[doc(hidden)]
    fn write(codec: Codec, message: &M, prefix: usize, out: &mut Vec<u8>) -> Result<(), Status>;
}

/// Messages have both codecs: those of our generator do, unless it is told `json(false)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtoAndJson;

impl sealed::Sealed for ProtoAndJson {}

impl Codecs for ProtoAndJson {
    const JSON: bool = true;
}

impl<M: Message + Default + DeserializeOwned> Reads<M> for ProtoAndJson {
    fn read(codec: Codec, bytes: Bytes) -> Result<M, Status> {
        match codec {
            Codec::Proto => Codec::read_proto(bytes),
            Codec::Json => Codec::read_json(&bytes),
        }
    }
}

impl<M: Message + Serialize> Writes<M> for ProtoAndJson {
    fn write(codec: Codec, message: &M, prefix: usize, out: &mut Vec<u8>) -> Result<(), Status> {
        match codec {
            Codec::Proto => Codec::write_proto(message, prefix, out),
            Codec::Json => return Codec::write_json(message, prefix, out),
        }
        Ok(())
    }
}

/// Messages have the binary format alone. Who asks for JSON is refused as who asks for any content type that there is
/// not; errors over Connect are JSON all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtoOnly;

impl sealed::Sealed for ProtoOnly {}

impl Codecs for ProtoOnly {
    const JSON: bool = false;
}

impl<M: Message + Default> Reads<M> for ProtoOnly {
    fn read(codec: Codec, bytes: Bytes) -> Result<M, Status> {
        match codec {
            Codec::Proto => Codec::read_proto(bytes),
            Codec::Json => Err(no_json()),
        }
    }
}

impl<M: Message> Writes<M> for ProtoOnly {
    fn write(codec: Codec, message: &M, prefix: usize, out: &mut Vec<u8>) -> Result<(), Status> {
        match codec {
            Codec::Proto => Codec::write_proto(message, prefix, out),
            Codec::Json => return Err(no_json()),
        }
        Ok(())
    }
}

/// Not reached: JSON is refused where codecs are negotiated, and cannot be chosen for a client.
fn no_json() -> Status {
    Status::internal("the messages of this service have no JSON")
}
