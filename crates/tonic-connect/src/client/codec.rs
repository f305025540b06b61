//! The crate's codecs behind tonic's trait, for a client.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::codec::{DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

use crate::codec::Codec;
use crate::codecs::{Reads, Writes};

/// One call's codec, of those that the messages have: `E` goes out, `D` comes back.
pub(super) struct MessageCodec<C, E, D> {
    codec: Codec,
    types: PhantomData<fn(C, E) -> D>,
}

impl<C, E, D> MessageCodec<C, E, D> {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            types: PhantomData,
        }
    }
}

impl<C, E, D> tonic::codec::Codec for MessageCodec<C, E, D>
where
    C: Writes<E> + Reads<D>,
    E: Message + 'static,
    D: Send + Sync + 'static,
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

impl<C: Writes<E>, E: Message, D> Encoder for MessageCodec<C, E, D> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if self.codec == Codec::Proto {
            buffer.reserve(message.encoded_len());
            message.encode_raw(buffer);
            return Ok(());
        }
        let mut text = Vec::new();
        C::write(self.codec, &message, 0, &mut text)?;
        buffer.put_slice(&text);
        Ok(())
    }
}

impl<C: Reads<D>, E, D> Decoder for MessageCodec<C, E, D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        read::<C, D>(self.codec, bytes).map(Some)
    }
}

/// Reads the message of a response.
pub(super) fn read<C: Reads<D>, D>(codec: Codec, bytes: Bytes) -> Result<D, Status> {
    C::read(codec, bytes).map_err(|status| {
        // The server's fault, not the caller's.
        Status::new(
            Code::Internal,
            format!(
                "the response cannot be read: {message}",
                message = status.message()
            ),
        )
    })
}
