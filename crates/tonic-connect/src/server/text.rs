//! The base64 around the bodies of `application/grpc-web-text`, for browsers that read no binary stream.
//!
//! A peer may encode its body as a whole or in pieces, each with padding of its own, and cut it anywhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use tonic::Status;

/// Decodes a body as it comes.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The first characters of a group of four.
    group: [u8; 4],
    filled: usize,
}

impl Decoder {
    /// Appends to `out` what `text` completes.
    ///
    /// # Errors
    /// `invalid_argument` for what is not base64.
    pub(super) fn decode(&mut self, mut text: impl Buf, out: &mut BytesMut) -> Result<(), Status> {
        out.reserve(text.remaining() / 4 * 3 + 3);
        while text.has_remaining() {
            for character in text.chunk() {
                self.group[self.filled] = *character;
                self.filled += 1;
                if self.filled == self.group.len() {
                    self.filled = 0;
                    let mut bytes = [0; 3];
                    let length =
                        STANDARD
                            .decode_slice(self.group, &mut bytes)
                            .map_err(|error| {
                                Status::invalid_argument(format!("the body is not base64: {error}"))
                            })?;
                    out.extend_from_slice(&bytes[..length]);
                }
            }
            text.advance(text.chunk().len());
        }
        Ok(())
    }

    /// Whether the body may end here.
    ///
    /// # Errors
    /// `invalid_argument` within a group of four.
    pub(super) fn finish(&self) -> Result<(), Status> {
        match self.filled {
            0 => Ok(()),
            filled => Err(Status::invalid_argument(format!(
                "the body is not base64: it ends after {filled} characters of a group of 4"
            ))),
        }
    }
}

/// A whole body or a piece of one, with padding of its own.
pub(super) fn encode(data: impl AsRef<[u8]>) -> Vec<u8> {
    STANDARD.encode(data).into_bytes()
}
