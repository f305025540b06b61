//! The five-byte envelope around each message that gRPC, gRPC-Web and Connect streams share: one byte of flags, the
//! length of the payload as a big-endian `u32`, the payload.
//!
//! What a flag means beyond [`COMPRESSED`] belongs to the protocol that uses it.

use bytes::Bytes;
use tonic::Status;

use crate::compression::Compression;

/// The bytes before a payload.
pub(crate) const PREFIX_LEN: usize = 5;

/// The payload is compressed with the encoding that the headers name.
pub(crate) const COMPRESSED: u8 = 0b0000_0001;

/// One envelope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// What the payload is.
    pub(crate) flags: u8,
    /// The message or end-of-stream block, as it came.
    pub(crate) payload: Bytes,
}

/// The flags and the length of the payload, when the whole prefix is there.
pub(crate) fn read_prefix(bytes: &[u8]) -> Option<(u8, usize)> {
    let [flags, a, b, c, d] = *bytes.first_chunk::<PREFIX_LEN>()?;
    // A `u32` fits: the standard library's smallest `usize` with an allocator that matters here is 32 bits wide.
    Some((flags, u32::from_be_bytes([a, b, c, d]) as usize))
}

/// Reads an envelope off the front of a body that has come whole, without copying; `None` at its end.
///
/// # Errors
/// `resource_exhausted` when the payload is longer than `limit` bytes, `invalid_argument` when the body ends inside.
pub(crate) fn split_whole(body: &mut Bytes, limit: usize) -> Result<Option<Envelope>, Status> {
    if body.is_empty() {
        return Ok(None);
    }
    let Some((flags, length)) = read_prefix(body) else {
        return Err(incomplete(body));
    };
    check_length(length, limit)?;
    if body.len() - PREFIX_LEN < length {
        return Err(incomplete(body));
    }
    let mut envelope = body.split_to(PREFIX_LEN + length);
    Ok(Some(Envelope {
        flags,
        payload: envelope.split_off(PREFIX_LEN),
    }))
}

/// The status for a body that ends within the envelope that `rest` begins with.
pub(crate) fn incomplete(rest: &[u8]) -> Status {
    match read_prefix(rest) {
        None => truncated(PREFIX_LEN, rest.len()),
        Some((_, length)) => truncated(length, rest.len() - PREFIX_LEN),
    }
}

/// Whether `flags` are those of a message under the encoding that the headers name.
///
/// # Errors
/// `internal` for a compressed message without an encoding, as gRPC asks; `invalid_argument` for unknown flags.
pub(crate) fn check_message_flags(flags: u8, compression: Compression) -> Result<(), Status> {
    match (flags, compression) {
        (COMPRESSED, Compression::Identity) => Err(Status::internal(
            "the message is flagged as compressed, but the headers name no encoding",
        )),
        (0 | COMPRESSED, _) => Ok(()),
        (flags, _) => Err(Status::invalid_argument(format!(
            "envelope flags {flags:#04x} are not of a request message"
        ))),
    }
}

/// Whether a payload of `length` bytes is within `limit`.
///
/// # Errors
/// `resource_exhausted` when it is not.
pub(crate) fn check_length(length: usize, limit: usize) -> Result<(), Status> {
    if length > limit {
        return Err(Status::resource_exhausted(format!(
            "message of {length} bytes is over the limit of {limit} bytes"
        )));
    }
    Ok(())
}

fn truncated(promised: usize, got: usize) -> Status {
    Status::invalid_argument(format!(
        "incomplete envelope: promised {promised} bytes, got {got}"
    ))
}

/// Leaves room for a prefix at the end of `out`; [`close`] fills it in.
pub(crate) fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; PREFIX_LEN]);
}

/// Writes the prefix of the envelope that was opened at offset `start` and whose payload is all that follows.
///
/// # Errors
/// `resource_exhausted` when the payload's length does not fit 32 bits.
pub(crate) fn close(out: &mut [u8], start: usize, flags: u8) -> Result<(), Status> {
    let length = out.len().saturating_sub(start + PREFIX_LEN);
    let length = u32::try_from(length).map_err(|_| {
        Status::resource_exhausted(format!(
            "message of {length} bytes does not fit an envelope"
        ))
    })?;
    if let Some(prefix) = out.get_mut(start..start + PREFIX_LEN) {
        prefix[0] = flags;
        prefix[1..].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}
