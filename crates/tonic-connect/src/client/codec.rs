//! The crate's codecs behind tonic's trait, for a client.

use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::codec::{DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

use crate::codec::Codec;

/// One call's codec: `E` goes out, `D` comes back.
pub(super) struct MessageCodec<E, D> {
    codec: Codec,
    types: PhantomData<fn(E) -> D>,
}

impl<E, D> MessageCodec<E, D> {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            types: PhantomData,
        }
    }
}

impl<E, D> tonic::codec::Codec for MessageCodec<E, D>
where
    E: Message + Serialize + 'static,
    D: Message + Default + DeserializeOwned + 'static,
{
    type Encode = E;
    type Decode = D;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::new(self.codec)
    }

    fn decoder(&mut self) -> Self {
        Self::new(self.codec)
    }
}

impl<E: Message + Serialize, D> Encoder for MessageCodec<E, D> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if self.codec == Codec::Proto {
            buffer.reserve(message.encoded_len());
            message.encode_raw(buffer);
            return Ok(());
        }
        let mut json = Vec::new();
        self.codec.encode(&message, 0, &mut json)?;
        buffer.put_slice(&json);
        Ok(())
    }
}

impl<E, D: Message + Default + DeserializeOwned> Decoder for MessageCodec<E, D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let decoded = self.codec.decode(bytes).map_err(|status| {
            // The server's fault, not the caller's.
            Status::new(
                Code::Internal,
                format!(
                    "the response cannot be read: {message}",
                    message = status.message()
                ),
            )
        })?;
        Ok(Some(decoded))
    }
}
