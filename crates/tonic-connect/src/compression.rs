//! The compression axis: the encodings that a body or a message may have, whatever protocol names them.

// Only a server chooses what to answer in, and compresses.
#![cfg_attr(not(feature = "server"), allow(dead_code))]

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::HeaderValue;
use tonic::Status;

/// The encodings that can be read and written besides `identity`, as the headers list them.
pub(crate) const SUPPORTED: &str = "gzip";

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Compression {
    /// The encoding that a header such as `Content-Encoding` or `grpc-encoding` names; none means `identity`.
    ///
    /// # Errors
    /// `unimplemented` that lists what is supported, as the Connect and gRPC specifications ask.
    pub(crate) fn from_header(value: Option<&HeaderValue>) -> Result<Self, Status> {
        value.map_or(Ok(Self::Identity), |value| {
            Self::from_name(value.as_bytes())
        })
    }

    /// The encoding of this name; an empty name means `identity`.
    ///
    /// # Errors
    /// `unimplemented` that lists what is supported.
    pub(crate) fn from_name(name: &[u8]) -> Result<Self, Status> {
        match name {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" => Ok(Self::Gzip),
            other => Err(Status::unimplemented(format!(
                "unknown compression {:?}: supported encodings are {SUPPORTED}",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    /// The first encoding of the lists `accepted` that can be written; `identity` when there is none.
    pub(crate) fn choose<'a>(accepted: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let lists = accepted.into_iter().filter_map(|value| value.to_str().ok());
        let mut names = lists.flat_map(|list| list.split(',')).filter_map(|item| {
            let mut parts = item.split(';');
            let name = parts.next()?.trim();
            // `q=0` means "not acceptable" (RFC 9110, section 12.4.2); finer weights are not worth obeying.
            let refused = parts.any(|part| {
                part.trim()
                    .strip_prefix("q=")
                    .is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32))
            });
            (!refused).then_some(name)
        });
        if names.any(|name| name == "gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// The value for a header that names this encoding, none for `identity`.
    pub(crate) fn header_value(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
        }
    }

    /// Appends `data`, compressed, to `out`.
    ///
    /// # Errors
    /// `internal` when the compressor fails, which writing to memory never does.
    pub(crate) fn compress(self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        match self {
            Self::Identity => out.extend_from_slice(data),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, flate2::Compression::fast());
                let written = encoder.write_all(data).and_then(|()| encoder.finish());
                written.map_err(|error| {
                    Status::internal(format!("gzip compression failed: {error}"))
                })?;
            }
        }
        Ok(())
    }

    /// Undoes the compression of `data`, never writing more than `limit` bytes. No bytes are no bytes in every encoding.
    ///
    /// # Errors
    /// `resource_exhausted` past the limit, `invalid_argument` when the data is not what the encoding says.
    pub(crate) fn decompress(self, data: Bytes, limit: usize) -> Result<Bytes, Status> {
        if self == Self::Identity || data.is_empty() {
            return match data.len() {
                length if length > limit => Err(over_limit(limit)),
                _ => Ok(data),
            };
        }
        // A guess at the ratio; a hostile one costs at most this and the limit.
        let guess = data.len().saturating_mul(4).min(limit).min(64 * 1024);
        let mut plain = Vec::with_capacity(guess);
        let read = MultiGzDecoder::new(data.as_ref())
            .take(limit as u64 + 1)
            .read_to_end(&mut plain);
        read.map_err(|error| Status::invalid_argument(format!("invalid gzip data: {error}")))?;
        if plain.len() > limit {
            return Err(over_limit(limit));
        }
        Ok(Bytes::from(plain))
    }
}

fn over_limit(limit: usize) -> Status {
    Status::resource_exhausted(format!("the message is over the limit of {limit} bytes"))
}
